// Pre-approved templates: what runs without a hold, and the many texts that look like a template and are none.

import t from 'tap';
import { mysqlTemplates } from '../../policies/classify/mysql/template.ts';
import { createPostgresTemplates } from '../../policies/classify/postgres/template.ts';
import { shellTemplates } from '../../policies/classify/shell/template.ts';
import { formatProblem, loadPolicies } from '../../policies/engine/load.ts';
import type { LoadedPolicySet } from '../../policies/engine/load.ts';
import type { Action, Parameter } from '../../src/core/action.ts';
import type { Facts } from '../../src/core/policy.ts';
import { notUnderstood } from '../../src/core/summary.ts';
import type { Protocol } from '../../src/core/target.ts';

const postgres = await createPostgresTemplates();
t.teardown(() => postgres.close());
const readers = { postgres, mysql: mysqlTemplates, ssh: shellTemplates };

const head = `policy: p
lists: { states: [paid, sent] }
rules:
  - id: changes-wait
    understood: any
    decision: hold
    approvers: { groups: [dba] }
  - id: commands-wait
    actions: [command]
    understood: any
    decision: hold
    approvers: { groups: [dba] }
templates:
`;

function problemsOf(templates: string): string[] {
  const loaded = loadPolicies([{ path: 'p.yaml', text: head + templates }], readers);
  return loaded.ok ? [] : loaded.errors.map(formatProblem);
}

function load(templates: string, before = head): LoadedPolicySet {
  const loaded = loadPolicies([{ path: 'p.yaml', text: before + templates }], readers);
  if (!loaded.ok) throw new Error(loaded.errors.map(formatProblem).join('\n'));
  return loaded.set;
}

interface Given {
  readonly protocol?: Protocol;
  readonly parameters?: readonly Parameter[];
  readonly settings?: Readonly<Record<string, string>>;
  readonly database?: string;
  readonly groups?: readonly string[];
}

function decide(set: LoadedPolicySet, text: string, given: Given = {}) {
  const { protocol = 'postgres', parameters = null, settings = {}, database = 'shop', groups = ['engineers'] } = given;
  const action: Action = {
    id: 'a1' as Action['id'],
    kind: protocol === 'ssh' ? 'command' : 'statement',
    text,
    parameters,
    digest: () => '',
    mode: { key: '', settings, catalogue: null },
    transaction: 'none',
    classified: null,
    prepared: null,
  };
  const facts: Facts = {
    principal: { name: 'alice' as never, displayName: 'Alice', kind: 'person', groups },
    target: { name: 'orders' as never, protocol, labels: {} },
    session: { clientAddress: '10.1.2.3', tls: true, method: 'token', database },
    nowMs: 0,
    approvals: [],
  };
  return set.decide(action, notUnderstood('unknown-statement', 'not looked at in this test'), facts);
}

const update = load(`
  - id: set-state
    protocol: postgres
    statement: UPDATE orders SET state = :state WHERE id = :id
    parameters: { state: { in: [$states] }, id: { type: int, min: 1, max: 1000000 } }
    database: shop
    principals: { groups: [engineers] }
`);

const run = (text: string, given: Given = {}) => decide(update, text, given).kind;
const bound = (type: string | null, text: string | null): Parameter => ({ type, text });

t.test('a text that is the template runs without a hold', async (t) => {
  for (const text of [
    "UPDATE orders SET state = 'paid' WHERE id = 7",
    "update orders\n  set state='sent'\n where (id = 1);",
    "UPDATE orders SET state = 'paid' /* ticket 12 */ WHERE id = 7 -- done",
    "UPDATE orders SET state = 'paid' WHERE id = '7'",
    "UPDATE orders SET state = E'paid' WHERE id = 7",
    'UPDATE "orders" SET state = $$paid$$ WHERE id = 7',
  ]) {
    const decision = decide(update, text);
    t.equal(decision.kind, 'allow', text);
    t.equal(decision.rule?.id, 'p/set-state');
  }
});

