// The main thread's side of the sessions of one relay thread: opens them, judges what the thread can't, and counts what it did.

import type { Clock } from '../core/clock.ts';
import { messageOf } from '../core/errors.ts';
import type { Grants } from '../core/grant.ts';
import type { Histories } from '../core/history.ts';
import type { SessionId } from '../core/ids.ts';
import type { PolicySet } from '../core/policy.ts';
import type { Principal } from '../core/principal.ts';
import type { HoldNotice } from '../core/ruling.ts';
import type { Lane, Sessions } from '../core/session.ts';
import type { Target } from '../core/target.ts';
import type { Gate } from '../gate/gate.ts';
import type { RegistryOpening } from '../sessions/registry.ts';
import type { Asked, Calls, Handlers, Methods } from './calls.ts';
import { RelayedSession } from './relayed-session.ts';
import type { ThreadSide } from './relayed-session.ts';
import { receiveAction, sendJudgement } from './sent-action.ts';
import { CatalogueReceiver } from './sent-catalogue.ts';
import type {
  Did,
  JudgementAnswer,
  JudgementAsked,
  OpeningAnswer,
  OpeningAsked,
  RuleUsed,
  SessionMethods,
  ThreadSessionMethods,
} from './session-methods.ts';
import type { Standing } from './standing.ts';
import type { PolicyTexts } from './thread-policies.ts';
import type { World } from './world.ts';

export interface RelayedParts {
  readonly sessions: Sessions;
  readonly gate: Pick<Gate, 'judge' | 'foresee'>;
  readonly personNow: (name: string) => Principal | null;
  readonly targetNamed: (name: string) => Target | undefined;
  readonly grants: Pick<Grants, 'inForce'>;
  readonly histories: Histories;
  readonly policies: () => PolicySet;
  readonly policyTexts: () => PolicyTexts;
  readonly world: World;
  readonly clock: Clock;
  /** Writes the audit events that wait: what the thread writes next stands behind them. */
  readonly flushAudit: () => void;
}

export class RelayedSessions {
  readonly #parts: RelayedParts;
  readonly #sessions = new Map<SessionId, RelayedSession>();
  readonly #catalogues = new CatalogueReceiver();
  readonly #thread: ThreadSide;
  readonly #calls: () => Pick<Calls<ThreadSessionMethods, Methods>, 'note' | 'ask'>;
  readonly handlers: Handlers<SessionMethods>;

