// Clients that sign in to a relay thread: the people, tokens, failures and links of the main thread, by the handshakes of the
// drivers, with real clients.

import { once } from 'node:events';
import { connect } from 'node:net';
import { MessageChannel, Worker } from 'node:worker_threads';
import { createConnection } from 'mysql2/promise';
import t from 'tap';
import { readDiagnostic, startup } from '../../protocols/postgres/messages.ts';
import { Fault } from '../../src/core/errors.ts';
import type { Principal } from '../../src/core/principal.ts';
import type { SignInMaterial } from '../../src/core/sign-in.ts';
import { freeFailures } from '../../src/identity/back-off.ts';
import { createIdentity } from '../../src/identity/identity.ts';
import { identityMigrations } from '../../src/identity/tables.ts';
import { Calls, type Methods, type Port } from '../../src/relay/calls.ts';
import { remoteSignIns, signInHandlers, type SignInMethods } from '../../src/relay/sign-ins.ts';
import { openDatabase } from '../../src/store/database.ts';
import { eventually } from '../support/eventually.ts';
import { WireClient } from '../support/postgres-wire.ts';
import { HandClock, KeptAudit, people, random, rights } from './api-fixture.ts';

type Teardown = Pick<typeof t, 'teardown'>;

function open(t: Teardown) {
  const [clock, audit] = [new HandClock(), new KeptAudit()];
  const db = openDatabase(':memory:', identityMigrations);
  const identity = createIdentity({ db, clock, random, audit, people, rights, publicUrl: () => 'https://gw.example' });
  t.teardown(() => identity.close());
  const token = (name: string): string => identity.issueToken(name, { name: 'test', ttlMs: 3_600_000 }).token;
  return { identity, audit, clock, token, alice: identity.person('alice') as Principal };
}

interface Thread {
  readonly worker: Worker;
  readonly calls: Calls<Methods, SignInMethods>;
  readonly ports: { readonly postgres: number; readonly mysql: number };
}

async function start(t: Teardown, identity: ReturnType<typeof open>['identity']): Promise<Thread> {
  const { port1, port2 } = new MessageChannel();
  const calls = new Calls<Methods, SignInMethods>(port1, signInHandlers(identity));
  const file = new URL('./relay-fixtures/sign-in-thread.ts', import.meta.url);
  const worker = new Worker(file, { workerData: { port: port2 }, transferList: [port2] });
  t.teardown(async () => {
    await worker.terminate();
    port1.close();
  });
  const [ports] = (await once(worker, 'message')) as [Thread['ports']];
  return { worker, calls, ports };
}

t.test('a token is proved by SCRAM, and by the methods of MySQL, in the thread', async (t) => {
  const { identity, audit, token } = open(t);
  const { worker, ports } = await start(t, identity);
  const password = token('alice');
  const before = audit.events.length;
  const told = once(worker, 'message');
  await WireClient.open(t, { host: '127.0.0.1', port: ports.postgres, user: 'alice', password, database: 'orders' });
  const tokenId = identity.tokens('alice')[0]?.id;
  t.match(await told, [{ principal: { name: 'alice', displayName: 'ALICE', kind: 'person', groups: ['engineers'] }, tokenId }]);
  const told2 = once(worker, 'message');
  const connection = await createConnection({ host: '127.0.0.1', port: ports.mysql, user: 'alice:shop', password });
  connection.destroy();
  t.match(await told2, [{ principal: { name: 'alice' }, tokenId }]);
  await eventually('both are noted', () => audit.events.length === before + 2);
  t.match(audit.events.slice(before), [
    { type: 'sign-in.succeeded', principal: 'alice', detail: { protocol: 'postgres', client_address: '127.0.0.1', token_id: tokenId } },
    { type: 'sign-in.succeeded', principal: 'alice', detail: { protocol: 'mysql', client_address: '127.0.0.1', token_id: tokenId } },
  ]);
});

