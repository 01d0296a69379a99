// The link's own WebSocket against another making (the library ws, which ends of earlier releases are built with): messages of every
// kind of length, masks, pieces, bytes that come one by one, closing; and what a stranger may not send.

import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { duplexPair } from 'node:stream';
import type { Duplex } from 'node:stream';
import t from 'tap';
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';
import { subprotocol } from '../../src/tunnel/handshake.ts';
import { frameBytesMax } from '../../src/tunnel/limits.ts';
import { requestUpgrade } from '../../src/tunnel/upgrade.ts';
import { WebSocketEnd } from '../../src/tunnel/web-socket.ts';
import type { Teardown } from '../support/directories.ts';
import { eventually } from '../support/eventually.ts';
import { asBuffer, door, strangeClient, webSockets } from './tunnel-fixture.ts';

interface Heard {
  readonly messages: Buffer[];
  readonly texts: string[];
  readonly closed: string[];
}

function listenTo(end: WebSocketEnd): Heard {
  const heard: Heard = { messages: [], texts: [], closed: [] };
  end.listen({
    message: (bytes) => void heard.messages.push(Buffer.from(bytes)),
    text: (words) => void heard.texts.push(words),
    drained: () => undefined,
    closed: (words) => void heard.closed.push(words),
  });
  return heard;
}

/** A message whose every byte says where it is. */
const numbered = (count: number): Buffer => Buffer.from(Array.from({ length: count }, (_, at) => (at * 7 + count) & 0xff));
const lengths = [0, 1, 2, 125, 126, 127, 4096, 65_535, 65_536, frameBytesMax];
/** What an own end puts at once. */
const putLengths = lengths.filter((count) => count < 65_000);

t.test('with a client of another making, whose masks are not zeros', async (t) => {
  const { server, ws } = await strangeClient(t);
  const heard = listenTo(server);
  for (const count of lengths) ws.send(numbered(count));
  ws.send('words');
  await eventually('all came', () => heard.messages.length === lengths.length && heard.texts.length === 1);
  t.ok(heard.messages.every((bytes, at) => bytes.equals(numbered(lengths[at] ?? -1))));
  await sendsAll(t, server, ws);
  ws.close(4321, 'enough');
  const [code] = (await once(ws, 'close')) as [number];
  t.equal(code, 4321, 'the code comes back');
  await eventually('it is over', () => heard.closed.length > 0);
  t.same(heard.closed, ['enough']);
});

t.test('with a server of another making', async (t) => {
  const { client, ws } = await strangeServer(t);
  const heard = listenTo(client);
  for (const count of lengths) ws.send(numbered(count));
  await eventually('all came', () => heard.messages.length === lengths.length);
  t.ok(heard.messages.every((bytes, at) => bytes.equals(numbered(lengths[at] ?? -1))));
  await sendsAll(t, client, ws);
  client.close(4403, 'revoked');
  const [code, reason] = (await once(ws, 'close')) as [number, Buffer];
  t.equal(code, 4403);
  t.equal(reason.toString(), 'revoked');
});

async function sendsAll(t: Tap, end: WebSocketEnd, ws: WebSocket): Promise<void> {
  const got: Buffer[] = [];
  ws.on('message', (data, isBinary) => void got.push(isBinary ? asBuffer(data) : Buffer.from(`text ${String(data)}`)));
  end.sendText('words');
  for (const count of putLengths) {
    await eventually('there is room', () => end.output.put(numbered(count)));
    end.output.flush();
  }
  await eventually('all came', () => got.length === putLengths.length + 1);
  t.equal(got[0]?.toString(), 'text words');
  t.ok(putLengths.every((count, at) => got[at + 1]?.equals(numbered(count))));
}

t.test('two own ends: what is left while nobody listens comes when somebody does', async (t) => {
  const { server, client } = await webSockets(t);
  client.output.put(Buffer.from('one'));
  client.output.put(Buffer.from('two'));
  client.output.flush();
  await eventually('both are on their way', () => client.raw.writableLength === 0);
  const first: string[] = [];
  server.listen({
    message: (bytes) => {
      first.push(bytes.toString());
      server.listen(null);
    },
    text: () => undefined,
    drained: () => undefined,
    closed: () => undefined,
  });
  await eventually('the first came', () => first.length > 0);
  const heard = listenTo(server);
  await eventually('the second came', () => heard.messages.length === 1);
  t.same(first, ['one']);
  t.equal(heard.messages[0]?.toString(), 'two');
});

