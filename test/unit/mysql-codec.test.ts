// Framing in both directions under any chunking: the client's packets, joined where they continue, and the target's answers,
// of which nothing but the end is looked at.

import t from 'tap';
import { framed, fullPacketBytes, PacketReader } from '../../protocols/mysql/codec.ts';
import * as wire from '../../protocols/mysql/messages.ts';
import { Replies } from '../../protocols/mysql/replies.ts';
import { dropped, plainTerms, type ReplyEnd, type ReplyShape, type ReplyTerms } from '../../protocols/mysql/reply-sink.ts';

t.test('the client: any chunking gives the same packets', (t) => {
  const payloads = [Buffer.from([1]), Buffer.from('select 1'), Buffer.alloc(300, 7)];
  const bytes = Buffer.concat(payloads.map((it) => framed(it, 0)));
  for (const size of [1, 2, 3, 5, 64, bytes.length]) {
    const reader = new PacketReader(1000);
    const seen: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += size) {
      reader.push(bytes.subarray(at, at + size));
      for (let packet = reader.next(0); packet !== null; packet = reader.next(0)) seen.push(packet.payload);
    }
    t.strictSame(seen, payloads, `chunks of ${size}`);
    t.equal(reader.bufferedBytes, 0);
  }
  t.end();
});

t.test('the client: a payload of 16 MB and more is continued, and has a limit', (t) => {
  for (const length of [fullPacketBytes - 1, fullPacketBytes, fullPacketBytes + 1]) {
    const reader = new PacketReader(2 * fullPacketBytes);
    reader.push(framed(Buffer.alloc(length, 1), 0));
    t.equal(reader.next(0)?.payload.length, length, String(length));
  }
  const small = new PacketReader(fullPacketBytes);
  small.push(framed(Buffer.alloc(fullPacketBytes + 1), 0));
  t.throws(() => small.next(0), { code: 'message-too-large' });
  const disordered = new PacketReader(100);
  disordered.push(framed(Buffer.from([1]), 3));
  t.throws(() => disordered.next(0), { code: 'protocol-violation' });
  t.end();
});

// ---- answers ----

const eof = (flags = 0): Buffer => Buffer.concat([Buffer.from([0xfe]), wire.uint16(0), wire.uint16(flags)]);
const column = Buffer.concat(
  ['def', '', '', '', 'a', '']
    .map((it) => wire.lenencBytes(Buffer.from(it)))
    .concat(Buffer.from([0x0c, 45, 0, 1, 0, 0, 0, 253, 0, 0, 0, 0, 0])),
);
const row = (text: string): Buffer => wire.lenencBytes(Buffer.from(text));
const packets = (payloads: readonly Buffer[], first = 1): Buffer => Buffer.concat(payloads.map((it, index) => framed(it, first + index)));
const more = wire.status.moreResults;

interface Case {
  readonly name: string;
  readonly shape: ReplyShape;
  readonly deprecatesEof: boolean;
  readonly payloads: readonly Buffer[];
  readonly end: Partial<ReplyEnd>;
  readonly rows?: number;
}

const preparedOk = (columns: number, parameters: number): Buffer =>
  Buffer.concat([Buffer.from([0]), wire.uint32(5), wire.uint16(columns), wire.uint16(parameters), Buffer.from([0, 0, 0])]);

const cases: readonly Case[] = [
  { name: 'OK', shape: 'results', deprecatesEof: true, payloads: [wire.ok(2, 7)], end: { affectedRows: 7, endedRows: false } },
  { name: 'an error', shape: 'results', deprecatesEof: true, payloads: [wire.err(1054, '42S22', 'no')], end: { error: { number: 1054, sqlState: '42S22', message: 'no' } } },
  { name: 'rows that end in EOF', shape: 'results', deprecatesEof: false, payloads: [Buffer.from([1]), column, eof(), row('x'), row(''), eof(1)], end: { statusFlags: 1, endedRows: true }, rows: 2 },
  { name: 'rows that end in OK', shape: 'results', deprecatesEof: true, payloads: [Buffer.from([1]), column, row('x'), wire.ok(1, 0, 0xfe)], end: { statusFlags: 1, endedRows: true }, rows: 1 },
  { name: 'an error after rows', shape: 'results', deprecatesEof: false, payloads: [Buffer.from([1]), column, eof(), row('x'), wire.err(1317, '70100', 'cut')], end: { error: { number: 1317, sqlState: '70100', message: 'cut' } }, rows: 1 },
  { name: 'several results', shape: 'results', deprecatesEof: false, payloads: [Buffer.from([1]), column, eof(), row('x'), eof(more), wire.ok(more), Buffer.from([1]), column, eof(), eof(more), wire.ok(2)], end: { statusFlags: 2 }, rows: 1 },
  { name: 'a progress report is no end', shape: 'results', deprecatesEof: true, payloads: [wire.progress('half'), wire.ok(2)], end: { statusFlags: 2 } },
  { name: 'prepared with EOF', shape: 'prepared', deprecatesEof: false, payloads: [preparedOk(1, 2), column, column, eof(), column, eof()], end: { error: null } },
  { name: 'prepared without EOF', shape: 'prepared', deprecatesEof: true, payloads: [preparedOk(2, 1), column, column, column], end: { error: null } },
  { name: 'prepared, nothing else', shape: 'prepared', deprecatesEof: true, payloads: [preparedOk(0, 0)], end: { error: null } },
  { name: 'columns of a table', shape: 'columns', deprecatesEof: false, payloads: [column, column, eof()], end: { error: null } },
  { name: 'rows of a cursor', shape: 'rows', deprecatesEof: false, payloads: [row('x'), eof(0x80)], end: { statusFlags: 0x80 }, rows: 1 },
  { name: 'words', shape: 'text', deprecatesEof: true, payloads: [Buffer.from('Uptime: 3')], end: { error: null } },
  { name: 'EOF in the place of OK', shape: 'ok', deprecatesEof: false, payloads: [eof(2)], end: { statusFlags: 2 } },
]; // prettier-ignore

