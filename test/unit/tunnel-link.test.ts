// Streams over a link: order, half-close, resets, and that a stalled or full one stops no other.

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import t from 'tap';
import { readChunks } from '../../src/core/chunk-reader.ts';
import { Fault } from '../../src/core/errors.ts';
import { streamsMax, windowBytesInitial } from '../../src/tunnel/limits.ts';
import type { OpenRequest } from '../../src/tunnel/link.ts';
import { eventually } from '../support/eventually.ts';
import { acceptDuplex, clock, linkPair, never, readAll } from './tunnel-fixture.ts';

const somewhere = { host: 'db.internal', port: 5432 };
const echo = (request: OpenRequest): void => {
  const duplex = acceptDuplex(request);
  duplex.pipe(duplex);
};

t.test('bytes arrive whole and in order, both ways, and half-close passes', async (t) => {
  const { gateway, agent } = await linkPair(t, echo);
  const duplex = await gateway.open(somewhere, never);
  const sent = randomBytes(5_000_000);
  const all = readAll(duplex);
  for (let at = 0; at < sent.length;) {
    const size = 1 + ((at * 7919) % 90_000);
    if (!duplex.write(sent.subarray(at, at + size))) await once(duplex, 'drain');
    at += size;
  }
  duplex.end();
  t.ok((await all).equals(sent), 'what came back is what was sent');
  await eventually('both ends forgot the stream', () => gateway.figures.streams === 0 && agent.figures.streams === 0);
  t.match(gateway.figures, { streams: 0, streamsTotal: 1 });
  t.ok(gateway.figures.bytesSent > sent.length && gateway.figures.bytesReceived > sent.length);
  t.ok((gateway.figures.latencyMs ?? -1) >= 0, 'pings were answered');
});

t.test('half-close: the answer comes after the end of the question', async (t) => {
  const { gateway } = await linkPair(t, (request) => {
    const duplex = acceptDuplex(request);
    void readAll(duplex).then((question) => duplex.end(`you said ${question.toString()}`));
  });
  const duplex = await gateway.open(somewhere, never);
  duplex.end('hello');
  t.equal((await readAll(duplex)).toString(), 'you said hello');
});

t.test('what was asked for arrives, and a refusal comes back in words', async (t) => {
  const asked: unknown[] = [];
  const { gateway, agent } = await linkPair(t, (request) => {
    asked.push({ host: request.host, port: request.port });
    request.refuse('not-allowed', `${request.host}:${request.port} is not on the allow-list of this agent`);
  });
  await t.rejects(gateway.open({ host: '169.254.169.254', port: 80 }, never), {
    code: 'target-unreachable',
    message: '169.254.169.254:80 is not on the allow-list of this agent',
  });
  t.same(asked, [{ host: '169.254.169.254', port: 80 }]);
  await eventually('nothing is left', () => gateway.figures.streams === 0 && agent.figures.streams === 0);
});

t.test('a stalled stream stops no other, and its memory is bounded', async (t) => {
  const opened: Duplex[] = [];
  const { gateway } = await linkPair(t, (request) => {
    if (request.port === 1)
      opened.push(acceptDuplex(request)); // nobody reads it
    else echo(request);
  });
  const stalled = await gateway.open({ host: 'stalled', port: 1 }, never);
  let taken = 0;
  const more = (): void => {
    while (taken < 50_000_000) {
      taken += 65_536;
      if (!stalled.write(Buffer.alloc(65_536))) return void stalled.once('drain', more);
    }
  };
  more();
  const talker = await gateway.open({ host: 'talker', port: 2 }, never);
  const sent = randomBytes(20_000_000);
  talker.end(sent);
  t.ok((await readAll(talker)).equals(sent), 'the other stream is whole');
  t.ok(taken < 10 * windowBytesInitial, `the stalled one took ${taken} bytes and then waits`);
  t.ok((opened[0]?.readableLength ?? Infinity) <= windowBytesInitial + 65_536, 'and holds no more than its window at the other end');
  const got = readAll(opened[0] as Duplex);
  stalled.end();
  const total = (await got).length;
  t.equal(total, taken, 'when it is read again, everything comes');
});

