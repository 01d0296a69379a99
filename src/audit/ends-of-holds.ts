// What the log says became of holds: how they ended, and whether what they were about was released.

import type { AuditLine } from './line.ts';

export interface EndOfHold {
  readonly hold: string;
  readonly type: string;
  readonly atMs: number;
  readonly by: string | null;
  readonly detail: Readonly<Record<string, unknown>>;
}

const ends: ReadonlySet<string> = new Set([
  'hold.approved',
  'hold.denied',
  'hold.changes-requested',
  'hold.expired',
  'hold.withdrawn',
  'action.released',
]);
const typeStart = '"type":"';
const holdStart = '"hold":"';

/** Of these holds, newest first. `texts` are lines of the log with one character for each byte, the newest text first. */
export function endsOfHolds(texts: Iterable<string>, holds: readonly string[]): EndOfHold[] {
  const wanted = new Set(holds);
  const found: EndOfHold[] = [];
  for (const text of texts) {
    for (const line of text.split('\n').reverse()) {
      // The type comes first; a hold's number that stands in somebody's text as well is told apart below.
      if (!line.includes(holdStart) || !ends.has(valueBehind(typeStart, line))) continue;
      const { type, hold, at_ms: atMs, principal: by, detail } = JSON.parse(Buffer.from(line, 'latin1').toString()) as AuditLine;
      if (hold !== null && wanted.has(hold)) found.push({ hold, type, atMs, by, detail });
    }
  }
  return found;
}

function valueBehind(name: string, line: string): string {
  const start = line.indexOf(name);
  return start < 0 ? '' : line.slice(start + name.length, line.indexOf('"', start + name.length));
}