t.test('bound parameters are judged like literals, at each execution', async (t) => {
  const text = 'UPDATE orders SET state = $1 WHERE id = $2';
  const with2 = (...parameters: Parameter[]) => run(text, { parameters });
  t.equal(with2(bound('text', 'paid'), bound('int4', '7')), 'allow');
  t.equal(with2(bound(null, 'paid'), bound(null, '7')), 'allow', 'types left to the server');
  t.equal(with2(bound('text', 'lost'), bound('int4', '7')), 'hold');
  t.equal(with2(bound('text', 'paid'), bound('int4', '0')), 'hold');
  t.equal(with2(bound('text', 'paid'), bound('int4', null)), 'hold', 'NULL');
  t.equal(with2(bound('text', 'paid'), bound('type 16412', '7')), 'hold', 'a type with operators of its own');
  t.equal(with2(bound('text', 'paid')), 'hold', 'too few');
  t.equal(run('UPDATE orders SET state = $2 WHERE id = $1', { parameters: [bound('int4', '7'), bound('text', 'paid')] }), 'allow');
  t.equal(run("UPDATE orders SET state = 'paid' WHERE id = $1", { parameters: [bound('int4', '7')] }), 'allow', 'both kinds');
});

t.test('anything else waits as before', async (t) => {
  for (const text of [
    "UPDATE orders SET state = 'lost' WHERE id = 7",
    "UPDATE orders SET state = 'paid' WHERE id = 0",
    "UPDATE orders SET state = 'paid' WHERE id = -7",
    "UPDATE orders SET state = 'paid' WHERE id = 1000001",
    "UPDATE orders SET state = 'paid' WHERE id = 7.5",
    "UPDATE orders SET state = 'paid' WHERE id = 7 OR true",
    "UPDATE orders SET state = 'paid' WHERE id = 7 AND state = 'sent'",
    "UPDATE orders SET state = 'paid'",
    "UPDATE orders SET state = 'paid' WHERE id = id",
    "UPDATE orders SET state = 'paid' WHERE id > 7",
    "UPDATE orders SET state = 'paid' WHERE id = (SELECT 7)",
    "UPDATE orders SET state = 'paid' WHERE id = wipe()",
    "UPDATE orders SET state = wipe('paid') WHERE id = 7",
    "UPDATE orders SET state = 'paid'::text WHERE id = 7",
    "UPDATE orders SET state = 'paid'::evil WHERE id = 7",
    "UPDATE orders SET state = evil 'paid' WHERE id = 7",
    'UPDATE orders SET state = NULL WHERE id = 7',
    "UPDATE orders SET state = 'paid', total = 0 WHERE id = 7",
    "UPDATE orders SET total = 'paid' WHERE id = 7",
    "UPDATE payments SET state = 'paid' WHERE id = 7",
    "UPDATE other.orders SET state = 'paid' WHERE id = 7",
    "UPDATE public.orders SET state = 'paid' WHERE id = 7",
    'UPDATE "Orders" SET state = \'paid\' WHERE id = 7',
    "UPDATE ONLY orders SET state = 'paid' WHERE id = 7",
    "UPDATE orders AS o SET state = 'paid' WHERE id = 7",
    "UPDATE orders SET state = 'paid' FROM payments WHERE id = 7",
    "UPDATE orders SET state = 'paid' WHERE id = 7 RETURNING *",
    "WITH x AS (DELETE FROM orders RETURNING 1) UPDATE orders SET state = 'paid' WHERE id = 7",
    "UPDATE orders SET state = 'paid' WHERE id OPERATOR(public.=) 7",
    "UPDATE orders SET state = 'paid' WHERE id = ANY ('{7}')",
    "UPDATE orders SET state = 'paid' WHERE id = 7; DROP TABLE orders",
    "EXPLAIN ANALYZE UPDATE orders SET state = 'paid' WHERE id = 7",
    "PREPARE x AS UPDATE orders SET state = 'paid' WHERE id = 7",
    "UPDATE orders SET state = B'1' WHERE id = 7",
    `UPDATE orders SET state = 'paid' WHERE id = 7${' '.repeat(10_000)}`,
    "UPDATE orders SET state = 'paid' WHERE id = $1",
    "UPDATE orders SET state = ' paid' WHERE id = 7",
  ]) {
    t.equal(run(text), 'hold', text.slice(0, 100));
  }
});

