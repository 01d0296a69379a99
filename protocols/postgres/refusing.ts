// How the relay says no, in the order of the protocol: to a whole cycle, to the rest of a batch, to messages that are too large or
// malformed. What was released before keeps its way to the target and is answered first.

import { Fault, messageOf } from '../../src/core/errors.ts';
import { noRoomWords } from '../../src/core/reading.ts';
import type { Frame } from './codec.ts';
import type { Machine } from './machine.ts';
import type { MachinePort } from './machine-port.ts';
import { extended } from './message-groups.ts';
import * as wire from './messages.ts';
import type { FailingMessages } from './refusal.ts';

type Oversize = Extract<Frame, { readonly kind: 'oversize' }>;

export class Refusing {
  readonly #machine: Machine;
  readonly #port: MachinePort;
  readonly #failing: FailingMessages;

  constructor(machine: Machine, port: MachinePort, failing: FailingMessages) {
    this.#machine = machine;
    this.#port = port;
    this.#failing = failing;
  }

  /** A refused Query or FunctionCall: an error and ReadyForQuery; an open transaction fails as after any error. */
  cycle(reply: Buffer): void {
    const { outbox, session, expected } = this.#machine;
    this.#machine.sendOut(outbox.takeReleased());
    this.drop(false);
    const { status } = session;
    if (status === 'T' || this.#machine.dirty || expected.length > 0) {
      this.#machine.busy = true;
      expected.push({ kind: 'refused', reply, endsCycle: true });
      return this.#port.toTargetQuietly(this.#failing.query);
    }
    this.#port.reply(reply);
    this.#port.reply(wire.readyForQuery(status.charCodeAt(0)));
  }

  /** One error for the batch, then silence up to Sync. What was sent before it is answered first and undone with it. */
  batch(reply: Buffer, unnamedLost: boolean): void {
    const machine = this.#machine;
    machine.sendOut(machine.outbox.takeReleased());
    this.drop(unnamedLost);
    machine.absorbing = true;
    if (machine.session.status !== 'T' && !machine.dirty && machine.expected.length === 0) return this.#port.reply(reply);
    machine.expected.push({ kind: 'refused', reply, endsCycle: false });
    this.#port.toTargetQuietly(this.#failing.describe);
  }

  /** Throws away what is kept back; `unnamedLost`: a Parse of the unnamed statement was among what failed. */
  drop(unnamedLost: boolean): void {
    const { outbox, outcomes, statements } = this.#machine;
    const dropped = outbox.take();
    const unnamedParse = dropped.some(({ expected }) => expected.kind === 'parse' && expected.name === '');
    for (const { expected } of dropped) outcomes.dropped(expected);
    statements.failed(unnamedLost || unnamedParse);
  }

  oversize({ why, type, lengthBytes }: Oversize): void {
    if (this.#machine.absorbing && extended.includes(type)) return;
    const what = `the message is ${lengthBytes} bytes long`;
    const words = {
      limit: { code: '54000', message: `${what}, more than this gateway takes`, hint: 'Send it in smaller parts, or raise the limit.' },
      'no-room': { code: '53400', message: `${what}, and the gateway has ${noRoomWords}` },
    };
    this.#message(type, wire.diagnostic({ severity: 'ERROR', ...words[why] }));
  }

  cancelled(type: number): void {
    this.#message(type, wire.diagnostic({ severity: 'ERROR', code: '57014', message: 'canceling statement due to user request' }));
  }

  malformed(type: number, thrown: Fault): void {
    if (thrown.hint === 'fatal') throw thrown;
    this.#message(type, wire.diagnostic({ severity: 'ERROR', code: '08P01', message: messageOf(thrown) }));
  }

  #message(type: number, reply: Buffer): void {
    if (type === wire.fromClient.query || type === wire.fromClient.functionCall) return this.cycle(reply);
    if (!extended.includes(type)) throw new Fault('protocol-violation', `invalid frontend message type ${type}`, { hint: 'fatal' });
    this.batch(reply, type === wire.fromClient.parse);
  }
}
