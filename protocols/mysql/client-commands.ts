// What each command of a client means: an action to be judged, with its bytes for the target; a question that runs nothing; or
// something that the gateway answers by itself. What is not on the list is refused.

import type { Parameter } from '../../src/core/action.ts';
import type { Submission } from '../../src/core/session.ts';
import { BodyReader } from './body-reader.ts';
import { planBulk } from './bulk.ts';
import { framed } from './codec.ts';
import { flushOf, killOf, quoted, refusedCommand, refusedReset, unknownStatement } from './commands.ts';
import { digestOf, planExecution, type Execution, type Planned } from './execution.ts';
import type { Machine } from './machine.ts';
import * as wire from './messages.ts';
import { completed } from './outcomes.ts';
import type { MachineOptions, MachinePort } from './port.ts';
import { variablesPutBack } from './put-back.ts';
import { readQuery, type AttributeUse } from './query-attributes.ts';
import type { ReplyShape } from './reply-sink.ts';
import { askedOf } from './state.ts';
import { dropLongData, keepLongData, statementsMax } from './statements.ts';

export class ClientCommands {
  readonly #machine: Machine;
  readonly #port: MachinePort;
  readonly #options: MachineOptions;

  constructor(machine: Machine, port: MachinePort, options: MachineOptions) {
    this.#machine = machine;
    this.#port = port;
    this.#options = options;
  }

  /** One whole command. */
  take(payload: Buffer): void {
    const argument = payload.subarray(1);
    const command = payload[0];
    switch (command) {
      case wire.command.query:
        return this.#query(payload, argument);
      case wire.command.prepare:
        return this.#prepare(payload, argument);
      case wire.command.execute:
        return this.#execute(planExecution(argument, this.#machine.statements, this.#options.attributes));
      case wire.command.bulkExecute:
        return this.#execute(planBulk(argument, this.#machine.statements, this.#options.takesBulk));
      case wire.command.sendLongData:
        return keepLongData(argument, this.#machine.statements);
      case wire.command.closeStatement:
        return this.#close(payload);
      case wire.command.resetStatement:
        return this.#resetStatement(payload);
      case wire.command.fetch:
        return this.#fetch(payload);
      case wire.command.initDb:
        return this.#initDb(argument);
      case wire.command.fieldList:
        return this.#fieldList(payload, argument);
      case wire.command.processInfo:
        return this.#submitText('SHOW PROCESSLIST', payload, argument, 'results');
      case wire.command.refresh:
        return this.#refresh(payload, argument);
      case wire.command.processKill:
        return this.#processKill(argument);
      case wire.command.resetConnection:
        // The target would go back to the account's default roles.
        if (this.#options.role !== null) return this.#machine.reply(refusedReset(this.#options.role));
        return this.#machine.quiet(payload, 'ok');
      case wire.command.ping:
      case wire.command.setOption:
        return this.#machine.quiet(payload, 'ok');
      case wire.command.statistics:
        return this.#machine.quiet(payload, 'text');
      case wire.command.quit:
        return this.#port.clientQuit();
      case wire.command.changeUser:
        return this.#port.changeUser(argument);
      default:
        return this.#machine.reply(refusedCommand(command ?? 0));
    }
  }

  #submission(
    text: string,
    digested: () => readonly Buffer[],
    parameters: readonly Parameter[] | null = null,
    mode = this.#machine.settings.mode,
  ): Submission {
    return this.#machine.submission(text, parameters, mode, () => digestOf(digested()));
  }

  #query(payload: Buffer, argument: Buffer): void {
    if (argument.length > this.#options.statementBytesMax) return this.#refuseLength(argument);
    const use = this.#options.attributes;
    if (use !== 'none') return this.#attributedQuery(argument, use);
    this.#plainQuery(payload, argument, null);
  }

  /** A query with a place for attributes: its text is judged, and goes on with them or without. */
  #attributedQuery(argument: Buffer, use: AttributeUse): void {
    const { text, attributes, head } = readQuery(argument);
    const forwarded = use === 'forwarded';
    const payload = Buffer.concat([Buffer.from([wire.command.query]), ...(forwarded ? [head] : []), text]);
    const told = forwarded && attributes.length > 0;
    this.#plainQuery(payload, text, told ? { parameters: attributes, digested: () => [wire.uint32(head.length), head, text] } : null);
  }