t.test('the same words mean the same only as at sign-in', async (t) => {
  const text = "UPDATE orders SET state = 'paid' WHERE id = 7";
  t.equal(run(text, { settings: { search_path: '"$user", public', role: 'none' } }), 'allow');
  t.equal(run(text, { settings: { search_path: 'evil, public' } }), 'hold');
  t.equal(run(text, { settings: { search_path: '?' } }), 'hold');
  t.equal(run(text, { settings: { search_path: '"$user", public\u00a0' } }), 'hold', 'a no-break space is part of a name');
  t.equal(run(text, { settings: { role: 'admin' } }), 'hold');
  t.equal(run(text, { settings: { session_replication_role: 'replica' } }), 'hold', 'triggers are off');
  t.equal(run(text, { database: 'other' }), 'hold');
  t.equal(run(text, { groups: ['interns'] }), 'hold');
  const escaped = "UPDATE orders SET state = 'paid\\' WHERE id = 7";
  t.equal(run(escaped, { settings: { standard_conforming_strings: 'off' } }), 'hold');
});

t.test('a deny rule still wins, and what an allow rule gives is not asked of templates', async (t) => {
  const set = load(
    `templates:
  - id: set-state
    protocol: postgres
    statement: UPDATE orders SET state = :state WHERE id = :id
    parameters: { state: { type: text, like: 'p*', max_length: 4 }, id: { type: int } }
    principals: { groups: [engineers, interns] }
    when: action.statement_count < 2.0
`,
    `policy: p
rules:
  - id: interns-change-nothing
    principals: { groups: [interns] }
    decision: deny
`,
  );
  const text = "UPDATE orders SET state = 'paid' WHERE id = 7";
  t.equal(decide(set, text).kind, 'allow', 'without any allow rule');
  t.equal(decide(set, text, { groups: ['interns'] }).kind, 'deny');
  t.equal(decide(set, "UPDATE orders SET state = 'payed' WHERE id = 7").kind, 'deny', 'too long');
  t.equal(decide(set, "UPDATE orders SET state = 'sent' WHERE id = 7").kind, 'deny', 'another pattern');
  t.equal(decide(set, 'UPDATE orders SET state = 0 WHERE id = 7').kind, 'deny', 'a number is no text');
});

