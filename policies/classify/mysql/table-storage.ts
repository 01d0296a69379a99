// Options of CREATE and ALTER TABLE that say where rows are kept: engines that keep them in files of the server's own or on other
// servers, and one that keeps none.

import type { FactsBuilder } from './facts-builder.ts';
import { opAt, wordAt, type Reading } from './reading.ts';

const remoteEngines = new Set(['CONNECT', 'FEDERATED', 'FEDERATEDX', 'SPIDER']);

/** What the option at `at` does besides; `table` is the one that is defined. */
export function readStorage(reading: Reading, at: number, to: number, table: string | null, facts: FactsBuilder): void {
  const { tokens } = reading;
  const valueAt = at + (opAt(tokens, at + 1, to) === '=' ? 2 : 1);
  const value = valueAt < to ? tokens[valueAt] : undefined;
  const span = { start: tokens[at]?.start ?? 0, end: value?.end ?? tokens[at]?.end ?? 0 };
  const path = value?.kind === 'string' ? value.text : null;
  switch (wordAt(tokens, at, to)) {
    case 'ENGINE': {
      const engine = value?.raw.toUpperCase() ?? '';
      if (remoteEngines.has(engine)) {
        facts.effect('network', 'write', 'table', table);
        facts.risk(span, 'keeps its rows on another server, or in files');
      }
      if (engine !== 'BLACKHOLE') return;
      facts.effect('truncate', 'write', 'table', table);
      return facts.risk(span, 'keeps no rows');
    }
    case 'CONNECTION':
      if (path === null) return;
      facts.effect('network', 'write', 'table', table);
      return facts.risk(span, 'keeps its rows on another server');
    case 'DIRECTORY':
    case 'FILE_NAME':
    case 'DATAFILE':
    case 'UNDOFILE':
      if (path === null) return;
      facts.effect('server-file', 'write', 'file', path);
      return facts.risk(span, 'names a file or folder of the server');
  }
}
