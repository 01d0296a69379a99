// Clients that read nothing any more while their session ends, of every protocol: what is left to be said to them waits a while, and then
// the connection is closed, so that nobody holds on to a gateway with sessions that are over. A gateway that stops does not wait for them.

import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import t from 'tap';
import type { Test } from 'tap';
import { flag } from '../../protocols/mysql/capabilities.ts';
import { framed } from '../../protocols/mysql/codec.ts';
import * as mysqlWire from '../../protocols/mysql/messages.ts';
import * as wire from '../../protocols/postgres/messages.ts';
import type { Page } from '../../src/api/contract.ts';
import type { ApiClient } from '../support/api.ts';
import { eventually } from '../support/eventually.ts';
import { targetOf } from '../support/gateway.ts';
import { startGatewayProcess } from '../support/gateway-process.ts';
import { mariadbTarget, startMariadb } from '../support/mariadb.ts';
import { rawClient } from '../support/mysql-wire.ts';
import { WireClient } from '../support/postgres-wire.ts';
import { startPostgres } from '../support/postgres.ts';
import { exec, idOf, signedIn } from '../support/ssh-raw-client.ts';
import { sshPolicies, startSshWorld } from '../support/ssh.ts';

/** The farewell's time, and a busy machine. */
const patienceMs = 40_000;
t.setTimeout(90_000);

const hex = (port: number) => `:${port.toString(16).toUpperCase().padStart(4, '0')}`;

/** The gateway's end of a connection is open (/proc/net/tcp: state 1), and how much waits there in the kernel to be taken. */
function endOf(client: Socket): { readonly isOpen: boolean; readonly waiting: number } {
  const [near, far] = [hex(client.remotePort ?? 0), hex(client.localPort ?? 0)];
  for (const line of readFileSync('/proc/net/tcp', 'utf8').split('\n')) {
    const [, local = '', remote = '', state, queues = ''] = line.trim().split(/\s+/);
    if (local.endsWith(near) && remote.endsWith(far)) return { isOpen: state === '01', waiting: parseInt(queues, 16) };
  }
  return { isOpen: false, waiting: 0 };
}

/** Until nothing more fits: what is left waits in the gateway. */
async function stalled(client: Socket): Promise<void> {
  let last = -1;
  await eventually('nothing more fits', async () => {
    const { waiting } = endOf(client);
    const isFull = waiting > 0 && waiting === last;
    last = waiting;
    await new Promise((resolve) => setTimeout(resolve, 200));
    return isFull;
  });
}

async function killAll(operator: ApiClient): Promise<void> {
  const { body } = await operator.get<Page<{ id: string }>>('/sessions?state=open');
  for (const { id } of body.items) await operator.post(`/sessions/${id}/kill`);
}

async function isCutOff(t: Test, name: string, client: Socket): Promise<void> {
  t.ok(endOf(client).isOpen, `${name}: there is time to read what is left`);
  await eventually(`${name}: the connection is closed`, () => !endOf(client).isOpen, patienceMs);
}

const [server, mariadb, world] = await Promise.all([
  startPostgres(t, { from: 'debian' }),
  startMariadb(t),
  startSshWorld(t, { policies: sshPolicies() }),
]);
const gateway = await startGatewayProcess(t, {
  targets: [targetOf(server, 'scratch', { env: 'development' }), mariadbTarget(mariadb, 'shop', { env: 'development' })],
  config: { listen: Object.fromEntries(['http', 'postgres', 'mysql'].map((name) => [name, { host: '127.0.0.1', port: 0 }])) },
  policies: {
    'p.yaml': `policy: p
rules:
  - { id: in, actions: [connect, statement], decision: allow }
`,
  },
});

async function postgresClient(t: Test): Promise<Socket> {
  const { hostname: host, port, password, pathname } = new URL(gateway.url('alice', 'scratch'));
  const { socket } = await WireClient.open(t, { host, port: Number(port), user: 'alice', password, database: pathname.slice(1) });
  socket.pause();
  socket.write(wire.query("COPY (SELECT repeat('x', 1000) FROM generate_series(1, 100000)) TO STDOUT"));
  await stalled(socket);
  return socket;
}

async function mysqlClient(t: Test): Promise<Socket> {
  const port = Number(/mysql\s+127\.0\.0\.1:(\d+)/.exec(gateway.output())?.[1]);
  const capabilities = { standard: flag.deprecateEof, extended: 0 };
  const { stream } = await rawClient(t, { port, user: 'alice:shop', password: gateway.token('alice'), capabilities });
  stream.pause();
  stream.write(framed(mysqlWire.query("SELECT REPEAT('x', 1000) FROM seq_1_to_100000"), 0));
  await stalled(stream as Socket);
  return stream as Socket;
}

async function sshClient(t: Test): Promise<Socket> {
  const sock = connect({ port: world.port, host: '127.0.0.1' });
  const client = await signedIn(world, t, 'dev-1', sock);
  const channel = await exec(client, 'head -c 50000000 /dev/zero');
  sock.pause();
  client._protocol.channelWindowAdjust(idOf(channel), 0x7000_0000); // all of it may come
  await stalled(sock);
  return sock;
}

t.test('sessions that are ended', async (t) => {
  const databases = { PostgreSQL: await postgresClient(t), MySQL: await mysqlClient(t) };
  const machines = { SSH: await sshClient(t), 'SSH, after a packet that cannot be': await sshClient(t) };
  machines['SSH, after a packet that cannot be'].write(randomBytes(100_000));
  await killAll(gateway.api('erin'));
  await killAll(world.gateway.api('erin'));
  const left = Object.entries({ ...databases, ...machines });
  await Promise.all(left.map(([name, client]) => isCutOff(t, name, client)));
});

t.test('a gateway that stops', async (t) => {
  const client = await postgresClient(t);
  t.equal(await gateway.stop(), 0);
  t.notOk(endOf(client).isOpen);
});
