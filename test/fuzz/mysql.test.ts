// Random bytes and random cuts against everything of the MySQL driver that reads a wire. Whatever comes: a result or a Fault,
// never another error, never more than was asked for. A failure prints its seed; SEED=n runs it again.

import { createHash, randomInt } from 'node:crypto';
import { Duplex } from 'node:stream';
import { deflateSync } from 'node:zlib';
import t from 'tap';
import { planBulk } from '../../protocols/mysql/bulk.ts';
import { framed, PacketReader } from '../../protocols/mysql/codec.ts';
import { CompressedStream } from '../../protocols/mysql/compression.ts';
import { parsecAnswer } from '../../protocols/mysql/ed25519.ts';
import { planExecution } from '../../protocols/mysql/execution.ts';
import * as wire from '../../protocols/mysql/messages.ts';
import { readQuery, type AttributeUse } from '../../protocols/mysql/query-attributes.ts';
import { Replies } from '../../protocols/mysql/replies.ts';
import { dropped, plainTerms, type ReplyShape, type ReplySink } from '../../protocols/mysql/reply-sink.ts';
import { readColumn } from '../../protocols/mysql/column-definition.ts';
import { binaryCells, textCells } from '../../protocols/mysql/rows.ts';
import * as hello from '../../protocols/mysql/sign-in-messages.ts';
import { preparedStatement, Statements, type WireStatement } from '../../protocols/mysql/statements.ts';
import { TargetFarewell } from '../../protocols/mysql/target-farewell.ts';
import { Fault } from '../../src/core/errors.ts';

const seed = Number(process.env['SEED'] ?? randomInt(2 ** 31));
const rounds = 4_000;

/** Bytes that follow from the seed alone. */
class Dice {
  readonly #name: string;
  #count = 0;
  constructor(name: string) {
    this.#name = name;
  }
  number(below: number): number {
    const digest = createHash('sha256').update(`${seed} ${this.#name} ${this.#count++}`).digest();
    return digest.readUInt32LE(0) % below;
  }
  /** Small lengths and the bytes that mean something are more likely than others. */
  bytes(longest: number): Buffer {
    const marks = [0x00, 0x01, 0xfb, 0xfc, 0xfd, 0xfe, 0xff];
    const length = this.number(longest + 1);
    const noise = createHash('shake256', { outputLength: Math.max(1, 2 * length) })
      .update(`${seed} ${this.#name} ${this.#count++}`)
      .digest();
    return Buffer.from(
      Array.from({ length }, (_, at) => {
        const choice = noise[2 * at] as number;
        return choice < 80 ? (marks[choice % marks.length] as number) : (noise[2 * at + 1] as number);
      }),
    );
  }
}

function faultOrNothing(step: () => unknown): string | null {
  try {
    step();
    return null;
  } catch (thrown) {
    return thrown instanceof Fault || thrown instanceof TargetFarewell ? null : String(thrown);
  }
}

function statement(parameterCount: number): WireStatement {
  const mode = { key: '', settings: {}, catalogue: null };
  return preparedStatement({ id: 1, text: 'x', textBytes: Buffer.from('x'), mode, parameterCount });
}

const capabilities = { standard: 0xffffffff & ~1, extended: 0xffff };
const readers: Readonly<Record<string, (bytes: Buffer, dice: Dice) => unknown>> = {
  'a greeting': (bytes) => hello.readGreeting(bytes),
  'a handshake response': (bytes) => hello.readHandshakeResponse(Buffer.concat([Buffer.from([0, 2, 0xff, 0xff]), bytes])),
  'a change of the user': (bytes) => hello.readChangeUser(bytes, capabilities),
  'a switch of the method': (bytes) => hello.readAuthSwitch(bytes),
  'an OK': (bytes) => wire.readOk(bytes, true),
  'an ERR': (bytes) => wire.readErr(bytes),
  'a column': (bytes) => readColumn(bytes),
  'a text row': (bytes, dice) => textCells(bytes, dice.number(6)),
  'a binary row': (bytes, dice) => binaryCells(bytes, [{ code: dice.number(256), unsigned: true }, { code: dice.number(20), unsigned: false }]), // prettier-ignore
  'parsec settings': (bytes) => parsecAnswer('p', Buffer.concat([Buffer.from([0x51]), bytes]), Buffer.alloc(32), Buffer.alloc(32)),
  'an execution': (bytes, dice) => executed(bytes, dice, 'none'),
  'an execution with attributes': (bytes, dice) => executed(bytes, dice, dice.number(2) === 0 ? 'dropped' : 'forwarded'),
  'a query with attributes': (bytes) => readQuery(bytes),
  'a query with an attribute': (bytes, dice) => readQuery(Buffer.concat([Buffer.from([1, 1, 0, 1, dice.number(256), 0, 1, 0x61]), bytes])),
  'a bulk execution': (bytes, dice) => plan((argument, known) => planBulk(argument, known, true), bytes, dice),
};

/** One execution, and what goes on of it. */
function executed(bytes: Buffer, dice: Dice, use: AttributeUse): unknown {
  const known = new Statements();
  known.confirmed(statement(dice.number(4)));
  const planned = planExecution(Buffer.concat([wire.uint32(1), Buffer.from([dice.number(2) * 8, 1, 0, 0, 0]), bytes]), known, use);
  return planned.kind === 'execution' ? planned.execution.packets() : planned;
}

