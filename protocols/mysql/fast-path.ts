// The fast path of the relay: a client's chunk that is one whole COM_QUERY or COM_STMT_EXECUTE, and a target's chunk that is the plain
// answer to it, pass as they came. It is judged, audited and recorded as on the ordinary way. Whatever else happens meanwhile, or
// looks otherwise by one byte, is left to the ordinary way (machine.ts, replies.ts), in the state in which that would be then.

import type { Parameter } from '../../src/core/action.ts';
import type { Classification } from '../../src/core/classification.ts';
import type { Ruling } from '../../src/core/ruling.ts';
import type { Submission } from '../../src/core/session.ts';
import { BodyReader } from './body-reader.ts';
import { headerBytes } from './codec.ts';
import { killOf } from './commands.ts';
import { digestOf, digestedParts } from './execution.ts';
import type { Machine } from './machine.ts';
import { command } from './messages.ts';
import { executeHeadBytes, readValues } from './parameters.ts';
import type { MachineOptions, MachinePort } from './port.ts';
import { variablesPutBack } from './put-back.ts';
import { askedOf, runOf, type Asked } from './state.ts';
import type { WireStatement } from './statements.ts';
import { isWholeCommand, PlainAnswers } from './whole-packets.ts';

/** Longer chunks have more to their work than packets. */
const chunkBytesMax = 8 * 1024;
const oneIteration = 1;
/** Number of the statement prepared last: the target is told the true one. */
const lastPreparedId = 0xffffffff;

type Release = Extract<Ruling, { kind: 'release' }>;

/** none: nothing goes this way. asked: it waits for its ruling. sent: it is at the target. */
type Stage = 'none' | 'asked' | 'sent';

export class FastPath {
  readonly #machine: Machine;
  readonly #port: MachinePort;
  readonly #options: MachineOptions;
  readonly #answers: PlainAnswers;
  /** Where the text of a query begins that has no attributes. */
  readonly #textAt: number;
  #stage: Stage = 'none';
  // What goes this way: one command at a time, as the protocol has it.
  #chunk: Buffer | null = null;
  #submission: Submission | null = null;
  #statement: WireStatement | null = null;
  #ruling: Release | null = null;

  constructor(machine: Machine, port: MachinePort, options: MachineOptions) {
    this.#machine = machine;
    this.#port = port;
    this.#options = options;
    this.#answers = new PlainAnswers(options);
    this.#textAt = headerBytes + 1 + (options.attributes === 'none' ? 0 : 2);
  }

