// The fast path of the relay: a client's chunk that is one whole cycle, and a target's chunk that is the plain answer to it, pass as
// they came, without a message made of them. It is judged, audited and recorded as on the ordinary way. Whatever else happens
// meanwhile, or looks otherwise by one byte, is left to the ordinary way (machine.ts, replies.ts), in the state in which that
// would be then.

import type { Ruling } from '../../src/core/ruling.ts';
import type { Submission } from '../../src/core/session.ts';
import { isFenced, wantsBlock } from './fence.ts';
import { limitsOf } from './limits.ts';
import type { Machine } from './machine.ts';
import type { MachinePort } from './machine-port.ts';
import { isAscii } from './names.ts';
import type { Portal } from './statements.ts';
import { portalsMax } from './statements.ts';
import { quickPortal } from './submissions.ts';
import { answerOf, cycleOf } from './whole-cycles.ts';
import type { Cycle } from './whole-cycles.ts';

/** Longer chunks have more to their work than messages. Below the limits of messages in every configuration that runs anything. */
const chunkBytesMax = 8 * 1024;
const idle = 0x49;

type Release = Extract<Ruling, { kind: 'release' }>;

/** What goes this way now: submitted, and with its ruling at the target. */
interface FastCycle {
  readonly cycle: Cycle;
  readonly chunk: Buffer;
  readonly text: string;
  /** Null for a Query. */
  readonly portal: Portal | null;
  /** Null while it waits for its ruling. */
  ruling: Release | null;
}

export class FastPath {
  readonly #machine: Machine;
  readonly #port: MachinePort;
  #going: FastCycle | null = null;
  /** Name of the prepared statement that came this way last. */
  #likely = '';

  constructor(machine: Machine, port: MachinePort) {
    this.#machine = machine;
    this.#port = port;
  }

  /** A chunk of the client that nothing waits before. False: it is for the ordinary way, which is ready for it. */
  client(chunk: Buffer): boolean {
    if (this.#going !== null) {
      this.leave();
      return false;
    }
    if (chunk.length > chunkBytesMax || !this.#machine.isAtRest) return false;
    const cycle = cycleOf(chunk, this.#likely);
    if (cycle === null) return false;
    return cycle.kind === 'query' ? this.#query(cycle, chunk) : this.#portal(cycle, chunk);
  }

  /** A chunk of the target. True when it was the plain answer: it was passed on, and the cycle is over. */
  target(chunk: Buffer): boolean {
    const going = this.#going;
    if (going === null || going.ruling === null) return false;
    const answer = this.#machine.replies.isBetween ? answerOf(chunk, going.cycle) : null;
    if (answer === null || answer.status !== this.#machine.session.status.charCodeAt(0)) {
      this.leave();
      return false;
    }
    this.#going = null;
    this.#port.toClientNow(chunk); // the client need not wait until it is written down
    this.#port.finish(going.ruling.permit, { kind: 'completed', rows: answer.rows, error: null });
    if (answer.status === idle) this.#machine.settings.transactionEnded(true);
    else if (going.portal !== null) this.#machine.portals.set('', going.portal);
    return true;
  }

  /** Something else comes: what goes this way goes on on the ordinary one. */
  leave(): void {
    const going = this.#going;
    this.#going = null;
    if (going === null) return;
    if (going.ruling === null) this.#port.takeJudged(going.chunk, null);
    else this.#expect(going, going.ruling);
  }

  #query(cycle: Cycle, chunk: Buffer): boolean {
    const submission = this.#machine.submissions.ofQuery(chunk);
    this.#submit({ cycle, chunk, text: submission.text, portal: null, ruling: null }, submission);
    return true;
  }

  #portal(cycle: Extract<Cycle, { kind: 'portal' }>, chunk: Buffer): boolean {
    const { statements, portals } = this.#machine;
    if (!isAscii(cycle.statement) || portals.size >= portalsMax) return false;
    const statement = statements.get(cycle.statement);
    if (statement === undefined || statement.bySql) return false;
    this.#likely = cycle.statement;
    const portal = quickPortal(statement, chunk, cycle.fieldsAt, cycle.bindEnd);
    this.#submit({ cycle, chunk, text: portal.text, portal, ruling: null }, this.#machine.submissions.ofPortal(portal));
    return true;
  }

  #submit(going: FastCycle, submission: Submission): void {
    this.#going = going;
    this.#port.submitSoon(submission, (ruling) => this.#ruled(going, ruling));
  }

  #ruled(going: FastCycle, ruling: Ruling): void {
    if (this.#going !== going) return this.#port.ruledLate(ruling);
    if (ruling.kind === 'refuse' || !isPlain(ruling, going.text)) {
      this.#going = null;
      return this.#port.takeJudged(going.chunk, ruling);
    }
    ruling.permit.open();
    going.ruling = ruling;
    this.#port.toTargetNow(ruling.permit, going.chunk);
    this.#begin(going);
  }

  #begin({ portal }: FastCycle): void {
    const { outcomes, session, settings, statements } = this.#machine;
    if (session.status === 'I') settings.transactionBegan();
    if (portal === null) statements.confirmed('', undefined);
    else outcomes.portalGone('');
  }

  /** The cycle is at the target; from now on its answer is waited for as if it had come message by message. */
  #expect({ cycle, portal, text }: FastCycle, ruling: Release): void {
    const machine = this.#machine;
    const { expected } = machine;
    const run = machine.opened(ruling, text);
    machine.busy = true;
    if (portal === null) return expected.push({ kind: 'query', run, text, fence: null });
    portal.run = run;
    portal.executing = 1;
    machine.portals.set('', portal);
    machine.dirty = true;
    expected.push({ kind: 'bind', portal });
    if (cycle.kind === 'portal' && cycle.describes) expected.push({ kind: 'describe-portal' });
    expected.push({ kind: 'execute', portal }, { kind: 'sync' });
    machine.secondTry.sent([]);
  }
}

/** Nothing of it has to be watched or followed: one statement that reads or writes, and changes nothing of the session. */
function isPlain({ obligations, classification, masking }: Release, text: string): boolean {
  const { understood, statements, summary } = classification;
  if (!understood || statements.length !== 1 || statements[0]?.changes.length !== 0 || masking !== undefined) return false;
  if (summary.access !== 'read' && summary.access !== 'write') return false;
  if (summary.verbs.includes('transaction') || summary.kinds.some(wantsBlock)) return false;
  return obligations.recordResults !== true && limitsOf(obligations) === null && !isFenced(obligations, classification, text);
}