  constructor(parts: RelayedParts, calls: () => Pick<Calls<ThreadSessionMethods, Methods>, 'note' | 'ask'>) {
    this.#parts = parts;
    this.#calls = calls;
    this.#thread = {
      end: (id, reason) => {
        parts.world.changed(); // until it has heard, its thread has to ask, and is refused
        calls().note('session.end', { id, reason });
      },
      notice: (id, words) => calls().note('session.notice', { id, words }),
      become: (session) => calls().note('session.become', { id: session.id, standing: this.#standingOf(session) }),
    };
    this.handlers = {
      'session.open': (given, asked) => this.#open(given, asked),
      'session.judge': (given, asked) => this.#judge(given, asked),
      'session.foresee': ({ sessionId, action: sent }) => {
        const action = receiveAction(sent, this.#catalogues);
        const session = this.#sessions.get(sessionId);
        if (session === undefined || session.ended.aborted) return 'fault';
        return parts.gate.foresee(action, sent.classification, session.submitter);
      },
      'session.closed': ({ did, reason, seal }) => {
        this.#did(did);
        const session = this.#sessions.get(did.sessionId);
        if (session === undefined) return;
        session.seal = seal;
        session.close(reason);
      },
      'session.did': ({ did, used }) => {
        for (const one of did) this.#did(one);
        for (const one of used) this.#used(one);
      },
      policies: () => parts.policyTexts(),
    };
  }

  /** Does this thread run the session? */
  has(id: string): boolean {
    return this.#sessions.has(id as SessionId);
  }

  /** The thread is gone, and everything that ran in it. Gives the sessions that it had. */
  lost(reason: string): SessionId[] {
    const lost = [...this.#sessions.keys()];
    for (const session of [...this.#sessions.values()]) session.close(reason);
    return lost;
  }

  async #open({ principal: signedIn, target: name, facts, tokenId }: OpeningAsked, asked: Asked<HoldNotice>): Promise<OpeningAnswer> {
    const target = this.#parts.targetNamed(name);
    if (target === undefined) return refuse(`there is no target "${name}"`);
    const principal = this.#parts.personNow(signedIn.name);
    if (principal === null || !isSame(principal, signedIn)) return refuse('this account was changed while you signed in; sign in again');
    let made: RelayedSession | null = null;
    const opening: RegistryOpening = {
      ...{ principal, target, facts, tokenId },
      elsewhere: (id, own, startedAtMs, closed) => {
        made = new RelayedSession(id, own, startedAtMs, this.#thread, (session, reason) => {
          this.#sessions.delete(id);
          closed(session, reason);
        });
        this.#sessions.set(id, made);
        return made;
      },
    };
    const opened = await this.#parts.sessions.open(opening, laneOf(asked));
    const session = made as RelayedSession | null;
    if (opened.kind === 'refuse') {
      session?.close(opened.refusal.message);
      return opened;
    }
    if (session === null) throw new Error('the session was opened in the wrong thread');
    // The thread has not heard of the session yet: words for it would be lost there.
    if (asked.signal.aborted || session.ended.aborted) {
      const reason = session.ended.aborted ? String(session.ended.reason) : 'the client is gone';
      session.close(reason);
      return refuse(reason);
    }
    try {
      this.#parts.flushAudit();
    } catch (thrown) {
      session.close(messageOf(thrown));
      throw thrown;
    }
    const { id, role, startedAtMs } = session;
    return { kind: 'open', id, ...(role === undefined ? {} : { role }), startedAtMs, standing: this.#standingOf(session) };
  }

  async #judge({ did, action: sent, world }: JudgementAsked, asked: Asked<HoldNotice>): Promise<JudgementAnswer> {
    const action = receiveAction(sent, this.#catalogues);
    const session = this.#sessions.get(did.sessionId);
    if (session === undefined || session.ended.aborted) throw new Error('the session has ended');
    this.#did(did);
    const judgement = await this.#parts.gate.judge(action, session.submitter, {
      ...laneOf(asked),
      isUnchanged: () => this.#calls().ask('session.unchanged', { id: session.id, actionId: action.id }),
    });
    if (judgement.holdId !== null) session.counts.held += 1;
    if (judgement.ruling.kind === 'release')
      judgement.ruling.permit.close(); // the thread mints the one that counts
    else session.counts.denied += 1;
    this.#parts.flushAudit();
    const standing = this.#parts.world.now === world ? null : this.#standingOf(session);
    return { judgement: sendJudgement(judgement), standing };
  }

  #standingOf({ principal, target }: RelayedSession): Standing {
    const { world, grants, policies, clock } = this.#parts;
    const inForce = grants.inForce(principal.name, target.name);
    const endsMs = Math.min(...inForce.map(({ endsAtMs }) => endsAtMs));
    return {
      world: world.now,
      principal,
      grants: inForce,
      grantsForMs: inForce.length === 0 ? null : Math.max(0, endsMs - clock.nowMs()),
      policyVersion: policies().version,
    };
  }

  #did({ sessionId, acted, counts }: Did): void {
    const session = this.#sessions.get(sessionId);
    if (session === undefined) return;
    session.counted(counts);
    for (let count = 0; count < acted; count++) this.#parts.histories.acted(session.submitter, false);
  }

  #used({ rule, count, atMs }: RuleUsed): void {
    const policies = this.#parts.policies();
    if (rule.version === policies.version) policies.noteUse?.({ kind: 'deny', rule, message: '' }, atMs, count);
  }
}

/** The gate's words for whoever cancelled are strings. */
function laneOf({ signal, tell }: Asked<HoldNotice>): Lane {
  const gone = new AbortController();
  const abort = (): void => gone.abort(messageOf(signal.reason));
  if (signal.aborted) abort();
  else signal.addEventListener('abort', abort, { once: true });
  return { signal: gone.signal, onHold: tell };
}

function isSame(one: Principal, other: Principal): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function refuse(message: string): OpeningAnswer {
  return { kind: 'refuse', refusal: { reason: 'fault', message, hint: null, holdId: null, offset: null } };
}