interface Walked {
  readonly bytes: Buffer;
  readonly ends: ReplyEnd[];
  readonly rows: number;
  /** Times that too many rows were told. */
  readonly met: number;
  readonly nextSequence: number;
}

function walk(it: Case, size: number, terms: Partial<ReplyTerms> = {}, clientDeprecatesEof = it.deprecatesEof): Walked {
  const { deprecatesEof } = it;
  const metadata = { cachesMetadata: false, clientCachesMetadata: false, extendsMetadata: false, clientExtendsMetadata: false };
  const replies = new Replies({ deprecatesEof, clientDeprecatesEof, tracks: false, ...metadata });
  let met = 0;
  const forwarded: Buffer[] = [];
  const ends: ReplyEnd[] = [];
  const sink = {
    gathersRows: false,
    forward: (bytes: Buffer) => void forwarded.push(Buffer.from(bytes)),
    ok: () => null,
    prepared: () => undefined,
    localFile: () => false,
    columns: () => undefined,
    column: () => undefined,
    row: () => null,
    masksRows: false,
    withoutValues: () => null,
    failed: (error: wire.ErrPacket) => (error.number === 1792 ? dropped : null),
    rowsMet: () => void (met += 1),
    end: (end: ReplyEnd) => void ends.push(end),
  };
  replies.begin(it.shape, { ...plainTerms, ...terms });
  const bytes = packets(it.payloads);
  for (let at = 0; at < bytes.length; at += size) replies.walk(Buffer.from(bytes.subarray(at, at + size)), sink);
  t.equal(replies.isOpen, false, `${it.name}: closed`);
  t.throws(() => replies.walk(packets([wire.ok(0)]), sink), { message: /nobody asked for/ });
  return { bytes: Buffer.concat(forwarded), ends, rows: replies.rows, met, nextSequence: replies.nextSequence };
}

t.test('the target: every shape of answer, cut anywhere, comes out as it was and ends once', (t) => {
  for (const it of cases) {
    for (const size of [1, 2, 3, 4, 5, 7, 11, 1000]) {
      const { bytes, ends, rows } = walk(it, size);
      t.ok(bytes.equals(packets(it.payloads)), `${it.name}, chunks of ${size}`);
      t.match(ends, [it.end]);
      t.equal(ends.length, 1);
      t.equal(rows, it.rows ?? 0);
    }
    t.ok(walk(it, 6, { shift: 3 }).bytes.equals(packets(it.payloads, 4)), `${it.name}: numbers go on after three packets of the gateway`);
  }
  t.end();
});

const translated: readonly (readonly [name: string, payloads: readonly Buffer[]])[] = [
  ['rows that end in EOF', [Buffer.from([1]), column, row('x'), row(''), wire.ok(1, 0, 0xfe)]],
  ['an error after rows', [Buffer.from([1]), column, row('x'), wire.err(1317, '70100', 'cut')]],
  ['several results', [Buffer.from([1]), column, row('x'), wire.ok(more, 0, 0xfe), wire.ok(more), Buffer.from([1]), column, wire.ok(more, 0, 0xfe), wire.ok(2)]],
  ['prepared with EOF', [preparedOk(1, 2), column, column, column]],
  ['columns of a table', [column, column, wire.ok(0, 0, 0xfe)]],
  ['rows of a cursor', [row('x'), wire.ok(0x80, 0, 0xfe)]],
  ['EOF in the place of OK', [wire.ok(2, 0, 0xfe)]],
]; // prettier-ignore