const header = (first: number, second: number, ...rest: number[]): Buffer => Buffer.from([first, second, ...rest]);
const masked = (first: number, payload: Buffer): Buffer =>
  Buffer.concat([header(first, 0x80 | payload.length, 1, 2, 3, 4), payload.map((byte, at) => byte ^ [1, 2, 3, 4][at & 3]!)]);

t.test('over a stream that can not be read into a buffer', async (t) => {
  const [near, far] = duplexPair();
  const raw = (end: Duplex): Socket => Object.assign(end, { setTimeout: () => end, setNoDelay: () => end }) as unknown as Socket;
  const client = new WebSocketEnd(raw(far), 'client', Buffer.alloc(0));
  client.listen({ message: () => undefined, text: () => undefined, drained: () => undefined, closed: () => undefined });
  client.output.put(numbered(1000));
  client.output.flush();
  client.sendText('words');
  const server = new WebSocketEnd(raw(near), 'server', masked(0x82, numbered(99)));
  const heard = listenTo(server);
  await eventually('both came', () => heard.texts.length === 1);
  t.same(heard.messages, [numbered(99), numbered(1000)]);
  client.close(4403, 'revoked');
  await eventually('it is over', () => heard.closed.length > 0);
  t.same(heard.closed, ['revoked']);
});

t.test('an end of ours makes no frame that its header can not tell', async (t) => {
  const { client } = await webSockets(t);
  t.throws(() => client.output.put(Buffer.alloc(65_536)), /65536/);
});

t.test('bytes that come one by one, and messages in pieces', async (t) => {
  const { raw, heard } = await stranger(t);
  const sent = Buffer.concat([
    masked(0x82, numbered(100)),
    masked(0x02, Buffer.from('in ')),
    masked(0x8a, Buffer.from('a pong between')),
    masked(0x00, Buffer.from('three ')),
    masked(0x80, Buffer.from('pieces')),
    masked(0x81, Buffer.from('text')),
  ]);
  for (const byte of sent) {
    raw.write(Buffer.from([byte]));
    await new Promise((done) => setImmediate(done));
  }
  await eventually('all came', () => heard.texts.length === 1);
  t.ok(heard.messages[0]?.equals(numbered(100)));
  t.equal(heard.messages[1]?.toString(), 'in three pieces');
  t.same(heard.texts, ['text']);
});

const forbidden: readonly (readonly [string, Buffer, number, RegExp])[] = [
  ['a frame without a mask', header(0x82, 1, 65), 1002, /mask/],
  ['reserved bits', masked(0xc2, Buffer.from('x')), 1002, /reserved/],
  ['an unknown type', masked(0x83, Buffer.from('x')), 1002, /unknown type 3/],
  ['a control frame in pieces', masked(0x09, Buffer.from('x')), 1002, /control frame/],
  ['a long control frame', header(0x88, 0xfe, 0, 200, 1, 2, 3, 4), 1002, /control frame/],
  ['a message that goes on without a beginning', masked(0x80, Buffer.from('x')), 1002, /not begun/],
  ['a message within a message', Buffer.concat([masked(0x02, Buffer.from('x')), masked(0x82, Buffer.from('y'))]), 1002, /begins before/],
  ['pieces of nothing', Buffer.concat([masked(0x02, Buffer.from('x')), masked(0x00, Buffer.alloc(0))]), 1009, /max payload/],
  ['a message that is too large', header(0x82, 0xff, 0, 0, 0, 0, 0, 1, 0x10, 0, 1, 2, 3, 4), 1009, /max payload/],
  ['a message without end', header(0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4), 1009, /max payload/],
  ['a ping', masked(0x89, Buffer.from('x')), 4400, /pings are not part/],
];

t.test('what a stranger may not send: closed in words', async (t) => {
  const one = async ([name, bytes, code, words]: (typeof forbidden)[number]): Promise<void> => {
    const { raw, heard } = await stranger(t);
    const answers: Buffer[] = [];
    raw.on('data', (chunk: Buffer) => void answers.push(chunk));
    raw.write(bytes);
    await once(raw, 'end');
    raw.end();
    const answer = Buffer.concat(answers);
    t.equal(answer[0], 0x88, `${name}: a close frame`);
    t.equal(answer.readUInt16BE(2), code, name);
    t.match(answer.toString('utf8', 4), words, name);
    t.same(heard.messages, [], name);
  };
  await Promise.all(forbidden.map(one)); // each waits for an answer to its closing that does not come
});