function plan(of: (argument: Buffer, known: Statements) => unknown, bytes: Buffer, dice: Dice): unknown {
  const known = new Statements();
  known.confirmed(statement(dice.number(4)));
  return of(Buffer.concat([wire.uint32(1), Buffer.from([dice.number(2) * 0x80, 0]), bytes]), known);
}

for (const [name, read] of Object.entries(readers)) {
  t.test(`${name} of random bytes`, (t) => {
    const dice = new Dice(name);
    const wrong: string[] = [];
    for (let round = 0; round < rounds; round++) {
      const bytes = dice.bytes(120);
      const thrown = faultOrNothing(() => read(bytes, dice));
      if (thrown !== null) wrong.push(`${bytes.toString('hex')}: ${thrown}`);
    }
    t.strictSame(wrong.slice(0, 3), [], `seed ${seed}`);
    t.end();
  });
}

t.test('answers of random bytes, cut at random', (t) => {
  const dice = new Dice('answers');
  const shapes: readonly ReplyShape[] = ['ok', 'results', 'prepared', 'columns', 'rows', 'text'];
  const wrong: string[] = [];
  for (let round = 0; round < rounds; round++) {
    const options = { deprecatesEof: dice.number(2) === 1, tracks: dice.number(2) === 1, cachesMetadata: dice.number(2) === 1 };
    const [clientDeprecatesEof, extendsMetadata] = [dice.number(2) === 1, dice.number(2) === 1];
    const replies = new Replies({
      ...options,
      clientDeprecatesEof,
      clientCachesMetadata: true,
      extendsMetadata,
      clientExtendsMetadata: true,
    });
    const gathers = dice.number(2) === 1;
    const nothing = () => undefined;
    const sink: ReplySink = {
      forward: nothing,
      ok: () => null,
      prepared: nothing,
      localFile: () => dice.number(2) === 1,
      columns: nothing,
      column: nothing,
      row: () => null,
      masksRows: dice.number(4) === 0,
      withoutValues: () => null,
      failed: () => (dice.number(2) === 1 ? dropped : null),
      rowsMet: nothing,
      gathersRows: gathers,
      end: nothing,
    };
    replies.begin(shapes[dice.number(shapes.length)] as ReplyShape, {
      ...plainTerms,
      shift: dice.number(3),
      rowsMax: dice.number(2) === 1 ? dice.number(3) : null,
      hides: dice.number(2),
    });
    const bytes = Buffer.concat(Array.from({ length: 6 }, (_, at) => framed(dice.bytes(40), at + 1)));
    const thrown = faultOrNothing(() => {
      for (let at = 0; at < bytes.length;) {
        const size = 1 + dice.number(30);
        replies.walk(Buffer.from(bytes.subarray(at, at + size)), sink);
        at += size;
      }
    });
    if (thrown !== null) wrong.push(thrown);
  }
  t.strictSame(wrong.slice(0, 3), [], `seed ${seed}`);
  t.end();
});

t.test('packets come out as they went in, however they are cut', (t) => {
  const dice = new Dice('packets');
  for (let round = 0; round < 300; round++) {
    const payloads = Array.from({ length: 1 + dice.number(5) }, () => dice.bytes(300));
    const bytes = Buffer.concat(payloads.map((it) => framed(it, 0)));
    const reader = new PacketReader(1000);
    const out: string[] = [];
    for (let at = 0; at < bytes.length;) {
      const size = 1 + dice.number(100);
      reader.push(bytes.subarray(at, at + size));
      at += size;
      for (let packet = reader.next(0); packet !== null; packet = reader.next(0)) out.push(packet.payload.toString('hex'));
    }
    if (out.join() !== payloads.map((it) => it.toString('hex')).join()) t.fail(`round ${round}, seed ${seed}`);
  }
  t.pass('all the same');
  t.end();
});

/** A socket that only gives what it is fed. */
class Fed extends Duplex {
  override _read(): void {}
  override _write(_chunk: Buffer, _encoding: string, done: () => void): void {
    done();
  }
  destroySoon(): void {
    this.destroy();
  }
}

t.test('compressed packets: cut at random they are whole; random ones end it, and nothing is thrown', async (t) => {
  const dice = new Dice('compressed');
  for (let round = 0; round < 200; round++) {
    const socket = new Fed();
    const stream = new CompressedStream(socket, { kind: 'zlib' }, { hold: () => true });
    stream.on('error', () => undefined);
    const got: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => got.push(chunk));
    const whole = round % 2 === 0;
    const payloads = Array.from({ length: 3 }, () => Buffer.concat([dice.bytes(400), Buffer.from('.')]));
    const bytes = whole ? Buffer.concat(payloads.map(packed)) : dice.bytes(600);
    for (let at = 0; at < bytes.length;) {
      const size = 1 + dice.number(200);
      socket.push(bytes.subarray(at, at + size));
      at += size;
    }
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    if (whole && !Buffer.concat(got).equals(Buffer.concat(payloads))) t.fail(`round ${round}, seed ${seed}`);
    stream.destroy();
  }
  t.pass('all the same');
});

function packed(payload: Buffer): Buffer {
  const body = deflateSync(payload);
  const head = Buffer.alloc(7);
  head.writeUIntLE(body.length, 0, 3);
  head.writeUIntLE(payload.length, 4, 3);
  return Buffer.concat([head, body]);
}
