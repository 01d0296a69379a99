// Cursors of lists that go from the newest back: the number of the last row that was given.

import { Fault } from '../core/errors.ts';

/** Rows before this number come next. Throws Fault invalid-request for a cursor that nobody gave out. */
export function beforeOf(cursor: string | null | undefined): number {
  if (cursor === undefined || cursor === null) return Number.MAX_SAFE_INTEGER;
  const before = /^\d+$/.test(cursor) ? Number(cursor) : NaN;
  if (!Number.isSafeInteger(before)) throw new Fault('invalid-request', 'the cursor is not one of ours');
  return before;
}
