// The replay's time axis. People pause for minutes between statements; a drawing to scale would be empty. Idle stretches are
// therefore shortened to a fixed length, on the drawing and while playing, and marked. Waiting for approval is not idle.

import type { RecordingEntry } from '../../api/contract.ts';

/** Idle time up to this is drawn to scale; longer stretches are cut down to it. */
const idleMaxMs = 2_000;
/** So that a statement of a fraction of a millisecond still has a place on the axis. */
const tailMs = 400;

type Timed = Pick<RecordingEntry, 'asked_ms' | 'released_ms' | 'finished_ms'>;

interface Stretch {
  /** Real times, milliseconds since the session opened. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Where it starts on the shortened axis, and how long it is there. */
  readonly shownFromMs: number;
  readonly shownMs: number;
}

export interface ReplayAxis {
  readonly stretches: readonly Stretch[];
  /** Length of the shortened axis. */
  readonly shownMs: number;
  /** Places on the shortened axis where idle time was cut out, and how much. */
  readonly cuts: readonly { readonly atShownMs: number; readonly idleMs: number }[];
}

/** Builds the axis for entries in any order. */
export function replayAxis(entries: readonly Timed[]): ReplayAxis {
  const busy = entries
    .map((entry) => ({ fromMs: entry.asked_ms, toMs: Math.max(entry.asked_ms, entry.finished_ms) }))
    .sort((a, b) => a.fromMs - b.fromMs);
  const stretches: Stretch[] = [];
  const cuts: { atShownMs: number; idleMs: number }[] = [];
  let realMs = 0;
  let shownMs = 0;
  const add = (toMs: number, lengthMs: number): void => {
    if (toMs <= realMs) return;
    stretches.push({ fromMs: realMs, toMs, shownFromMs: shownMs, shownMs: lengthMs });
    shownMs += lengthMs;
    realMs = toMs;
  };
  for (const { fromMs, toMs } of busy) {
    const idleMs = fromMs - realMs;
    if (idleMs > idleMaxMs) cuts.push({ atShownMs: shownMs + idleMaxMs / 2, idleMs });
    add(fromMs, Math.min(idleMs, idleMaxMs));
    add(toMs, toMs - realMs);
  }
  add(realMs + tailMs, tailMs);
  return { stretches, shownMs, cuts };
}

/** Real time → place on the shortened axis. */
export function toShownMs(axis: ReplayAxis, realMs: number): number {
  const stretch = firstOf(axis.stretches, (each) => realMs <= each.toMs);
  if (stretch === undefined) return axis.shownMs;
  const share = (Math.max(realMs, stretch.fromMs) - stretch.fromMs) / (stretch.toMs - stretch.fromMs);
  return stretch.shownFromMs + share * stretch.shownMs;
}

/** Place on the shortened axis → real time. */
export function toRealMs(axis: ReplayAxis, shownMs: number): number {
  const stretch = firstOf(axis.stretches, (each) => shownMs <= each.shownFromMs + each.shownMs) ?? axis.stretches.at(-1);
  if (stretch === undefined) return 0;
  const share = Math.min(1, Math.max(0, shownMs - stretch.shownFromMs) / stretch.shownMs);
  return stretch.fromMs + share * (stretch.toMs - stretch.fromMs);
}

/** The first for which it is true, where it stays true from then on: a log has as many stretches as statements. */
function firstOf(stretches: readonly Stretch[], isReached: (stretch: Stretch) => boolean): Stretch | undefined {
  let from = 0;
  let to = stretches.length;
  while (from < to) {
    const middle = (from + to) >> 1;
    if (isReached(stretches[middle] as Stretch)) to = middle;
    else from = middle + 1;
  }
  return stretches[from];
}

export type When = 'past' | 'now' | 'future';

/** Where an entry stands relative to the play head. */
export function whenOf(entry: Timed, headMs: number): When {
  if (headMs < entry.asked_ms) return 'future';
  return headMs <= entry.finished_ms + tailMs / 2 ? 'now' : 'past';
}
