// SHOW: which table it tells about. What its WHERE evaluates is looked at like any expression, elsewhere.

import type { FactsBuilder } from './facts-builder.ts';
import { nameAt } from './definitions.ts';
import { wordAt, type Reading } from './reading.ts';

const showsTable = new Set(['COLUMNS', 'FIELDS', 'INDEX', 'INDEXES', 'KEYS']);

/** SHOW CREATE TABLE t, SHOW COLUMNS | INDEX FROM t [FROM db]; `from` follows SHOW. */
export function readShow(reading: Reading, from: number, to: number, facts: FactsBuilder): void {
  const { tokens, objects } = reading;
  for (let at = from; at < to; at++) {
    const word = wordAt(tokens, at, to);
    const before = wordAt(tokens, at - 1);
    if (word === 'EVENTS' && (before === 'BINLOG' || before === 'RELAYLOG')) {
      facts.effect('replication', 'unknown');
      return facts.risk(tokens[at] ?? { start: 0, end: 0 }, 'shows what was changed in every table');
    }
    const names =
      word === 'TABLE' || word === 'VIEW' ? before === 'CREATE' : (word === 'FROM' || word === 'IN') && showsTable.has(before ?? '');
    if (!names) continue;
    const name = nameAt(reading, at + 1, to);
    if (name === null) return;
    const database = ['FROM', 'IN'].includes(wordAt(tokens, name.end + 1, to) ?? '') ? (tokens[name.end + 2]?.raw ?? null) : name.database;
    facts.effect('read', 'read', 'table', objects.qualify(database, name.name));
    return;
  }
}
