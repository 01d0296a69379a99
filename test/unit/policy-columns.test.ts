// Conditions about columns: what patterns mean, what happens where it can't be told, and that mistakes are told with their place.

import t from 'tap';
import { askColumns, type ColumnCall } from '../../policies/engine/columns.ts';
import { formatProblem, loadPolicies } from '../../policies/engine/load.ts';
import type { Action } from '../../src/core/action.ts';
import type { Classification, ColumnsTouched } from '../../src/core/classification.ts';
import type { Effect } from '../../src/core/effect.ts';
import type { Facts } from '../../src/core/policy.ts';
import { classificationOf, notUnderstood } from '../../src/core/summary.ts';

const touched = (read: readonly string[], written: readonly string[] = [], asked: readonly string[] = []): ColumnsTouched => ({
  read,
  asked,
  written,
});

type Row = readonly [call: ColumnCall, read: string, patterns: string, answer: boolean | 'unknown'];

/** Names and patterns with spaces between them; the columns are read and written alike. */
const rows: readonly Row[] = [
  ['reads_column', 'public.users.ssn', 'ssn', true],
  ['reads_column', 'public.users.ssn', 'users.ssn', true],
  ['reads_column', 'public.users.ssn', 'public.users.ssn', true],
  ['reads_column', 'public.users.ssn', 'PUBLIC.Users.SSN', true],
  ['reads_column', 'public.users.SSN', 'ssn', true],
  ['reads_column', 'public.users.ssn', 'hr.users.ssn', false],
  ['reads_column', 'public.users.ssn', 'accounts.ssn', false],
  ['reads_column', 'public.users.ssn_hash', 'ssn', false],
  ['reads_column', 'public.users.ssn_hash', 'ssn*', true],
  ['reads_column', 'public.users.a', 'users.?', true],
  ['reads_column', 'public.users.name public.users.ssn', 'ssn', true],
  ['reads_column', 'public.users.name', 'ssn name', true],
  ['reads_column', 'users.ssn', 'public.users.ssn', true],
  ['reads_column', 'public.users.*', 'ssn', 'unknown'],
  ['reads_column', 'public.users.*', 'users.*', true],
  ['reads_column', 'public.users.*', 'accounts.ssn', false],
  ['reads_column', 'public.users.* public.users.ssn', 'ssn', true],
  ['reads_column', '*', 'ssn', 'unknown'],
  ['reads_column', '* public.users.ssn', 'ssn', true],
  ['reads_column', '', 'ssn', false],
  ['reads_column', 'public."we.ird".ssn', 'ssn', true],
  ['reads_column', '"users.ssn".id', 'users.ssn', false],
  ['reads_column', 'pg_catalog.pg_class.*', '*password*', false],
  ['reads_column', 'pg_catalog.pg_class.*', 'pg_class.relname', 'unknown'],
  ['reads_column', 'pg_catalog.pg_class.*', '*', true],
  ['reads_column', 'pg_catalog.pg_authid.*', '*password*', 'unknown'],
  ['reads_column', 'pg_catalog.pg_authid.rolpassword', '*password*', true],
  ['reads_column', 'information_schema.TABLES.*', '*.token', false],
  ['reads_column', 'mysql.user.*', 'authentication_string', 'unknown'],
  ['reads_only', 'pg_catalog.pg_class.*', 'users.id', false],
  ['writes_column', 'public.accounts.balance', 'balance', true],
  ['writes_column', 'public.accounts.*', 'balance', 'unknown'],
  ['reads_only', 'public.users.id public.users.name', 'users.id users.name', true],
  ['reads_only', 'public.users.id public.users.ssn', 'users.id users.name', false],
  ['reads_only', 'public.users.*', 'users.id', 'unknown'],
  ['reads_only', 'public.users.*', 'users.*', true],
  ['reads_only', 'public.users.* public.accounts.id', 'users.id', false],
  ['reads_only', '*', 'users.*', 'unknown'],
  ['reads_only', '', 'users.id', true],
  ['reads_only', 'users.id', 'public.users.id', 'unknown'],
  ['reads_only', 'public.users.ID', 'users.id', 'unknown'],
  ['writes_only', 'public.accounts.note', 'accounts.note', true],
  ['writes_only', 'public.accounts.note public.accounts.balance', 'accounts.note', false],
];

const listed = (text: string): string[] => text.split(' ').filter((it) => it !== '');

