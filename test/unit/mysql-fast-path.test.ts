// The fast path says and does what the ordinary way does: random sessions are played on both against the same server, and what
// was submitted, released, finished and recorded, and every byte to either side, must be the same.

import t from 'tap';
import { framed } from '../../protocols/mysql/codec.ts';
import * as wire from '../../protocols/mysql/messages.ts';
import { isWholeCommand, PlainAnswers } from '../../protocols/mysql/whole-packets.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { Player, type PlayerOptions } from '../transcripts/mysql-player.ts';
import { parametersOf } from '../transcripts/mysql-server.ts';

type Dice = (sides: number) => number;

const preparedTexts = [
  ...['select 1 ?', 'select 60 ? ?', 'select 0', 'insert ?', 'begin', 'commit'],
  ...['deny ?', 'hold 1 ?', 'fenced 2 ?', 'limited 4 ?', 'hidden 2 ?', 'kept 2 ?', 'set ?', 'boom ?', 'several', 'late', 'other'],
];
/** So many of them, the first ones, are what the fast path is for: every second statement is one. */
const plainTexts = 6;
const texts = [
  ...preparedTexts.map((text) => text.replaceAll('?', '5')),
  ...['progress', 'garbage', ' kill 7', 'kill query 8', 'select 3 ü', '', 'select '.padEnd(1100, 'x')],
];

/** What a client may send, as it knows its statements. */
class Client {
  readonly #dice: Dice;
  readonly #attributes: boolean;
  /** Types as it told them last, by statement. */
  readonly #types = new Map<number, Buffer>();

  constructor(dice: Dice, attributes: boolean) {
    this.#dice = dice;
    this.#attributes = attributes;
  }

  chunks(): Buffer[] {
    const dice = this.#dice;
    switch (dice(16)) {
      case 0:
        return [Buffer.concat([this.query(), this.execution()])];
      case 1:
        return cut(this.execution(), dice);
      case 2:
        return cut(this.query(), dice);
      case 3:
        return [command(wire.command.ping)];
      case 4: {
        const [id, value] = [wire.uint32(1 + dice(3)), Buffer.from('long')];
        return [command(wire.command.sendLongData, id, wire.uint16(0), value), this.execution()];
      }
      case 5:
        return [this.query(), this.query()];
      case 6:
        return [command(wire.command.resetStatement, wire.uint32(1 + dice(5)))];
      case 7:
        return dice(8) === 0 ? [command(wire.command.closeStatement, wire.uint32(1 + dice(5))), this.execution()] : [this.query()];
      case 8:
      case 9:
      case 10:
        return [this.query()];
      default:
        return [this.#dice(3) === 0 ? this.query() : this.execution()];
    }
  }

  #one(of: number): number {
    return this.#dice(this.#dice(2) === 0 ? plainTexts : of);
  }

