// Answers are walked through by their packets' headers, rows in one go where nobody looks at them: however the bytes are cut, and
// whatever makes somebody look, the client gets the same and the same is counted.

import t from 'tap';
import { framed, fullPacketBytes } from '../../protocols/mysql/codec.ts';
import type { ErrPacket } from '../../protocols/mysql/messages.ts';
import { Replies } from '../../protocols/mysql/replies.ts';
import { plainTerms, type ReplyEnd, type ReplySink, type ReplyTerms } from '../../protocols/mysql/reply-sink.ts';

const eof = Buffer.from('fe00000200', 'hex');
const moreFollows = Buffer.from('fe00000a00', 'hex');
const okAsEof = Buffer.from('fe000002000000', 'hex');
const err = Buffer.concat([Buffer.from('ff2805', 'hex'), Buffer.from('#70100interrupted')]);
const definition = Buffer.alloc(40, 3);
const text = (length: number) => Buffer.alloc(length, 0x41);

function packets(payloads: readonly Buffer[]): Buffer {
  return Buffer.concat(payloads.map((it, index) => framed(it, (index + 1) & 0xff)));
}

interface Seen {
  readonly forwarded: Buffer;
  readonly rows: number;
  readonly next: number;
  readonly ended: ReplyEnd | null;
  readonly met: boolean;
}

interface Look {
  readonly terms?: ReplyTerms;
  readonly deprecatesEof?: boolean;
  readonly gathers?: boolean;
  readonly masks?: boolean;
  /** Nothing more is let through behind so many chunks. */
  readonly silenceAfter?: number;
}

function walked(chunks: readonly Buffer[], look: Look): Seen {
  const { terms = plainTerms, deprecatesEof = false, gathers = false, masks = false, silenceAfter } = look;
  const metadata = { cachesMetadata: false, clientCachesMetadata: false, extendsMetadata: false, clientExtendsMetadata: false };
  const plain = { tracks: true, ...metadata };
  const replies = new Replies({ ...plain, deprecatesEof, clientDeprecatesEof: deprecatesEof });
  const forwarded: Buffer[] = [];
  let ended: ReplyEnd | null = null;
  let met = false;
  const sink: ReplySink = {
    forward: (bytes) => void forwarded.push(Buffer.from(bytes)),
    ok: () => null,
    prepared: () => undefined,
    failed: (_: ErrPacket) => null,
    rowsMet: () => void (met = true),
    localFile: () => false,
    columns: () => undefined,
    column: () => undefined,
    row: () => null,
    gathersRows: gathers,
    masksRows: masks,
    withoutValues: () => null,
    end: (it) => void (ended = it),
  };
  replies.begin('results', terms);
  chunks.forEach((chunk, index) => {
    if (index === silenceAfter) replies.silence();
    replies.walk(Buffer.from(chunk), sink);
  });
  return { forwarded: Buffer.concat(forwarded), rows: replies.rows, next: replies.nextSequence, ended, met };
}

const head = [Buffer.from([1]), definition];
const rows = [text(1), Buffer.from([0xfb]), text(200), Buffer.from([0xfc, 3, 0, 65, 66, 67]), text(9), Buffer.from([0xfd, 1, 0, 0, 65])];
/** Its first byte is that of an end, as the length of the value is told in eight bytes. */
const strange = Buffer.concat([Buffer.from('fe0400000000000000', 'hex'), text(4)]);

const answers: readonly (readonly [name: string, bytes: Buffer, look?: Look])[] = [
  ['a few rows', packets([...head, eof, ...rows, eof])],
  ['no row', packets([...head, eof, eof])],
  ['a row with the first byte of an end', packets([...head, eof, ...rows, strange, ...rows, eof])],
  ['two results', packets([...head, eof, ...rows, moreFollows, ...head, eof, text(3), eof])],
  ['rows that end in an error', packets([...head, eof, ...rows, err])],
  ['more than 256 packets', packets([...head, eof, ...Array.from({ length: 300 }, (_, index) => text(1 + (index % 7))), eof])],
  ['without EOF', packets([...head, ...rows, okAsEof]), { deprecatesEof: true }],
];