t.test('failures are counted before the next attempt is answered, and others are told nothing', async (t) => {
  const { identity, audit, clock, token } = open(t);
  const { ports } = await start(t, identity);
  const password = token('alice');
  const attempt = async (user: string, given: string): Promise<string> => {
    const options = { host: '127.0.0.1', port: ports.postgres, user, password: given, database: 'orders' };
    return await WireClient.open(t, options).then(
      () => 'in',
      (thrown: Error) => thrown.message,
    );
  };
  const wrong = (name: string) => `password authentication failed for user "${name}"`;
  for (const name of ['alice', 'nobody']) {
    const words = [];
    for (let turn = 0; turn < freeFailures + 2; turn++) words.push(await attempt(name, 'wrong'));
    const expected = Array.from({ length: freeFailures + 1 }, () => wrong(name));
    t.same(words, [...expected, 'too many failed sign-ins'], `${name}: as many tries as in the main thread`);
  }
  t.equal(await attempt('alice', password), 'too many failed sign-ins', 'the right one waits too');
  await t.rejects(createConnection({ host: '127.0.0.1', port: ports.mysql, user: 'alice:shop', password }), { message: /too many failed/ });
  clock.advance(2_000);
  t.equal(await attempt('alice', password), 'in');
  t.equal(await attempt('alice', 'wrong'), wrong('alice'), 'it began anew');
  t.ok(audit.events.filter(({ type }) => type === 'sign-in.failed').length > 0);
});

t.test('what a thread is given of a name: the same, in Buffers, and nothing more', async (t) => {
  const { identity, token } = open(t);
  const { worker } = await start(t, identity);
  for (let turn = 0; turn < 2; turn++) token('alice');
  for (let turn = 0; turn < 17; turn++) token('bob');
  for (const name of ['alice', 'nobody', 'bob', 'frank', 'alice', 'nobody']) {
    worker.postMessage(name);
    const [{ areBuffers, ...material }] = (await once(worker, 'message')) as [SignInMaterial & { areBuffers: boolean }];
    t.equal(areBuffers, true);
    t.same(plain(material), plain(identity.material(name)), `${name}: as the main thread has it`);
  }
});

t.test('a link is told at once; only its person confirms it; a client that leaves gives it up', async (t) => {
  const { identity, alice, audit } = open(t);
  const { worker, ports } = await start(t, identity);
  const begin = async (): Promise<{ client: WireClient; secret: string }> => {
    const client = new WireClient(connect(ports.postgres, '127.0.0.1'));
    t.teardown(() => client.socket.destroy());
    client.send(startup({ user: 'alice+browser', database: 'orders' }));
    const notice = (await client.until('N')).at(-1)?.bytes ?? Buffer.alloc(0);
    const secret = /https:\/\/gw\.example\/sign-in\/(\S+) /.exec(readDiagnostic(notice).message)?.[1] ?? '';
    return { client, secret };
  };
  const first = await begin();
  t.match(identity.browserSignIns.get(first.secret, alice), {
    name: 'alice',
    target: 'orders',
    protocol: 'postgres',
    clientAddress: '127.0.0.1',
  });
  const told = once(worker, 'message');
  t.equal(identity.browserSignIns.confirm(first.secret, alice, null, 't-1'), 'confirmed');
  await first.client.until('Z');
  t.match(await told, [{ principal: { name: 'alice', groups: ['engineers'] }, tokenId: 't-1' }]);
  await eventually('it is noted', () => audit.events.at(-1)?.type === 'sign-in.succeeded');

  const refused = await begin();
  t.equal(identity.browserSignIns.refuse(refused.secret, alice), true);
  const words = readDiagnostic((await refused.client.until('E')).at(-1)?.bytes ?? Buffer.alloc(0)).message;
  t.equal(words, 'nobody confirmed the sign-in as "alice" in the browser');

  const leaving = await begin();
  t.equal(identity.browserSignIns.list(alice).length, 1);
  leaving.client.socket.destroy();
  await eventually('it is given up', () => identity.browserSignIns.list(alice).length === 0);
  t.equal(identity.browserSignIns.confirm(leaving.secret, alice, null, null), 'unknown');
});

