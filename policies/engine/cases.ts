// Policy tests: cases beside a policy (who, target, what → decision, rule), judged by the engine itself.
// Effects are written as people say them ("delete public.orders"), or the statement is given and a classifier reads it.

import * as z from 'zod';
import type { Action, Parameter } from '../../src/core/action.ts';
import type { Classification, ColumnsTouched } from '../../src/core/classification.ts';
import type { Approval, Decision } from '../../src/core/decision.ts';
import type { Access, Effect, EffectVerb, ObjectKind } from '../../src/core/effect.ts';
import type { Grant } from '../../src/core/grant.ts';
import type { History } from '../../src/core/history.ts';
import { ordinaryHistory } from '../../src/core/history.ts';
import { maskMethods } from '../../src/core/masking.ts';
import type { Facts } from '../../src/core/policy.ts';
import { classificationOf as classify, notUnderstood } from '../../src/core/summary.ts';
import { obligationWords } from '../../src/core/words.ts';
import { durationPattern, parseDuration } from './duration.ts';
import { readDocumentBy } from './schema-problems.ts';
import type { LoadedPolicySet } from './load.ts';
import { sortProblems } from './problem.ts';
import type { PolicyProblem } from './problem.ts';
import { Source } from './source.ts';
import { accesses, actionKinds, effectVerbs, objectKinds, principalKinds, protocols, signInMethods, textProblems } from './vocabulary.ts';

const effect = z.union([
  z.string().min(1),
  z.strictObject({
    verb: z.enum(effectVerbs),
    access: z.enum(accesses).optional(),
    object: z.string().optional(),
    object_kind: z.enum(objectKinds).optional(),
  }),
]);

const policyCase = z.strictObject({
  name: z.string().min(1),
  who: z.string().min(1),
  target: z.string().min(1),
  action: z.enum(actionKinds).optional(),
  statement: z.string().optional(),
  parameters: z.array(z.string()).optional(),
  effects: z.array(effect).optional(),
  kinds: z.array(z.string()).optional(),
  /** With "effects": the columns that it touches; left out, nobody can tell. A statement tells by itself. */
  columns: z
    .strictObject({ read: z.array(z.string()).optional(), asked: z.array(z.string()).optional(), written: z.array(z.string()).optional() })
    .optional(),
  missing_where: z.boolean().optional(),
  understood: z.boolean().optional(),
  /** With `understood: false`: why. */
  problem: z.enum(textProblems).optional(),
  in_transaction: z.boolean().optional(),
  /** Rows as the target would estimate them; `unknown` (and left out): it can't be known. */
  estimated_rows: z.union([z.number().min(0), z.literal('unknown')]).optional(),
  client_address: z.string().optional(),
  /** Is the client's connection encrypted; it is when nothing is said. */
  tls: z.boolean().optional(),
  /** How the person signed in; by token when nothing is said. */
  method: z.enum(signInMethods).optional(),
  /** How long ago a second factor was proved; left out, none was. */
  second_factor_age: z.string().regex(durationPattern).optional(),
  /** What the session says that it is for. */
  reason: z.string().optional(),
  database: z.string().optional(),
  at: z.iso.datetime({ offset: true }).optional(),
  approved_by: z.array(z.string()).optional(),
  /** Access for a while that the person has: true for all of the target, or its scope. */
  grant: z
    .union([
      z.literal(true),
      z.strictObject({
        role: z.string().optional(),
        read_only: z.boolean().optional(),
        tables: z.array(z.string()).optional(),
        break_glass: z.boolean().optional(),
        reason: z.string().optional(),
      }),
    ])
    .optional(),
  /** What was before; what is left out is nothing out of the ordinary. */
  history: z
    .strictObject({
      sessions_before: z.int().min(0).optional(),
      unusual_hour: z.boolean().optional(),
      actions_last_minute: z.int().min(0).optional(),
      denials_last_minute: z.int().min(0).optional(),
    })
    .optional(),
  expect: z.enum(['allow', 'hold', 'deny']),
  rule: z.string().optional(),
  message: z.string().optional(),
  /** How it runs, in the words of `policy explain`: each must be among them. */
  obligations: z.array(z.string()).optional(),
  /** What becomes of columns of the result: how each that is named is masked, or that all of it is refused. */
  masks: z.union([z.literal('refused'), z.record(z.string(), z.enum([...maskMethods, 'searched', 'shown']))]).optional(),
});

const policyTarget = z.strictObject({
  protocol: z.enum(protocols),
  labels: z.record(z.string(), z.string()).optional(),
  /** Its tables and their columns, in order: masks are told by them. */
  tables: z.record(z.string(), z.array(z.string()).min(1)).optional(),
});

