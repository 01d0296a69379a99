// The fast path says and does what the ordinary way does: random sessions are played on both against the same server, and what
// was submitted, released and finished, and every message to either side, must be the same, in the same order.

import t from 'tap';
import { fromTarget, message, readBind } from '../../protocols/postgres/messages.ts';
import { rowsOfTag } from '../../protocols/postgres/rows.ts';
import { boundPortal, quickPortal } from '../../protocols/postgres/submissions.ts';
import { answerOf, cycleOf } from '../../protocols/postgres/whole-cycles.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { Player } from '../transcripts/postgres-player.ts';
import { clientMessage, targetMessage } from '../transcripts/postgres-messages.ts';

type Dice = (sides: number) => number;

const bytesOf = (...lines: string[]): Buffer => Buffer.concat(lines.map(clientMessage));
const prepared = ['select a', 'insert b', 'fenced c', 'deny d', 'drop e', 'set mode to f', 'boom g', 'begin', 'commit'];
const texts = [...prepared, 'select 1; select 2', '', 'garbage', 'prepare p as select x', 'notice h', 'status i'];

/** What a client may send in one go. */
function clientChunks(dice: Dice): Buffer[] {
  const names = ['nobody', '', '', ...prepared.map((_, index) => `s${index}`)];
  const name = names[dice(names.length)] as string;
  const query = bytesOf(`Q ${texts[dice(texts.length)]}`);
  const portal = bytesOf(`B |${name}|${dice(3) === 0 ? '' : dice(100)}`, ...(dice(2) === 0 ? [] : ['D P ']), 'E |0', 'S');
  switch (dice(14)) {
    case 0:
      return [Buffer.concat([query, portal])];
    case 1:
      return cut(portal, dice);
    case 2:
      return cut(query, dice);
    case 3:
      return [bytesOf(`B |${name}|1`, 'E |1', 'S')];
    case 4:
      return [bytesOf(`B other|${name}|1`, 'E other|0', 'S')];
    case 5:
      return [bytesOf(`B |${name}|1`, 'E |0', 'E |0', 'S')];
    case 6:
      return [bytesOf('E |0', 'S')];
    case 9:
      return [bytesOf(`P |${prepared[dice(3)]}`, 'S')];
    case 7:
    case 8:
      return [query];
    default:
      return [portal];
  }
}

function cut(bytes: Buffer, dice: Dice): Buffer[] {
  const at = 1 + dice(bytes.length - 1);
  return [bytes.subarray(0, at), bytes.subarray(at)];
}

/** A server that answers what comes to it, as far as these tests ask. Knows the prepared statements by their names. */
class Server {
  #status = 'I';
  #skipping = false;
  #bound = '';
  #unnamed: string | null = null;
  #suspended = false;

