// How long it takes to open a recorded terminal of a day, to read a page anywhere in it, and to search it. Prints figures:
// node test/bench/recordings.ts [events]

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openRecordings } from '../../src/recordings/recordings.ts';
import { writeDayLongCast } from '../support/long-cast.ts';

const events = Number(process.argv[2] ?? 864_000);
const dir = mkdtempSync(join(tmpdir(), 'sallyport-bench-recordings-'));
try {
  const path = join(dir, 's-1.0.cast');
  const bytes = writeDayLongCast(path, events);
  const { terminals } = openRecordings({ dir, clock: { nowMs: Date.now, monotonicMs: () => performance.now() } });
  const timed = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    const startMs = performance.now();
    const result = await work();
    console.log(`${what}: ${Math.round(performance.now() - startMs)} ms`);
    return result;
  };
  console.log(`a terminal of 24 h: ${events} events, ${Math.round(bytes / 1e6)} MB`);
  const index = await timed('index, read through the whole file (after a crash)', () => terminals.index('s-1', 0));
  if (index === undefined) throw new Error('no index');
  const { live: _live, ...kept } = index;
  writeFileSync(`${path}.index`, JSON.stringify(kept));
  await timed('index, as the recorder left it', () => terminals.index('s-1', 0));
  const point = index.points[Math.floor(index.points.length / 2)];
  await timed('a page in the middle', () => terminals.read('s-1', 0, point?.offset ?? 0, (point?.offset ?? 0) + 128 * 1024));
  await timed('search that finds nothing', () => terminals.search('s-1', 0, 'nowhere to be found'));
} finally {
  rmSync(dir, { recursive: true });
}
