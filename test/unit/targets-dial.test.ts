import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import type { AddressInfo, Server } from 'node:net';
import { once } from 'node:events';
import t from 'tap';
import type { TargetName } from '../../src/core/ids.ts';
import { Secret } from '../../src/core/secret.ts';
import type { Target } from '../../src/core/target.ts';
import { createTargets } from '../../src/targets/catalogue.ts';
import { addressWords, dial } from '../../src/targets/dial.ts';

function target(host: string, port: number): Target {
  return {
    name: 'orders' as TargetName,
    protocol: 'postgres',
    labels: {},
    host,
    port,
    user: 'gateway',
    password: new Secret('hunter2'),
    database: null,
    tls: { mode: 'prefer', ca: null, certificate: null, key: null, serverName: null },
  };
}

async function listening(server: Server, where: { port: number; host: string } | { path: string }): Promise<number> {
  server.listen(where);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

const never = new AbortController().signal;

t.test('bytes go both ways over TCP and over a Unix socket', async (t) => {
  // Not in the test's own folder: the path of a Unix socket may have 107 bytes.
  const dir = mkdtempSync(`${tmpdir()}/dial-`);
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  for (const where of [{ host: '127.0.0.1', port: 0 }, { path: `${dir}/.s.PGSQL.5432` }]) {
    const server = createServer((socket) => socket.pipe(socket));
    const port = await listening(server, where);
    const socket = await dial('path' in where ? target(`${dir}/`, 5432) : target('localhost', port), never);
    socket.write('ping');
    const [data] = (await once(socket, 'data')) as [Buffer];
    t.equal(data.toString(), 'ping');
    t.equal(socket.listenerCount('error'), 0, 'no listener of ours stays behind');
    socket.destroy();
    server.close();
    await once(server, 'close');
  }
});

t.test('what is wrong is said in words that name the target and no secret', async (t) => {
  const server = createServer();
  const port = await listening(server, { host: '127.0.0.1', port: 0 });
  server.close();
  await once(server, 'close');
  const table: [string, Target, RegExp][] = [
    ['nothing listens', target('127.0.0.1', port), /connection refused/],
    ['an unknown name', target('no-such-host.invalid', 5432), /unknown host|name server does not answer/],
    ['no such socket', target('/nonexistent', 5432), /\/nonexistent\/\.s\.PGSQL\.5432: there is no such socket/],
  ];
  for (const [name, wanted, words] of table) {
    const failure = await dial(wanted, never).then(
      () => t.fail('must not connect'),
      (fault: unknown) => fault as Error,
    );
    t.match(failure, { code: 'target-unreachable', message: words }, name);
    t.match(failure, { message: /^target "orders" can't be reached at / }, name);
    t.notMatch(JSON.stringify(failure) + String(failure), /hunter2/, name);
  }
});

t.test('a silent network runs into the time limit, and a client that leaves ends the attempt', async (t) => {
  // TEST-NET-1 (RFC 5737): answered by nobody; some networks refuse it at once, which is no time-out but as good an end.
  const silent = target('192.0.2.1', 5432);
  await t.rejects(dial(silent, never, 50), { code: 'target-unreachable' });
  const leaving = new AbortController();
  const attempt = dial(silent, leaving.signal, 60_000);
  leaving.abort();
  await t.rejects(attempt, { code: 'target-unreachable', message: /the client is gone/ });
  await t.rejects(dial(silent, leaving.signal), { message: /the client is gone/ });
});

t.test('targets are found by name in any case', (t) => {
  const targets = createTargets([target('a', 1)]);
  t.equal(targets.named('ORDERS')?.host, 'a');
  t.equal(targets.named('order'), undefined);
  t.equal(targets.named('__proto__'), undefined);
  t.equal(targets.list().length, 1);
  t.equal(addressWords(target('::1', 5432)), '[::1]:5432');
  t.end();
});