for (const [call, names, patterns, answer] of rows) {
  t.test(`${call}(${patterns}) of "${names}" is ${answer}`, async (t) => {
    const ask = () => askColumns(call, touched(listed(names), listed(names)), listed(patterns));
    if (answer === 'unknown') t.throws(ask, /can't be told/);
    else t.equal(ask(), answer);
  });
}

t.test('nothing is known of actions that have no columns', async (t) => {
  for (const call of ['reads_column', 'asks_column', 'writes_column', 'reads_only', 'writes_only'] as const) {
    t.throws(() => askColumns(call, undefined, ['ssn']), /not known/);
  }
});

const read: Effect = { verb: 'read', access: 'read', objectKind: 'table', object: 'public.users' };
const facts: Facts = {
  principal: { name: 'alice' as Facts['principal']['name'], displayName: 'alice', kind: 'person', groups: [] },
  target: { name: 'orders' as Facts['target']['name'], protocol: 'postgres', labels: {} },
  session: { clientAddress: '192.0.2.1', tls: true, method: 'token', database: null },
  nowMs: 0,
  approvals: [],
};
const action = { kind: 'statement', text: '', parameters: null, transaction: 'none' } as unknown as Action;

function reading(columns: ColumnsTouched | undefined): Classification {
  const statement = { kind: 'select', span: { start: 0, end: 0 }, effects: [read], missingWhere: false, risks: [], changes: [] };
  return classificationOf([columns === undefined ? statement : { ...statement, columns }]);
}

function decided(rules: string, columns: ColumnsTouched | undefined): string {
  const loaded = loadPolicies([{ path: 'p.yaml', text: `policy: p\nlists: { secret: [ssn, '*.password'] }\nrules:\n${rules}` }]);
  if (!loaded.ok) throw new Error(loaded.errors.map(formatProblem).join('\n'));
  return loaded.set.decide(action, reading(columns), facts).kind;
}

t.test('what can not be told falls on the safe side', async (t) => {
  const everything = '  - { id: a, decision: allow }\n';
  const hold = `${everything}  - { id: h, when: 'action.reads_column(lists.secret)', decision: hold, approvers: { groups: [dba] } }`;
  const deny = `${everything}  - { id: d, when: '"public.users.ssn" in action.columns_read', decision: deny }`;
  const without = "  - { id: a, when: '!action.reads_column(lists.secret)', decision: allow }";
  const only = '  - { id: a, effects: { access: [read] }, when: \'action.reads_only(["users.id"])\', decision: allow }';
  const rows: readonly (readonly [string, ColumnsTouched | undefined, string, string, string, string])[] = [
    ['a secret', touched(['public.users.ssn']), 'hold', 'deny', 'deny', 'deny'],
    ['no secret', touched(['public.users.id']), 'allow', 'allow', 'allow', 'allow'],
    ['a star of a table that is not known', touched(['users.*']), 'hold', 'deny', 'deny', 'deny'],
    ['anything', touched(['*']), 'hold', 'deny', 'deny', 'deny'],
    ['nothing said', undefined, 'hold', 'deny', 'deny', 'deny'],
    ['no column at all', touched([]), 'allow', 'allow', 'allow', 'allow'],
  ];
  for (const [name, columns, held, denied, allowedWithout, allowedOnly] of rows) {
    t.equal(decided(hold, columns), held, `hold, ${name}`);
    t.equal(decided(deny, columns), denied, `deny, ${name}`);
    t.equal(decided(without, columns), allowedWithout, `allow without secrets, ${name}`);
    t.equal(decided(only, columns), allowedOnly, `allow only, ${name}`);
  }
});

t.test('texts alike in all but their columns are decided each', async (t) => {
  const text = `policy: p
rules:
  - { id: a, decision: allow }
  - { id: h, when: 'action.asks_column("ssn")', decision: hold, approvers: { groups: [dba] } }`;
  const loaded = loadPolicies([{ path: 'p.yaml', text }]);
  t.ok(loaded.ok);
  if (!loaded.ok) return;
  const of = (columns: ColumnsTouched) => loaded.set.decide(action, reading(columns), facts).kind;
  t.equal(of(touched(['users.ssn', 'users.id'], [], ['users.id'])), 'allow');
  t.equal(of(touched(['users.ssn', 'users.id'], [], ['users.ssn'])), 'hold');
  t.equal(of(touched(['users.id', 'users.ssn'], [], ['users.id'])), 'allow');
});

t.test('code that nobody has read may touch any column', async (t) => {
  const call: Effect = { verb: 'call', access: 'unknown', objectKind: 'function', object: 'f' };
  const statement = { kind: 'select', span: { start: 0, end: 0 }, effects: [call], missingWhere: false, risks: [], changes: [] };
  t.same(classificationOf([{ ...statement, columns: touched(['users.id']) }]).summary.columns, {
    read: ['*', 'users.id'],
    asked: ['*'],
    written: ['*'],
  });
  t.equal(notUnderstood('syntax', 'x').summary.columns, undefined);
});

t.test('mistakes are told with their place, all at once', async (t) => {
  const text = `policy: p
rules:
  - id: a
    when: action.reads_colum("ssn")
    decision: allow
  - id: b
    when: action.reads_column("a.b.c.d")
    decision: deny
  - id: c
    when: action.reads_column(["ssn", ""])
    decision: deny
  - id: d
    when: action.column_read.size() > 0
    decision: deny
  - id: e
    when: action.reads_column(7)
    decision: deny`;
  const loaded = loadPolicies([{ path: 'p.yaml', text }]);
  t.notOk(loaded.ok);
  const told = loaded.ok ? [] : loaded.errors.map(formatProblem);
  t.match(told[0], /^p\.yaml:4:\d+: .*reads_colum.*did you mean "reads_column"/);
  t.match(told[1], /^p\.yaml:7:\d+: "a\.b\.c\.d" is not a column/);
  t.match(told[2], /^p\.yaml:10:\d+: "" is not a column/);
  t.match(told[3], /^p\.yaml:13:\d+: unknown fact "column_read" \(did you mean "columns_read"\?\)/);
  t.match(told[4], /^p\.yaml:16:\d+: reads_column\(\) can't be called with \(int\): it takes a pattern/);
  t.equal(told.length, 5, told.join('\n'));
});

t.test('masks: asking about hidden columns waits, and what was approved runs masked', async (t) => {
  const text = `policy: p
lists: { hidden: [birth_date] }
rules:
  - id: support
    decision: allow
    mask:
      - { columns: [ssn, $hidden], predicates: hold }
      - { columns: [email] }
    approvers: { groups: [privacy] }
    reason_required: true`;
  const loaded = loadPolicies([{ path: 'p.yaml', text }]);
  t.ok(loaded.ok, loaded.ok ? '' : loaded.errors.map(formatProblem).join());
  if (!loaded.ok) return;
  const of = (columns: ColumnsTouched | undefined, approvals: Facts['approvals'] = []) =>
    loaded.set.decide(action, reading(columns), { ...facts, approvals });
  const masked = (decision: ReturnType<typeof of>) =>
    decision.kind === 'deny' ? null : decision.obligations.mask?.map((it) => it.columns);
  const returned = of(touched(['users.ssn', 'users.email']));
  t.equal(returned.kind, 'allow', 'what is only returned is hidden');
  t.same(masked(returned), [['ssn', 'birth_date'], ['email']]);
  t.equal(of(touched(['users.email'], [], ['users.email'])).kind, 'allow', 'the other mask lets people ask');
  const asked = of(touched(['users.ssn'], [], ['users.ssn']));
  t.equal(asked.kind, 'hold');
  t.same(asked.kind === 'hold' ? [asked.rule.id, asked.terms.approverGroups, asked.terms.reasonRequired] : [], [
    'p/support',
    ['privacy'],
    true,
  ]);
  t.equal(of(touched(['users.birth_date'], [], ['users.birth_date'])).kind, 'hold', 'lists count');
  for (const unsure of [touched(['users.*'], [], ['users.*']), touched([], [], ['*']), undefined]) t.equal(of(unsure).kind, 'hold');
  const yes = [{ by: 'bob', groups: ['privacy'], reason: 'asked for by the customer', atMs: 0 }];
  const approved = of(touched(['users.ssn'], [], ['users.ssn']), yes);
  t.equal(approved.kind, 'allow');
  t.same(masked(approved), [['ssn', 'birth_date'], ['email']], 'its masks still stand');
  const words = loaded.set.explain(action, reading(touched(['users.ssn'], [], ['users.ssn'])), facts).rules.map(({ why }) => why);
  t.match(words.join(), /asks about columns that are masked/);
});

t.test('masks: mistakes about "predicates: hold"', async (t) => {
  const rule = (lines: string) => {
    const loaded = loadPolicies([{ path: 'p.yaml', text: `policy: p\nlists: { wrong: [a.b.c.d] }\nrules:\n  - id: r\n${lines}` }]);
    return loaded.ok ? '' : loaded.errors.map(formatProblem).join('\n');
  };
  const mask = '    mask: [{ columns: [ssn], predicates: hold }]';
  t.match(rule(`    decision: allow\n${mask}`), /p\.yaml:6:5: "predicates: hold" must say who may approve/);
  t.match(rule(`    decision: hold\n    approvers: { groups: [a] }\n${mask}`), /is for rules that allow/);
  t.match(rule('    decision: allow\n    approvers: { groups: [a] }'), /"approvers" belongs to rules that hold/);
  t.match(rule('    decision: allow\n    mask: [{ detector: email, predicates: hold }]\n    approvers: { groups: [a] }'), /is for columns/);
  t.match(rule('    decision: allow\n    mask: [{ columns: [$wrong] }]'), /"a\.b\.c\.d" is not a column/);
  t.equal(rule(`    decision: allow\n${mask}\n    approvers: { groups: [a] }\n    expires: 5m`), '');
});
