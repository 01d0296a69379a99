// A preview in the API's words.

import type { PreviewView } from '../api/contract.ts';
import type { MadePreview } from './previews.ts';

export function previewView(made: MadePreview): PreviewView {
  if (made.kind === 'none') return { state: 'none', why: made.why, made_at: null, tables: [], statements: [], notes: [] };
  const { tables, statements, notes } = made.preview;
  return {
    state: 'ready',
    why: null,
    made_at: new Date(made.madeAtMs).toISOString(),
    tables: tables.map(({ rowsFrom, ...table }) => ({ ...table, rows_from: rowsFrom })),
    statements: statements.map(({ kind, rows, consequences, consequencesLeftOut, locks }) => ({
      kind,
      rows,
      consequences,
      consequences_left_out: consequencesLeftOut,
      locks: locks.map(({ table, mode, stops, heldByOthers, waiting, oldestHolderMs }) => ({
        table,
        mode,
        stops,
        held_by_others: heldByOthers,
        waiting,
        oldest_holder_ms: oldestHolderMs,
      })),
    })),
    notes,
  };
}
