// Keeps the groups of the on-call schedules as the clock says, and tells approvers who has the turn.

import type { HoldView, OnCallView } from '../api/contract.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/driver.ts';
import type { OnCallSchedule } from '../core/identity-config.ts';
import type { Identity } from '../identity/identity.ts';
import { onCallAt, turnAt } from '../identity/on-call.ts';

export interface OnCallParts {
  readonly schedules: readonly OnCallSchedule[];
  readonly identity: Identity;
  readonly clock: Clock;
  readonly log: Log;
}

export interface OnCall {
  /** Who may answer now of the on-call groups among these; empty when none of them is one. */
  of(groups: readonly string[]): NonNullable<HoldView['on_call']>;
  /** Whose turn it is now in each schedule, in the order of the configuration. */
  list(): readonly OnCallView[];
  close(): void;
}

/** How late a change of turns is noticed; also after the clock was set. */
const lookEveryMs = 500;

export function openOnCall({ schedules, identity, clock, log }: OnCallParts): OnCall {
  const groups = [...new Set(schedules.map(({ group }) => group))];
  let sinceMs = Infinity;
  let untilMs = -Infinity;
  const look = () => {
    const nowMs = clock.nowMs();
    if (nowMs >= sinceMs && nowMs < untilMs) return;
    const members = new Map<string, string[]>();
    const turns = onCallAt(schedules, nowMs);
    for (const [group, ofGroup] of turns) {
      for (const { person } of ofGroup) {
        if (person === null) continue;
        members.set(person, [...new Set([...(members.get(person) ?? []), group])]);
        if (identity.person(person)?.kind !== 'person') log.warn({ group, person }, 'on call is somebody who can not answer');
      }
    }
    identity.setOnCall(groups, members);
    sinceMs = nowMs;
    untilMs = Math.min(...[...turns.values()].flat().map((turn) => turn.untilMs));
  };
  if (schedules.length > 0) look();
  const timer = schedules.length === 0 ? undefined : setInterval(look, lookEveryMs);
  timer?.unref();
  return {
    of: (asked) => {
      const turns = onCallAt(
        schedules.filter(({ group }) => asked.includes(group)),
        clock.nowMs(),
      );
      return [...turns].map(([group, ofGroup]) => ({
        group,
        people: ofGroup.flatMap(({ person }) => (person !== null && identity.person(person)?.groups.includes(group) ? [person] : [])),
        until: new Date(Math.min(...ofGroup.map((turn) => turn.untilMs))).toISOString(),
      }));
    },
    list: () =>
      schedules.map((schedule): OnCallView => {
        const now = turnAt(schedule, clock.nowMs());
        const next = turnAt(schedule, now.untilMs);
        return {
          group: schedule.group,
          zone: schedule.zone,
          person: now.person,
          may_act: now.person !== null && identity.person(now.person)?.groups.includes(schedule.group) === true,
          until: new Date(now.untilMs).toISOString(),
          next: { person: next.person, until: new Date(next.untilMs).toISOString() },
        };
      }),
    close: () => clearInterval(timer),
  };
}
