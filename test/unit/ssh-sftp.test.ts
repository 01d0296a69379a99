// SFTP packets: any chunking, limits, what passes in pieces, and what each request is judged as.

import t from 'tap';
import { PacketReader, packetBytesMax } from '../../protocols/ssh/sftp-codec.ts';
import type { Part } from '../../protocols/ssh/sftp-codec.ts';
import { headOfData, headOfWrite } from '../../protocols/ssh/sftp-messages.ts';
import { effectsOf, operationOf, textOf } from '../../protocols/ssh/sftp-operations.ts';

const uint32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
const text = (value: string | Buffer) => Buffer.concat([uint32(Buffer.byteLength(value)), Buffer.from(value)]);
const packet = (type: number, ...fields: Buffer[]) => {
  const body = Buffer.concat([Buffer.from([type]), uint32(7), ...fields]);
  return Buffer.concat([uint32(body.length), body]);
};

const uint64 = (value: number) => Buffer.concat([uint32(0), uint32(value)]);
const write = (data: Buffer) => packet(6, text('hand'), uint64(5), text(data));
const data = (bytes: Buffer) => packet(103, text(bytes));

/** All parts, and what they are put together again. Each piece is overwritten when it was looked at, as sockets do. */
function partsOf(reader: PacketReader, stream: Buffer, size: number): { parts: Part[]; packets: Buffer[] } {
  const parts: Part[] = [];
  const packets: Buffer[] = [];
  let passing: Buffer[] = [];
  const memory = Buffer.alloc(size);
  for (let at = 0; at < stream.length; at += size) {
    const chunk = memory.subarray(0, stream.copy(memory, 0, at, at + size));
    reader.push(chunk);
    for (let part = reader.next(); part !== null; part = reader.next()) {
      const bytes = Buffer.from(part.bytes);
      parts.push({ ...part, bytes });
      if (part.kind === 'packet') packets.push(bytes);
      else passing.push(bytes);
      if (part.kind === 'piece' && part.last) {
        packets.push(Buffer.concat(passing));
        passing = [];
      }
    }
    memory.fill(0xff);
  }
  return { parts, packets };
}

t.test('packets come whole, however they were cut', async (t) => {
  const packets = [packet(13, text('/a')), packet(4, text('h')), packet(18, text('/a'), text('/b')), Buffer.from([0, 0, 0, 1, 9])];
  const stream = Buffer.concat(packets);
  for (let size = 1; size <= stream.length; size += 1) {
    const reader = new PacketReader(() => null);
    t.same(partsOf(reader, stream, size).packets, packets, `pieces of ${size}`);
    t.ok(reader.isEmpty);
  }
});

t.test('bulk passes in pieces from its head on, however it was cut', async (t) => {
  const bulk = Buffer.from(Array.from({ length: 700 }, (_, index) => index % 251));
  for (const [name, headOf, make, head] of [
    ['WRITE', headOfWrite, write, 4 + 1 + 4 + 8 + 8 + 4],
    ['DATA', headOfData, data, 4 + 1 + 4 + 4],
  ] as const) {
    const packets = [
      packet(4, text('h')),
      make(bulk),
      make(Buffer.alloc(0)),
      make(bulk.subarray(0, 3)),
      packet(13, text('/a')),
      make(bulk),
    ];
    const stream = Buffer.concat(packets);
    for (let size = 1; size <= stream.length; size += size < 40 ? 1 : 37) {
      const reader = new PacketReader(headOf);
      const found = partsOf(reader, stream, size);
      t.same(found.packets, packets, `${name} in pieces of ${size}`);
      t.ok(reader.isEmpty);
      t.notOk(
        found.parts.some(({ kind, bytes }) => kind === 'start' && bytes.length < head),
        'a beginning has all that is judged',
      );
      if (size < 100)
        t.ok(found.parts.filter(({ kind }) => kind === 'piece').length >= 2 * Math.floor(600 / size), 'it does not wait for the rest');
    }
  }
});

t.test('bulk whose lengths do not fit together is given whole, for the reader of fields to refuse', async (t) => {
  const long = Buffer.alloc(100);
  const tooLong = packet(6, text('hand'), uint64(5), uint32(101), long);
  const tooShort = packet(6, text('hand'), uint64(5), uint32(99), long);
  const handle = packet(6, uint32(0xffff_ffff), uint64(5), text(long));
  const longHandle = packet(6, text(Buffer.alloc(600)), uint64(5), text(long));
  for (const bytes of [tooLong, tooShort, handle, longHandle, packet(6), packet(6, uint32(4))]) {
    for (const size of [1, 13, 20, 50, 600]) {
      const { parts } = partsOf(new PacketReader(headOfWrite), bytes, size);
      t.same(parts, [{ kind: 'packet', bytes }]);
    }
  }
  const short = packet(103, uint32(3), long);
  t.same(partsOf(new PacketReader(headOfData), short, 20).parts, [{ kind: 'packet', bytes: short }]);
});

