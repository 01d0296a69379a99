// Masks in `policy test` and `policy explain`: what a case expects of columns is checked by the gateway's own planner.

import t from 'tap';
import { runCommand } from '../support/command-line.ts';

const run = (...args: string[]) => runCommand(['policy', ...args]);

const policy = `policy: p
rules:
  - id: reads
    effects: { access: [read, session] }
    decision: allow
    mask:
      - { columns: [customers.email] }
      - { columns: [customers.card], with: fixed, predicates: deny }
  - { id: writes, effects: { access: [write] }, decision: allow }
`;

const folder = (cases: string) => ({
  'p.yaml': policy,
  'p.test.yaml': `people: { alice: { groups: [support] } }
targets:
  pg: { protocol: postgres, tables: { public.customers: [id, email, card], orders: [id, customer] } }
  my: { protocol: mysql, tables: { customers: [id, email, card] } }
cases:
${cases}`,
});
const asCase = (target: string, statement: string, masks: string) =>
  `  - { name: "${target}: ${statement}", who: alice, target: ${target}, statement: "${statement}", expect: allow, masks: ${masks} }\n`;

t.test('test: columns are followed, and what is expected is what the planner says', async (t) => {
  const dir = t.testdir(
    folder(
      asCase('pg', 'SELECT * FROM customers', '{ id: shown, email: partial, card: fixed }') +
        asCase(
          'pg',
          'SELECT upper(email) AS id, o.id AS email FROM customers c JOIN orders o ON o.customer = c.id',
          '{ id: partial, email: shown }',
        ) +
        asCase('pg', "SELECT id FROM customers WHERE card = '4'", 'refused') +
        asCase('pg', 'SELECT count(email) FROM customers', '{ count: shown }') +
        asCase('my', 'SELECT * FROM customers', '{ id: shown, email: partial, card: fixed }') +
        asCase('my', 'SELECT id, lower(email) AS mail FROM customers', '{ id: shown, mail: partial }') +
        asCase('my', "SELECT id FROM customers WHERE card = '4'", 'refused'),
    ),
  );
  const { code, out, err } = await run('test', dir);
  t.equal(code, 0, err);
  t.match(out, '7 tests passed');
});

t.test('test: a wrong expectation fails and says what is masked', async (t) => {
  const failing = async (statement: string, masks: string) => {
    const { code, err } = await run('test', t.testdir(folder(asCase('pg', statement, masks))));
    t.equal(code, 1);
    return err;
  };
  t.match(await failing('SELECT email FROM customers', '{ email: shown }'), 'expected email shown, got partial; masked: email (partial)');
  t.match(await failing('SELECT email FROM customers', '{ mail: partial }'), 'expected a column mail, got email');
  t.match(await failing('SELECT email FROM customers', 'refused'), 'expected that masks refuse it');
  t.match(await failing('SELECT email FROM elsewhere', '{ email: partial }'), "which columns come back can't be told here");
  const dir = t.testdir(folder('  - { name: a, who: alice, target: pg, effects: [read x], expect: allow, masks: refused }\n'));
  t.match((await run('test', dir)).err, 'masks are told by the statement');
});

t.test('explain: which columns would be masked, and how', async (t) => {
  const dir = t.testdir(folder(asCase('pg', 'SELECT 1', '{}')));
  const explain = async (statement: string, ...more: string[]) => (await run('explain', dir, 'alice', 'pg', statement, ...more)).out;
  t.match(await explain('SELECT id, email FROM customers'), /^allow by p\/reads.*\n {2}masked: email \(partial\)\n/);
  t.match(await explain('SELECT id FROM customers'), 'no column of the result is masked');
  t.match(await explain('SELECT id FROM customers ORDER BY card'), 'refused, because of masks: it asks about masked columns');
  t.match(await explain('SELECT x FROM elsewhere'), 'masks customers.email (partial), customers.card (fixed); which columns come back');
  for (const unknown of ['SELECT email FROM other.customers', 'SELECT id FROM orders, elsewhere'])
    t.match(await explain(unknown), "can't be told here", unknown);
  t.match((await run('explain', dir, 'alice', 'my', 'EXPLAIN SELECT * FROM customers')).out, "can't be told here");
  const json = JSON.parse(await explain('SELECT id, email FROM customers', '--json'));
  t.match(json.masks, {
    kind: 'columns',
    columns: [
      { name: 'id', with: 'shown' },
      { name: 'email', with: 'partial' },
    ],
  });
  t.equal(JSON.parse(await explain('DELETE FROM orders', '--json')).masks, null);
});