  answer(line: string): string[] {
    const [letter, rest] = [line.slice(0, 1), line.slice(2)];
    if (this.#skipping && letter !== 'S') return [];
    switch (letter) {
      case 'Q':
        return this.#query(rest);
      case 'P':
        if (rest.startsWith('|')) this.#unnamed = rest.slice(1);
        return ['1'];
      case 'B': {
        const name = rest.split('|')[1] ?? '';
        const text = name === '' ? this.#unnamed : prepared[Number(name.slice(1))];
        if (text == null) return this.#failed();
        this.#bound = text;
        this.#suspended = false;
        return ['2'];
      }
      case 'D':
        if (rest.startsWith('S')) return this.#failed();
        return [this.#bound.startsWith('select') ? 'T a' : 'n'];
      case 'E':
        if (rest.endsWith('|1') && !this.#suspended) {
          this.#suspended = true;
          return ['D 1', 's'];
        }
        return this.#run(this.#bound);
      case 'S':
        this.#skipping = false;
        return [this.#ready()];
      default:
        return [];
    }
  }

  #query(text: string): string[] {
    this.#unnamed = null;
    if (text === '') return ['I', this.#ready()];
    const answers = text.split(';').flatMap((one) => (this.#skipping ? [] : this.#run(one.trim())));
    this.#skipping = false;
    return [...answers, this.#ready()];
  }

  #run(text: string): string[] {
    if (this.#status === 'E' && text !== 'commit') return this.#failed();
    switch (text.split(' ')[0]) {
      case 'select':
        return ['T a', 'D 1', 'D 22', 'C SELECT 2'];
      case 'fenced':
        return ['T a', 'D 1', 'C SELECT 1'];
      case 'begin':
        this.#status = 'T';
        return ['C BEGIN'];
      case 'commit':
        this.#status = 'I';
        return ['C COMMIT'];
      case 'set':
        return ['S mode=f', 'C SET'];
      case 'status':
        return ['S search_path=x', 'C DONE 3'];
      case 'boom':
      case 'refused_by_the_gateway':
        return this.#failed();
      case 'insert':
        return ['C INSERT 0 5'];
      default:
        return ['C DONE'];
    }
  }

  #failed(): string[] {
    this.#skipping = true;
    if (this.#status === 'T') this.#status = 'E';
    return ['E 22012 boom'];
  }

  #ready(): string {
    return `Z ${this.#status}`;
  }
}

/** What happened, apart for either side and for the record. */
interface Story {
  readonly client: string[];
  readonly target: string[];
  readonly record: string[];
  readonly fast: number;
}

function play(seed: number, options: { fast: boolean; turns: boolean }): Story {
  const dice: Dice = seededRandom(seed);
  const player = new Player(options);
  const server = new Server();
  const story = { client: [] as string[], target: [] as string[], record: [] as string[] };
  let answers: Buffer[] = [];
  const took = (lines: string[]): void => {
    for (const line of lines) {
      if (line.startsWith('client< ')) story.client.push(line);
      else if (!line.startsWith('target< ')) story.record.push(line);
      else {
        story.target.push(line);
        answers.push(...server.answer(line.slice('target< '.length)).map(targetMessage));
      }
    }
  };
  let answered = 0;
  const answer = (): void => {
    const cuts = seededRandom(1000 * seed + answered++); // of its own: how often the server writes may differ, and is nobody's matter
    while (answers.length > 0) {
      const all = Buffer.concat(answers);
      answers = [];
      const chunks = cuts(4) === 0 && all.length > 1 ? cut(all, cuts) : [all];
      for (const chunk of chunks) took(player.target(chunk));
    }
  };
  prepared.forEach((text, index) => {
    took(player.client(bytesOf(`P s${index}|${text}`, 'S')));
    took(player.turn());
    answer();
  });
  for (let step = 0; step < 30; step++) {
    for (const chunk of clientChunks(dice)) took(player.client(chunk));
    const [leaves, hurries, answers] = [dice(8) === 0, dice(8) === 0, dice(3)];
    if (leaves) took(player.leave());
    took(player.turn());
    if (hurries) continue; // the next chunk comes before the answer
    for (let waits = 0; player.isWaiting && waits < 10; waits++) took(player.play(['approve', 'reject no', 'withdraw'][answers] as string));
    answer();
  }
  for (let waits = 0; player.isWaiting && waits < 200; waits++) {
    took(player.play('reject at the end'));
    answer();
  }
  took(player.turn());
  answer();
  return { ...story, fast: player.fastCycles };
}

t.test('random sessions are the same on both ways', async (t) => {
  let fast = 0;
  for (let seed = 1; seed <= 400; seed++) {
    const { fast: none, ...ordinary } = play(seed, { fast: false, turns: false });
    t.equal(none, 0);
    for (const turns of [false, true]) {
      const { fast: cycles, ...story } = play(seed, { fast: true, turns });
      if (!t.same(story, ordinary, `seed ${seed}, ${turns ? 'rulings at the end of the turn' : 'rulings at once'}`)) return;
      fast += cycles;
    }
  }
  t.ok(fast > 2000, `the fast path was gone ${fast} times`);
});

t.test('only exactly a whole cycle is one', async (t) => {
  const whole = [bytesOf('Q select 1'), bytesOf('B |s|1,22', 'D P ', 'E |0', 'S'), bytesOf('B |s|', 'E |0', 'S')];
  for (const chunk of whole) {
    t.not(cycleOf(chunk), null);
    for (let end = 0; end < chunk.length; end++) t.equal(cycleOf(chunk.subarray(0, end)), null, `cut at ${end}`);
    t.equal(cycleOf(Buffer.concat([chunk, chunk])), null);
    t.equal(cycleOf(Buffer.concat([chunk, Buffer.from([0])])), null);
  }
  for (const lines of [
    ['B p|s|1', 'E p|0', 'S'],
    ['B |s|1', 'E p|0', 'S'],
    ['B |s|1', 'D S s', 'E |0', 'S'],
    ['B |s|1', 'D P p', 'E |0', 'S'],
    ['B |s|1', 'E |7', 'S'],
    ['B |s|1', 'E |0', 'H'],
    ['P |select 1', 'B ||', 'E |0', 'S'],
    ['S'],
  ]) {
    t.equal(cycleOf(bytesOf(...lines)), null, lines.join(', '));
  }
  const lies = bytesOf('B |s|1', 'E |0', 'S');
  for (let at = 1; at < lies.length; at++) {
    for (const value of [0x00, 0x7f, 0xff]) {
      const changed = Buffer.from(lies);
      changed[at] = value;
      t.doesNotThrow(() => cycleOf(changed));
    }
  }
  t.equal(cycleOf(Buffer.concat([message(0x51, Buffer.from('a\0b\0'))])), null, 'a text with a zero in it');
});

t.test('only a plain answer is one', async (t) => {
  const portal = cycleOf(bytesOf('B |s|1', 'D P ', 'E |0', 'S'));
  if (portal === null) throw new Error('not a cycle');
  const lines = (...all: string[]): Buffer => Buffer.concat(all.map(targetMessage));
  t.same(answerOf(lines('2', 'T a', 'D 1', 'C SELECT 1', 'Z I'), portal), { rows: 1, status: 0x49 });
  t.same(answerOf(lines('2', 'n', 'C INSERT 0 1', 'Z T'), portal), { rows: 1, status: 0x54 });
  for (const other of [
    ['2', 'n', 'C X', 'Z I', 'S a=b'],
    ['S a=b', '2', 'n', 'C X', 'Z I'],
    ['2', 'C X', 'Z I'],
    ['2', 'n', 'D 1', 's', 'Z I'],
    ['2', 'n', 'E 22012 boom', 'Z I'],
    ['2', 'n', 'C X', 'C Y', 'Z I'],
    ['2', 'n', 'I', 'Z I'],
    ['1', 'n', 'C X', 'Z I'],
    ['2', 'n', 'G'],
  ]) {
    t.equal(answerOf(lines(...other), portal), null, other.join(', '));
  }
  const whole = lines('2', 'T a', 'D 1', 'C SELECT 1', 'Z I');
  for (let end = 0; end < whole.length; end++) t.equal(answerOf(whole.subarray(0, end), portal), null, `cut at ${end}`);
  const lies = Buffer.from(whole);
  lies.writeInt32BE(-1, lies.indexOf(fromTarget.commandComplete) + 1);
  t.equal(answerOf(lies, portal), null);
});

t.test('what is read of a Bind is the same on both ways, whatever it holds', async (t) => {
  const dice: Dice = seededRandom(7);
  const types = [0, 16, 17, 20, 21, 23, 25, 1043, 1700, 2950, 99_999];
  const some = (max: number): Buffer => Buffer.from(Array.from({ length: dice(max) }, () => (dice(8) === 0 ? dice(256) : 0x20 + dice(95))));
  const int16 = (value: number): Buffer => Buffer.from([(value >> 8) & 0xff, value & 0xff]);
  const int16s = (values: readonly number[]): Buffer => Buffer.concat([int16(values.length), ...values.map(int16)]);
  const value = (): Buffer => {
    if (dice(6) === 0) return Buffer.from([0xff, 0xff, 0xff, 0xff]);
    const bytes = dice(20) === 0 ? Buffer.alloc(5000, 'long') : some([2, 5, 9, 13, 14, 40][dice(6)] as number);
    return Buffer.concat([Buffer.from([0, 0, bytes.length >> 8, bytes.length & 0xff]), bytes]);
  };
  let likely = '';
  for (let round = 0; round < 1000; round++) {
    const count = dice(4);
    const formats = [[], [dice(2)], Array.from({ length: count }, () => dice(2)), [0, 1, 0, 1, 0]][dice(4)] as number[];
    const name = ['', 's', 's1', 'S_1', 'other'][dice(5)] as string;
    const values = [int16(count), ...Array.from({ length: count }, value)];
    const bind = message(0x42, Buffer.concat([Buffer.from(`\0${name}\0`), int16s(formats), ...values, int16s([0])]));
    const chunk = Buffer.concat([bind, bytesOf('E |0', 'S')]);
    const cycle = cycleOf(chunk, likely);
    if (cycle?.kind !== 'portal') throw new Error(`round ${round} is not a cycle`);
    t.same(cycle, cycleOf(chunk), 'whatever came before');
    const statement = { text: 'select $1', types: Array.from({ length: dice(5) }, () => types[dice(types.length)] as number) } as never;
    const ordinary = boundPortal('', statement, readBind(bind), bind);
    const quick = quickPortal(statement, chunk, cycle.fieldsAt, cycle.bindEnd);
    const isSame = t.same([cycle.statement, quick.parameters, quick.digest()], [name, ordinary.parameters, ordinary.digest()]);
    if (!isSame) return t.comment(`round ${round}`);
    likely = cycle.statement;
  }
});

t.test('the count of rows is what the tag says', async (t) => {
  const query = cycleOf(bytesOf('Q select 1'));
  if (query === null) throw new Error('not a cycle');
  const tags = [
    'SELECT 0',
    'SELECT 10',
    'INSERT 0 5',
    'BEGIN',
    'X',
    '',
    '7',
    ' 7',
    'A 7 ',
    'A7',
    'A 007',
    'FETCH 123456789012345',
    'A 9007199254740993',
  ];
  for (const tag of [...tags, 'A 123456789012345678901234567890', 'A 1\u00e47', 'A -7', `SELECT ${2 ** 31}`]) {
    const answer = Buffer.concat([message(0x43, Buffer.from(`${tag}\0`)), targetMessage('Z I')]);
    t.same(answerOf(answer, query), { rows: rowsOfTag(Buffer.from(tag).toString('latin1')), status: 0x49 }, tag);
  }
});
