// SFTP packets: any chunking, limits, and what each request is judged as.

import t from 'tap';
import { PacketReader, packetBytesMax } from '../../protocols/ssh/sftp-codec.ts';
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

t.test('packets come whole, however they were cut', async (t) => {
  const packets = [packet(13, text('/a')), packet(4, text('h')), packet(18, text('/a'), text('/b'))];
  const stream = Buffer.concat(packets);
  for (const size of [1, 2, 3, 7, stream.length]) {
    const reader = new PacketReader();
    const found: Buffer[] = [];
    for (let at = 0; at < stream.length; at += size) found.push(...reader.push(stream.subarray(at, at + size)));
    t.same(found, packets, `pieces of ${size}`);
    t.ok(reader.isEmpty);
  }
});

t.test('lengths that are lies end it', async (t) => {
  t.throws(() => new PacketReader().push(uint32(packetBytesMax + 1)), { code: 'message-too-large' });
  t.throws(() => new PacketReader().push(uint32(0)), { code: 'protocol-violation' });
  t.throws(() => operationOf(Buffer.concat([uint32(9), Buffer.from([13]), uint32(7), uint32(100)])), { code: 'protocol-violation' });
  t.throws(() => operationOf(packet(13, text(Buffer.from([0x66, 0xff])))), /not UTF-8/);
  t.throws(() => operationOf(packet(13, text('a\0b'))), /not UTF-8/);
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
  const uint64 = Buffer.alloc(8);
  const operation = operationOf(packet(200, text('copy-data'), text('from'), uint64, uint64, text('to'), uint64));
  t.match(operation, { kind: 'handle', writes: true, handle: Buffer.from('to'), source: Buffer.from('from') });
});
