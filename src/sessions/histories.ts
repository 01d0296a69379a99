// The history of people on targets for policies: habits from the rows of sessions, read once for a session and only when a rule asks;
// and what was done in the last minute, counted in memory.

import type { Clock } from '../core/clock.ts';
import type { Histories, History, HistorySubject } from '../core/history.ts';
import type { SessionHistory } from '../store/session-history.ts';
import { MinuteCount } from './minute-count.ts';

/** The sessions that a person's hours are taken from. */
const startsMax = 200;
/** With fewer, nothing is unusual yet: every hour of somebody new would be. */
const startsMin = 20;
const startsAgeMaxMs = 90 * 86_400_000;
/** Pairs of person and target whose last minute is counted; the one that came first is forgotten first. */
export const pairsMax = 10_000;
const hourMs = 3_600_000;

/** Of a person on a target, in all their sessions. */
interface Counts {
  readonly actions: MinuteCount;
  readonly denials: MinuteCount;
  /** Others are counted for the pair since; who still holds these has to look again. */
  isForgotten: boolean;
}

/** `store` is asked when a rule reads a habit; what it throws fails the condition that asked. */
export function createHistories(store: SessionHistory, clock: Clock): Histories {
  const ofSubject = new WeakMap<HistorySubject, SubjectHistory>();
  const pairs = new Map<string, Counts>();

  function countsOf({ principal, target }: HistorySubject): Counts {
    const key = `${principal.name.length}:${principal.name}${target.name}`;
    let counts = pairs.get(key);
    if (counts === undefined) {
      if (pairs.size >= pairsMax) forgetFirst();
      counts = { actions: new MinuteCount(), denials: new MinuteCount(), isForgotten: false };
      pairs.set(key, counts);
    }
    return counts;
  }

  function forgetFirst(): void {
    for (const [key, counts] of pairs) {
      counts.isForgotten = true;
      pairs.delete(key);
      return;
    }
  }

  function historyOf(subject: HistorySubject): SubjectHistory {
    let history = ofSubject.get(subject);
    if (history === undefined) {
      history = new SubjectHistory(subject, store, clock, () => countsOf(subject));
      ofSubject.set(subject, history);
    }
    return history;
  }

  return { of: historyOf, acted: (subject, isDenied) => historyOf(subject).acted(isDenied) };
}

class SubjectHistory implements History {
  readonly #subject: HistorySubject;
  readonly #store: SessionHistory;
  readonly #clock: Clock;
  readonly #findCounts: () => Counts;
  #known: Counts | null = null;
  #sessionsBefore: number | null = null;
  #starts: readonly number[] | null = null;

  constructor(subject: HistorySubject, store: SessionHistory, clock: Clock, findCounts: () => Counts) {
    this.#subject = subject;
    this.#store = store;
    this.#clock = clock;
    this.#findCounts = findCounts;
  }

  get sessionsBefore(): number {
    const { principal, target, sessionId } = this.#subject;
    return (this.#sessionsBefore ??= this.#store.countBefore(principal.name, target.name, sessionId));
  }

  get isUnusualHour(): boolean {
    const { principal, sessionId } = this.#subject;
    this.#starts ??= this.#store.lastStarts(principal.name, sessionId, startsMax);
    const nowMs = this.#clock.nowMs();
    const recent = this.#starts.filter((startMs) => nowMs - startMs < startsAgeMaxMs);
    return recent.length >= startsMin && recent.every((startMs) => hoursApart(startMs, nowMs) > 1);
  }

  get actionsLastMinute(): number {
    return this.#counts.actions.at(this.#clock.monotonicMs());
  }

  get denialsLastMinute(): number {
    return this.#counts.denials.at(this.#clock.monotonicMs());
  }

  /** Asked for every action: found once. */
  get #counts(): Counts {
    if (this.#known === null || this.#known.isForgotten) this.#known = this.#findCounts();
    return this.#known;
  }

  acted(isDenied: boolean): void {
    const { actions, denials } = this.#counts;
    const nowMs = this.#clock.monotonicMs();
    actions.add(nowMs);
    if (isDenied) denials.add(nowMs);
  }
}

/** Hours of the day, around midnight too. One hour either way is the same time of the day, summer time included. */
function hoursApart(aMs: number, bMs: number): number {
  const apart = Math.abs(Math.floor(aMs / hourMs) - Math.floor(bMs / hourMs)) % 24;
  return Math.min(apart, 24 - apart);
}
