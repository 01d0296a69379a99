// A main thread that does not answer: whoever signs in to a relay thread, or wants something cancelled there, is not kept for ever.
// The fronts of both databases, with real sockets; what they ask is never answered.

import { once } from 'node:events';
import { randomBytes } from 'node:crypto';
import { connect, createServer, type AddressInfo } from 'node:net';
import { MessageChannel } from 'node:worker_threads';
import { createConnection } from 'mysql2/promise';
import t from 'tap';
import { createMysqlDriver, defaultMysqlLimits } from '../../protocols/mysql/driver.ts';
import { createPostgresDriver, defaultPostgresLimits } from '../../protocols/postgres/driver.ts';
import { startup } from '../../protocols/postgres/messages.ts';
import type { Driver, DriverServices } from '../../src/core/driver.ts';
import { Calls, type Methods } from '../../src/relay/calls.ts';
import { remoteCancelling, wishesMax, type CancellingMethods } from '../../src/relay/cancelling.ts';
import { remoteSignIns, type SignInMethods } from '../../src/relay/sign-ins.ts';
import type { Teardown } from '../support/directories.ts';
import { eventually } from '../support/eventually.ts';

const handshakeTimeoutMs = 300;

type Asked = keyof SignInMethods;

/** Drivers of a thread; of what they ask only `answered` is answered. */
function start(t: Teardown, answered: Partial<Record<Asked, unknown>> = {}) {
  const { port1, port2 } = new MessageChannel();
  const asked: string[] = [];
  port1.on('message', ({ id, name }: { id: number | null; name: Asked }) => {
    asked.push(name);
    if (id !== null && name in answered) port1.postMessage({ kind: 'answer', id, answer: answered[name] });
  });
  t.teardown(() => port1.close());
  const calls = new Calls<SignInMethods, Methods>(port2, {});
  const services = {
    signIns: remoteSignIns(calls),
    targetNamed: () => undefined,
    targets: () => [],
    tls: null,
    allowPlaintext: true,
    clock: { nowMs: () => Date.now(), monotonicMs: () => performance.now() },
    random: { bytes: (count: number) => randomBytes(count) },
    log: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined },
  } as unknown as DriverServices;
  const listening = async (driver: Driver): Promise<number> => {
    const server = createServer((socket) => driver.serve(socket));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.teardown(async () => {
      server.close();
      await driver.close('done');
    });
    return (server.address() as AddressInfo).port;
  };
  const postgres = createPostgresDriver(services, { ...defaultPostgresLimits, handshakeTimeoutMs });
  const mysql = createMysqlDriver(services, { limits: { ...defaultMysqlLimits, handshakeTimeoutMs } });
  return { asked, postgres: () => listening(postgres), mysql: () => listening(mysql) };
}

/** What the gateway says until it ends the connection. */
async function saidTo(user: string, port: number): Promise<string> {
  const socket = connect(port, '127.0.0.1', () => socket.write(startup({ user, database: 'orders' })));
  const seen: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => seen.push(chunk));
  await once(socket, 'close');
  return Buffer.concat(seen).toString('latin1');
}

for (const [asked, answered] of [
  ['sign-in blocked', {}],
  ['sign-in material', { 'sign-in blocked': false }],
] as const) {
  t.test(`a client waits no longer than for its handshake when "${asked}" is not answered`, async (t) => {
    const side = start(t, answered);
    t.match(await saidTo('alice', await side.postgres()), /sign-in took too long/);
    const signingIn = createConnection({ host: '127.0.0.1', port: await side.mysql(), user: 'alice', password: 'sp_x' });
    await t.rejects(signingIn, /sign-in took too long/);
    t.same([...new Set(side.asked)].at(-1), asked);
  });
}

t.test('a client that leaves while nobody answers leaves nothing behind', async (t) => {
  const side = start(t);
  const socket = connect(await side.postgres(), '127.0.0.1', () => socket.write(startup({ user: 'alice', database: 'orders' })));
  await eventually('it is asked', () => side.asked.length === 1);
  socket.resetAndDestroy();
  t.match(await saidTo('bob', await side.postgres()), /sign-in took too long/, 'the front goes on');
});

t.test('a wish to cancel that is not answered was in vain, and still counts among those under way', async (t) => {
  const { port1, port2 } = new MessageChannel();
  t.teardown(() => port1.close());
  let asked = 0;
  port1.on('message', () => (asked += 1));
  const cancel = remoteCancelling(new Calls<CancellingMethods, Methods>(port2, {}), 100);
  const wish = { kind: 'by-secret', connection: 1, secret: Buffer.alloc(4) } as const;
  const all = Array.from({ length: wishesMax }, () => cancel(wish));
  t.same(new Set(await Promise.all(all)), new Set([false]));
  t.equal(asked, wishesMax);
  t.equal(await cancel(wish), false);
  t.equal(asked, wishesMax, 'it was not asked');
});
