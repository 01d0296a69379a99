// Queries of which no two have a form in common: they differ in columns, their order, aliases, joins and conditions, and one alias in
// each is another one whenever the query is sent again.

import { madeQuery, type Spelling } from '../support/plain-queries.ts';
import { seededRandom } from '../support/seeded-random.ts';

const seed = 8;
/** pgbench takes up to 128 files. */
const scriptsTotal = 128;
/** In a script, one after the other: what pgbench calls a transaction. */
export const queriesOfScript = 40;
/** 2 kB, as long as those of the row whose texts differ in numbers. */
const columnsMax = 40;

const tables = [
  { name: 'pgbench_accounts', columns: ['aid', 'bid', 'abalance', 'filler'] },
  { name: 'pgbench_accounts', columns: ['aid', 'bid', 'abalance'] },
];

/** pgbench puts a new number for `:n` each time that a client takes the script. */
export function newFormScripts(): string[] {
  const below = seededRandom(seed);
  const value = (column: string): string => (column === 'filler' ? `'${below(1_000_000)}'` : String(below(1_000_000)));
  const quoted: Spelling = { name: (name) => `"${name}"`, value };
  return Array.from({ length: scriptsTotal }, () => {
    const queries = Array.from({ length: queriesOfScript }, () => {
      const keyed = { column: 'aid', value: String(1 + below(100_000)) };
      return `${madeQuery(below, tables, columnsMax, quoted, keyed).replace(/__\w+/, '__:n')};`;
    });
    return `\\set n random(1, 2000000000)\n${queries.join('\n')}\n`;
  });
}