t.test('a short answer overtakes a large copy', async (t) => {
  const { gateway } = await linkPair(t, (request) => {
    if (request.port === 2) return echo(request);
    const duplex = acceptDuplex(request);
    const chunk = Buffer.alloc(65_536);
    const pour = (): void => {
      while (!duplex.destroyed && duplex.write(chunk));
    };
    duplex.on('drain', pour);
    pour();
  });
  const bulk = await gateway.open({ host: 'bulk', port: 1 }, never);
  let bulkBytes = 0;
  bulk.on('data', (chunk: Buffer) => (bulkBytes += chunk.length));
  await eventually('the copy is under way', () => bulkBytes > 5_000_000);
  const talker = await gateway.open({ host: 'talker', port: 2 }, never);
  const tookMs: number[] = [];
  for (let turn = 0; turn < 50; turn++) {
    const fromMs = clock.monotonicMs();
    talker.write('ping');
    await once(talker, 'data');
    tookMs.push(clock.monotonicMs() - fromMs);
  }
  tookMs.sort((a, b) => a - b);
  t.ok((tookMs[25] ?? Infinity) < 100, `median ${tookMs[25]?.toFixed(1)} ms while another stream is full (${bulkBytes} bytes)`);
  bulk.destroy();
});

t.test('a reset reaches the other end, in both directions', async (t) => {
  const opened: Duplex[] = [];
  const { gateway, agent } = await linkPair(t, (request) => void opened.push(acceptDuplex(request)));
  const first = await gateway.open(somewhere, never);
  const atAgent = opened[0] as Duplex;
  const failed = once(atAgent, 'error');
  first.destroy();
  t.match((await failed)[0], { code: 'target-lost' });
  const second = await gateway.open(somewhere, never);
  const lost = once(second, 'error');
  (opened[1] as Duplex).destroy(new Error('ECONNRESET'));
  t.match((await lost)[0], Fault);
  await eventually('nothing is left', () => gateway.figures.streams === 0 && agent.figures.streams === 0);
  t.ok((await gateway.open(somewhere, never)).writable, 'the link goes on');
});

t.test('both ends give up at once, thousands of times: nothing is left and the link stays up', async (t) => {
  const { gateway, agent } = await linkPair(t, (request) => {
    const duplex = acceptDuplex(request);
    duplex.on('end', () => duplex.end());
    duplex.on('data', () => {
      if (duplex.writableEnded) return;
      duplex.write(Buffer.alloc(3000));
      if (request.port % 3 === 0) duplex.destroy();
      else if (request.port % 3 === 1) duplex.end();
    });
  });
  for (let round = 0; round < 30; round++) {
    await Promise.all(
      Array.from({ length: 100 }, async (_, index) => {
        const duplex = await gateway.open({ host: 'x', port: index + 1 }, never);
        duplex.write(Buffer.alloc(1000 * index + 1));
        duplex.resume();
        if (index % 2 === 0) duplex.destroy();
        else if (index % 3 === 2) duplex.destroy();
        else duplex.end();
        await once(duplex, 'close').catch(() => {});
      }),
    );
  }
  await eventually('nothing is left', () => gateway.figures.streams === 0 && agent.figures.streams === 0);
  t.equal(gateway.takesNone, null);
  t.equal(gateway.figures.streamsTotal, 3000);
});

t.test('streams have a limit, said in words', async (t) => {
  const { gateway } = await linkPair(t, (request) => void request.accept());
  const all = await Promise.all(Array.from({ length: streamsMax }, () => gateway.open(somewhere, never)));
  await t.rejects(gateway.open(somewhere, never), { code: 'limit-reached' });
  all[0]?.destroy();
  await eventually('there is room again', () => gateway.takesNone === null);
});