t.test('a target with EOF, a client without: none behind definitions, OK behind rows, numbers without gaps', (t) => {
  for (const [name, payloads] of translated) {
    const it = cases.find((each) => each.name === name) as Case;
    for (const size of [1, 3, 5, 1000]) {
      const { bytes, ends } = walk(it, size, {}, true);
      t.equal(bytes.toString('hex'), packets(payloads).toString('hex'), `${name}, chunks of ${size}`);
      t.match(ends, [it.end]);
    }
  }
  const cursor: Case = { name: 'a cursor is open', shape: 'results', deprecatesEof: false, payloads: [Buffer.from([1]), column, eof(0x42)], end: {} }; // prettier-ignore
  t.ok(
    walk(cursor, 4, { asksCursor: true }, true).bytes.equals(packets([Buffer.from([1]), column, wire.ok(0x42, 0, 0xfe)])),
    'the end of the answer is told',
  );
  const routines: Case = { name: "a routine's own cursor", shape: 'results', deprecatesEof: false, payloads: [Buffer.from([1]), column, eof(0x42), row('a'), eof(0x42)], end: {} }; // prettier-ignore
  t.equal(walk(routines, 4).rows, 1, 'a cursor that the client did not ask for ends nothing');
  t.end();
});

t.test('rows beyond the limit, and everything behind them, do not come through; the next number is what the client counts', (t) => {
  for (const deprecatesEof of [true, false]) {
    const between = deprecatesEof ? [] : [eof()];
    const end = deprecatesEof ? wire.ok(more, 0, 0xfe) : eof(more);
    const let_ = [Buffer.from([1]), column, ...between, row('a'), row('b')];
    const payloads = [...let_, row('c'), row('d'), end, wire.ok(2)];
    const it: Case = { name: 'too many', shape: 'results', deprecatesEof, payloads, end: { statusFlags: 2 } };
    for (const size of [1, 4, 1000]) {
      const { bytes, met, rows, nextSequence } = walk(it, size, { rowsMax: 2 });
      t.ok(bytes.equals(packets(let_)), `chunks of ${size}`);
      t.strictSame([met, rows, nextSequence], [1, 4, 1 + let_.length]);
    }
    t.strictSame(walk(it, 4, { rowsMax: 4 }).met, 0, 'exactly as many are let through');
  }
  t.end();
});

t.test("flags of the gateway's own transaction are not told", (t) => {
  const inOwn = wire.status.inTransaction | wire.status.readOnlyTransaction;
  for (const it of [
    { name: 'with EOF', shape: 'results', deprecatesEof: false, payloads: [Buffer.from([1]), column, eof(inOwn | 2), eof(inOwn | 2)], end: {} },
    { name: 'with OK', shape: 'results', deprecatesEof: true, payloads: [Buffer.from([1]), column, wire.ok(inOwn | 2, 300, 0xfe)], end: {} },
  ] as const) {
    const expected = it.deprecatesEof ? [Buffer.from([1]), column, wire.ok(2, 300, 0xfe)] : [Buffer.from([1]), column, eof(2), eof(2)];
    const { bytes, ends } = walk(it, 5, { hides: inOwn });
    t.ok(bytes.equals(packets(expected)), it.name);
    t.match(ends, [{ statusFlags: 2 }]);
  }
  t.end();
}); // prettier-ignore

t.test('an error that is not for the client', (t) => {
  const it: Case = { name: 'x', shape: 'results', deprecatesEof: true, payloads: [wire.err(1792, '25006', 'no')], end: {} };
  t.match(walk(it, 3), { bytes: Buffer.alloc(0), ends: [{ error: { number: 1792 } }] });
  t.end();
});

t.test('a file of the client that no statement named is refused', (t) => {
  const it: Case = { name: 'file', shape: 'results', deprecatesEof: true, payloads: [Buffer.from('\xfb/etc/passwd', 'latin1')], end: {} };
  t.throws(() => walk(it, 1000), { message: /no released statement named/ });
  t.end();
});

t.test('changes are taken out of an OK for a client that does not track them', (t) => {
  const change = Buffer.concat([Buffer.from([1]), wire.lenencBytes(wire.lenencBytes(Buffer.from('shop')))]);
  const done = wire.ok(0);
  done.writeUInt16LE(wire.status.sessionStateChanged, 3);
  const tracked = Buffer.concat([done, wire.lenencBytes(Buffer.from('words')), wire.lenencBytes(change)]);
  const packet = wire.readOk(tracked, true);
  t.strictSame(packet.changes, [{ kind: 'database', name: 'shop' }]);
  t.strictSame(wire.withoutTracking(tracked, packet), Buffer.concat([wire.ok(0), wire.lenencBytes(Buffer.from('words'))]));
  t.end();
});
