// One open session: numbers its actions, passes them to the gate, writes what was seen, and closes what is open when it ends.

import type { Action } from '../core/action.ts';
import { PlainOutcome, type AuditEvent, type AuditLog } from '../core/audit.ts';
import type { Classification } from '../core/classification.ts';
import type { Clock } from '../core/clock.ts';
import type { Decision, SessionFacts } from '../core/decision.ts';
import { messageOf } from '../core/errors.ts';
import type { ActionId, SessionId } from '../core/ids.ts';
import type { Outcome } from '../core/outcome.ts';
import type { Permit } from '../core/permit.ts';
import type { Classifier } from '../core/policy.ts';
import type { Principal } from '../core/principal.ts';
import type { Recorder, TerminalRecorder, TerminalSize } from '../core/recording.ts';
import type { Ruling } from '../core/ruling.ts';
import type { Lane, Session, SessionOpening, Submission } from '../core/session.ts';
import type { Target } from '../core/target.ts';
import type { Gate } from '../gate/gate.ts';
import type { Judgement } from '../gate/judgement.ts';
import type { Submitter } from '../gate/submitter.ts';
import { entryOf, quickEntryJson, round } from './entries.ts';
import type { Running } from './entries.ts';
import { RunningActions } from './running-actions.ts';

/** What a session asks of its gate. */
export interface SessionGate extends Pick<Gate, 'judge' | 'judgeSoon' | 'foresee' | 'stillAllows'> {
  /** Where a gate may have to ask another thread. */
  foreseeSurely?(action: Action, classification: Classification, submitter: Submitter): Promise<Decision['kind'] | 'fault'>;
}

export interface LiveSessionParts {
  readonly gate: SessionGate;
  readonly classifier: Classifier;
  readonly audit: AuditLog;
  readonly clock: Clock;
  readonly recorder: Recorder;
  /** Begins the recording of a terminal; missing where recordings keep none. */
  readonly openTerminal?: (size: TerminalSize) => TerminalRecorder | null;
  /** Told once, after the session closed. */
  readonly closed: (session: LiveSession, reason: string) => void;
}

export interface SessionCounts {
  statements: number;
  held: number;
  denied: number;
}

/** Result cells kept for the recording of one action. */
export const recordedCellsMax = 10_000;

export class LiveSession implements Session {
  readonly id: SessionId;
  readonly target: Target;
  readonly facts: SessionFacts;
  /** The access token behind it, or null. */
  readonly tokenId: string | null;
  readonly ended: AbortSignal;
  readonly counts: SessionCounts = { statements: 0, held: 0, denied: 0 };
  readonly #parts: LiveSessionParts;
  /** Whoever waits at the gate has this very object: the second decision is about the person of then. */
  readonly #submitter: { -readonly [Key in keyof Submitter]: Submitter[Key] };
  readonly #end = new AbortController();
  readonly #running = new RunningActions();
  readonly #startMs: number;
  readonly #noticed: ((words: string) => void)[] = [];
  #actions = 0;
  #closed = false;

  constructor(id: SessionId, { principal, target, facts, tokenId }: SessionOpening, parts: LiveSessionParts) {
    this.id = id;
    this.target = target;
    this.facts = facts;
    this.tokenId = tokenId ?? null;
    this.#parts = parts;
    this.ended = this.#end.signal;
    this.#startMs = parts.clock.monotonicMs();
    this.#submitter = { sessionId: id, principal, target, facts, ended: this.ended };
  }

  get principal(): Principal {
    return this.#submitter.principal;
  }

  get role(): string | undefined {
    return this.facts.role;
  }

  /** Goes on as the person they are now (other groups): from the next decision on, also of what waits. */
  become(principal: Principal): void {
    this.#submitter.principal = principal;
  }

  /** Everything that runs in it would be let run in just the same way now. */
  get runsOnlyAllowed(): boolean {
    return this.#running.all().every(({ action, judgement }) => this.#parts.gate.stillAllows(action, judgement, this.#submitter));
  }

