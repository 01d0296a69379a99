// Agent and gateway together: enrolment, credentials, taking over, revocation, versions, proxies, and what each refuses.

import { once } from 'node:events';
import { cpSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { temporaryDirectory } from '../support/directories.ts';
import type { Teardown } from '../support/directories.ts';
import { eventually } from '../support/eventually.ts';
import { agentOf, byName, certificate, echoServer, linked, startSide, targetAt } from './agent-fixture.ts';
import { never, readAll } from './tunnel-fixture.ts';

// Node 24 can spin for ever in its own clean-up of TLS connections that were cut; leaving by exit() does not enter it.
process.on('exit', (code) => process.exit(code));

const timeoutMs = 5_000;

t.test('enrols once, carries bytes, and comes back with its credential', async (t) => {
  const side = await startSide(t);
  const echo = await echoServer(t);
  const stateDir = join(temporaryDirectory(t, 'agent'), 'state');
  const token = side.token('vpc', { region: 'eu' });
  const agent = agentOf(t, { gateway: side.url, token, stateDir });
  await linked(agent);
  const stream = await side.agents.dial(targetAt(echo.port, byName('vpc')), never, timeoutMs);
  stream.end('through the agent');
  t.equal((await readAll(stream)).toString(), 'through the agent');
  t.match(side.agents.list(), [
    {
      name: 'vpc',
      labels: { region: 'eu' },
      isConnected: true,
      linkVersion: 2,
      software: '0.1.0',
      hostname: 'test-host',
      allow: ['127.0.0.1:*'],
      streamsTotal: 1,
      enrolledBy: 'erin',
    },
  ]);
  t.match(
    side.events.map(({ type }) => type),
    ['agent.token-issued', 'agent.enrolled', 'agent.connected'],
  );
  for (const name of readdirSync(stateDir)) t.equal(statSync(join(stateDir, name)).mode & 0o777, 0o600, `${name} is its owner's only`);
  await agent.close();
  t.equal(await agent.ended, null);
  await eventually('the gateway sees it go', () => side.agents.list()[0]?.isConnected === false);
  t.match(side.events.at(-1), { type: 'agent.lost', detail: { reason: 'the agent stops', streams: 1 } });
  const again = agentOf(t, { gateway: side.url, stateDir });
  await linked(again);
  t.equal(side.agents.list().length, 1, 'it is the same agent');
  const told = JSON.stringify([side.events, side.log, again.log, agent.log]);
  const credential = readFileSync(join(stateDir, 'credential'), 'utf8').trim();
  t.notOk(told.includes(token) || told.includes(credential), 'no token or credential in a log or event');
});

t.test('tokens: used, unknown, expired', async (t) => {
  const side = await startSide(t);
  const token = side.token('one');
  await linked(agentOf(t, { gateway: side.url, token }));
  t.match(await agentOf(t, { gateway: side.url, token }).ended, /used already/);
  t.match(await agentOf(t, { gateway: side.url, token: 'spe_guess' }).ended, /not known/);
  t.match(await agentOf(t, { gateway: side.url }).ended, /not enrolled yet/);
  const late = side.token('late');
  side.clock.skewMs = 2 * 3_600_000;
  t.match(await agentOf(t, { gateway: side.url, token: late }).ended, /expired/);
  t.equal(side.agents.list().length, 1);
  t.ok(side.events.filter(({ type }) => type === 'agent.refused').length >= 3, 'refusals are audited');
});

t.test('two agents race for one token: one wins', async (t) => {
  const side = await startSide(t);
  const token = side.token('race');
  const racers = Array.from({ length: 5 }, () => agentOf(t, { gateway: side.url, token }));
  await eventually('one is in, the others have ended', async () => {
    const states = await Promise.all(racers.map((it) => Promise.race([it.ended, 'running'])));
    return racers.filter((it) => it.isLinked).length === 1 && states.filter((state) => state !== 'running').length === 4;
  });
  t.equal(side.agents.list().length, 1);
});

t.test('credentials: expired, copied, of another key, of another gateway, renewed by themselves', async (t) => {
  const side = await startSide(t, { credentialLifetimeMs: 600_000 });
  const base = temporaryDirectory(t, 'agent');
  const [stateDir, copy] = [join(base, 'state'), join(base, 'copy')];
  const agent = agentOf(t, { gateway: side.url, token: side.token('vpc'), stateDir });
  await linked(agent);
  await agent.close();
  cpSync(stateDir, copy, { recursive: true });
  const thief = agentOf(t, { gateway: side.url, stateDir: copy });
  await linked(thief);
  await thief.close();
  const robbed = agentOf(t, { gateway: side.url, stateDir });
  await linked(robbed); // the one before the last may be shown again: its answer could have been lost
  await robbed.close();
  t.match(await agentOf(t, { gateway: side.url, stateDir: copy }).ended, /another copy of the state/);
  side.clock.skewMs = 700_000;
  t.match(await agentOf(t, { gateway: side.url, stateDir }).ended, /ended at .*enrol it with a new token/);
  const other = await startSide(t);
  t.match(await agentOf(t, { gateway: other.url, stateDir }).ended, /not from this gateway/);

  const short = await startSide(t, { credentialLifetimeMs: 600 });
  const dir = join(base, 'short');
  await linked(agentOf(t, { gateway: short.url, token: short.token('short'), stateDir: dir }));
  const first = readFileSync(join(dir, 'credential'), 'utf8');
  await eventually('a newer credential is on disk', () => readFileSync(join(dir, 'credential'), 'utf8') !== first);
});

t.test('a new token enrols an agent anew in the folder that it has, where its credential is refused', async (t) => {
  const side = await startSide(t, { credentialLifetimeMs: 600_000 });
  const stateDir = join(temporaryDirectory(t, 'agent'), 'state');
  const start = (token?: string) => agentOf(t, { gateway: side.url, stateDir, ...(token === undefined ? {} : { token }) });
  const agent = start(side.token('vpc'));
  await linked(agent);
  await agent.close();
  await eventually('the gateway has seen its end', () => side.agents.list().every(({ isConnected }) => !isConnected));
  side.clock.skewMs = 700_000;
  const kept = readFileSync(join(stateDir, 'agent.key'), 'utf8');
  t.match(await start('spe_wrong').ended, /enrol it with a new token; with its enrolment token: .*not known/);
  t.equal(readFileSync(join(stateDir, 'agent.key'), 'utf8'), kept, 'a token that is refused changes nothing');
  const again = start(side.token('vpc'));
  await linked(again);
  await again.close();
  const later = start();
  await linked(later);
  t.equal(side.agents.revoke('vpc', 'erin'), 1, 'the record of before is closed');
  t.match(await later.ended, /was revoked/);
  const used = side.token('vpc');
  const back = start(used);
  await linked(back);
  side.agents.revoke('vpc', 'erin');
  t.match(await back.ended, /was revoked; with its enrolment token: .*used already/, 'the same token brings nobody back');
});

t.test('who is enrolled anew takes the place of one that can’t come back, and of nobody else', async (t) => {
  const side = await startSide(t, { credentialLifetimeMs: 600_000 });
  const enrolled = async (name: string, hostname: string) => {
    const agent = agentOf(t, { gateway: side.url, token: side.token(name), hostname });
    await linked(agent);
    return agent;
  };
  const left = () => side.agents.list().map(({ name, hostname, isConnected }) => `${name}@${hostname}${isConnected ? '' : ', gone'}`);
  const away = await Promise.all(['one', 'two'].map((host) => enrolled('vpc', host)));
  await (await enrolled('other', 'one')).close();
  for (const agent of away) await agent.close();
  await eventually('all are gone', () => left().every((words) => words.endsWith(', gone')));
  await enrolled('vpc', 'three');
  t.equal(left().length, 4, 'those that may come back stay');
  side.clock.skewMs = 700_000; // also the credential of the one that is linked is over by now
  await enrolled('vpc', 'two');
  t.same(left(), ['other@one, gone', 'vpc@one, gone', 'vpc@three', 'vpc@two']);
  await enrolled('vpc', 'a-container');
  t.same(left(), ['other@one, gone', 'vpc@three', 'vpc@two', 'vpc@a-container']);
  t.match(
    side.events.filter(({ type }) => type === 'agent.revoked').map(({ principal, detail }) => ({ principal, ...detail })),
    [
      { principal: 'erin', name: 'vpc', replaced_by: /^ag-/ },
      { principal: 'erin', name: 'vpc', replaced_by: /^ag-/ },
    ],
  );
});

t.test('an agent behind a reverse proxy comes from where the proxy says', async (t) => {
  const side = await startSide(t, { addressOf: ({ headers }) => String(headers.host).replace(/^127.*$/, '203.0.113.9') });
  await linked(agentOf(t, { gateway: side.url, token: side.token('vpc') }));
  t.match(side.agents.list(), [{ address: '203.0.113.9' }]);
  t.match(side.events.map(({ type, detail }) => [type, detail['address']]), [['agent.token-issued'], ['agent.enrolled', '203.0.113.9'], ['agent.connected', '203.0.113.9']]); // prettier-ignore
});

t.test('a stolen credential without the key', async (t) => {
  const side = await startSide(t);
  const base = temporaryDirectory(t, 'agent');
  const victim = agentOf(t, { gateway: side.url, token: side.token('vpc'), stateDir: join(base, 'victim') });
  await linked(victim);
  const thief = agentOf(t, { gateway: side.url, token: side.token('thief'), stateDir: join(base, 'thief') });
  await linked(thief);
  await thief.close();
  cpSync(join(base, 'victim/credential'), join(base, 'thief/credential'));
  t.match(await agentOf(t, { gateway: side.url, stateDir: join(base, 'thief') }).ended, /signature is wrong/);
  t.ok(victim.isLinked);
});

t.test('a key file that others can read is refused', async (t) => {
  const { chmodSync } = await import('node:fs');
  const side = await startSide(t);
  const stateDir = join(temporaryDirectory(t, 'agent'), 'state');
  await agentOf(t, { gateway: side.url, token: side.token('x'), stateDir }).close();
  chmodSync(join(stateDir, 'agent.key'), 0o644);
  t.throws(() => agentOf(t, { gateway: side.url, stateDir }), /can be read by others/);
});

t.test('revocation closes the link at once, and for good', async (t) => {
  const side = await startSide(t);
  const echo = await echoServer(t);
  const agent = agentOf(t, { gateway: side.url, token: side.token('vpc') });
  await linked(agent);
  const stream = await side.agents.dial(targetAt(echo.port, byName('vpc')), never, timeoutMs);
  const lost = once(stream, 'error');
  t.equal(side.agents.revoke('vpc', 'erin'), 1);
  t.match((await lost)[0], { code: 'target-lost', message: /revoked/ });
  t.match(await agent.ended, /was revoked/);
  t.same(side.agents.list(), []);
  t.match(
    side.events.filter(({ type }) => type === 'agent.revoked'),
    [{ principal: 'erin', detail: { name: 'vpc' } }],
  );
  await t.rejects(side.agents.dial(targetAt(echo.port, byName('vpc')), never, timeoutMs), {
    code: 'target-unreachable',
    message: /its agent "vpc" is not connected/,
  });
});

t.test('replicas share the load and take over', async (t) => {
  const side = await startSide(t);
  const echo = await echoServer(t);
  const target = targetAt(echo.port, byName('pair'));
  const first = agentOf(t, { gateway: side.url, token: side.token('pair') });
  const second = agentOf(t, { gateway: side.url, token: side.token('pair') });
  await linked(first);
  await linked(second);
  const streams = await Promise.all(Array.from({ length: 10 }, () => side.agents.dial(target, never, timeoutMs)));
  t.same(
    side.agents.list().map(({ streams }) => streams),
    [5, 5],
  );
  streams.forEach((stream) => stream.destroy());
  await first.close();
  await eventually('one is left', () => side.agents.list().filter(({ isConnected }) => isConnected).length === 1);
  const stream = await side.agents.dial(target, never, timeoutMs);
  stream.end('still');
  t.equal((await readAll(stream)).toString(), 'still');
});

t.test('labels choose the agent; a replica that may not reach the address is passed over', async (t) => {
  const side = await startSide(t);
  const [eu, us] = [await echoServer(t, 'eu'), await echoServer(t, 'us')];
  await linked(agentOf(t, { gateway: side.url, token: side.token('a', { region: 'eu', env: 'prod' }), allow: [`127.0.0.1:${eu.port}`] }));
  await linked(agentOf(t, { gateway: side.url, token: side.token('b', { region: 'us', env: 'prod' }), allow: [`127.0.0.1:${us.port}`] }));
  const greeting = async (port: number, labels: Record<string, string>) => {
    const stream = await side.agents.dial(targetAt(port, { kind: 'labels', labels }), never, timeoutMs);
    stream.write('greet');
    const [name] = (await once(stream, 'data')) as [Buffer];
    stream.destroy();
    return name.toString();
  };
  t.equal(await greeting(eu.port, { region: 'eu' }), 'eu');
  t.equal(await greeting(us.port, { region: 'us', env: 'prod' }), 'us');
  t.equal(await greeting(us.port, { env: 'prod' }), 'us');
  t.equal(await greeting(eu.port, { env: 'prod' }), 'eu');
  await t.rejects(greeting(us.port, { region: 'eu' }), { message: /agent a .*is not on the allow-list/ });
  await t.rejects(greeting(us.port, { region: 'asia' }), { message: /no agent with region=asia/ });
});

t.test('a hostile gateway: off the list, metadata, a name that changes', async (t) => {
  const side = await startSide(t);
  const echo = await echoServer(t);
  const answers = [['169.254.169.254'], ['127.0.0.1'], ['192.0.2.1', '169.254.169.254']];
  let asked = 0;
  const lookup = async () => answers[asked++] ?? [];
  const agent = agentOf(t, { gateway: side.url, token: side.token('vpc'), allow: ['db.internal:*'], lookup });
  await linked(agent);
  const dial = (host: string, port: number) => side.agents.dial(targetAt(port, byName('vpc'), host), never, timeoutMs);
  await t.rejects(dial('127.0.0.1', echo.port), { message: /not on the allow-list/ });
  await t.rejects(dial('169.254.169.254', 80), { message: /not on the allow-list/ });
  await t.rejects(dial('localhost', echo.port), { message: /not on the allow-list/ });
  t.equal(asked, 0, 'nothing was even looked up');
  await t.rejects(dial('db.internal', echo.port), { message: /stands for 169.254.169.254, a link-local address/ });
  await t.rejects(dial('db.internal', echo.port), { message: /stands for 127.0.0.1, a loopback address/ });
  t.equal(asked, 2, 'asked once for each request, and what was judged is what would be dialled');
  t.equal(echo.connections(), 0);
  t.ok(
    agent.log.some(({ message }) => /^refused: .*allow-list/.test(message)),
    'the agent says so in its own log',
  );
});

t.test('target errors come back in words; half-close, reset and end pass', async (t) => {
  const side = await startSide(t);
  const agent = agentOf(t, { gateway: side.url, token: side.token('vpc') });
  await linked(agent);
  await t.rejects(side.agents.dial(targetAt(1, byName('vpc')), never, timeoutMs), { message: /connection refused/ });
  const { createServer: tcp } = await import('node:net');
  const server = tcp((socket) => {
    socket.once('data', (chunk) => (chunk.toString() === 'reset' ? socket.resetAndDestroy() : socket.end('bye')));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  const reset = await side.agents.dial(targetAt(port, byName('vpc')), never, timeoutMs);
  reset.write('reset');
  t.match((await once(reset, 'error'))[0], { code: 'target-lost' });
  const ended = await side.agents.dial(targetAt(port, byName('vpc')), never, timeoutMs);
  ended.write('end');
  t.equal((await readAll(ended)).toString(), 'bye');
  ended.end();
  await eventually('nothing is left', () => side.agents.list()[0]?.streams === 0);
});

t.test('the network fails, the gateway restarts: the agent comes back by itself', async (t) => {
  const side = await startSide(t);
  const agent = agentOf(t, { gateway: side.url, token: side.token('vpc') });
  await linked(agent);
  side.cut();
  await eventually('it noticed', () => agent.log.some(({ message }) => message === 'the link to the gateway ended'));
  await linked(agent);
  await side.down();
  await eventually('it tries in vain', () => agent.log.some(({ message }) => /no link to the gateway/.test(message)));
  await side.up();
  await linked(agent);
  t.equal(side.agents.list().length, 1);
});

t.test('versions: N and N-1 work with each other, strangers are refused in words', async (t) => {
  const pairs = [
    [{ min: 1, max: 2 }, { min: 1, max: 2 }, 2],
    [{ min: 1, max: 2 }, { min: 1, max: 1 }, 1],
    [{ min: 1, max: 1 }, { min: 1, max: 2 }, 1],
    [{ min: 1, max: 2 }, { min: 2, max: 3 }, 2],
    [{ min: 2, max: 3 }, { min: 1, max: 2 }, 2],
  ] as const;
  const echo = await echoServer(t);
  for (const [gateway, agentVersions, expected] of pairs) {
    const side = await startSide(t, { versions: gateway });
    const agent = agentOf(t, { gateway: side.url, token: side.token('v'), versions: agentVersions });
    await linked(agent);
    t.equal(side.agents.list()[0]?.linkVersion, expected);
    const stream = await side.agents.dial(targetAt(echo.port, byName('v')), never, timeoutMs);
    stream.end('x');
    t.equal((await readAll(stream)).toString(), 'x');
    await agent.close();
  }
  const side = await startSide(t, { versions: { min: 3, max: 4 } });
  const agent = agentOf(t, { gateway: side.url, token: side.token('old') });
  await eventually('it is told', () =>
    agent.log.some(({ message }) => /versions 3 to 4, the agent 1 to 2: upgrade the older one/.test(message)),
  );
  t.notOk(agent.isLinked, 'and goes on trying: somebody may upgrade the other end');
});

t.test('TLS: the certificate is checked, and the signature is bound to the channel', async (t) => {
  const tls = certificate(t);
  const side = await startSide(t, { tls });
  const token = side.token('vpc');
  const suspicious = agentOf(t, { gateway: side.url, token });
  await eventually('an unknown authority is refused', () =>
    suspicious.log.some(({ message }) => /authority that is not trusted here: .* --ca/.test(message)),
  );
  await suspicious.close();
  const agent = agentOf(t, { gateway: side.url, token, ca: () => tls.cert });
  await linked(agent);
  t.throws(() => agentOf(t, { gateway: 'ws://gateway.example.com', token: 'x' }), /not encrypted/);
  t.throws(() => agentOf(t, { gateway: 'ftp://x', token: 'x' }), /not the address of a gateway/);
});

t.test('somebody between who ends TLS can pass the messages on, and is refused', async (t) => {
  const { createServer: createTls, connect: connectTls } = await import('node:tls');
  const [real, fake] = [certificate(t), certificate(t)];
  const side = await startSide(t, { tls: real });
  const between = createTls(fake, (client) => {
    const inner = connectTls({ port: side.port, host: '127.0.0.1', ca: real.cert });
    client.on('error', () => inner.destroy());
    inner.on('error', () => client.destroy());
    client.pipe(inner).pipe(client);
  });
  await new Promise<void>((resolve) => between.listen(0, '127.0.0.1', resolve));
  t.teardown(() => between.close());
  const agent = agentOf(t, {
    gateway: `wss://127.0.0.1:${(between.address() as AddressInfo).port}`,
    token: side.token('vpc'),
    ca: () => fake.cert,
  });
  t.match(await agent.ended, /something between agent and gateway ends TLS/);
  t.same(side.agents.list(), []);
});

t.test('without TLS the gateway wants to be called by its own name', async (t) => {
  const side = await startSide(t, { isOwnOrigin: (origin) => origin === 'https://gateway.example.com' });
  t.match(await agentOf(t, { gateway: side.url, token: side.token('vpc') }).ended, /not reached at http:\/\/127.0.0.1/);
});

t.test('through an HTTP proxy with credentials', async (t) => {
  const side = await startSide(t);
  const seen: (string | undefined)[] = [];
  const proxy = createServer();
  proxy.on('connect', (request, client, head) => {
    seen.push(request.headers['proxy-authorization']);
    if (request.headers['proxy-authorization'] !== `Basic ${Buffer.from('me:pass word').toString('base64')}`) {
      return void client.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n');
    }
    const [host, port] = (request.url ?? '').split(':');
    const inner = connect(Number(port), host, () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      inner.write(head);
      inner.pipe(client).pipe(inner);
    });
    client.on('error', () => inner.destroy());
    inner.on('error', () => client.destroy());
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  t.teardown(() => proxy.close());
  const at = `127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  const token = side.token('vpc');
  const wrong = agentOf(t, { gateway: side.url, token, proxy: `http://me:guess@${at}` });
  await eventually('the proxy refuses', () => wrong.log.some(({ message }) => /wants other credentials \(HTTP 407\)/.test(message)));
  await wrong.close();
  t.notOk(JSON.stringify(wrong.log).includes('guess'), "the proxy's password is in no log");
  await linked(agentOf(t, { gateway: side.url, token, proxy: `http://me:pass%20word@${at}` }));
  t.ok(seen.length >= 2);
  const gone = agentOf(t, { gateway: side.url, token, proxy: 'http://127.0.0.1:1' });
  await eventually('no proxy', () => gone.log.some(({ message }) => /proxy .* can't be reached/.test(message)));
});

t.test('a way of 100 ms: windows grow, so that a copy is not one window for each round trip', async (t) => {
  const far = await startSide(t, { isOwnOrigin: () => true });
  const farRelay = await delayingRelay(t, far.port, 50);
  const { createServer: tcp } = await import('node:net');
  const bytes = 4_000_000;
  const source = tcp((socket) => void socket.end(Buffer.alloc(bytes)));
  await new Promise<void>((resolve) => source.listen(0, '127.0.0.1', resolve));
  t.teardown(() => source.close());
  await linked(agentOf(t, { gateway: `ws://127.0.0.1:${farRelay}`, token: far.token('far') }));
  await eventually('the latency is known', () => (far.agents.list()[0]?.latencyMs ?? 0) >= 90);
  const fromMs = performance.now();
  const stream = await far.agents.dial(targetAt((source.address() as AddressInfo).port, byName('far')), never, timeoutMs);
  t.equal((await readAll(stream)).length, bytes);
  const tookMs = performance.now() - fromMs;
  const unchanged = (bytes / 65_536) * 100;
  t.ok(tookMs < unchanged / 2, `${Math.round(tookMs)} ms; with a window that does not grow it would be ${Math.round(unchanged)} ms`);
  stream.end();
});

/** Passes bytes on after a delay in each direction; gives its port. */
async function delayingRelay(t: Teardown, port: number, delayMs: number): Promise<number> {
  const { createServer: tcp } = await import('node:net');
  const relay = tcp((near) => {
    const far = connect(port, '127.0.0.1');
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on('data', (chunk: Buffer) => void setTimeout(() => to.write(chunk), delayMs));
      from.on('close', () => to.destroy());
      from.on('error', () => to.destroy());
    }
  });
  await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve));
  t.teardown(() => relay.close());
  return (relay.address() as AddressInfo).port;
}

t.test('strangers at the door: browsers, plain HTTP, silence, nonsense', async (t) => {
  const { WebSocket } = await import('ws');
  const side = await startSide(t);
  const address = `${side.url}/api/v1/agents/link`;
  const browser = new WebSocket(address, 'sallyport-agent', { origin: 'https://evil.example' });
  t.match((await once(browser, 'error'))[0], { message: /403/ });
  for (const text of ['', '{}', 'null', '[]', '{"hello":1,"signature":""}', '{"hello":"{}","signature":""}', 'x'.repeat(20_000)]) {
    const ws = new WebSocket(address, 'sallyport-agent');
    await once(ws, 'message');
    ws.send(text);
    const [code, reason] = (await once(ws, 'close')) as [number, Buffer];
    t.equal(code, 4400, reason.toString());
  }
  const noisy = new WebSocket(address, 'sallyport-agent');
  await once(noisy, 'open');
  for (let count = 0; count < 30; count++) noisy.send(Buffer.alloc(10));
  t.equal((await once(noisy, 'close'))[0], 4400);
});

t.test('more links than the gateway takes', async (t) => {
  const side = await startSide(t, { linksMax: 1 });
  await linked(agentOf(t, { gateway: side.url, token: side.token('a') }));
  const second = agentOf(t, { gateway: side.url, token: side.token('b') });
  await eventually('it is told to wait', () => second.log.some(({ message }) => /takes no more agents/.test(message)));
});
