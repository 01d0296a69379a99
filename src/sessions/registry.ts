// All live sessions: opens them through the gate (the action `connect`), ends them when people or policies change.

import type { Action } from '../core/action.ts';
import type { AuditEvent, AuditEventType, AuditLog } from '../core/audit.ts';
import type { Clock, Random } from '../core/clock.ts';
import type { Decision, SessionFacts } from '../core/decision.ts';
import { messageOf } from '../core/errors.ts';
import type { ActionId, SessionId } from '../core/ids.ts';
import type { Classification } from '../core/classification.ts';
import type { Classifier } from '../core/policy.ts';
import type { Principal } from '../core/principal.ts';
import type { Recorder, RecordingHeader, RecordingSeal, Recordings, SessionRecordFacts } from '../core/recording.ts';
import type { Refusal } from '../core/ruling.ts';
import type { Lane, OpenedSession, Session, SessionOpening, Sessions } from '../core/session.ts';
import type { Protocol } from '../core/target.ts';
import type { Gate } from '../gate/gate.ts';
import type { Submitter } from '../gate/submitter.ts';
import { LiveSession } from './live-session.ts';
import type { SessionCounts } from './live-session.ts';

/** A live session as the registry needs it: of this thread, or what stands here for one of another. */
export interface RegisteredSession extends Session {
  readonly facts: SessionFacts;
  readonly tokenId: string | null;
  readonly counts: Readonly<SessionCounts>;
  /** Of one that ran elsewhere and is over, when its recording is whole. */
  readonly seal?: RecordingSeal | null;
  /** Everything that runs in it would be let run in just the same way now. */
  readonly runsOnlyAllowed: boolean;
  /** Goes on as the person they are now. */
  become(principal: Principal): void;
  notice(words: string): void;
  end(reason: string): void;
}

/** Makes what stands here for a session that runs in another thread, which records it. `closed` is to be called once. */
export type Elsewhere = (id: SessionId, opening: SessionOpening, startedAtMs: number, closed: Closed) => RegisteredSession;
type Closed = (session: RegisteredSession, reason: string) => void;

/** An opening whose session may run elsewhere. */
export interface RegistryOpening extends SessionOpening {
  readonly elsewhere?: Elsewhere;
}

interface Entry {
  readonly session: RegisteredSession;
  /** Null: it is recorded elsewhere. */
  readonly recorder: Recorder | null;
  counted: number;
}

/** Where sessions are written down for lists and histories. */
export interface SessionBook {
  opened(session: RegisteredSession, startedAtMs: number): void;
  /** Called once a second with the sessions that did something: all at once, because each write may wait for the disk. */
  counted(sessions: readonly RegisteredSession[]): void;
  closed(session: RegisteredSession, endedAtMs: number, reason: string): void;
}

export interface RegistryParts {
  readonly gate: Gate;
  readonly classifierOf: (protocol: Protocol) => Classifier;
  readonly audit: AuditLog;
  readonly recordings: Recordings;
  readonly book: SessionBook;
  /** The principal of a name while it may act; missing: it never changes while somebody waits to be let in. */
  readonly personNow?: (name: string) => Principal | null;
  /** Is it good still? Missing: tokens never end while somebody signs in with them or waits to be let in. */
  readonly isTokenLive?: (tokenId: string) => boolean;
  readonly clock: Clock;
  readonly random: Random;
}

/** Sessions open at once, in all. More are refused in words. */
export const sessionsMax = 20_000;
const countIntervalMs = 1000;

const nothing: Classification = {
  understood: true,
  problem: null,
  statements: [],
  summary: { kinds: [], verbs: [], access: 'read', effects: [], tables: [], tablesWritten: [], functions: [], missingWhere: false },
};

export class SessionRegistry implements Sessions {
  readonly #parts: RegistryParts;
  readonly #live = new Map<SessionId, Entry>();
  readonly #listeners = new Set<(sessionId: SessionId) => void>();
  readonly #timer: NodeJS.Timeout;

  constructor(parts: RegistryParts) {
    this.#parts = parts;
    this.#timer = setInterval(() => this.#count(), countIntervalMs);
    this.#timer.unref();
  }