t.test('MySQL: the same tokens, in the same database', async (t) => {
  const set = load(`
  - id: reopen
    protocol: mysql
    statement: UPDATE orders SET state = 'open', note = :note WHERE id = :id AND state = :was
    parameters: { id: { type: int, min: 1 }, was: { in: [closed, lost] }, note: { type: text } }
    database: shop
    principals: { groups: [engineers] }
`);
  const settings = { sql_mode: 'STRICT_TRANS_TABLES', character_set_client: 'utf8mb4', database: 'shop' };
  const mysql = (text: string, given: Given = {}) => decide(set, text, { protocol: 'mysql', settings, ...given }).kind;
  const text = "UPDATE orders SET state = 'open', note = 'x' WHERE id = 7 AND state = 'closed'";
  t.equal(mysql(text), 'allow');
  t.equal(mysql(text.replace('UPDATE', 'update /* hi */').replace('WHERE', 'where')), 'allow');
  t.equal(mysql(`${text};`), 'allow');
  t.equal(mysql(text.replace("'closed'", "'clo''sed'")), 'hold');
  t.equal(mysql(text.replace("'closed'", '"closed"')), 'allow');
  t.equal(mysql(text.replace("'closed'", '"closed"'), { settings: { ...settings, sql_mode: 'ANSI_QUOTES' } }), 'hold', 'a name');
  t.equal(mysql(text, { settings: { ...settings, database: 'other' } }), 'hold', 'after USE other');
  for (const other of [
    text.replace('id = 7', 'id = 7 OR 1'),
    text.replace('7', '0'),
    text.replace('7', '-7'),
    text.replace('7', '0x7'),
    text.replace('7', '7e3'),
    text.replace('7', 'wipe()'),
    text.replace('7', "b'1'"),
    text.replace("'closed'", '0'),
    text.replace("'closed'", "_utf8'closed'"),
    text.replace("'closed'", "'clo' 'sed'"),
    text.replace("'closed'", '@x'),
    text.replace("'x'", '0'),
    text.replace('orders', 'other.orders'),
    text.replace('orders', 'Orders'),
    text.replace('orders', '`orders`'),
    `${text} LIMIT 1`,
    `${text}; DROP TABLE orders`,
    `${text} /*! OR 1 */`,
    `${text} /*M! OR 1 */`,
    `${text} -- \0`,
  ]) {
    t.equal(mysql(other), 'hold', JSON.stringify(other));
  }
  const question = "UPDATE orders SET state = 'open', note = ? WHERE id = ? AND state = ?";
  const with3 = (...parameters: Parameter[]) => mysql(question, { parameters });
  t.equal(with3(bound('varchar', 'x'), bound('bigint', '7'), bound('varchar', 'lost')), 'allow');
  t.equal(with3(bound('bigint', '0'), bound('bigint', '7'), bound('varchar', 'lost')), 'hold', 'a number is no text');
  t.equal(with3(bound('varchar', 'x'), bound('bigint', '7'), bound('varchar', 'open')), 'hold');
});

t.test('commands: one simple command of plain words', async (t) => {
  const set = load(`
  - id: restart
    protocol: ssh
    statement: sudo systemctl restart :service
    parameters: { service: { type: text, like: 'app-*' } }
    principals: { groups: [engineers] }
`);
  const ssh = (text: string) => decide(set, text, { protocol: 'ssh' }).kind;
  t.equal(ssh('sudo systemctl restart app-web'), 'allow');
  t.equal(ssh('sudo  systemctl   restart app-web # ticket'), 'allow');
  for (const text of [
    'sudo systemctl restart sshd',
    'sudo systemctl stop app-web',
    'systemctl restart app-web',
    'sudo systemctl restart app-web app-db',
    'sudo systemctl restart --force app-web',
    'sudo systemctl restart app-web; reboot',
    'sudo systemctl restart app-web && reboot',
    'sudo systemctl restart app-web | sh',
    'sudo systemctl restart app-web &',
    'sudo systemctl restart app-web\nreboot',
    'sudo systemctl restart app-web > /etc/passwd',
    'sudo systemctl restart app-$(reboot)',
    'sudo systemctl restart app-`reboot`',
    'sudo systemctl restart app-$HOME',
    'sudo systemctl restart app-{a,b}',
    'sudo systemctl restart app-*',
    'sudo systemctl restart "app-web"',
    "sudo systemctl restart app-'web'",
    'sudo systemctl restart app-web\\ x',
    'sudo systemctl restart app-~',
    'PATH=/tmp sudo systemctl restart app-web',
    '! sudo systemctl restart app-web',
    '(sudo systemctl restart app-web)',
    'time sudo systemctl restart app-web',
    'sudo systemctl restart app-wеb', // a Cyrillic letter
    'sudo systemctl restart app-web\r',
    'sudo systemctl restart',
  ]) {
    t.equal(ssh(text), 'hold', JSON.stringify(text));
  }
});