t.test('opening is given up: by the client, by time', async (t) => {
  const requests: OpenRequest[] = [];
  const { gateway, agent } = await linkPair(t, (request) => void requests.push(request));
  const client = new AbortController();
  const opening = gateway.open(somewhere, client.signal);
  await eventually('it is asked for', () => requests.length === 1);
  client.abort();
  await t.rejects(opening, { message: 'the client is gone' });
  await eventually('the agent hears of it', () => requests[0]?.signal.aborted);
  requests[0]?.accept();
  await t.rejects(gateway.open(somewhere, never, 30), { message: /did not answer within 0.03 s/ });
  await eventually('nothing is left', () => gateway.figures.streams === 0 && agent.figures.streams === 0);
});

t.test('a link that ends ends its streams as lost', async (t) => {
  const opened: Duplex[] = [];
  const { gateway, agent, ends } = await linkPair(t, (request) => void opened.push(acceptDuplex(request)));
  const duplex = await gateway.open(somewhere, never);
  const lost = Promise.all([once(duplex, 'error'), once(opened[0] as Duplex, 'error')]);
  ends.clientRaw.destroy();
  for (const [error] of await lost) t.match(error, { code: 'target-lost' });
  t.equal(await gateway.closed, 'the connection was lost');
  await agent.closed;
  await t.rejects(gateway.open(somewhere, never), { code: 'target-unreachable', message: /link is closed/ });
});

t.test('a silent other end is found dead within its time', async (t) => {
  const times = { pingIntervalMs: 50, deadAfterMs: 200 };
  // The agent's end neither reads nor speaks by itself.
  const { gateway, ends } = await linkPair(t, echo, { times }, { times: { pingIntervalMs: 60_000, deadAfterMs: 600_000 } });
  const duplex = await gateway.open(somewhere, never);
  const lost = once(duplex, 'error');
  ends.clientRaw.pause(); // as if the cable was cut: nothing is read, nothing is closed
  const fromMs = clock.monotonicMs();
  t.equal(await gateway.closed, 'the other end is silent');
  t.ok(clock.monotonicMs() - fromMs < 2_000);
  await lost;
  t.ok(gateway.isDoubtful);
});

t.test('draining: no new streams, the old ones go on; an end of version 1 is not told', async (t) => {
  for (const version of [1, 2]) {
    const reasons: string[] = [];
    const { gateway, agent } = await linkPair(t, echo, { version, onDrain: (reason) => void reasons.push(reason) });
    const duplex = await gateway.open(somewhere, never);
    agent.drain('the agent is being restarted');
    duplex.end('still here');
    t.equal((await readAll(duplex)).toString(), 'still here');
    if (version === 2) await t.rejects(gateway.open(somewhere, never), { code: 'limit-reached' });
    t.same(reasons, version === 1 ? [] : ['the agent is being restarted']);
  }
});

t.test('whoever takes a stream over hears an end that came before', async (t) => {
  // A target that ends a connection right behind its sign-in: the words and the end are there before the relay reads.
  const { gateway } = await linkPair(t, (request) => acceptDuplex(request).end('terminating connection'));
  for (const isRead of [false, true]) {
    const duplex = await gateway.open(somewhere, never);
    await once(duplex, 'readable');
    if (isRead) {
      t.equal((duplex.read() as Buffer | null)?.toString(), 'terminating connection');
      await eventually('its end was read, too', () => duplex.read() === null && duplex.readableEnded);
    } else await eventually('the end has come', () => !gateway.figures.streams || duplex.readableLength > 0);
    const chunks: string[] = [];
    const taken = readChunks(duplex, (chunk) => chunks.push(chunk.toString()));
    const ended = once(taken, 'end');
    taken.resume();
    await ended;
    t.strictSame(chunks, isRead ? [] : ['terminating connection']);
    taken.destroy();
  }
});
