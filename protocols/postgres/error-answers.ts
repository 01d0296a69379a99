// An error of the target: what was asked when it came says whether the client reads it as it is, moved, or another in its place,
// or whether the statement is tried again; and what the server throws away because of it.

import { readOnlyState } from './attempt.ts';
import type { Expected } from './expected.ts';
import { ownChars } from './fence-text.ts';
import type { LimitWatch } from './limit-watch.ts';
import type { Machine } from './machine.ts';
import * as wire from './messages.ts';
import { movedPosition } from './refusal.ts';

/** query_canceled */
const canceledState = '57014';

type Query = Extract<Expected, { kind: 'query' | 'function-call' }>;
type Diagnostic = ReturnType<typeof wire.readDiagnostic>;

export class ErrorAnswers {
  readonly #machine: Machine;
  readonly #limits: LimitWatch;

  constructor(machine: Machine, limits: LimitWatch) {
    this.#machine = machine;
    this.#limits = limits;
  }

  /** What the client reads instead (`nothing`: it is tried again), or null for as it is. */
  answer(bytes: Buffer): Buffer | null {
    const { expected, session } = this.#machine;
    const error = wire.readDiagnostic(bytes);
    const asked = expected.head;
    this.#machine.copyIn = null;
    session.failed();
    if (error.severity === 'FATAL' || error.severity === 'PANIC') {
      session.isOver = true;
      return null;
    }
    if (asked === undefined) return null; // idle (shutdown)
    switch (asked.kind) {
      case 'sync': // at commit
      case 'own-query':
        return null;
      case 'query':
      case 'function-call':
        return this.#ofQuery(asked, error, bytes);
      case 'refused':
        if (!asked.endsCycle) expected.shift();
        return asked.reply;
      default:
        return this.#ofBatch(asked, error, bytes);
    }
  }

  #ofQuery(asked: Query, error: Diagnostic, bytes: Buffer): Buffer | null {
    asked.run.error = { code: error.code, message: error.message };
    const cut = error.code === canceledState ? this.#limits.cut(asked.run) : null;
    if (cut !== null) return cut;
    if (asked.kind === 'function-call' || asked.fence === null) return null;
    const { placed } = asked.fence;
    if (error.code !== readOnlyState) return movedPosition(bytes, (position) => ownChars(placed, position));
    return this.#machine.secondTry.query(asked.run, asked.text, asked.fence, bytes);
  }

  #ofBatch(asked: Expected, error: Diagnostic, bytes: Buffer): Buffer | null {
    this.#machine.statements.failed(asked.kind === 'parse' && asked.name === '');
    const cut =
      asked.kind === 'execute' && asked.portal.run !== null && error.code === canceledState ? this.#limits.cut(asked.portal.run) : null;
    const answer = error.code === readOnlyState ? this.#triedToWrite(asked, bytes) : cut;
    const { code, message } = cut === null ? error : wire.readDiagnostic(cut);
    this.#machine.outcomes.batchFailed({ code, message });
    this.#machine.batchFailed();
    return answer;
  }

  /** What is said instead, when it met the fence of a portal. */
  #triedToWrite(asked: Expected, error: Buffer): Buffer | null {
    if (asked.kind !== 'bind' && asked.kind !== 'execute') return null;
    const { portal } = asked;
    if (portal.run === null || !portal.run.fenced) return null;
    return this.#machine.secondTry.batch(portal, portal.run, this.#machine.expected.toSync(), error);
  }
}
