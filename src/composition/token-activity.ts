// What was asked with each access token: sessions, refusals and holds. `sallyport exec` waits for its own command by it. In
// memory, for tokens that were used lately.

import type { HoldRecord } from '../store/hold-rows.ts';
import type { OpenedSession, SessionOpening, Sessions } from '../core/session.ts';
import type { RegisteredSession } from '../sessions/registry.ts';

/** The oldest go first. */
const tokensMax = 2000;
const holdsPerTokenMax = 100;
const sessionsPerTokenMax = 100;

interface Activity {
  /** Sessions refused at their opening, and those that opened. */
  refused: number;
  readonly sessions: Pick<RegisteredSession, 'counts'>[];
  readonly holdIds: string[];
}

export class TokenActivity {
  readonly #live: (sessionId: string) => RegisteredSession | undefined;
  readonly #byToken = new Map<string, Activity>();

  constructor(live: (sessionId: string) => RegisteredSession | undefined) {
    this.#live = live;
  }

  /** `sessions` with an eye on what opens. `facts` adds what identity knows of the person. */
  watch(sessions: Sessions, factsOf: (opening: SessionOpening) => SessionOpening['facts']): Sessions {
    return {
      open: async (opening, lane) => {
        const activity = opening.tokenId ? this.#of(opening.tokenId) : null;
        const onHold: typeof lane.onHold = (notice) => {
          if (activity !== null) addHold(activity, notice.holdId);
          lane.onHold(notice);
        };
        const opened = await sessions.open({ ...opening, facts: factsOf(opening) }, { onHold, signal: lane.signal });
        if (activity !== null) this.#note(activity, opened);
        return opened;
      },
    };
  }

  /** To be told of every hold that is placed. */
  held(hold: HoldRecord): void {
    const tokenId = this.#live(hold.sessionId)?.tokenId;
    if (tokenId) addHold(this.#of(tokenId), hold.id);
  }

  of(tokenId: string): { readonly sessions: number; readonly denied: number; readonly holdIds: readonly string[] } {
    const activity = this.#byToken.get(tokenId);
    if (activity === undefined) return { sessions: 0, denied: 0, holdIds: [] };
    const denied = activity.sessions.reduce((sum, { counts }) => sum + counts.denied, activity.refused);
    return { sessions: activity.sessions.length, denied, holdIds: activity.holdIds.toReversed() };
  }

  #note(activity: Activity, opened: OpenedSession): void {
    if (opened.kind === 'refuse') {
      activity.refused += 1;
      return;
    }
    const session = this.#live(opened.session.id);
    if (session === undefined) return;
    activity.sessions.push(session);
    if (activity.sessions.length > sessionsPerTokenMax) activity.sessions.shift();
  }

  #of(tokenId: string): Activity {
    const activity = this.#byToken.get(tokenId) ?? { refused: 0, sessions: [], holdIds: [] };
    this.#byToken.delete(tokenId); // put last: the map's order is the order of use
    this.#byToken.set(tokenId, activity);
    if (this.#byToken.size > tokensMax) this.#byToken.delete(this.#byToken.keys().next().value ?? '');
    return activity;
  }
}

function addHold(activity: Activity, holdId: string): void {
  if (activity.holdIds.includes(holdId)) return;
  activity.holdIds.push(holdId);
  if (activity.holdIds.length > holdsPerTokenMax) activity.holdIds.shift();
}