const looks: readonly (readonly [name: string, look: Look])[] = [
  ['as it came', {}],
  ['behind a packet of the gateway', { terms: { ...plainTerms, shift: 1 } }],
  ['with a limit that is met', { terms: { ...plainTerms, rowsMax: 3 } }],
  ['with a limit that is not', { terms: { ...plainTerms, rowsMax: 1000 } }],
];

for (const [name, bytes, more = {}] of answers) {
  t.test(`${name}, cut anywhere`, async (t) => {
    for (const [how, look] of looks) {
      const options = { ...more, ...look };
      // One packet in each chunk is walked past one by one; so is what somebody gathers.
      const wanted = walked(byPackets(bytes), options);
      t.same(walked([bytes], options), wanted, `${how}: whole`);
      t.same(walked([bytes], { ...options, gathers: true }), wanted, `${how}: gathered`);
      for (let cut = 1; cut < bytes.length; cut += 1 + Math.floor(bytes.length / 400)) {
        const seen = walked([bytes.subarray(0, cut), bytes.subarray(cut)], options);
        if (JSON.stringify(seen) !== JSON.stringify(wanted)) t.same(seen, wanted, `${how}: cut at ${cut}`);
      }
      t.same(
        walked(
          Array.from(bytes, (byte) => Buffer.from([byte])),
          options,
        ),
        wanted,
        `${how}: byte by byte`,
      );
    }
    t.same(walked([bytes], more).forwarded, bytes);
  });
}

t.test('in the middle of the rows it is known which number comes next', async (t) => {
  const bytes = packets([...head, eof, ...rows]);
  for (const shift of [0, 2]) t.equal(walked([bytes], { terms: { ...plainTerms, shift } }).next, head.length + 1 + rows.length + 1 + shift);
  t.equal(walked([bytes.subarray(0, -2)], {}).next, head.length + 1 + rows.length + 1);
});

t.test('nothing passes behind a silence, and it is walked to its end', async (t) => {
  const bytes = packets([...head, eof, ...rows, ...rows, eof]);
  const at = packets([...head, eof, ...rows]).length;
  const seen = walked([bytes.subarray(0, at), bytes.subarray(at)], { silenceAfter: 1 });
  t.same(seen.forwarded, bytes.subarray(0, at));
  t.equal(seen.rows, 2 * rows.length);
  t.ok(seen.ended);
});

t.test('a row of 16 MB goes on in the next packet, whose first byte says nothing', async (t) => {
  const full = Buffer.alloc(fullPacketBytes, 0x41);
  const bytes = packets([...head, eof, text(5), Buffer.concat([full, Buffer.from([0xff, 0, 0])]), text(5), full, text(2), eof]);
  for (const cut of [bytes.length, 1_000_000, fullPacketBytes + 80, fullPacketBytes + 82]) {
    const seen = walked([bytes.subarray(0, cut), bytes.subarray(cut)], {});
    t.equal(seen.rows, 5, `cut at ${cut}`);
    t.ok(seen.ended?.endedRows);
    t.ok(seen.forwarded.equals(bytes));
  }
});

t.test('a large row that is looked at is put together once, in however many pieces it comes', async (t) => {
  const bytes = packets([...head, eof, text(4_000_000), eof]);
  const pieces = Array.from({ length: Math.ceil(bytes.length / 256) }, (_, index) => bytes.subarray(256 * index, 256 * (index + 1)));
  const before = process.cpuUsage();
  const seen = walked(pieces, { masks: true });
  const { user, system } = process.cpuUsage(before);
  t.ok(seen.forwarded.equals(bytes));
  t.equal(seen.rows, 1);
  t.ok(user + system < 2_000_000, `${user + system} µs of CPU time: joining all that came with each piece takes several seconds`);
});

function byPackets(bytes: Buffer): Buffer[] {
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + 4 + bytes.readUIntLE(at, 3);
    parts.push(bytes.subarray(at, end));
    at = end;
  }
  return parts;
}
