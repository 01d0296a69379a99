// What MySQL 9.7 said of the columns of these results: of a subquery's column it names the table below and the subquery's own name, so
// that any column can go by any name. MariaDB names the subquery.

import t from 'tap';
import { createMysqlClassifier } from '../../policies/classify/mysql/classifier.ts';
import { MysqlPlanner } from '../../policies/masking/mysql/planner.ts';
import type { MaskRule } from '../../src/core/masking.ts';
import { statementOf } from '../support/statements.ts';

const rules: readonly MaskRule[] = [{ columns: ['customers.email'], detector: null, with: 'fixed', predicates: 'allow' }];
const classifier = createMysqlClassifier();
const planner = new MysqlPlanner(Buffer.alloc(32));

/** Which of the columns are masked, where the server says `table`.`column` of each. */
async function masked(flavour: string, text: string, columns: readonly (readonly [table: string, column: string])[]): Promise<boolean[]> {
  const settings = { sql_mode: '', character_set_client: 'utf8mb4', flavour, database: 'shop', lower_case_table_names: '0' };
  const action = statementOf(text, { key: flavour, settings, catalogue: null });
  const plan = planner.plan(action, await classifier.classify(action), rules);
  if (plan.kind !== 'mask') return columns.map(() => plan.kind === 'refuse');
  const fields = columns.map(([table, column]) => ({ name: column, origin: { kind: 'column' as const, schema: 'shop', table, column } }));
  return plan.masking.fields(0, fields, new Map()).map((field) => field !== null);
}

t.test('on MySQL no name of a subquery is believed', async (t) => {
  const cases = [
    ['SELECT c FROM (SELECT email AS c FROM customers) x', [['customers', 'c']]],
    ['SELECT id FROM (SELECT email AS id FROM customers) x', [['customers', 'id']]],
    ['WITH x AS (SELECT email AS id FROM customers) SELECT id FROM x', [['customers', 'id']]],
    ['SELECT t.id FROM customers c, LATERAL (SELECT c.email AS id) t', [['customers', 'id']]],
  ] as const;
  for (const [text, columns] of cases) t.strictSame(await masked('mysql', text, columns), [true], text);
  t.strictSame(await masked('', cases[1][0], cases[1][1]), [true], 'nor while the make is not known');
});

t.test('a query alone is told column by column, as are subqueries on MariaDB', async (t) => {
  const columns = [['customers', 'id'], ['customers', 'email']] as const; // prettier-ignore
  t.strictSame(await masked('mysql', 'SELECT id, email AS name FROM customers', columns), [false, true]);
  t.strictSame(
    await masked('mysql', 'SELECT id FROM (SELECT id FROM customers) x', [['customers', 'id']]),
    [false],
    'nothing hidden is named',
  );
  const joined = 'SELECT c.id, x.n FROM customers c JOIN (SELECT email AS n FROM customers) x ON x.n = c.name';
  t.strictSame(await masked('mariadb', joined, [['customers', 'id'], ['x', 'n']]), [false, true]); // prettier-ignore
});