  async open(opening: RegistryOpening, lane: Lane): Promise<OpenedSession> {
    const { gate, recordings, clock, audit, book } = this.#parts;
    const id = `s-${this.#parts.random.bytes(10).toString('hex')}` as SessionId;
    if (this.#live.size >= sessionsMax)
      return { kind: 'refuse', refusal: faultOf(`the gateway has ${sessionsMax} sessions open, its limit`) };
    const submitter: Submitter = { sessionId: id, ...opening, ended: lane.signal };
    const judgement = await gate.judge(connectAction(id, opening), submitter, lane);
    const refused = (refusal: Refusal): OpenedSession => {
      this.#event('session.refused', id, opening, { ...factsDetail(opening), message: refusal.message });
      return { kind: 'refuse', refusal };
    };
    if (judgement.ruling.kind === 'refuse') return refused(judgement.ruling.refusal);
    const principal = this.#parts.personNow?.(opening.principal.name);
    if (principal !== undefined && principal !== opening.principal) {
      judgement.ruling.permit.close();
      return refused(faultOf('this account was changed while you waited; sign in again'));
    }
    if (opening.tokenId && this.#parts.isTokenLive?.(opening.tokenId) === false) {
      judgement.ruling.permit.close();
      return refused(faultOf('the access token has ended since you began to sign in; sign in again with another'));
    }
    judgement.ruling.permit.close(); // nothing of `connect` itself goes to the target
    let recorder: Recorder | null = null;
    try {
      const startedAtMs = clock.nowMs();
      const closed: Closed = (session, reason) => this.#closed(session, reason);
      recorder = opening.elsewhere === undefined ? recordings.open(id, recordingHeader(id, opening, startedAtMs)) : null;
      const session =
        recorder === null
          ? (opening.elsewhere as Elsewhere)(id, opening, startedAtMs, closed)
          : new LiveSession(id, opening, {
              gate,
              classifier: this.#parts.classifierOf(opening.target.protocol),
              audit,
              clock,
              recorder,
              openTerminal: (size) => recordings.openTerminal?.(id, size) ?? null,
              closed,
            });
      book.opened(session, startedAtMs);
      this.#noteOpened(session, opening, { ...factsDetail(opening), rule: judgement.decision?.rule?.id ?? null });
      this.#live.set(id, { session, recorder, counted: 0 });
      this.#tell(id);
      return { kind: 'open', session };
    } catch (thrown) {
      void recorder?.close();
      return refused(faultOf(`the session could not be recorded: ${messageOf(thrown)}`));
    }
  }

  /** Calls back when a session opens, counts something or closes. Returns how to stop. */
  on(listener: (sessionId: SessionId) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #tell(sessionId: SessionId): void {
    for (const listener of this.#listeners) listener(sessionId);
  }

  /** The live session of that id, if there is one. */
  live(id: string): RegisteredSession | undefined {
    return this.#live.get(id as SessionId)?.session;
  }

  /** Ends the sessions that match, with words that their clients see. Returns how many. */
  endWhere(matches: (session: RegisteredSession) => boolean, reason: string): number {
    let count = 0;
    for (const { session } of [...this.#live.values()]) {
      if (!matches(session)) continue;
      count += 1;
      session.end(reason);
    }
    return count;
  }

  /** Tells the people of the sessions that match. */
  noticeWhere(matches: (session: RegisteredSession) => boolean, words: string): void {
    for (const { session } of this.#live.values()) if (matches(session)) session.notice(words);
  }

  /** Ends a session by word of somebody; false when it is not open. */
  kill(id: string, by: Principal): boolean {
    const session = this.live(id);
    if (session === undefined) return false;
    this.#event('session.killed', session.id, { ...session, principal: by }, { person: session.principal.name });
    session.end(`ended by ${by.name}`);
    return true;
  }

  /**
   * After a change of somebody's groups: their sessions go on as the person they are now. Those end that would not be opened any
   * more, and those in which something runs that would not run, or not in the same way.
   */
  personChanged(principal: Principal): void {
    for (const { session } of [...this.#live.values()]) {
      if (session.principal.name !== principal.name || session.principal === principal) continue;
      const couldOpen = this.#foresee(session) === 'allow';
      session.become(principal);
      const opens = this.#foresee(session);
      const mayStay = opens === 'allow' || (opens === 'hold' && !couldOpen);
      if (!mayStay || !session.runsOnlyAllowed) session.end('your groups changed, and the policies no longer allow this session');
    }
  }

  /** After a change of policies: sessions that would not be opened now end. */
  judgeAgain(): void {
    for (const { session } of [...this.#live.values()]) {
      const foreseen = this.#foresee(session);
      if (foreseen === 'deny' || foreseen === 'fault') session.end('the policies changed and no longer allow this session');
    }
  }

  /** What the policies say now to opening this session. */
  #foresee(session: RegisteredSession): Decision['kind'] | 'fault' {
    const { id, principal, target, facts, ended } = session;
    return this.#parts.gate.foresee(connectAction(id, session), nothing, { sessionId: id, principal, target, facts, ended });
  }

  get size(): number {
    return this.#live.size;
  }

  close(reason: string): void {
    clearInterval(this.#timer);
    for (const { session } of [...this.#live.values()]) session.close(reason);
  }

  #closed(session: RegisteredSession, reason: string): void {
    const entry = this.#live.get(session.id);
    if (entry === undefined) return;
    this.#live.delete(session.id);
    this.#parts.book.closed(session, this.#parts.clock.nowMs(), reason);
    this.#event('session.closed', session.id, session, { reason, ...session.counts, ...this.#sealed(entry) });
    this.#tell(session.id);
  }

  /** Closes the recording: what it holds from now on is told with the session's end. */
  #sealed({ session, recorder }: Entry): { readonly recording?: RecordingSeal } {
    const seal = recorder === null ? session.seal : this.#parts.recordings.seal(session.id);
    return seal ? { recording: seal } : {};
  }

  #count(): void {
    const changed: RegisteredSession[] = [];
    for (const entry of this.#live.values()) {
      const { statements, held, denied } = entry.session.counts;
      const counted = statements + held + denied; // what waited is counted when it was answered: later than its statement
      if (entry.counted === counted) continue;
      entry.counted = counted;
      changed.push(entry.session);
    }
    if (changed.length === 0) return;
    this.#parts.book.counted(changed);
    for (const { id } of changed) this.#tell(id);
  }

  /** In the log before anybody uses the session: a kill later leaves no end without a beginning. Throws where it can't be written. */
  #noteOpened(session: RegisteredSession, who: SessionOpening, detail: Record<string, unknown>): void {
    try {
      const durable = this.#parts.audit.append(this.#eventOf('session.opened', session.id, who, detail));
      durable?.catch(() => undefined); // a disk that fails breaks the log, which is told and refuses everything
    } catch (thrown) {
      this.#parts.book.closed(session, this.#parts.clock.nowMs(), messageOf(thrown));
      throw thrown;
    }
  }

  #event(type: AuditEventType, id: SessionId, who: SessionOpening, detail: Record<string, unknown>): void {
    this.#parts.audit.appendSoon(this.#eventOf(type, id, who, detail));
  }

  #eventOf(type: AuditEventType, id: SessionId, { principal, target }: SessionOpening, detail: Record<string, unknown>): AuditEvent {
    const atMs = this.#parts.clock.nowMs();
    return { type, atMs, principal: principal.name, target: target.name, sessionId: id, actionId: null, holdId: null, detail };
  }
}

function faultOf(message: string): Refusal {
  return { reason: 'fault', message, hint: null, holdId: null, offset: null };
}

/** How the recording of a session begins. */
export function recordingHeader(sessionId: SessionId, opening: SessionOpening, startedAtMs: number): RecordingHeader {
  const { principal, target, facts } = opening;
  return {
    sessionId,
    principal: principal.name,
    target: target.name,
    protocol: target.protocol,
    clientAddress: facts.clientAddress,
    startedAtMs,
    facts: recordFacts(opening),
  };
}

/** Who and where as policies saw them, for the recording. */
function recordFacts({ principal, target, facts }: SessionOpening): SessionRecordFacts {
  const { tls, method, database } = facts;
  return { principalKind: principal.kind, groups: principal.groups, labels: target.labels, tls, method, database };
}

/** The same and the rest of it for the audit log, in its words. */
function factsDetail({ principal, target, facts }: SessionOpening): Record<string, unknown> {
  const { clientAddress, tls, method, database, role, secondFactorAtMs } = facts;
  return {
    client_address: clientAddress,
    ...{ tls, method, database },
    ...(role === undefined ? {} : { role }),
    ...(secondFactorAtMs === undefined ? {} : { second_factor_at_ms: secondFactorAtMs }),
    principal_kind: principal.kind,
    ...{ groups: principal.groups, protocol: target.protocol, labels: target.labels },
  };
}

function connectAction(id: SessionId, opening: SessionOpening): Action {
  return {
    id: `${id}-0` as ActionId,
    kind: 'connect',
    text: `connect to ${opening.target.name}`,
    parameters: null,
    digest: () => '',
    mode: { key: '', settings: {}, catalogue: null },
    transaction: 'none',
    classified: nothing,
    prepared: null,
  };
}
