// A peer that breaks the protocol: the link closes in words, nothing throws, memory stays bounded.

import { once } from 'node:events';
import t from 'tap';
import { decode, encode, printable } from '../../src/tunnel/frames.ts';
import {
  creditBytesMax,
  dataBytesMax,
  strayFramesInitial,
  strayFramesPerStream,
  streamsMax,
  windowBytesInitial,
} from '../../src/tunnel/limits.ts';
import type { OpenRequest } from '../../src/tunnel/link.ts';
import { eventually } from '../support/eventually.ts';
import { hostilePeer, never } from './tunnel-fixture.ts';

const frame = (type: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer => {
  const header = Buffer.alloc(5);
  header[0] = type;
  header.writeUInt32BE(stream, 1);
  return Buffer.concat([header, payload]);
};
const number = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
const open = (stream: number, host = 'db', port = 5432): Buffer =>
  encode({ kind: 'open', stream, windowBytes: windowBytesInitial, host, port });
const data = (stream: number, count: number): Buffer => frame(3, stream, Buffer.alloc(count));
const accepting = (request: OpenRequest): void => void request.accept();

/** What a hostile gateway may send to an agent, and the words that it hears. */
const againstAgent: readonly (readonly [string, readonly Buffer[], RegExp])[] = [
  ['an empty message', [Buffer.alloc(0)], /shorter than its header/],
  ['half a header', [Buffer.from([3, 0, 0])], /shorter than its header/],
  ['a type that is none', [frame(0, 1)], /unknown type 0/],
  ['a type between', [frame(0x7f, 1)], /unknown type 127/],
  ['a stream frame on the link', [frame(3, 0, Buffer.from('x'))], /type 3 on stream 0/],
  ['a link frame on a stream', [frame(7, 9, number(1))], /type 7 on stream 9/],
  ['data for a stream never opened', [data(7, 1)], /stream 7, which is not open/],
  ['the end of a stream never opened', [frame(5, 7)], /stream 7, which is not open/],
  ['credit for a stream never opened', [frame(4, 7, number(1))], /never opened/],
  ['a reset of a stream never opened', [frame(6, 7, Buffer.from([0]))], /never opened/],
  ['no data', [open(1), frame(3, 1)], /data frame of 0 bytes/],
  ['too much data in a frame', [open(1), frame(3, 1, Buffer.alloc(dataBytesMax + 1))], /data frame of 32769 bytes/],
  [
    'more than was granted',
    [
      open(1),
      ...Array.from({ length: windowBytesInitial / dataBytesMax }, () => data(1, dataBytesMax)),
      data(1, 1),
      data(1, dataBytesMax),
      data(1, dataBytesMax),
      data(1, dataBytesMax),
      data(1, dataBytesMax),
    ],
    /sent more than it was granted/,
  ],
  ['data after the end', [open(1), frame(5, 1), data(1, 1)], /after its end/],
  ['two ends', [open(1), frame(5, 1), frame(5, 1)], /ended twice/],
  ['an end with a payload', [open(1), frame(5, 1, Buffer.from('x'))], /fin frame with a payload/],
  ['credit for nothing', [open(1), frame(4, 1, number(0))], /grants nothing/],
  ['credit without end', [open(1), frame(4, 1, number(creditBytesMax))], /was granted more than/],
  [
    'credit in the request',
    [encode({ kind: 'open', stream: 1, windowBytes: creditBytesMax + 1, host: 'db', port: 1 })],
    /began with more than/,
  ],
  ['a number that was used', [open(2), open(2)], /out of order/],
  ['a lower number', [open(2), open(1)], /out of order/],
  ['no host', [frame(1, 1, Buffer.alloc(6))], /open frame of 6 bytes/],
  ['a host with a line break', [frame(1, 1, Buffer.concat([number(1), Buffer.from([0, 80]), Buffer.from('db\nx')]))], /host that is none/],
  ['a host with NUL', [frame(1, 1, Buffer.concat([number(1), Buffer.from([0, 80]), Buffer.from('db\0.evil')]))], /host that is none/],
  ['a host without end', [frame(1, 1, Buffer.concat([number(1), Buffer.from([0, 80]), Buffer.alloc(300, 'a')]))], /host that is none/],
  ['port 0', [frame(1, 1, Buffer.concat([number(1), Buffer.from([0, 0]), Buffer.from('db')]))], /port 0/],
  ['an answer to no ping', [frame(8, 0, number(77))], /never sent/],
  ['a ping of the wrong size', [frame(7, 0, Buffer.alloc(3))], /ping frame of 3 bytes/],
  ['a reason without end', [open(1), frame(6, 1, Buffer.alloc(2000, 'a'))], /reason of 1999 bytes/],
  [
    'stray frames without end',
    [
      open(1),
      frame(6, 1, Buffer.from([0])),
      ...Array.from({ length: strayFramesInitial + strayFramesPerStream + 1 }, () => frame(0x80, 5)),
    ],
    /streams that are over/,
  ],
];

t.test('a hostile gateway', async (t) => {
  for (const [name, frames, words] of againstAgent) {
    await t.test(name, async (t) => {
      const { link, send, ws } = await hostilePeer(t, 'agent', accepting);
      const closed = once(ws, 'close');
      send(...frames);
      t.match(await link.closed, words);
      const [code, reason] = (await closed) as [number, Buffer];
      t.equal(code, 4400);
      t.match(reason.toString(), words, 'the peer is told why');
    });
  }
});

t.test('more streams than agreed are refused, and a flood of them closes the link', async (t) => {
  const { link, send, got } = await hostilePeer(t, 'agent', accepting);
  send(...Array.from({ length: streamsMax + 5 }, (_, index) => open(index + 1)));
  await eventually('the last five are refused', () => got.filter((bytes) => decode(bytes).kind === 'reset').length === 5);
  t.ok(link.figures.streams <= streamsMax + 5);
  send(...Array.from({ length: streamsMax }, (_, index) => open(streamsMax + 6 + index)));
  t.match(await link.closed, /more streams than agreed/);
});

t.test('data before the agent answered', async (t) => {
  const { link, send } = await hostilePeer(t, 'agent');
  send(open(1), data(1, 1));
  t.match(await link.closed, /before it was accepted/);
});

t.test('a hostile agent', async (t) => {
  await t.test('opens a stream', async (t) => {
    const { link, send } = await hostilePeer(t, 'gateway');
    send(open(1));
    t.match(await link.closed, /an agent may not open streams/);
  });
  await t.test('sends a credential', async (t) => {
    const { link, send } = await hostilePeer(t, 'gateway');
    send(encode({ kind: 'credential', text: 'x' }));
    t.match(await link.closed, /credential from an agent/);
  });
  await t.test('accepts what nobody asked for', async (t) => {
    const { link, send } = await hostilePeer(t, 'gateway');
    send(encode({ kind: 'opened', stream: 1, windowBytes: 1 }));
    t.match(await link.closed, /stream 1, which is not open/);
  });
  await t.test('accepts twice', async (t) => {
    const { link, send, got } = await hostilePeer(t, 'gateway');
    const opening = link.open({ host: 'db', port: 1 }, never);
    await eventually('it is asked', () => got.some((bytes) => decode(bytes).kind === 'open'));
    const opened = encode({ kind: 'opened', stream: 1, windowBytes: 1 });
    send(opened, opened);
    (await opening).on('error', () => {});
    t.match(await link.closed, /without being asked for/);
  });
  await t.test('sends data before it accepted', async (t) => {
    const { link, send, got } = await hostilePeer(t, 'gateway');
    const opening = link.open({ host: 'db', port: 1 }, never);
    await eventually('it is asked', () => got.some((bytes) => decode(bytes).kind === 'open'));
    send(data(1, 1));
    await t.rejects(opening, { code: 'target-unreachable' });
    t.match(await link.closed, /before it was accepted/);
  });
  await t.test('asks for pings without reading the answers', async (t) => {
    const { link, send, ws } = await hostilePeer(t, 'gateway');
    ws.pause();
    const flood = setInterval(() => send(...Array.from({ length: 5000 }, () => frame(7, 0, number(1)))), 1);
    t.teardown(() => clearInterval(flood));
    t.match(await link.closed, /does not read its answers/);
  });
  await t.test('sends text on a link that is up', async (t) => {
    const { link, ws } = await hostilePeer(t, 'gateway');
    ws.send('{}');
    t.match(await link.closed, /text message/);
  });
  await t.test('sends WebSocket pings', async (t) => {
    const { link, ws } = await hostilePeer(t, 'gateway');
    ws.ping();
    t.match(await link.closed, /pings are not part/);
  });
  await t.test('sends a message larger than any frame', async (t) => {
    const { link, ws } = await hostilePeer(t, 'gateway');
    ws.send(Buffer.alloc(200_000));
    t.match(await link.closed, /[Mm]ax payload size exceeded/);
  });
  await t.test('gives words that a terminal would obey', async (t) => {
    const { link, send, got } = await hostilePeer(t, 'gateway');
    const opening = link.open({ host: 'db', port: 1 }, never);
    await eventually('it is asked', () => got.some((bytes) => decode(bytes).kind === 'open'));
    send(frame(6, 1, Buffer.concat([Buffer.from([2]), Buffer.from('no \u001b[31mroute\u202e')])));
    await t.rejects(opening, { message: 'no ?[31mroute?' });
  });
});

t.test('frames that a later version may add are skipped', async (t) => {
  const { link, send, got } = await hostilePeer(t, 'agent', accepting);
  send(frame(0x80, 0, Buffer.from('new')), frame(0xff, 77), frame(7, 0, number(5)));
  await eventually('the link still answers', () =>
    got.some((bytes) => {
      const it = decode(bytes);
      return it.kind === 'pong' && it.number === 5;
    }),
  );
  t.equal(link.takesNone, null);
});

t.test('frames survive the way there and back', async (t) => {
  const all = [
    { kind: 'open', stream: 1, windowBytes: 65_536, host: 'db.internal', port: 5432 },
    { kind: 'opened', stream: 4_294_967_295, windowBytes: 1 },
    { kind: 'window', stream: 7, moreBytes: 4_000_000_000 },
    { kind: 'fin', stream: 7 },
    { kind: 'reset', stream: 7, code: 'limit', reason: 'zu viele Ströme' },
    { kind: 'ping', number: 1 },
    { kind: 'pong', number: 4_294_967_295 },
    { kind: 'credential', text: 'abc.def' },
    { kind: 'drain', reason: 'restart' },
  ] as const;
  for (const it of all) t.same(decode(encode(it)), it);
  t.equal(printable('a\u0000b\u2028c'), 'a?b?c');
});
