// The sessions of a relay thread. The main thread opens them (its gate, its registry, its lists), and ends them; what they do is judged,
// recorded and counted here.

import type { SessionFacts } from '../core/decision.ts';
import { messageOf } from '../core/errors.ts';
import type { SessionId } from '../core/ids.ts';
import type { Recordings } from '../core/recording.ts';
import type { Lane, OpenedSession, SessionOpening, Sessions } from '../core/session.ts';
import { LiveSession } from '../sessions/live-session.ts';
import type { SessionCounts } from '../sessions/live-session.ts';
import { recordingHeader } from '../sessions/registry.ts';
import type { Handlers } from './calls.ts';
import type { OpeningAnswer, ThreadSessionMethods } from './session-methods.ts';
import { ThreadGate } from './thread-gate.ts';
import type { ThreadJudging } from './thread-judging.ts';

export interface ThreadSessionsParts {
  readonly judging: ThreadJudging;
  readonly recordings: Recordings;
  /** Hands what waits of the recording of a session to the kernel. */
  readonly flushRecording: (sessionId: string) => void;
}

interface Live {
  readonly session: LiveSession;
  readonly gate: ThreadGate;
}

type Opened = Extract<OpeningAnswer, { kind: 'open' }>;
const noCounts: SessionCounts = { statements: 0, held: 0, denied: 0 };

export class ThreadSessions implements Sessions {
  readonly #parts: ThreadSessionsParts;
  readonly #live = new Map<SessionId, Live>();
  readonly handlers: Handlers<ThreadSessionMethods>;

  constructor(parts: ThreadSessionsParts) {
    this.#parts = parts;
    this.handlers = {
      'session.end': ({ id, reason }) => this.#live.get(id)?.session.end(reason),
      'session.unchanged': async ({ id, actionId }) => (await this.#live.get(id)?.gate.isUnchanged(actionId)) ?? false,
      'session.notice': ({ id, words }) => this.#live.get(id)?.session.notice(words),
      'session.become': async ({ id, standing }) => {
        const live = this.#live.get(id);
        if (live === undefined) return;
        live.gate.stand(standing);
        await parts.judging.parts.policies.ready(standing.policyVersion);
        if (!live.session.runsOnlyAllowed) live.session.end('your groups changed, and the policies no longer allow this session');
      },
      flush: ({ sessionId }) => {
        parts.judging.tell();
        parts.judging.parts.audit.flush();
        if (sessionId !== null) parts.flushRecording(sessionId);
      },
    };
  }

  async open(opening: SessionOpening, lane: Lane): Promise<OpenedSession> {
    const { principal, target, facts, tokenId = null } = opening;
    const { calls, policies } = this.#parts.judging.parts;
    const { clientAddress, tls, method, database } = facts;
    const asked = { principal, target: target.name, facts: { clientAddress, tls, method, database }, tokenId };
    let answer: OpeningAnswer;
    try {
      answer = await calls.ask('session.open', asked, { signal: lane.signal, onTold: (notice) => lane.onHold(notice) });
    } catch (thrown) {
      return refused(messageOf(thrown));
    }
    if (answer.kind === 'refuse') return answer;
    let session: LiveSession;
    try {
      session = this.#opened(answer, opening); // before anything is waited for: it may be ended already, by the next message
    } catch (thrown) {
      const reason = `the session could not be recorded: ${messageOf(thrown)}`;
      calls.note('session.closed', { did: { sessionId: answer.id, acted: 0, counts: noCounts }, reason, seal: null });
      return refused(reason);
    }
    await policies.ready(answer.standing.policyVersion);
    if (!session.ended.aborted) return { kind: 'open', session };
    const reason = String(session.ended.reason);
    session.close(reason);
    return refused(reason);
  }

  #opened({ id, role, startedAtMs, standing }: Opened, opening: SessionOpening): LiveSession {
    const { judging, recordings } = this.#parts;
    const { clientAddress, tls, method, database } = opening.facts;
    const facts: SessionFacts = judging.unknown.factsOf({ clientAddress, tls, method, database, ...(role === undefined ? {} : { role }) });
    const own: SessionOpening = { principal: standing.principal, target: opening.target, facts, tokenId: opening.tokenId ?? null };
    const recorder = recordings.open(id, recordingHeader(id, own, startedAtMs));
    const gate: ThreadGate = new ThreadGate({
      judging,
      sessionId: id,
      standing,
      counts: () => session.counts,
      become: (principal) => session.become(principal),
    });
    const session: LiveSession = new LiveSession(id, own, {
      gate,
      classifier: judging.parts.classifierOf(opening.target.protocol),
      audit: judging.parts.audit,
      clock: judging.parts.clock,
      recorder,
      closed: (_session, reason) => this.#closed(id, reason),
    });
    this.#live.set(id, { session, gate });
    return session;
  }

  #closed(id: SessionId, reason: string): void {
    const live = this.#live.get(id);
    if (live === undefined) return;
    this.#live.delete(id);
    const { audit, calls } = this.#parts.judging.parts;
    const seal = this.#parts.recordings.seal(id);
    try {
      audit.flush(); // the log says that it is closed behind what it did
    } catch {
      // Told to the log's own listener; what waits is tried again.
    }
    calls.note('session.closed', { did: live.gate.takeDid(), reason, seal });
  }

  /** Ends one whose recording failed, or all of them. */
  endWhere(matches: (id: SessionId) => boolean, reason: string): void {
    for (const [id, { session }] of [...this.#live]) if (matches(id)) session.end(reason);
  }
}

function refused(message: string): OpenedSession {
  return { kind: 'refuse', refusal: { reason: 'fault', message, hint: null, holdId: null, offset: null } };
}
