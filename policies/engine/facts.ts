// The facts that conditions read, as they see them (fact-types.ts declares them). Numbers are `double`, because CEL's `int` would need
// BigInt at every action.

import type { Action } from '../../src/core/action.ts';
import type { Classification, ColumnsTouched } from '../../src/core/classification.ts';
import type { Approval, SessionFacts } from '../../src/core/decision.ts';
import type { Effect } from '../../src/core/effect.ts';
import type { Grant } from '../../src/core/grant.ts';
import type { History } from '../../src/core/history.ts';
import type { Facts } from '../../src/core/policy.ts';
import { columnsNamed } from './columns.ts';

export class PrincipalFact {
  readonly name: string;
  readonly groups: readonly string[];
  readonly kind: string;

  constructor(principal: Facts['principal']) {
    this.name = principal.name;
    this.groups = principal.groups;
    this.kind = principal.kind;
  }
}

export class TargetFact {
  readonly name: string;
  readonly protocol: string;
  readonly labels: Readonly<Record<string, string>>;

  constructor(target: Facts['target']) {
    this.name = target.name;
    this.protocol = target.protocol;
    this.labels = target.labels;
  }
}

export class SessionFact {
  readonly #facts: SessionFacts;
  /** Set before each judgement: the age of the second factor moves, and what the session is for may be said anew. */
  nowMs = 0;
  reason = '';
  readonly client_address: string;
  readonly tls: boolean;
  readonly method: string;
  readonly database: string;

  constructor(session: SessionFacts) {
    this.client_address = session.clientAddress;
    this.tls = session.tls;
    this.method = session.method;
    this.database = session.database ?? '';
    this.#facts = session;
  }

  /** Seconds; as good as endless when there was none. */
  get second_factor_age(): number {
    const atMs = this.#facts.secondFactorAtMs ?? null;
    return atMs === null ? Number.MAX_VALUE : Math.max(0, (this.nowMs - atMs) / 1000);
  }
}

export class EffectFact {
  readonly verb: string;
  readonly access: string;
  readonly object: string;
  readonly object_kind: string;

  constructor(effect: Effect) {
    this.verb = effect.verb;
    this.access = effect.access;
    this.object = effect.object ?? '';
    this.object_kind = effect.objectKind;
  }
}

export class ApprovalFact {
  readonly by: string;
  readonly groups: readonly string[];

  constructor(approval: Approval) {
    this.by = approval.by;
    this.groups = approval.groups;
  }
}

export class GrantFact {
  readonly id: string;
  readonly role: string;
  readonly read_only: boolean;
  readonly tables: readonly string[];
  readonly break_glass: boolean;
  readonly rule: string;
  readonly reason: string;
  readonly minutes_left: number;

  constructor({ id, scope, isBreakGlass, rule, reason, endsAtMs }: Grant, nowMs: number) {
    this.id = id;
    this.role = scope.role ?? '';
    this.read_only = scope.readOnly;
    this.tables = scope.tables ?? [];
    this.break_glass = isBreakGlass;
    this.rule = rule;
    this.reason = reason;
    this.minutes_left = Math.max(0, (endsAtMs - nowMs) / 60_000);
  }
}

/** What somebody asks access for; read by access rules only. */
export class RequestFact {
  readonly reason: string;

  constructor(reason: string) {
    this.reason = reason;
  }
}

/** All grants of the person on the target at once. */
export class GrantStateFact {
  readonly active: boolean;
  readonly break_glass: boolean;

  constructor(grants: readonly Grant[]) {
    this.active = grants.length > 0;
    this.break_glass = grants.some(({ isBreakGlass }) => isBreakGlass);
  }
}

/** Lazy: what nobody reads is not looked up. */
export class HistoryFact {
  readonly #history: History | undefined;

  constructor(history: History | undefined) {
    this.#history = history;
  }

  get first_time(): boolean {
    return this.sessions_before === 0;
  }
  get sessions_before(): number {
    return this.#known.sessionsBefore;
  }
  get unusual_hour(): boolean {
    return this.#known.isUnusualHour;
  }
  get actions_last_minute(): number {
    return this.#known.actionsLastMinute;
  }
  get denials_last_minute(): number {
    return this.#known.denialsLastMinute;
  }

  get #known(): History {
    if (this.#history === undefined) throw new Error('nothing is known of what was before');
    return this.#history;
  }
}

/** Lazy: most conditions read one or two of these. */
export class ActionFact {
  readonly #action: Action;
  readonly #classification: Classification;
  #effects: readonly EffectFact[] | null = null;

  readonly #estimateMissing: () => void;

  /** `estimateMissing`: the estimate was read, and nobody has asked the target for it yet. */
  constructor(action: Action, classification: Classification, estimateMissing: () => void = () => undefined) {
    this.#action = action;
    this.#classification = classification;
    this.#estimateMissing = estimateMissing;
  }

  get kind(): string {
    return this.#action.kind;
  }
  get text(): string {
    return this.#action.text;
  }
  get understood(): boolean {
    return this.#classification.understood;
  }
  get problem(): string {
    return this.#classification.problem?.kind ?? '';
  }
  get kinds(): readonly string[] {
    return this.#classification.summary.kinds;
  }
  get verbs(): readonly string[] {
    return this.#classification.summary.verbs;
  }
  get access(): string {
    return this.#classification.summary.access;
  }
  get effects(): readonly EffectFact[] {
    this.#effects ??= this.#classification.summary.effects.map((effect) => new EffectFact(effect));
    return this.#effects;
  }
  get tables(): readonly string[] {
    return this.#classification.summary.tables;
  }
  get tables_written(): readonly string[] {
    return this.#classification.summary.tablesWritten;
  }
  get columns(): readonly string[] {
    return [...new Set([...this.columns_read, ...this.columns_written])];
  }
  get columns_read(): readonly string[] {
    return columnsNamed(this.columnsTouched, 'read');
  }
  get columns_asked(): readonly string[] {
    return columnsNamed(this.columnsTouched, 'asked');
  }
  get columns_written(): readonly string[] {
    return columnsNamed(this.columnsTouched, 'written');
  }
  /** For the calls that compare columns with patterns; no fact by itself. */
  get columnsTouched(): ColumnsTouched | undefined {
    return this.#classification.summary.columns;
  }
  get functions(): readonly string[] {
    return this.#classification.summary.functions;
  }
  get missing_where(): boolean {
    return this.#classification.summary.missingWhere;
  }
  get in_transaction(): boolean {
    return this.#action.transaction !== 'none';
  }
  get statement_count(): number {
    return this.#classification.statements.length;
  }
  /** Throws when it is not known: allow rules don't match then, hold and deny rules do. */
  get estimated_rows(): number {
    const { estimatedRows } = this.#action;
    if (estimatedRows === undefined) this.#estimateMissing();
    if (estimatedRows == null) throw new Error('how many rows it would reach is not known');
    return estimatedRows;
  }
  get parameters(): readonly string[] {
    return this.#action.parameters?.map((parameter) => parameter.text ?? '') ?? [];
  }
}
