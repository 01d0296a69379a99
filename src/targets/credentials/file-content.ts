// Small files that are read again and again: one look tells whether a file is still the one that was read. It is the same file when
// its place, its size and both of its times are, and when it had been left alone for a while before it was read: two changes within
// one tick of the file system's clock can't be told apart.

import { readFile, stat } from 'node:fs/promises';
import type { BigIntStats } from 'node:fs';
import type { Clock } from '../../core/clock.ts';

/** Coarsest clock of file systems in use (FAT, some network ones). */
const tickMs = 2_000;
/** As many as gateways have targets; the first goes first. */
const filesMax = 1_000;

interface Read {
  readonly stats: BigIntStats;
  readonly text: string;
}

export class FileContents {
  readonly #clock: Pick<Clock, 'nowMs'>;
  readonly #bytesMax: number;
  readonly #read = new Map<string, Read>();

  constructor(bytesMax: number, clock: Pick<Clock, 'nowMs'>) {
    this.#bytesMax = bytesMax;
    this.#clock = clock;
  }

  /** What is in it now, as UTF-8; null: more than `bytesMax`. Rejects as `stat` and `readFile` do. */
  async of(file: string): Promise<string | null> {
    const stats = await stat(file, { bigint: true });
    const known = this.#read.get(file);
    if (known !== undefined && isSame(known.stats, stats)) return known.text;
    this.#read.delete(file);
    if (stats.size > this.#bytesMax) return null;
    const restsMs = this.#clock.nowMs() - Number(stats.mtimeMs > stats.ctimeMs ? stats.mtimeMs : stats.ctimeMs);
    const text = await readFile(file, 'utf8');
    if (restsMs > tickMs) this.#keep(file, { stats, text });
    return text;
  }

  #keep(file: string, read: Read): void {
    if (this.#read.size >= filesMax) this.#read.delete(this.#read.keys().next().value ?? '');
    this.#read.set(file, read);
  }
}

function isSame(a: BigIntStats, b: BigIntStats): boolean {
  return a.dev === b.dev && a.ino === b.ino && a.size === b.size && a.mtimeNs === b.mtimeNs && a.ctimeNs === b.ctimeNs;
}
