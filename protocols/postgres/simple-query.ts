// The simple query cycle: one message that is a whole text, or the call of a function, is judged, goes to the target, and everything
// is answered up to ReadyForQuery (54.2.2, 54.2.5).

import { Fault } from '../../src/core/errors.ts';
import { lowerFenceQuery } from './fence.ts';
import { placeFence, withInsertions } from './fence-text.ts';
import type { Machine } from './machine.ts';
import type { MachinePort } from './machine-port.ts';
import * as wire from './messages.ts';
import { noPlaceForFence, refusalError } from './refusal.ts';
import type { Run } from './statements.ts';

export class SimpleQuery {
  readonly #machine: Machine;
  readonly #port: MachinePort;

  constructor(machine: Machine, port: MachinePort) {
    this.#machine = machine;
    this.#port = port;
  }

  query(bytes: Buffer): void {
    if (bytes.indexOf(0, 5) !== bytes.length - 1)
      throw new Fault('protocol-violation', 'invalid message format: bytes after the end of the text');
    const machine = this.#machine;
    const submission = machine.submissions.ofQuery(bytes);
    const { text } = submission;
    machine.submit(submission, (ruling) => {
      if (ruling.kind === 'refuse') return machine.refusing.cycle(refusalError(ruling.refusal, text));
      machine.endBatch();
      machine.statements.confirmed('', undefined); // a simple query drops the unnamed statement before it is parsed
      this.run(machine.open(ruling, text), text, bytes);
    });
  }

  /** Sends a released Query, behind the fence when it has one: in the same message, so that it can't run without. */
  run(run: Run, text: string, bytes: Buffer): void {
    const machine = this.#machine;
    const placed = run.fenced ? placeFence(run.classification, text, machine.session.block) : null;
    if (run.fenced && placed === null) {
      const { code, message } = wire.readDiagnostic(noPlaceForFence);
      this.#port.finish(run.permit, { kind: 'failed', rows: null, error: { code, message } });
      return machine.refusing.cycle(noPlaceForFence);
    }
    machine.begin(run);
    machine.busy = true;
    machine.expected.push({ kind: 'query', run, text, fence: placed === null ? null : { placed, answered: 0, bytes } });
    this.#port.toTarget(run.permit, placed === null ? bytes : withInsertions(placed, text, bytes));
    if (run.limits !== null) machine.replies.limits.look();
    if (placed?.lowers !== true) return;
    machine.expected.push({ kind: 'own-query', by: 'query' });
    this.#port.toTargetQuietly(lowerFenceQuery);
  }

  functionCall(bytes: Buffer): void {
    const machine = this.#machine;
    const submission = machine.submissions.ofFunctionCall(bytes);
    const { text } = submission;
    machine.submit(submission, (ruling) => {
      if (ruling.kind === 'refuse') return machine.refusing.cycle(refusalError(ruling.refusal, text));
      const run = machine.open(ruling, text);
      machine.endBatch();
      machine.begin(run);
      machine.busy = true;
      machine.expected.push({ kind: 'function-call', run });
      this.#port.toTarget(run.permit, bytes);
      if (run.limits !== null) machine.replies.limits.look();
    });
  }
}