t.test('after a violation, and after a closing, it is over at once, and nothing that still comes is for anybody', async (t) => {
  const reserved = masked(0xc2, Buffer.from('x'));
  const closing = masked(0x88, Buffer.from([0x03, 0xe8]));
  const ping = masked(0x89, Buffer.from('x'));
  for (const last of [reserved, closing, ping]) {
    const { raw, heard } = await stranger(t);
    const ended = new Promise((resolve) => raw.on('error', resolve).once('end', resolve).resume());
    const began = performance.now();
    raw.write(Buffer.concat([masked(0x82, Buffer.from('before')), last, masked(0x82, Buffer.from('after'))]));
    await eventually('it is over', () => heard.closed.length > 0);
    t.ok(performance.now() - began < 1500, 'not only when the socket is');
    raw.write(masked(0x82, Buffer.from('after'))); // its end stays open
    await ended;
    raw.destroy();
    t.same(heard.messages.map(String), ['before']);
    t.equal(heard.closed.length, 1);
  }
});

t.test('a message in more pieces than anybody cuts it into', async (t) => {
  const pieces = (count: number) => [
    masked(0x02, Buffer.from('a')),
    ...Array.from({ length: count - 2 }, () => masked(0x00, Buffer.from('b'))),
    masked(0x80, Buffer.from('c')),
  ];
  const { raw, heard } = await stranger(t);
  raw.write(Buffer.concat(pieces(256)));
  await eventually('it came', () => heard.messages.length === 1);
  t.equal(heard.messages[0]?.length, 256);
  raw.write(Buffer.concat(pieces(257)));
  await eventually('it is over', () => heard.closed.length > 0);
  t.match(heard.closed[0], /max payload/);
});

t.test('requests that are no upgrade to the link are refused', async (t) => {
  const { url } = await door(t);
  const good = {
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAA==',
    'Sec-WebSocket-Protocol': subprotocol,
  };
  for (const wrong of [
    { Upgrade: 'h2c' },
    { 'Sec-WebSocket-Version': '8' },
    { 'Sec-WebSocket-Key': 'short' },
    { 'Sec-WebSocket-Protocol': 'chat' },
  ]) {
    const raw = connect(Number(url.port), '127.0.0.1');
    const lines = Object.entries({ ...good, ...wrong }).map(([name, value]) => `${name}: ${value}\r\n`);
    raw.write(`GET / HTTP/1.1\r\nHost: x\r\n${lines.join('')}\r\n`);
    let answer = '';
    raw.on('data', (chunk: Buffer) => (answer += chunk.toString()));
    await once(raw, 'close');
    t.notMatch(answer, /101/, JSON.stringify(wrong));
  }
});

type Tap = Teardown & { equal(found: unknown, wanted: unknown): unknown; ok(value: unknown): unknown };

/** An upgraded connection on which the test writes bytes by hand. */
async function stranger(t: Teardown): Promise<{ readonly raw: Socket; readonly heard: Heard }> {
  const { url, accepted } = await door(t);
  const raw = connect({ port: Number(url.port), host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
  t.teardown(() => raw.destroy());
  const lines = ['GET / HTTP/1.1', 'Host: x', 'Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Version: 13'];
  raw.write([...lines, 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==', `Sec-WebSocket-Protocol: ${subprotocol}`, '', ''].join('\r\n'));
  const [answer] = (await once(raw, 'data')) as [Buffer];
  if (!answer.toString().startsWith('HTTP/1.1 101')) throw new Error(answer.toString());
  return { raw, heard: listenTo(await accepted) };
}

async function strangeServer(t: Teardown): Promise<{ readonly client: WebSocketEnd; readonly ws: WebSocket }> {
  const http = createServer();
  const wss = new WebSocketServer({ server: http });
  const accepted = once(wss, 'connection') as Promise<[WebSocket]>;
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const { port } = http.address() as AddressInfo;
  const raw = connect(port, '127.0.0.1');
  t.teardown(() => {
    raw.destroy();
    wss.close();
    http.close();
  });
  const client = await new Promise<WebSocketEnd>((opened, failed) => {
    requestUpgrade(new URL(`http://127.0.0.1:${port}`), raw, { opened, failed, refused: (status) => failed(new Error(`HTTP ${status}`)) });
  });
  const [ws] = await accepted;
  return { client, ws };
}