t.test('what was not looked at yet can be kept', async (t) => {
  const memory = Buffer.concat([packet(4, text('h')), packet(4, text('i')), write(Buffer.alloc(50))]);
  const stream = Buffer.from(memory);
  const reader = new PacketReader(headOfWrite);
  reader.push(memory.subarray(0, memory.length - 10));
  const first = Buffer.from(reader.next()?.bytes ?? '');
  reader.keep();
  memory.fill(0xff);
  const rest = [reader.next(), reader.next()].map((part) => Buffer.from(part?.bytes ?? ''));
  t.equal(reader.next(), null);
  t.ok(reader.isPassing);
  t.same(Buffer.concat([first, ...rest]), stream.subarray(0, stream.length - 10));
});

t.test('lengths that are lies end it', async (t) => {
  const lie = (length: number) => () => {
    const reader = new PacketReader(headOfWrite);
    reader.push(uint32(length));
    reader.next();
    reader.push(Buffer.from([6]));
    reader.next();
  };
  t.throws(lie(packetBytesMax + 1), { code: 'message-too-large' });
  t.throws(lie(0), { code: 'protocol-violation' });
  t.throws(() => operationOf(Buffer.concat([uint32(9), Buffer.from([13]), uint32(7), uint32(100)])), { code: 'protocol-violation' });
  t.throws(() => operationOf(packet(13, text('a\0b'))), { code: 'protocol-violation' });
  t.match(
    operationOf(packet(13, text(Buffer.from([0x66, 0xff])))),
    { kind: 'unreadable', why: /not UTF-8/ },
    'sound, but nobody can judge it',
  );
  t.same(operationOf(packet(7, text(Buffer.from([0x66, 0xff])))), { kind: 'lookup' }, 'looking at it goes with the subsystem');
});

const judged: readonly (readonly [string, Buffer, string, readonly string[]])[] = [
  ['reading', packet(3, text('a'), uint32(1), uint32(0)), 'read a (/r)', ['file-read']],
  ['writing', packet(3, text('a'), uint32(0x1a), uint32(0)), 'write a (/r)', ['file-write']],
  ['both', packet(3, text('a'), uint32(3), uint32(0)), 'write a (/r)', ['file-read', 'file-write']],
  ['a flag nobody knows is reading', packet(3, text('a'), uint32(0), uint32(0)), 'read a (/r)', ['file-read']],
  ['removing', packet(13, text('/r')), 'remove /r', ['file-remove']],
  ['renaming', packet(18, text('a'), text('b')), 'rename a (/r) to b (/r)', ['file-remove', 'file-write']],
  [
    'renaming by extension',
    packet(200, text('posix-rename@openssh.com'), text('a'), text('b')),
    'rename a (/r) to b (/r)',
    ['file-remove', 'file-write'],
  ],
  ['a link', packet(20, text('to'), text('name')), 'link (to to) name (/r)', ['file-write']],
  ['attributes', packet(9, text('a')), 'set attributes of a (/r)', ['file-write']],
  ['a folder', packet(14, text('a')), 'mkdir a (/r)', ['file-write']],
  ['a listing', packet(11, text('.')), 'list . (/r)', ['file-read']],
];

for (const [name, bytes, words, verbs] of judged) {
  t.test(name, async (t) => {
    const operation = operationOf(bytes);
    if (operation.kind !== 'judged') return t.fail(operation.kind);
    const resolved = operation.paths.map(() => '/r');
    t.equal(textOf(operation.verb, operation.paths, resolved), words);
    t.same(
      effectsOf(operation.paths, resolved).map(({ verb }) => verb),
      verbs,
    );
  });
}

t.test('what is not known is not passed on', async (t) => {
  for (const bytes of [packet(99), packet(21), packet(200, text('exec@evil.com'))]) t.equal(operationOf(bytes).kind, 'unsupported');
});

t.test('copying between handles writes the second', async (t) => {
  const zero = uint64(0);
  const operation = operationOf(packet(200, text('copy-data'), text('from'), zero, zero, text('to'), zero));
  t.match(operation, { kind: 'handle', writes: true, handle: Buffer.from('to'), source: Buffer.from('from') });
});