  query(): Buffer {
    const text = Buffer.from(texts[this.#one(texts.length)] as string);
    if (!this.#attributes) return command(wire.command.query, text);
    const head = this.#dice(4) === 0 ? '01' + '01' + '00' + '01' + '0800' + '016b' + '0500000000000000' : '0001';
    return command(wire.command.query, Buffer.from(head, 'hex'), text);
  }

  execution(): Buffer {
    const dice = this.#dice;
    const id = dice(40) === 0 ? dice(100) : 1 + this.#one(preparedTexts.length);
    const isLast = id === preparedTexts.length; // it has a number of its own besides
    const count = parametersOf(preparedTexts[id - 1] ?? '');
    const flags = dice(12) === 0 ? 1 : 0;
    const iterations = dice(30) === 0 ? 2 : 1;
    const head = Buffer.concat([wire.uint32(isLast ? 0xffffffff : id), Buffer.from([flags]), wire.uint32(iterations)]);
    if (count === 0) return command(wire.command.execute, head);
    let types = this.#types.get(id);
    const tells = types === undefined || dice(3) === 0;
    if (tells || types === undefined) {
      types = Buffer.concat(Array.from({ length: count }, () => Buffer.from([[8, 3, 253][dice(3)] as number, dice(2) * 0x80])));
      if (iterations === 1) this.#types.set(id, types);
    }
    const values: Buffer[] = [];
    let nulls = 0;
    for (let at = 0; at < count; at += 1) {
      if (dice(6) === 0) nulls |= 1 << at;
      else values.push(valueOf(types[2 * at] as number, dice));
    }
    if (dice(200) === 0) values.push(Buffer.from([1])); // more than there should be
    const counted = this.#attributes ? [Buffer.from([count])] : [];
    const told = tells ? [Buffer.from([1]), this.#attributes ? named(types) : types] : [Buffer.from([0])];
    return command(wire.command.execute, head, ...counted, Buffer.from([nulls]), ...told, ...values);
  }
}

/** Types with an empty name behind each, where attributes were agreed. */
function named(types: Buffer): Buffer {
  const each = Array.from({ length: types.length / 2 }, (_, at) => Buffer.concat([types.subarray(2 * at, 2 * at + 2), Buffer.from([0])]));
  return Buffer.concat(each);
}

function valueOf(type: number, dice: Dice): Buffer {
  if (type === 253) return wire.lenencBytes(Buffer.from('x'.repeat(dice(300))));
  const value = Buffer.alloc(type === 8 ? 8 : 4, dice(5) === 0 ? 0xff : 0);
  value.writeUInt16LE(dice(60_000));
  return value;
}

function command(first: number, ...parts: Buffer[]): Buffer {
  return framed(Buffer.concat([Buffer.from([first]), ...parts]), 0);
}

function cut(bytes: Buffer, dice: Dice): Buffer[] {
  const at = 1 + dice(bytes.length - 1);
  return [bytes.subarray(0, at), bytes.subarray(at)];
}

interface Story {
  readonly client: string;
  readonly target: string;
  readonly record: readonly string[];
}

function play(seed: number, options: PlayerOptions): { story: Story; fast: Player['fast'] } {
  const dice = seededRandom(seed);
  const player = new Player(options);
  const attributed = options.dialect.attributes !== 'none';
  const client = new Client(dice, attributed);
  let rounds = 0;
  const settle = (word: 'approve' | 'reject'): void => {
    for (let waits = 0; waits < 20; waits += 1) {
      player.turn();
      if (player.isWaiting) player.answer(word);
      const answer = player.serve();
      if (answer.length === 0 && !player.isWaiting) return;
      const cuts = seededRandom(1000 * seed + rounds++);
      const parts =
        cuts(3) === 0 && answer.length > 1 ? cut(answer, cuts).flatMap((it) => (it.length > 1 ? cut(it, cuts) : [it])) : [answer];
      for (const part of parts) if (part.length > 0) player.receive(part);
    }
  };
  for (const text of preparedTexts) {
    player.send(command(wire.command.prepare, Buffer.from(text)));
    settle('approve');
  }
  const last = dice(30);
  for (let step = 0; step < 30; step += 1) {
    for (const chunk of client.chunks()) player.send(chunk);
    const [hurries, kills, word] = [dice(8) === 0, dice(20) === 0, dice(3) === 0 ? 'reject' : 'approve'] as const;
    if (dice(4) === 0) player.turn();
    player.client.isFull = dice(10) === 0;
    player.target.isFull = dice(10) === 0;
    if (kills) player.kill('query');
    if (step === last && dice(3) === 0) {
      [() => player.kill('connection'), () => player.endSession(), () => player.target.emit('close'), () => player.client.emit('close')][
        dice(4)
      ]?.();
    }
    if (!hurries) settle(word);
    for (const socket of [player.client, player.target]) {
      if (socket.isFull) socket.isFull = false;
      socket.emit('drain');
    }
  }
  settle('reject');
  return { story: { client: player.toClient, target: player.toTarget, record: player.record }, fast: player.fast };
}

t.test('random sessions are the same on both ways', async (t) => {
  const taken = { client: 0, target: 0 };
  for (let seed = 1; seed <= 400; seed += 1) {
    const dice = seededRandom(-seed);
    const dialect = {
      deprecatesEof: dice(2) === 0,
      tracks: dice(3) !== 0,
      clientTracks: dice(3) !== 0,
      cachesMetadata: dice(2) === 0,
      attributes: (['none', 'none', 'none', 'forwarded', 'dropped'] as const)[dice(5)] ?? 'none',
    };
    const common = { turns: dice(2) === 0, dialect, showsProgress: dice(2) === 0 };
    const ordinary = play(seed, { ...common, fast: false });
    const { story, fast } = play(seed, { ...common, fast: true });
    if (!t.same(story, ordinary.story, `seed ${seed}: ${JSON.stringify(common)}`)) return;
    t.same(ordinary.fast, { client: 0, target: 0 });
    taken.client += fast.client;
    taken.target += fast.target;
  }
  t.ok(taken.client > 2000 && taken.target > 500, `the fast path was gone ${taken.client} times, and to its end ${taken.target} times`);
});

const plain = {
  clientTracks: true,
  tracks: true,
  deprecatesEof: false,
  clientDeprecatesEof: false,
  cachesMetadata: false,
  clientCachesMetadata: false,
  extendsMetadata: false,
  clientExtendsMetadata: false,
};

const dialect = { deprecatesEof: false, tracks: true, clientTracks: true, cachesMetadata: false, attributes: 'none' } as const;

t.test('a packet inside a packet is none', async (t) => {
  const player = new Player({ fast: true, turns: false, showsProgress: false, dialect });
  const inner = command(wire.command.query, Buffer.from('select 2'));
  const outer = command(wire.command.query, Buffer.from('select 1 /*'), inner);
  player.send(outer.subarray(0, outer.length - inner.length));
  player.send(outer.subarray(outer.length - inner.length));
  t.match(player.record, [/submit .*select 1 \/\*.*select 2/, /^release a-1 select 1/]);
  t.equal(player.toTarget, outer.toString('hex'));
  t.same(player.fast, { client: 0, target: 0 });
});

t.test('types that the target has not heard of go with the next execution', async (t) => {
  const player = new Player({ fast: true, turns: false, showsProgress: false, dialect });
  player.send(command(wire.command.prepare, Buffer.from('hold 1 ?')));
  player.receive(player.serve());
  const execution = (...rest: number[]): Buffer =>
    command(wire.command.execute, Buffer.from([1, 0, 0, 0, 0, 1, 0, 0, 0]), Buffer.from(rest));
  const told = execution(0, 1, 3, 0, 7, 0, 0, 0);
  const untold = execution(0, 0, 8, 0, 0, 0);
  player.send(told);
  player.answer('reject');
  player.send(untold);
  player.answer('approve');
  t.ok(player.toTarget.endsWith(execution(0, 1, 3, 0, 8, 0, 0, 0).toString('hex')), 'with the types');
  player.receive(player.serve());
  player.send(untold);
  player.answer('approve');
  t.ok(player.toTarget.endsWith(untold.toString('hex')), 'as it came');
  t.same(player.fast, { client: 2, target: 0 });
});

t.test('only exactly a whole command is one', async (t) => {
  const whole = command(wire.command.query, Buffer.from('select 1'));
  t.ok(isWholeCommand(whole));
  for (let end = 0; end < whole.length; end += 1) t.notOk(isWholeCommand(whole.subarray(0, end)), `cut at ${end}`);
  t.notOk(isWholeCommand(Buffer.concat([whole, whole])));
  t.notOk(isWholeCommand(Buffer.concat([whole, Buffer.from([0])])));
  t.notOk(isWholeCommand(framed(whole.subarray(4), 1)), 'not the first packet of a command');
  t.notOk(isWholeCommand(framed(Buffer.alloc(0), 0)));
});

function packets(...payloads: Buffer[]): Buffer {
  return Buffer.concat(payloads.map((it, index) => framed(it, index + 1)));
}

const eof = (flags: number): Buffer => Buffer.concat([Buffer.from([0xfe, 0, 0]), wire.uint16(flags)]);
const column = wire.lenencBytes(Buffer.from('def'));
const row = wire.lenencBytes(Buffer.from('a value'));

t.test('only a plain answer is one', async (t) => {
  const result = packets(Buffer.from([1]), column, eof(2), row, row, eof(3));
  const answers = new PlainAnswers(plain);
  t.ok(answers.read(result, false));
  t.same([answers.rows, answers.statusFlags], [2, 3]);
  for (let end = 0; end < result.length; end += 1) t.notOk(answers.read(result.subarray(0, end), false), `cut at ${end}`);
  t.notOk(answers.read(Buffer.concat([result, Buffer.from([0])]), false));
  t.ok(answers.read(packets(wire.ok(2, 70_000)), true));
  t.same([answers.rows, answers.statusFlags], [70_000, 2]);
  const others: Readonly<Record<string, Buffer>> = {
    'an error': packets(wire.err(1062, '23000', 'no')),
    'an error behind rows': packets(Buffer.from([1]), column, eof(2), row, wire.err(1317, '70100', 'no')),
    'a request for a file': packets(Buffer.from('\xfbx', 'latin1')),
    'one of several results': packets(Buffer.from([1]), column, eof(2), row, eof(2 | wire.status.moreResults)),
    'one of several': packets(wire.ok(wire.status.moreResults)),
    'a cursor': packets(Buffer.from([1]), column, eof(wire.status.cursorExists)),
    'a changed session': packets(Buffer.from([0, 0, 0, 0x02, 0x40, 0, 0])),
    'an OK with more behind it': packets(Buffer.concat([wire.ok(2), Buffer.from([1, 65, 0])])),
    'an OK that ends early': packets(wire.ok(2).subarray(0, 6)),
    'a result without columns': packets(Buffer.from([0]), eof(2), eof(2)),
    'a column too many': packets(Buffer.from([2]), column, eof(2), row, eof(2)),
    'a row without its first byte': packets(Buffer.from([1]), column, eof(2), Buffer.alloc(0), eof(2)),
  };
  for (const [name, bytes] of Object.entries(others)) t.notOk(answers.read(bytes, false), name);
});

t.test('what was agreed decides what is plain', async (t) => {
  const withoutEof = { ...plain, deprecatesEof: true, clientDeprecatesEof: true };
  const result = packets(Buffer.from([1]), column, row, wire.ok(2, 0, 0xfe));
  t.ok(new PlainAnswers(withoutEof).read(result, false));
  t.notOk(new PlainAnswers(plain).read(result, false));
  t.notOk(
    new PlainAnswers({ ...withoutEof, deprecatesEof: false }).read(packets(Buffer.from([1]), column, eof(2), eof(2)), false),
    'made up for',
  );
  const caches = { ...plain, cachesMetadata: true, clientCachesMetadata: true };
  t.ok(new PlainAnswers(caches).read(packets(Buffer.from([1, 0]), eof(2), row, eof(2)), true));
  t.ok(new PlainAnswers(caches).read(packets(Buffer.from([1, 1]), column, eof(2), row, eof(2)), false));
  t.notOk(new PlainAnswers(caches).read(packets(Buffer.from([1, 1]), column, eof(2), row, eof(2)), true), 'definitions to be noted');
  t.notOk(new PlainAnswers({ ...caches, cachesMetadata: false }).read(packets(Buffer.from([1]), column, eof(2), eof(2)), false));
  const words = packets(Buffer.concat([wire.ok(2), wire.lenencBytes(Buffer.from('Records: 3'))]));
  t.ok(new PlainAnswers(plain).read(words, false));
  t.notOk(new PlainAnswers({ ...plain, clientTracks: false }).read(words, false), 'written anew for such a client');
  t.ok(new PlainAnswers({ ...plain, clientTracks: false }).read(packets(wire.ok(2)), false));
});