  /** A chunk of the client that nothing waits before. False: it is for the ordinary way, which is ready for it. */
  client(chunk: Buffer): boolean {
    if (this.#stage !== 'none') {
      this.leave();
      return false;
    }
    if (chunk.length > chunkBytesMax || !isWholeCommand(chunk) || !this.#machine.isAtRest) return false;
    switch (chunk[headerBytes]) {
      case command.query:
        return this.#query(chunk);
      case command.execute:
        return this.#execute(chunk);
      default:
        return false;
    }
  }

  /** A chunk of the target. True when it was the plain answer: it has been passed on, and the command is over. */
  target(chunk: Buffer): boolean {
    if (this.#stage !== 'sent') return false;
    const answers = this.#answers;
    if (!answers.read(chunk, this.#statement !== null)) {
      this.leave();
      return false;
    }
    const { permit, classification } = this.#ruling as Release;
    this.#forget();
    this.#port.toClientNow(chunk);
    this.#machine.completed(permit, classification, answers.rows, answers.statusFlags);
    return true;
  }

  /** Something else comes: what goes this way goes on on the ordinary one. */
  leave(): void {
    if (this.#stage === 'none') return;
    const [asked, ruling] = [this.#asked(), this.#ruling];
    this.#forget();
    if (ruling === null) this.#machine.waits(asked);
    else this.#machine.runs(runOf(asked, ruling));
  }

  #query(chunk: Buffer): boolean {
    const { attributes, statementBytesMax } = this.#options;
    const textAt = this.#textAt;
    if (attributes === 'dropped' || chunk.length <= textAt || chunk.length - headerBytes - 1 > statementBytesMax) return false;
    if (attributes === 'forwarded' && (chunk[textAt - 2] !== 0 || chunk[textAt - 1] !== 1)) return false;
    const text = this.#machine.settings.decode(chunk, textAt);
    if (mayKill(chunk[textAt] as number) && killOf(text) !== null) return false;
    if (variablesPutBack(text).length > 0) return false;
    this.#submit(
      chunk,
      null,
      this.#machine.submission(text, null, this.#machine.settings.mode, () => digestOf([chunk.subarray(textAt)])),
    );
    return true;
  }

  #execute(chunk: Buffer): boolean {
    const bodyAt = headerBytes + 1 + executeHeadBytes;
    if (this.#options.attributes !== 'none' || chunk.length < bodyAt) return false;
    const id = chunk.readUInt32LE(headerBytes + 1);
    const opensCursor = chunk[headerBytes + 5] !== 0;
    if (id === lastPreparedId || opensCursor || chunk.readUInt32LE(headerBytes + 6) !== oneIteration) return false;
    const statement = this.#machine.statements.get(id);
    if (statement === undefined || statement.longData.size > 0 || statement.longDataLost) return false;
    const { parameterCount } = statement;
    if (parameterCount === 0)
      return chunk.length === bodyAt && this.#bound(chunk, statement, noParameters, () => digestedParts(statement, []));
    const toldAt = bodyAt + ((parameterCount + 7) >>> 3);
    const tellsTypes = chunk[toldAt] === 1;
    const valuesAt = toldAt + 1 + (tellsTypes ? 2 * parameterCount : 0);
    if (chunk.length < valuesAt || (!tellsTypes && chunk[toldAt] !== 0)) return false;
    const types = tellsTypes ? Buffer.from(chunk.subarray(toldAt + 1, valuesAt)) : statement.types;
    if (types === null || (!tellsTypes && types !== statement.typesAtTarget)) return false;
    const parameters = readValues(new BodyReader(chunk, valuesAt), statement, types, chunk, bodyAt);
    statement.types = types;
    return this.#bound(chunk, statement, parameters, () =>
      digestedParts(statement, [chunk.subarray(bodyAt, toldAt), types, chunk.subarray(valuesAt)]),
    );
  }

  #bound(chunk: Buffer, statement: WireStatement, parameters: readonly Parameter[], digested: () => readonly Buffer[]): boolean {
    const mode = this.#machine.modeOf(statement);
    statement.cursor = null;
    this.#submit(
      chunk,
      statement,
      this.#machine.submission(statement.text, parameters, mode, () => digestOf(digested())),
    );
    return true;
  }

  #submit(chunk: Buffer, statement: WireStatement | null, submission: Submission): void {
    this.#stage = 'asked';
    this.#chunk = chunk;
    this.#statement = statement;
    this.#submission = submission;
    this.#port.submitSoon(submission, this.#ruled);
  }

  readonly #ruled = (ruling: Ruling): void => {
    // There is one command at a time: if none waits here, it is the one that has left.
    if (this.#stage !== 'asked') return this.#port.ruledLate(ruling);
    if (ruling.kind === 'refuse' || !this.#isPlain(ruling)) {
      this.leave();
      return this.#port.ruledLate(ruling);
    }
    const statement = this.#statement;
    ruling.permit.open();
    this.#stage = 'sent';
    this.#ruling = ruling;
    this.#port.toTargetNow(ruling.permit, this.#chunk as Buffer);
    if (statement === null) return;
    statement.masking = null;
    statement.typesAtTarget = statement.parameterCount === 0 ? null : statement.types;
  };

  /** Nothing of it has to be watched or followed: it is understood, and changes nothing that the gateway keeps of the session. */
  #isPlain({ obligations, classification, masking }: Release): boolean {
    if (masking !== undefined || obligations.recordResults === true) return false;
    if (obligations.rowsMax !== undefined || obligations.statementTimeoutMs !== undefined) return false;
    return changesNothing(classification) && !this.#machine.isFenced(obligations, classification);
  }

  /** As the ordinary way would have asked. */
  #asked(): Asked {
    const [chunk, statement, submission] = [this.#chunk as Buffer, this.#statement, this.#submission as Submission];
    const packets = (): readonly Buffer[] => {
      if (statement !== null) statement.typesAtTarget = statement.parameterCount === 0 ? null : statement.types;
      return [chunk];
    };
    return askedOf(submission, packets, { statement });
  }

  #forget(): void {
    this.#stage = 'none';
    this.#chunk = null;
    this.#statement = null;
    this.#submission = null;
    this.#ruling = null;
  }
}

const noParameters: readonly Parameter[] = [];

function changesNothing({ understood, statements, summary }: Classification): boolean {
  return understood && statements.length === 1 && statements[0]?.changes.length === 0 && summary.access !== 'unknown';
}

/** KILL, perhaps behind white space of any kind. */
function mayKill(first: number): boolean {
  return first === 0x4b || first === 0x6b || first <= 0x20 || first >= 0x80;
}
