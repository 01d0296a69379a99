// Whose turn it is in a rotation: a pure function of the schedule and the instant. Turns change at the same time on the wall all year
// round, and exactly once where the clocks are put back.

import type { OnCallSchedule } from '../core/identity-config.ts';
import { instantOf, wallTimeMs } from './wall-time.ts';

export interface Turn {
  /** Null: before the rotation starts. */
  readonly person: string | null;
  /** When somebody else may have it, or the same person again. */
  readonly untilMs: number;
}

/** Who is on call at an instant, and until when at least. An override wins over the rotation, the later in the list over others. */
export function turnAt(schedule: OnCallSchedule, nowMs: number): Turn {
  const { zone, overrides } = schedule;
  let turn = rotationAt(schedule, nowMs);
  for (const { fromWallMs, toWallMs, person } of overrides) {
    const fromMs = instantOf(fromWallMs, zone);
    const toMs = instantOf(toWallMs, zone);
    if (nowMs < fromMs) turn = { ...turn, untilMs: Math.min(turn.untilMs, fromMs) };
    else if (nowMs < toMs) turn = { person, untilMs: toMs };
  }
  return turn;
}

function rotationAt({ zone, startsWallMs, everyWallMs, people }: OnCallSchedule, nowMs: number): Turn {
  const beginsMs = (turn: number) => instantOf(startsWallMs + turn * everyWallMs, zone);
  let turn = Math.floor((wallTimeMs(nowMs, zone) - startsWallMs) / everyWallMs);
  // An hour that happens twice, or never: the guess is one turn off, or a few short ones.
  while (beginsMs(turn + 1) <= nowMs) turn += 1;
  while (beginsMs(turn) > nowMs) turn -= 1;
  if (turn < 0) return { person: null, untilMs: beginsMs(0) };
  return { person: people[turn % people.length] ?? null, untilMs: beginsMs(turn + 1) };
}

/** Who is in the group of each schedule at an instant; several schedules of one group add up. */
export function onCallAt(schedules: readonly OnCallSchedule[], nowMs: number): Map<string, Turn[]> {
  const byGroup = new Map<string, Turn[]>(schedules.map(({ group }) => [group, []]));
  for (const schedule of schedules) byGroup.get(schedule.group)?.push(turnAt(schedule, nowMs));
  return byGroup;
}