t.test('mistakes in templates are errors with their place', async (t) => {
  const template = (lines: string) => `  - id: a\n    principals: { groups: [x] }\n${lines.replace(/^(?=.)/gm, '    ')}\n`;
  const cases: [string, RegExp][] = [
    ['protocol: postgres\nstatement: UPDAET x', /p\.yaml:\d+:\d+: not a statement of PostgreSQL: syntax error at or near "UPDAET"/],
    ['protocol: postgres\nstatement: SELECT 1; SELECT 2', /exactly one statement/],
    ['protocol: postgres\nstatement: DROP TABLE x', /a template is a SELECT/],
    ['protocol: postgres\nstatement: SELECT :a', /the place :a has no condition/],
    ['protocol: postgres\nstatement: SELECT $1', /named place/],
    ['protocol: postgres\nstatement: "SELECT 1"\nparameters: { a: { type: int } }', /no place of the statement is named :a/],
    ['protocol: postgres\nstatement: "SELECT :a"\nparameters: { a: { min: 1 } }', /say what may stand here/],
    ['protocol: postgres\nstatement: "SELECT :a"\nparameters: { a: { type: text, min: 1 } }', /belong to int and number/],
    ['protocol: postgres\nstatement: "SELECT :a"\nparameters: { a: { type: int, min: 2, max: 1 } }', /at least 2 and at most 1/],
    ['protocol: postgres\nstatement: "SELECT :a"\nparameters: { a: { type: itn } }', /did you mean "int"/],
    ['protocol: postgres\nstatement: "SELECT :a"\nparameters: { a: { in: [$nothing] } }', /no list is named "nothing"/],
    ['protocol: mysql\nstatement: SELECT 1', /add "database"/],
    ['protocol: mysql\ndatabase: shop\nstatement: SELECT 1 /*! , 2 */', /no executable comments/],
    ['protocol: mysql\ndatabase: shop\nstatement: DROP TABLE x', /begins with one of/],
    ['protocol: ssh\nstatement: rm -rf $HOME', /one simple command/],
    ['protocol: ssh\nstatement: ":program x"\nparameters: { program: { type: text } }', /the program of a template is named/],
  ];
  for (const [lines, expected] of cases) t.match(problemsOf(template(lines)).join('\n'), expected, lines);
  t.match(problemsOf('  - id: a\n    protocol: ssh\n    statement: ls\n').join(), /principals: missing/);
  const twice = template('protocol: ssh\nstatement: ls');
  t.match(problemsOf(twice + twice.replace('id: a', 'id: b')).join(), /template b is the same as template a/);
  t.match(problemsOf(twice + twice).join(), /a rule named a stands in this policy already/);
  t.match(problemsOf(twice.replace('id: a', 'id: changes-wait')).join(), /a rule named changes-wait stands in this policy already/);
});

t.test('a template that a deny rule always comes before is an error that names both', async (t) => {
  const loaded = loadPolicies(
    [
      {
        path: 'p.yaml',
        text: 'policy: p\nrules:\n  - { id: nothing, actions: [command], decision: deny }\ntemplates:\n  - { id: ls, protocol: ssh, statement: ls, principals: { groups: [x] } }\n',
      },
    ],
    readers,
  );
  t.match(loaded.ok ? '' : loaded.errors.map(formatProblem).join(), /rule p\/ls can never fire: rule p\/nothing \(deny/);
});

t.test('explain says that it is the template, or is not', async (t) => {
  const why = (text: string) => {
    const action = { id: 'a' as never, kind: 'statement', text, parameters: null, digest: () => '', mode: { key: '', settings: {}, catalogue: null }, transaction: 'none', classified: null, prepared: null } as const; // prettier-ignore
    const facts: Facts = { principal: { name: 'a' as never, displayName: 'a', kind: 'person', groups: ['engineers'] }, target: { name: 'o' as never, protocol: 'postgres', labels: {} }, session: { clientAddress: '10.1.1.1', tls: true, method: 'token', database: 'shop' }, nowMs: 0, approvals: [] }; // prettier-ignore
    return update.explain(action, notUnderstood('syntax', ''), facts).rules.find(({ id }) => id === 'p/set-state')?.why;
  };
  t.match(why("UPDATE orders SET state = 'paid' WHERE id = 7"), /runs without a hold/);
  t.match(why("UPDATE orders SET state = 'paid' WHERE id = 0"), /is not this template/);
});
