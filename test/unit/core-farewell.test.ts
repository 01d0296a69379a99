// The end of a client's connection: who goes on reading gets everything, however slowly; who has stopped is cut off.

import { once } from 'node:events';
import type { Socket } from 'node:net';
import t from 'tap';
import type { Test } from 'tap';
import { readChunks } from '../../src/core/chunk-reader.ts';
import { bidFarewell } from '../../src/core/farewell.ts';
import type { Teardown } from '../support/directories.ts';
import { socketPair } from '../support/socket-pair.ts';
import { tlsPair } from '../support/tls-pair.ts';

t.setTimeout(30_000);

const chunkBytes = 64 * 1024;
const chunks = 400;
const waitMs = 1000;
/** What the client reads before it rests. */
const portionBytes = 1024 * 1024;

/** A socket of Node's, one that a relay reads, one with TLS. */
const kinds = ['accepted', 'relay', 'tls'] as const;
type Kind = (typeof kinds)[number];

/** A gateway's end with more to send than the kernel takes, and its client, which reads nothing yet. */
async function leaving(t: Teardown, kind: Kind = 'accepted'): Promise<{ gateway: Socket; client: Socket }> {
  const { near, far: client } = await (kind === 'tls' ? tlsPair(t) : socketPair(t));
  const gateway = kind === 'relay' ? readChunks(near, () => undefined) : near;
  for (const socket of [client, gateway]) socket.on('error', () => undefined);
  client.pause();
  for (let sent = 0; sent < chunks; sent += 1) gateway.write(Buffer.alloc(chunkBytes, sent));
  return { gateway, client };
}

for (const kind of kinds) await t.test(`who reads slowly gets everything, long after the wait: ${kind}`, (t) => readsSlowly(t, kind));

async function readsSlowly(t: Test, kind: Kind): Promise<void> {
  const { gateway, client } = await leaving(t, kind);
  let received = 0;
  let portion = 0;
  client.on('data', (chunk: Buffer) => {
    received += chunk.length;
    portion += chunk.length;
    if (portion < portionBytes) return;
    portion = 0;
    client.pause();
    setTimeout(() => client.resume(), waitMs / 10);
  });
  const begunMs = performance.now();
  let leftMs = 0;
  gateway.once('close', () => (leftMs = performance.now()));
  bidFarewell(gateway, waitMs);
  client.resume();
  await once(client, 'end');
  t.equal(received, chunks * chunkBytes);
  t.ok(leftMs - begunMs > waitMs, 'the gateway was there for longer than one wait');
}

await t.test('who reads nothing is cut off', async (t) => {
  const { gateway, client } = await leaving(t);
  bidFarewell(gateway, waitMs);
  t.equal(gateway.destroyed, false, 'there is time');
  await once(gateway, 'close');
  let received = 0;
  client.on('data', (chunk: Buffer) => (received += chunk.length)).resume();
  await once(client, 'close');
  t.ok(received < chunks * chunkBytes, 'what waited in the gateway is dropped');
});

await t.test('with nothing left to send it is over at once', async (t) => {
  const { gateway, client } = await leaving(t);
  client.resume();
  await once(gateway, 'drain');
  bidFarewell(gateway, 60_000);
  await once(gateway, 'close');
  t.pass('long before the wait');
});