/** A file of policy tests. */
export const policyTests = z.strictObject({
  people: z.record(z.string(), z.strictObject({ groups: z.array(z.string()), kind: z.enum(principalKinds).optional() })),
  targets: z.record(z.string(), policyTarget),
  cases: z.array(policyCase).min(1),
});

export type PolicyTests = z.infer<typeof policyTests>;
export type PolicyCase = z.infer<typeof policyCase>;

export interface CaseResult {
  readonly name: string;
  readonly ok: boolean;
  /** What was expected and what came, rule by rule when it failed. */
  readonly message: string;
  readonly decision: Decision;
}

/** Reads a file of tests; problems have their places, as in policies. */
export function readPolicyTests(
  path: string,
  text: string,
): { readonly ok: true; readonly tests: PolicyTests } | { readonly ok: false; readonly errors: readonly PolicyProblem[] } {
  const source = new Source(path, text);
  const tests = readDocumentBy(policyTests, source, 'a test file has "people", "targets" and "cases"');
  tests?.cases.forEach((it, index) => {
    if (!Object.hasOwn(tests.people, it.who)) source.problem(['cases', index, 'who'], `nobody is named "${it.who}" under people`);
    if (!Object.hasOwn(tests.targets, it.target))
      source.problem(['cases', index, 'target'], `nothing is named "${it.target}" under targets`);
    (it.approved_by ?? []).forEach((by, at) => {
      if (!Object.hasOwn(tests.people, by)) source.problem(['cases', index, 'approved_by', at], `nobody is named "${by}" under people`);
    });
    if (it.masks !== undefined && it.statement === undefined)
      source.problem(['cases', index, 'masks'], 'masks are told by the statement: add "statement"');
    (it.effects ?? []).forEach((given, at) => {
      if (typeof given === 'string' && !isVerb(given.split(' ')[0]!))
        source.problem(['cases', index, 'effects', at], `unknown verb in "${given}"`);
    });
  });
  return tests === null || source.problems.length > 0 ? { ok: false, errors: sortProblems(source.problems) } : { ok: true, tests };
}

/** Judges a case. `classified` is the classifier's reading; without it the case's own effects count. */
export function runPolicyCase(set: LoadedPolicySet, tests: PolicyTests, it: PolicyCase, classified?: Classification): CaseResult {
  const action = actionOf(it);
  const facts = factsOf(tests, it);
  const classification = classified ?? classificationOf(it);
  const decision = set.decide(action, classification, facts);
  const rule = decision.rule?.id ?? null;
  const wrong = [
    decision.kind === it.expect ? '' : `expected ${it.expect}, got ${decision.kind}`,
    it.rule === undefined || rule === it.rule ? '' : `expected rule ${it.rule}, got ${rule ?? 'none'}`,
    it.message === undefined || (decision.kind === 'deny' && decision.message.includes(it.message))
      ? ''
      : `expected words with "${it.message}"`,
    ...missingObligations(it, decision),
  ].filter((words) => words !== '');
  if (wrong.length === 0) return { name: it.name, ok: true, message: `${decision.kind} by ${rule ?? 'no rule'}`, decision };
  const rules = set.explain(action, classification, facts).rules.map(({ id, matched, why }) => `  ${matched ? '+' : '-'} ${id}: ${why}`);
  const said = decision.kind === 'deny' ? [`  ${decision.message}`] : [];
  return { name: it.name, ok: false, message: [wrong.join('; '), ...said, ...rules].join('\n'), decision };
}

function missingObligations(it: PolicyCase, decision: Decision): string[] {
  const words = decision.kind === 'deny' ? [] : obligationWords(decision.obligations);
  const among = words.length === 0 ? 'there are none' : `there are: ${words.join(', ')}`;
  return (it.obligations ?? []).filter((wanted) => !words.includes(wanted)).map((wanted) => `expected "${wanted}"; ${among}`);
}

/** The action of a case, for a classifier. */
export function actionOf(it: PolicyCase): Action {
  return {
    id: it.name as Action['id'],
    kind: it.action ?? 'statement',
    text: it.statement ?? '',
    parameters: it.parameters?.map((text): Parameter => ({ type: null, text })) ?? null,
    digest: () => '',
    mode: { key: `policy tests ${it.database ?? ''}`, settings: { ...plainSettings, ...databaseOf(it) }, catalogue: null },
    transaction: it.in_transaction === true ? 'open' : 'none',
    classified: null,
    prepared: null,
    reason: it.reason ?? null,
    estimatedRows: typeof it.estimated_rows === 'number' ? it.estimated_rows : null,
  };
}

/** What a session of MySQL begins with; other protocols know none of these. */
const plainSettings = { sql_mode: '', character_set_client: 'utf8mb4' };

