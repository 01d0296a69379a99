// Framing in both directions under any chunking: the client's packets, joined where they continue, and the target's answers,
// of which nothing but the end is looked at.

import t from 'tap';
import { framed, fullPacketBytes, PacketReader } from '../../protocols/mysql/codec.ts';
import * as wire from '../../protocols/mysql/messages.ts';
import { Replies, type ReplyEnd, type ReplyShape } from '../../protocols/mysql/replies.ts';

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

function walk(it: Case, size: number, shift: number): { bytes: Buffer; ends: ReplyEnd[]; rows: number } {
  const replies = new Replies({ deprecatesEof: it.deprecatesEof, tracks: false, cachesMetadata: false, clientCachesMetadata: false });
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
    row: () => undefined,
    end: (end: ReplyEnd) => void ends.push(end),
  };
  replies.begin(it.shape, shift);
  const bytes = packets(it.payloads);
  for (let at = 0; at < bytes.length; at += size) replies.walk(Buffer.from(bytes.subarray(at, at + size)), sink);
  t.equal(replies.isOpen, false, `${it.name}: closed`);
  t.throws(() => replies.walk(packets([wire.ok(0)]), sink), { message: /nobody asked for/ });
  return { bytes: Buffer.concat(forwarded), ends, rows: replies.rows };
}

t.test('the target: every shape of answer, cut anywhere, comes out as it was and ends once', (t) => {
  for (const it of cases) {
    for (const size of [1, 2, 3, 4, 5, 7, 11, 1000]) {
      const { bytes, ends, rows } = walk(it, size, 0);
      t.ok(bytes.equals(packets(it.payloads)), `${it.name}, chunks of ${size}`);
      t.match(ends, [it.end]);
      t.equal(ends.length, 1);
      t.equal(rows, it.rows ?? 0);
    }
    t.ok(walk(it, 6, 3).bytes.equals(packets(it.payloads, 4)), `${it.name}: numbers go on after three packets of the gateway`);
  }
  t.end();
});

t.test('a file of the client that no statement named is refused', (t) => {
  const it: Case = { name: 'file', shape: 'results', deprecatesEof: true, payloads: [Buffer.from('\xfb/etc/passwd', 'latin1')], end: {} };
  t.throws(() => walk(it, 1000, 0), { message: /no released statement named/ });
  t.end();
});

t.test('changes are taken out of an OK for a client that does not track them', (t) => {
  const change = Buffer.concat([Buffer.from([1]), wire.lenencBytes(wire.lenencBytes(Buffer.from('shop')))]);
  const tracked = Buffer.concat([
    wire.ok(wire.status.sessionStateChanged),
    wire.lenencBytes(Buffer.from('words')),
    wire.lenencBytes(change),
  ]);
  const packet = wire.readOk(tracked, true);
  t.strictSame(packet.changes, [{ kind: 'database', name: 'shop' }]);
  t.strictSame(wire.withoutTracking(tracked, packet), Buffer.concat([wire.ok(0), Buffer.from('words')]));
  t.end();
});