t.test('a thread that dies gives its links up', async (t) => {
  const { identity, alice } = open(t);
  const { worker, calls, ports } = await start(t, identity);
  const client = new WireClient(connect(ports.postgres, '127.0.0.1'));
  t.teardown(() => client.socket.destroy());
  client.send(startup({ user: 'alice+browser', database: 'orders' }));
  await client.until('N');
  t.equal(identity.browserSignIns.list(alice).length, 1);
  await worker.terminate();
  calls.close(new Fault('limit-reached', 'a relay thread ended'));
  t.same(identity.browserSignIns.list(alice), []);
});

t.test('a main thread that is gone: nobody is signed in, and nothing waits for ever', async (t) => {
  const { identity } = open(t);
  const { port1, port2 } = new MessageChannel();
  t.teardown(() => port1.close());
  const main = new Calls<Methods, SignInMethods>(port1, signInHandlers(identity));
  const calls = new Calls<SignInMethods, Methods>(port2, {});
  const signIns = remoteSignIns(calls);
  const signIn = await signIns.browser({ name: 'alice', target: 'orders', protocol: 'postgres', clientAddress: '10.0.0.1' });
  t.match(signIn.url, /^https:\/\/gw\.example\/sign-in\//);
  const fault = new Fault('limit-reached', 'the main thread is gone');
  main.close(fault);
  calls.close(fault);
  t.equal(await signIn.confirmed, null);
  signIn.cancel();
  await t.rejects(Promise.resolve(signIns.blocked('alice', '10.0.0.1')), fault);
  await t.rejects(Promise.resolve(signIns.material('alice')), fault);
  await t.rejects(Promise.resolve(signIns.browser({ name: 'alice', target: '', protocol: 'postgres', clientAddress: '' })), fault);
  t.doesNotThrow(() => signIns.failed('alice', '10.0.0.1'));
});

t.test('of every name the same form and length is sent, and only the bytes themselves, not the memory around them', async (t) => {
  const { identity, token } = open(t);
  token('alice');
  for (let turn = 0; turn < 3; turn++) token('bob');
  const sent: unknown[] = [];
  let ask: (message: unknown) => void = () => undefined;
  const port: Port = { postMessage: (message) => sent.push(message), on: (_event, listener) => (ask = listener) };
  const main = new Calls<Methods, SignInMethods>(port, signInHandlers(identity));
  t.teardown(() => main.close(new Fault('conflict', 'over')));
  const names = ['alice', 'bob', 'frank', 'nobody'];
  for (const [id, name] of names.entries()) ask({ kind: 'ask', id, name: 'sign-in material', given: name });
  await eventually('all are answered', () => sent.length === names.length);
  for (const [index, name] of names.entries()) {
    for (const part of bytesIn(sent[index])) t.equal(part.buffer.byteLength, part.byteLength);
    t.same(formOf(sent[index]), formOf(sent[0]), `${name}: who has tokens and who is nobody is not seen from outside`);
  }
});

/** Names and lengths of all that is in it, but of names of people and groups. */
function formOf(value: unknown): unknown {
  if (value instanceof Uint8Array) return value.length;
  if (typeof value === 'string') return value.startsWith('t-') ? value.length : 'text';
  if (typeof value !== 'object' || value === null) return typeof value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, formOf(part)]));
}

function bytesIn(value: unknown): Uint8Array[] {
  if (value instanceof Uint8Array) return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(bytesIn) : [];
}

/** Bytes as text, to be compared whichever way they came. */
function plain(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_key, it: unknown) =>
      it instanceof Uint8Array ? Buffer.from(it).toString('hex') : isSentBuffer(it) ? Buffer.from(it.data).toString('hex') : it,
    ),
  );
}

function isSentBuffer(it: unknown): it is { readonly data: number[] } {
  return typeof it === 'object' && it !== null && 'type' in it && it.type === 'Buffer';
}
