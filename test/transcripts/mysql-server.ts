// A MySQL server that answers what comes to it, as far as random sessions ask. What a text is answered with is said by its first word;
// how packets look is said by what was agreed.

import { framed } from '../../protocols/mysql/codec.ts';
import { BodyReader } from '../../protocols/mysql/body-reader.ts';
import * as wire from '../../protocols/mysql/messages.ts';
import type { MachineOptions } from '../../protocols/mysql/port.ts';

type Dialect = Pick<MachineOptions, 'deprecatesEof' | 'tracks' | 'cachesMetadata' | 'attributes'>;

const { status } = wire;
const field = (text: string): Buffer => wire.lenencBytes(Buffer.from(text));
const fixedFields = Buffer.from('0c2d00e0010000fe0100000000', 'hex');
const definition = Buffer.concat([...['def', 'shop', 't', 't', 'c', 'c'].map(field), fixedFields]);

export class FakeServer {
  readonly #dialect: Dialect;
  readonly #prepared: { readonly text: string; readonly parameters: number }[] = [];
  #input = Buffer.alloc(0);
  #flags: number = status.autocommit;
  #sequence = 0;
  #executions = 0;

  constructor(dialect: Dialect) {
    this.#dialect = dialect;
  }

  /** Bytes of the gateway. Returns the answers to the commands that are whole. */
  take(bytes: Buffer): Buffer[] {
    this.#input = Buffer.concat([this.#input, bytes]);
    const answers: Buffer[] = [];
    while (this.#input.length >= 4) {
      const end = 4 + this.#input.readUIntLE(0, 3);
      if (this.#input.length < end) break;
      const payload = this.#input.subarray(4, end);
      this.#sequence = (this.#input[3] as number) + 1;
      this.#input = this.#input.subarray(end);
      answers.push(...this.#command(payload).map((it) => framed(it, this.#sequence++)));
    }
    return answers;
  }

  #command(payload: Buffer): Buffer[] {
    switch (payload[0]) {
      case wire.command.query:
        return this.#run(payload.subarray(this.#dialect.attributes === 'forwarded' ? 3 : 1).toString(), false);
      case wire.command.prepare:
        return this.#prepare(payload.subarray(1).toString());
      case wire.command.execute: {
        const statement = this.#prepared[payload.readUInt32LE(1) - 1];
        if (statement === undefined) return [wire.err(1243, 'HY000', 'no such statement')];
        return this.#run(statement.text, true, (payload[5] as number) !== 0);
      }
      case wire.command.fetch:
        return [Buffer.concat([Buffer.from([0, 0]), field('fetched')]), ...this.#end(status.lastRowSent)];
      case wire.command.sendLongData:
      case wire.command.closeStatement:
      case wire.command.quit:
        return [];
      default:
        return [this.#ok(0)];
    }
  }

  #prepare(text: string): Buffer[] {
    if (text.startsWith('boom')) return [wire.err(1064, '42000', 'boom')];
    const parameters = text.split('?').length - 1;
    this.#prepared.push({ text, parameters });
    const columns = /^(select|hidden|fenced|limited|kept|hold)/.test(text) ? 1 : 0;
    const head = [Buffer.from([0]), wire.uint32(this.#prepared.length), wire.uint16(columns), wire.uint16(parameters), Buffer.alloc(3)];
    const group = (count: number): Buffer[] =>
      count === 0 ? [] : [...Array<Buffer>(count).fill(definition), ...(this.#dialect.deprecatesEof ? [] : [this.#eof(0)])];
    return [Buffer.concat(head), ...group(parameters), ...group(columns)];
  }

  #run(text: string, isBinary: boolean, opensCursor = false): Buffer[] {
    const [word, count] = text.split(' ');
    switch (word) {
      case 'START':
        this.#flags |= status.inTransaction | status.readOnlyTransaction;
        return [this.#ok(0)];
      case 'begin':
        this.#flags |= status.inTransaction;
        return [this.#ok(0)];
      case 'COMMIT':
      case 'commit':
        this.#flags &= ~(status.inTransaction | status.readOnlyTransaction);
        return [this.#ok(0)];
      case 'SELECT': // the gateway's own question
        return [...this.#columns(3, isBinary), Buffer.concat(['NO_ENGINE_SUBSTITUTION', 'utf8mb4', 'shop'].map(field)), ...this.#end(0)];
      case 'insert':
        return [this.#ok(300, 'Records: 3')];
      case 'set':
        return [this.#changed()];
      case 'boom':
        return [wire.err(1062, '23000', `boom in ${text}`)];
      case 'progress':
        return [wire.progress('half'), this.#ok(1)];
      case 'several':
        return [...this.#columns(1, isBinary), this.#row('a', isBinary), ...this.#end(status.moreResults), this.#ok(7)];
      case 'late':
        return [...this.#columns(1, isBinary), this.#row('a', isBinary), wire.err(1317, '70100', 'interrupted')];
      case 'other':
        return [this.#ok(0)];
      default: {
        if (opensCursor && !this.#dialect.deprecatesEof) return this.#columns(1, isBinary, status.cursorExists);
        const rows = Array.from({ length: Number(count) || 0 }, (_, index) =>
          this.#row(`value ${index}`.repeat(1 + (index % 40)), isBinary),
        );
        return [...this.#columns(1, isBinary), ...rows, ...this.#end(0)];
      }
    }
  }

  #columns(count: number, isBinary: boolean, flags = 0): Buffer[] {
    const { cachesMetadata, deprecatesEof } = this.#dialect;
    this.#executions += 1;
    const follow = !cachesMetadata || !isBinary || this.#executions % 5 === 0;
    const head = cachesMetadata ? Buffer.from([count, follow ? 1 : 0]) : Buffer.from([count]);
    return [head, ...(follow ? Array<Buffer>(count).fill(definition) : []), ...(deprecatesEof ? [] : [this.#eof(flags)])];
  }

  #row(text: string, isBinary: boolean): Buffer {
    return isBinary ? Buffer.concat([Buffer.from([0, 0]), field(text)]) : field(text);
  }

  #end(flags: number): Buffer[] {
    return [this.#dialect.deprecatesEof ? wire.ok(this.#flags | flags, 0, 0xfe) : this.#eof(flags)];
  }

  #eof(flags: number): Buffer {
    return Buffer.concat([Buffer.from([0xfe, 0, 0]), wire.uint16(this.#flags | flags)]);
  }

  #ok(rows: number, words = ''): Buffer {
    return Buffer.concat([wire.ok(this.#flags, rows), ...(words === '' ? [] : [field(words)])]);
  }

  /** SET: told as a changed variable where that was agreed. */
  #changed(): Buffer {
    if (!this.#dialect.tracks) return this.#ok(0);
    const variable = Buffer.concat([field('sql_mode'), field('ANSI_QUOTES')]);
    const entry = Buffer.concat([Buffer.from([0]), wire.lenencBytes(variable)]);
    return Buffer.concat([wire.ok(this.#flags | status.sessionStateChanged), field(''), wire.lenencBytes(entry)]);
  }
}

/** How many values a prepared text asks for. */
export function parametersOf(text: string): number {
  return text.split('?').length - 1;
}

/** Number of the statement in the answer to a COM_STMT_PREPARE; null when it failed. */
export function preparedId(answer: Buffer): number | null {
  const reader = new BodyReader(answer, 4);
  return reader.uint8() === 0 ? reader.uint32() : null;
}