  #plainQuery(payload: Buffer, argument: Buffer, attributes: Pick<Execution, 'parameters' | 'digested'> | null): void {
    const text = this.#machine.settings.decode(argument);
    const digested = attributes?.digested ?? (() => [argument]);
    const submission = this.#submission(text, digested, attributes?.parameters ?? null);
    const packets = [framed(payload, 0)];
    const asked = askedOf(submission, () => packets);
    const killed = killOf(text);
    const variables = variablesPutBack(text);
    if (killed === null && variables.length === 0) return this.#machine.ask(asked);
    const digest = submission.digest(); // the bytes may be others when what is asked first is known
    const askLate = (mode = submission.mode) => this.#machine.ask({ ...asked, submission: { ...submission, mode, digest: () => digest } });
    if (killed === null) {
      return this.#machine.askVariables(variables, (values) => askLate(this.#machine.settings.withVariables(values)));
    }
    this.#machine.kill(killed.connectionId, killed.what, (done) => {
      if (done) return this.#machine.reply(wire.ok(this.#machine.statusFlags));
      askLate();
    });
  }

  /** A command that is judged as this text. */
  #submitText(text: string, payload: Buffer, digested: Buffer, shape: ReplyShape, database: string | null = null): void {
    const packets = [framed(payload, 0)];
    const submission = this.#submission(text, () => [digested]);
    this.#machine.ask(askedOf(submission, () => packets, { shape, database }));
  }

  #initDb(argument: Buffer): void {
    const { targetName, targetDatabase } = this.#options;
    const asked = argument.toString('utf8');
    const database = asked === targetName && targetDatabase !== null ? targetDatabase : asked;
    const payload = Buffer.concat([Buffer.from([wire.command.initDb]), Buffer.from(database, 'utf8')]);
    this.#submitText(`USE ${quoted(database)}`, payload, argument, 'ok', database);
  }

  #fieldList(payload: Buffer, argument: Buffer): void {
    const end = argument.indexOf(0);
    const table = argument.subarray(0, end === -1 ? argument.length : end).toString('utf8');
    this.#submitText(`SHOW COLUMNS FROM ${quoted(table)}`, payload, argument, 'columns');
  }

  #refresh(payload: Buffer, argument: Buffer): void {
    const text = flushOf(argument);
    if (text === null) return this.#machine.reply(refusedCommand(wire.command.refresh));
    this.#submitText(text, payload, argument, 'ok');
  }

  #processKill(argument: Buffer): void {
    const id = argument.length === 4 ? argument.readUInt32LE(0) : -1;
    this.#machine.kill(id, 'connection', (done) => {
      const none = `thread ${id} is not a connection of yours through the gateway`;
      this.#machine.reply(done ? wire.ok(this.#machine.statusFlags) : wire.err(1095, 'HY000', none));
    });
  }

  /** ER_NET_PACKET_TOO_LARGE */
  #refuseLength(argument: Buffer): void {
    this.#machine.reply(
      wire.err(1153, '08S01', `a statement of ${argument.length} bytes: the gateway reads ${this.#options.statementBytesMax}`),
    );
  }

  #prepare(payload: Buffer, argument: Buffer): void {
    if (argument.length > this.#options.statementBytesMax) {
      this.#machine.statements.prepareFailed();
      return this.#refuseLength(argument);
    }
    const text = this.#machine.settings.decode(argument);
    if (this.#machine.statements.size >= statementsMax) {
      this.#machine.statements.prepareFailed();
      return this.#machine.reply(
        wire.err(1461, '42000', `the gateway keeps ${statementsMax} prepared statements for a session, its limit`),
      );
    }
    // What can only be denied is denied now; what may be held or allowed is judged when it is executed, with its parameters.
    const submission = this.#submission(text, () => [argument]);
    const preparing = { text, textBytes: Buffer.from(argument) };
    if (this.#port.foreseesDenial(submission) === true) {
      this.#machine.statements.prepareFailed();
      return this.#machine.submit(submission, ({ permit }) => {
        // The policies changed in between: go on as if they had not denied it.
        this.#port.finish(permit, completed(null));
        this.#machine.quiet(payload, 'prepared', preparing);
      });
    }
    this.#machine.quiet(payload, 'prepared', preparing);
  }

  #execute(planned: Planned): void {
    if (planned.kind === 'refused') return this.#machine.reply(planned.error);
    const { statement, parameters, digested, asksCursor, packets: make } = planned.execution;
    const mode = this.#machine.modeOf(statement);
    statement.cursor = null;
    let made: readonly Buffer[] | null = null;
    const submission = this.#submission(statement.text, digested, parameters, mode);
    const packets = () => (made ??= make());
    this.#machine.ask(askedOf(submission, packets, { statement, asksCursor }));
  }

  #close(payload: Buffer): void {
    const id = new BodyReader(payload, 1).uint32();
    const statement = this.#machine.statements.get(id);
    if (statement === undefined) return;
    this.#machine.statements.closed(id);
    this.#port.toTargetQuietly(framed(payload, 0)); // no answer
  }

  #resetStatement(payload: Buffer): void {
    const id = new BodyReader(payload, 1).uint32();
    const statement = this.#machine.statements.get(id);
    if (statement === undefined) return this.#machine.reply(unknownStatement(id, 'mysqld_stmt_reset'));
    dropLongData(statement);
    this.#machine.quiet(payload, 'ok');
  }

  #fetch(payload: Buffer): void {
    const id = new BodyReader(payload, 1).uint32();
    const statement = this.#machine.statements.get(id);
    if (statement === undefined) return this.#machine.reply(unknownStatement(id, 'mysqld_stmt_fetch'));
    this.#machine.quiet(payload, 'rows', null, statement);
  }
}
