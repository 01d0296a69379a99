// A recorded terminal of a whole day, as the recorder would have left it, without waiting a day.

import { closeSync, openSync, writeSync } from 'node:fs';

const dayMs = 24 * 3_600_000;

/** Writes `events` events over 24 hours, a command every 1,000 of them. Answers how many bytes that are. */
export function writeDayLongCast(path: string, events: number): number {
  const file = openSync(path, 'wx', 0o600);
  const intervalMs = Math.floor(dayMs / events);
  let bytes = 0;
  let lines = `${JSON.stringify({ version: 3, term: { cols: 120, rows: 40 }, timestamp: 1_700_000_000, title: 'a day' })}\n`;
  const flush = () => {
    bytes += writeSync(file, lines);
    lines = '';
  };
  for (let number = 0; number < events; number += 1) {
    const seconds = intervalMs / 1000;
    if (number % 1000 === 0) lines += `${JSON.stringify([0, 'm', `make step-${number / 1000}`])}\n`;
    lines += `${JSON.stringify([seconds, 'o', `\u001b[32mstep ${number}\u001b[0m compiling something with a long name.c\r\n`])}\n`;
    if (lines.length > 1024 * 1024) flush();
  }
  flush();
  closeSync(file);
  return bytes;
}
