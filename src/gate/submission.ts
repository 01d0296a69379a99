// One action on its way through the gate.

import type { Action } from '../core/action.ts';
import type { Classification } from '../core/classification.ts';
import type { Lane } from '../core/session.ts';
import type { Submitter } from './submitter.ts';

/** What was understood of an action, who submits it, and the lane that waits for the answer. */
export interface Submission {
  readonly action: Action;
  readonly classification: Classification;
  readonly submitter: Submitter;
  readonly lane: GateLane;
}

/** Of a session in another thread: what its action means now is asked there. */
export interface GateLane extends Lane {
  isUnchanged?(): Promise<boolean>;
}

/** The lane as it is for this action: a connection replaces the signal that it raises, for what comes next. */
export function laneNow(lane: GateLane): GateLane {
  const { signal } = lane;
  return {
    signal,
    onHold: (notice) => lane.onHold(notice),
    ...(lane.catalogueNow === undefined ? {} : { catalogueNow: async () => (await lane.catalogueNow?.()) ?? null }),
    ...(lane.isUnchanged === undefined ? {} : { isUnchanged: async () => (await lane.isUnchanged?.()) ?? false }),
  };
}