function databaseOf({ database }: PolicyCase): { database?: string } {
  return database === undefined ? {} : { database };
}

/** The facts of a case. */
export function factsOf(tests: PolicyTests, it: PolicyCase): Facts {
  const person = tests.people[it.who]!;
  const target = tests.targets[it.target]!;
  const nowMs = it.at === undefined ? 0 : Date.parse(it.at);
  return {
    principal: { name: it.who as Facts['principal']['name'], displayName: it.who, kind: person.kind ?? 'person', groups: person.groups },
    target: { name: it.target as Facts['target']['name'], protocol: target.protocol, labels: target.labels ?? {} },
    session: {
      clientAddress: it.client_address ?? '192.0.2.1',
      tls: it.tls ?? true,
      method: it.method ?? 'token',
      database: it.database ?? null,
      ...(it.second_factor_age === undefined ? {} : { secondFactorAtMs: nowMs - (parseDuration(it.second_factor_age) ?? 0) }),
    },
    nowMs,
    approvals: (it.approved_by ?? []).map((by): Approval => ({ by, groups: tests.people[by]!.groups, reason: 'tested', atMs: 0 })),
    grants: it.grant === undefined ? [] : [grantOf(it.grant === true ? {} : it.grant)],
    history: historyOf(it.history ?? {}),
  };
}

function historyOf(given: NonNullable<PolicyCase['history']>): History {
  return {
    sessionsBefore: given.sessions_before ?? ordinaryHistory.sessionsBefore,
    isUnusualHour: given.unusual_hour ?? ordinaryHistory.isUnusualHour,
    actionsLastMinute: given.actions_last_minute ?? ordinaryHistory.actionsLastMinute,
    denialsLastMinute: given.denials_last_minute ?? ordinaryHistory.denialsLastMinute,
  };
}

function grantOf({ role, read_only, tables, break_glass, reason }: Exclude<NonNullable<PolicyCase['grant']>, true>): Grant {
  return {
    id: 'g-TESTED' as Grant['id'],
    scope: { role: role ?? null, readOnly: read_only ?? false, tables: tables ?? null },
    rule: 'tested',
    isBreakGlass: break_glass ?? false,
    reason: reason ?? 'tested',
    approvedBy: [],
    endsAtMs: Number.MAX_SAFE_INTEGER,
  };
}

/** A classification made of the case's own words. */
export function classificationOf(it: PolicyCase): Classification {
  if (it.understood === false) return notUnderstood(it.problem ?? 'syntax', it.problem ?? 'syntax error');
  const effects = (it.effects ?? []).map(effectOf);
  if (effects.length === 0) return classify([]);
  const kinds = it.kinds ?? [effects[0]!.verb];
  return classify(
    kinds.map((kind, index) => ({
      kind,
      span: { start: 0, end: it.statement?.length ?? 0 },
      effects: index === 0 ? effects : [],
      missingWhere: it.missing_where ?? false,
      risks: [],
      ...(it.columns === undefined ? {} : { columns: columnsOf(it.columns) }),
      changes: [],
    })),
  );
}

const readVerbs: ReadonlySet<EffectVerb> = new Set(['read', 'export', 'explain', 'file-read']);
const sessionVerbs: ReadonlySet<EffectVerb> = new Set(['session', 'transaction', 'prepare', 'cursor']);
const unknownVerbs: ReadonlySet<EffectVerb> = new Set(['call', 'code', 'unknown']);

/** What is asked about is read. */
function columnsOf({ read = [], asked = [], written = [] }: NonNullable<PolicyCase['columns']>): ColumnsTouched {
  return { read: [...new Set([...read, ...asked])], asked, written };
}

/** "delete public.orders": a verb, and the name of a table (of a function, for a call). */
function effectOf(given: z.infer<typeof effect>): Effect {
  const words =
    typeof given === 'string'
      ? { verb: given.split(' ')[0] as EffectVerb, object: given.split(' ').slice(1).join(' ') || undefined }
      : given;
  const { verb, object } = words;
  const usual: Access = readVerbs.has(verb) ? 'read' : sessionVerbs.has(verb) ? 'session' : unknownVerbs.has(verb) ? 'unknown' : 'write';
  const kind: ObjectKind = object === undefined ? 'none' : verb === 'call' ? 'function' : 'table';
  return {
    verb,
    access: ('access' in words ? words.access : undefined) ?? usual,
    object: object ?? null,
    objectKind: ('object_kind' in words ? words.object_kind : undefined) ?? kind,
  };
}

function isVerb(word: string): boolean {
  return (effectVerbs as readonly string[]).includes(word);
}