  submit(submission: Submission, lane: Lane): Ruling | Promise<Ruling> {
    const action = this.#action(submission);
    const askedMs = this.#sinceStartMs();
    this.counts.statements += 1;
    const judgement = this.#parts.gate.judge(action, this.#submitter, lane);
    if (judgement instanceof Promise) return judgement.then((it) => this.#note(action, it, askedMs));
    return this.#note(action, judgement, askedMs);
  }

  submitSoon(submission: Submission, lane: Lane, then: (ruling: Ruling) => void): void {
    const action = this.#action(submission);
    const askedMs = this.#sinceStartMs();
    this.counts.statements += 1;
    this.#parts.gate.judgeSoon(action, this.#submitter, lane, (judgement) => then(this.#note(action, judgement, askedMs)));
  }

  classify(submission: Submission, signal?: AbortSignal): Classification | Promise<Classification> {
    return submission.classified ?? this.#parts.classifier.classify({ ...submission, id: `${this.id}-0` as ActionId }, signal);
  }

  foresee(submission: Submission, classification: Classification): Decision['kind'] | 'fault' {
    return this.#parts.gate.foresee({ ...submission, id: `${this.id}-0` as ActionId }, classification, this.#submitter);
  }

  async foreseeSurely(submission: Submission, classification: Classification): Promise<Decision['kind'] | 'fault'> {
    const action = { ...submission, id: `${this.id}-0` as ActionId };
    const { gate } = this.#parts;
    return gate.foreseeSurely?.(action, classification, this.#submitter) ?? gate.foresee(action, classification, this.#submitter);
  }

  finish(permit: Permit, outcome: Outcome): void {
    const running = this.#running.take(permit);
    if (running === undefined) throw new Error(`action ${permit.actionId} finished twice or never released`);
    const finishedMs = this.#sinceStartMs();
    this.#appendFinished(permit, running.action, running.judgement, finishedDetail(outcome, finishedMs - running.releasedMs));
    this.#record(running, finishedMs, outcome);
  }

  recordRows(permit: Permit, rows: readonly (string | null)[][]): void {
    const running = this.#running.get(permit);
    if (running === undefined) return;
    running.results ??= [];
    for (const row of rows) {
      if (running.cells + row.length > recordedCellsMax) return;
      running.cells += row.length;
      running.results.push(row);
    }
  }

  recordTerminal(size: TerminalSize): TerminalRecorder | null {
    try {
      return this.#parts.openTerminal?.(size) ?? null;
    } catch (thrown) {
      this.end(`the recorder failed: ${messageOf(thrown)}`);
      return null;
    }
  }

  onNotice(listener: (words: string) => void): void {
    this.#noticed.push(listener);
  }

  /** Words for the person, between their actions. */
  notice(words: string): void {
    for (const listener of this.#noticed) listener(words);
  }

  /** Ends the session from the gateway's side: the driver hears `ended` and closes with these words. */
  end(reason: string): void {
    if (!this.#end.signal.aborted) this.#end.abort(reason);
  }

  close(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.end(reason);
    for (const permit of this.#running.permits()) this.finish(permit, { kind: 'unknown', rows: null, error: null });
    this.#parts.closed(this, reason);
  }

  #action(submission: Submission): Action {
    this.#actions += 1;
    // Field by field: a spread costs a microsecond here, on the way of every statement.
    return {
      id: `${this.id}-${this.#actions}` as ActionId,
      kind: submission.kind,
      text: submission.text,
      parameters: submission.parameters,
      digest: submission.digest,
      mode: submission.mode,
      transaction: submission.transaction,
      classified: submission.classified,
      prepared: submission.prepared,
      reason: submission.reason ?? null,
    };
  }

  #sinceStartMs(): number {
    return this.#parts.clock.monotonicMs() - this.#startMs;
  }

  #note(action: Action, judgement: Judgement, askedMs: number): Ruling {
    const { ruling } = judgement;
    if (judgement.holdId !== null) this.counts.held += 1;
    if (ruling.kind === 'refuse') {
      this.counts.denied += 1;
      this.#record(refusedRun(action, judgement, askedMs), this.#sinceStartMs(), null);
      return ruling;
    }
    if (this.#closed) {
      this.#appendFinished(ruling.permit, action, judgement, new PlainOutcome('cancelled', null, 0)); // its release is in the log
      return { kind: 'refuse', refusal: { reason: 'fault', message: 'the session has ended', hint: null, holdId: null, offset: null } };
    }
    const running = { action, judgement, askedMs, releasedMs: this.#sinceStartMs(), results: null, cells: 0 };
    this.#running.add(ruling.permit, running);
    return ruling;
  }

  #appendFinished(permit: Permit, action: Action, { holdId }: Judgement, detail: AuditEvent['detail']): void {
    permit.close();
    this.#parts.audit.appendSoon({
      type: 'action.finished',
      atMs: this.#parts.clock.nowMs(),
      principal: this.principal.name,
      target: this.target.name,
      sessionId: this.id,
      actionId: action.id,
      holdId,
      detail,
    });
  }

  #record(running: Running, finishedMs: number, outcome: Outcome | null): void {
    const { recorder } = this.#parts;
    try {
      const quick = outcome === null || recorder.writeJson === undefined ? null : quickEntryJson(running, finishedMs, outcome);
      if (quick === null) recorder.write(entryOf(running, finishedMs, outcome));
      else recorder.writeJson?.(quick);
    } catch (thrown) {
      this.end(`the recorder failed: ${messageOf(thrown)}`);
    }
  }
}

function finishedDetail({ kind, rows, error, detail }: Outcome, durationMs: number): AuditEvent['detail'] {
  if (error === null && detail === undefined) return new PlainOutcome(kind, rows, durationMs);
  return { outcome: kind, rows, ...(error === null ? {} : { error: error.code }), ...detail, duration_ms: round(durationMs) };
}

function refusedRun(action: Action, judgement: Judgement, askedMs: number): Running {
  return { action, judgement, askedMs, releasedMs: -1, results: null, cells: 0 };
}
