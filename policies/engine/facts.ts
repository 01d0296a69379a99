// The facts that conditions can read, with their types and meaning. This is the whole declared world of a condition: a name that
// is not here does not load. Numbers are `double`, because CEL's `int` would need BigInt at every action.

import type { Action } from '../../src/core/action.ts';
import type { Classification, ColumnsTouched } from '../../src/core/classification.ts';
import type { Approval, SessionFacts } from '../../src/core/decision.ts';
import type { Effect } from '../../src/core/effect.ts';
import type { Grant } from '../../src/core/grant.ts';
import type { History } from '../../src/core/history.ts';
import type { Facts } from '../../src/core/policy.ts';
import { columnsNamed } from './columns.ts';
import { TimeFact } from './zone-time.ts';

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

interface FactField {
  readonly type: string;
  readonly words: string;
}

interface FactType {
  readonly ctor: new (...parts: never[]) => object;
  readonly fields: Readonly<Record<string, FactField>>;
}

/** Types by name; the order matters, because a type must be declared before it is used in another. */
export const factTypes: Readonly<Record<string, FactType>> = {
  Principal: {
    ctor: PrincipalFact,
    fields: {
      name: { type: 'string', words: 'name of the person or machine' },
      groups: { type: 'list<string>', words: 'the groups of the principal' },
      kind: { type: 'string', words: 'person, machine or ai-agent' },
    },
  },
  Target: {
    ctor: TargetFact,
    fields: {
      name: { type: 'string', words: 'name of the target' },
      protocol: { type: 'string', words: 'postgres, mysql or ssh' },
      labels: {
        type: 'map<string, string>',
        words: 'labels of the target; reading one that is missing fails, so ask `"x" in target.labels`',
      },
    },
  },
  Session: {
    ctor: SessionFact,
    fields: {
      client_address: { type: 'string', words: 'IP address of the client' },
      tls: { type: 'bool', words: 'is the connection of the client encrypted' },
      method: { type: 'string', words: 'how the person signed in: token, browser, public-key' },
      database: { type: 'string', words: 'database the session is in; empty where there is none' },
      second_factor_age: { type: 'double', words: 'seconds since the person proved a second factor; huge where none was proved' },
      reason: { type: 'string', words: "what the session says it is for (SET sallyport.reason = '…'); empty where it has said nothing" },
    },
  },
  Effect: {
    ctor: EffectFact,
    fields: {
      verb: { type: 'string', words: 'what is done: drop, update, …' },
      access: { type: 'string', words: 'read, session, write or unknown' },
      object: { type: 'string', words: 'name of the object, schema first; empty where there is none' },
      object_kind: { type: 'string', words: 'table, view, function, …' },
    },
  },
  Action: {
    ctor: ActionFact,
    fields: {
      kind: { type: 'string', words: 'connect, statement, command, …' },
      text: { type: 'string', words: 'exactly what was asked; effects are the better question' },
      understood: { type: 'bool', words: 'could the text be read' },
      problem: {
        type: 'string',
        words:
          'why it could not: syntax, unknown-construct, unknown-statement, too-large, encoding, ambiguous-mode, parser-gave-up; else empty',
      },
      kinds: { type: 'list<string>', words: 'statement kinds, lower case: "select", "drop table"' },
      verbs: { type: 'list<string>', words: 'verbs of all effects' },
      access: { type: 'string', words: 'the strongest access of any effect: unknown > write > session > read' },
      effects: { type: 'list<Effect>', words: 'everything the action would do' },
      tables: { type: 'list<string>', words: 'tables and views named, read or written' },
      tables_written: { type: 'list<string>', words: 'tables and views that are written' },
      columns: {
        type: 'list<string>',
        words: "columns read or written, schema and table first; where it can't be told which, the condition fails",
      },
      columns_read: { type: 'list<string>', words: 'columns read in any way, down to the tables below a view' },
      columns_asked: { type: 'list<string>', words: 'those of them that something depends on: WHERE, JOIN, GROUP BY, ORDER BY, CASE' },
      columns_written: { type: 'list<string>', words: 'columns assigned to, loaded into, dropped or renamed' },
      functions: { type: 'list<string>', words: 'functions called' },
      missing_where: { type: 'bool', words: 'an UPDATE or DELETE reaches every row' },
      in_transaction: { type: 'bool', words: 'a transaction is open' },
      statement_count: { type: 'double', words: 'how many statements the text has' },
      estimated_rows: {
        type: 'double',
        words: 'rows that it would change, remove or give back at most, by the statistics of the target; not known: the condition fails',
      },
      parameters: { type: 'list<string>', words: 'bound parameters as text; NULL reads as an empty text' },
    },
  },
  Time: {
    ctor: TimeFact,
    fields: {
      hour: { type: 'double', words: '0 to 23' },
      minute: { type: 'double', words: '0 to 59' },
      weekday: { type: 'string', words: 'monday to sunday' },
      date: { type: 'string', words: 'such as "2026-11-21"; texts compare in order' },
    },
  },
  History: {
    ctor: HistoryFact,
    fields: {
      first_time: { type: 'bool', words: 'the first session of this person on this target' },
      sessions_before: { type: 'double', words: 'sessions of this person on this target before this one; at most 1,000' },
      unusual_hour: { type: 'bool', words: 'the person has opened 20 sessions or more in the last 90 days, and none around this hour' },
      actions_last_minute: { type: 'double', words: 'actions of this person on this target in the last 60 seconds, without this one' },
      denials_last_minute: { type: 'double', words: 'those of them that were denied' },
    },
  },
  Approval: {
    ctor: ApprovalFact,
    fields: {
      by: { type: 'string', words: 'who said yes' },
      groups: { type: 'list<string>', words: 'groups of that person' },
    },
  },
  Grant: {
    ctor: GrantFact,
    fields: {
      id: { type: 'string', words: 'its number' },
      role: { type: 'string', words: 'the role or account it is for; empty: none in particular' },
      read_only: { type: 'bool', words: 'it reaches only what changes nothing' },
      tables: { type: 'list<string>', words: 'the tables it is limited to; empty: not limited' },
      break_glass: { type: 'bool', words: 'the glass was broken for it' },
      rule: { type: 'string', words: 'the access rule that it was given by, such as "production/on-call"' },
      reason: { type: 'string', words: 'why it was asked for' },
      minutes_left: { type: 'double', words: 'minutes until it ends' },
    },
  },
  Request: {
    ctor: RequestFact,
    fields: {
      reason: { type: 'string', words: 'why access is asked for; in access rules only' },
    },
  },
  GrantState: {
    ctor: GrantStateFact,
    fields: {
      active: { type: 'bool', words: 'the person has access for a while to this target' },
      break_glass: { type: 'bool', words: 'one of the grants was given by breaking the glass' },
    },
  },
};

/** The variables of a condition; `lists` and `conditions` are added for each file. */
export const factVariables: Readonly<Record<string, string>> = {
  principal: 'Principal',
  target: 'Target',
  session: 'Session',
  action: 'Action',
  time: 'Time',
  history: 'History',
  approvals: 'list<Approval>',
  grant: 'GrantState',
  grants: 'list<Grant>',
  request: 'Request',
};

/** What a condition is evaluated on. */
export interface FactValues {
  readonly principal: PrincipalFact;
  readonly target: TargetFact;
  readonly session: SessionFact;
  readonly action: ActionFact;
  readonly time: TimeFact;
  readonly history: HistoryFact;
  readonly approvals: readonly ApprovalFact[];
  readonly grant: GrantStateFact;
  readonly grants: readonly GrantFact[];
  readonly request: RequestFact;
}
