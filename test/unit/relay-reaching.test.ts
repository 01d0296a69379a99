// Relay threads sign in to targets and dial them as the main thread does by itself: a real thread, the real desk, real TCP servers and
// a real agent; leases end and uses are counted in the main thread, however a stream ends.

import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { inspect } from 'node:util';
import { Worker } from 'node:worker_threads';
import t from 'tap';
import type { Credential, CredentialProvider } from '../../src/core/credential.ts';
import type { CredentialSource } from '../../src/core/credential-source.ts';
import { Fault } from '../../src/core/errors.ts';
import { Secret } from '../../src/core/secret.ts';
import type { Target } from '../../src/core/target.ts';
import { Calls } from '../../src/relay/calls.ts';
import { ThreadCredentials } from '../../src/relay/credentials.ts';
import { ThreadDialling } from '../../src/relay/dialling.ts';
import { windowBytes } from '../../src/relay/port-stream.ts';
import { receivedTarget, sentTarget } from '../../src/relay/sent-target.ts';
import { TargetCredentials } from '../../src/targets/credentials/desk.ts';
import { localCredentials } from '../../src/targets/credentials/local.ts';
import type { Teardown } from '../support/directories.ts';
import { eventually } from '../support/eventually.ts';
import { agentOf, byName, linked, SkewClock, startSide, targetAt } from './agent-fixture.ts';
import type { MainMethods, ThreadMethods } from './relay-fixtures/reaching-thread.ts';

const planted = 'planted-Passw0rd';
const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const source: CredentialSource = {
  kind: 'vault-kv',
  mount: 'secret',
  path: 'orders',
  fields: { user: null, password: 'password', privateKey: null },
};

/** A target that knows one password, and says nothing at all to who comes with "silence". */
async function startTarget(t: Teardown) {
  const state = { known: planted, tried: [] as string[], sockets: new Set<Socket>(), accepted: 0 };
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    state.accepted += 1;
    state.sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => state.sockets.delete(socket));
    socket.on('end', () => socket.end());
    socket.once('data', (line: Buffer) => {
      const password = line.toString().trim().split(':')[1] ?? '';
      state.tried.push(password);
      if (password === 'silence') return;
      if (password !== state.known) return void socket.end('no\n');
      socket.write('in\n');
      socket.on('data', (bytes: Buffer) => socket.write(bytes));
    });
  });
  t.teardown(() => {
    server.close();
    for (const socket of state.sockets) socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return Object.assign(state, { port: (server.address() as AddressInfo).port });
}

interface Kept {
  current: string;
  before: string | null;
  /** Leased values that are not given back. */
  leased: number;
  reads: number;
  /** Reads answer when this does. */
  wait: Promise<void>;
}

/** A relay thread, and a main thread's part for it. */
function startThread(t: Teardown, targets: readonly Target[], options: { leases?: boolean; dialAgent?: typeof noAgent } = {}) {
  const kept: Kept = { current: planted, before: null, leased: 0, reads: 0, wait: Promise.resolve() };
  const credential = (value: string): Credential => ({
    user: null,
    password: new Secret(value),
    privateKey: null,
    version: value,
    lease:
      options.leases !== true
        ? null
        : { durationMs: 60_000, isRenewable: false, renew: async () => 0, revoke: async () => void (kept.leased -= 1) },
  });
  const provider: CredentialProvider = {
    read: async (_target, signal) => {
      kept.reads += 1;
      await Promise.race([kept.wait, once(signal, 'abort').then(() => Promise.reject(signal.reason))]);
      if (options.leases === true) kept.leased += 1;
      return credential(kept.current);
    },
    previous: async () => (kept.before === null ? null : credential(kept.before)),
    accepted: () => undefined,
  };
  const none = localCredentials({}, { nowMs: () => Date.now() });
  const desk = new TargetCredentials({
    providers: { local: none, stored: none, 'vault-kv': provider, 'vault-database': provider, 'aws-secret': none },
    clock: new SkewClock(),
    log,
    cacheMs: 60_000,
  });
  const targetNamed = (name: string) => targets.find((target) => target.name === name);
  const credentials = new ThreadCredentials({ desk, targetNamed });
  const dialling = new ThreadDialling({
    dialAgent: options.dialAgent ?? noAgent,
    dialled: (target, stream) => desk.dialled(target, stream),
    targetNamed,
    filledOf: (attempt) => credentials.filledOf(attempt),
  });
  const worker = new Worker(new URL('./relay-fixtures/reaching-thread.ts', import.meta.url));
  t.teardown(() => worker.terminate());
  const calls = new Calls<ThreadMethods, MainMethods>(worker, { ...credentials.handlers, ...dialling.handlers });
  const died = new Promise<void>((resolve) => {
    worker
      .on('error', () => undefined)
      .once('exit', () => {
        const fault = new Fault('target-lost', 'the thread is gone');
        calls.close(fault);
        credentials.end(fault);
        dialling.end(fault);
        resolve();
      });
  });
  const uses = () => [...desk.uses('orders').values()].reduce((sum, count) => sum + count, 0);
  return { calls, credentials, desk, kept, died, uses, worker };
}

const noAgent = (_target: Target, _signal: AbortSignal): Promise<Duplex> => Promise.reject(new Error('no agent here'));

/** A target that is dialled by the thread itself. */
const direct = (port: number, credential: CredentialSource | null = source): Target => ({
  ...targetAt(port, byName('none')),
  agent: null,
  credential,
});
const leasing: CredentialSource = { kind: 'vault-database', mount: 'database', role: 'writer' };

async function faultOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => null,
    (thrown: unknown) => thrown,
  );
}

t.test('a target crosses as it is, its secrets wrapped again', async (t) => {
  const secret = new Secret(planted);
  const whole: Target = {
    ...targetAt(5432, byName('dc1')),
    labels: { env: 'prod' },
    password: secret,
    roles: ['reader'],
    tls: { mode: 'verify-full', ca: 'CA', certificate: 'CERT', key: secret, serverName: 'db' },
    ssh: {
      hostKeys: ['ssh-ed25519 A'],
      privateKey: secret,
      certificate: { lifetimeMs: 1 },
      shell: 'guarded',
      shellElse: ['none'],
      logins: ['root'],
    },
    credential: source,
  };
  for (const target of [whole, direct(1), { ...direct(1), ssh: { ...whole.ssh, privateKey: null } } as Target]) {
    const received = receivedTarget(structuredClone(sentTarget(target)));
    t.strictSame(received, target);
    t.notMatch(inspect(received, { depth: 9 }), planted);
    t.notMatch(JSON.stringify(received), planted);
  }
  const received = receivedTarget(structuredClone(sentTarget(whole)));
  for (const it of [received.password, received.tls.key, received.ssh?.privateKey]) t.equal(it?.reveal(), planted);
});

t.test('a thread signs in by itself with what the desk filled in; its uses are counted here', async (t) => {
  const target = await startTarget(t);
  const orders = direct(target.port);
  const { calls, uses, kept } = startThread(t, [orders]);
  const connections = await Promise.all(Array.from({ length: 20 }, () => calls.ask('sign-in', { target: sentTarget(orders) })));
  t.equal(kept.reads, 1, 'one question for all of them');
  t.equal(uses(), 20);
  t.equal(await calls.ask('say', { connection: connections[7] ?? -1, text: 'hello' }), 'hello');
  await calls.ask('leave', { connection: connections[0] ?? -1 });
  await eventually('one use less', () => uses() === 19);
  for (const socket of target.sockets) socket.destroy();
  await eventually('none is left when the target closes them', () => uses() === 0);

  const plain = await calls.ask('dial', { target: sentTarget(orders) });
  t.equal(uses(), 0, 'what is dialled for no sign-in counts for none');
  await calls.ask('leave', { connection: plain });
  target.known = '';
  await calls.ask('sign-in', { target: sentTarget({ ...orders, credential: null }) });
  t.equal(kept.reads, 1, 'a target that asks for nothing needs no word of the main thread');
  t.equal(uses(), 0);
});

t.test('what the target refuses is tried with what else the source has', async (t) => {
  const target = await startTarget(t);
  const orders = direct(target.port);
  const { calls, uses, kept } = startThread(t, [orders]);
  const signIn = () => calls.ask('sign-in', { target: sentTarget(orders) });
  await signIn();
  [kept.current, target.known, target.tried] = ['second', 'second', []];
  await signIn();
  t.same(target.tried, [planted, 'second'], 'the remembered one, then the new one');
  [kept.current, kept.before, target.tried] = ['third', 'fourth', []];
  target.known = 'fourth';
  await signIn();
  t.same(target.tried, ['second', 'third', 'fourth']);
  t.equal(uses(), 3, 'refused connections are not counted');

  [target.known, target.tried] = ['something else', []];
  const fault = await faultOf(signIn());
  t.match(fault, { code: 'target-sign-in-failed', message: 'the target refused u', hint: 'look there' });
  t.equal(target.tried.length, 2);
  await eventually('all that was tried is closed', () => target.sockets.size === 3);

  [target.known, target.tried, kept.before] = ['third', [], null];
  const strange = await faultOf(calls.ask('sign-in', { target: sentTarget(orders), failing: 'strangely' }));
  t.match(strange, { message: 'something else' });
  t.notOk(strange instanceof Fault);
  t.same(target.tried, ['third'], 'another failure tries nothing else');
  t.match(await faultOf(calls.ask('sign-in', { target: sentTarget({ ...orders, name: 'none' as Target['name'] }) })), {
    code: 'target-unknown',
  });
  const unreachable = startThread(t, [direct(1)]);
  t.match(await faultOf(unreachable.calls.ask('sign-in', { target: sentTarget(direct(1)) })), { code: 'target-unreachable' });
  for (const it of [fault, strange]) t.notMatch(inspect(it, { depth: 9 }), /third|fourth/);
});

t.test('a lease ends with its connection, with a failed attempt, and with the thread', async (t) => {
  const target = await startTarget(t);
  const orders = direct(target.port, leasing);
  const { calls, kept, uses, worker, died } = startThread(t, [orders], { leases: true });
  const signIn = () => calls.ask('sign-in', { target: sentTarget(orders) });
  const [first = -1, second = -1] = await Promise.all([signIn(), signIn(), signIn()]);
  t.equal(kept.leased, 3);
  await calls.ask('leave', { connection: first });
  await eventually('the first is given back', () => kept.leased === 2);
  t.equal(await calls.ask('say', { connection: second, text: 'still there' }), 'still there');

  target.known = 'another';
  t.match(await faultOf(signIn()), { code: 'target-sign-in-failed' });
  await eventually('what was of no use is given back', () => kept.leased === 2);

  kept.current = 'silence';
  const waiting = faultOf(signIn());
  await eventually('a third sign-in is in the middle of it', () => target.tried.includes('silence') && kept.leased === 3);
  kept.wait = new Promise(() => undefined);
  const reading = faultOf(signIn());
  await eventually('a fourth waits for its credential', () => kept.reads === 6);
  await worker.terminate();
  await died;
  t.match(await waiting, { message: 'the thread is gone' });
  t.match(await reading, { message: 'the thread is gone' });
  await eventually('everything is given back', () => kept.leased === 0);
  t.equal(uses(), 0);
});

t.test('a thread that throws gives back what it had, too', async (t) => {
  const target = await startTarget(t);
  const orders = direct(target.port, leasing);
  const { calls, kept, died } = startThread(t, [orders], { leases: true });
  await calls.ask('sign-in', { target: sentTarget(orders) });
  t.equal(kept.leased, 1);
  await calls.ask('die', null);
  await died;
  await eventually('given back', () => kept.leased === 0);
  await eventually('its connection is closed', () => target.sockets.size === 0);
});

t.test('a credential that comes when its thread is dead is tried by nobody', async (t) => {
  const target = await startTarget(t);
  const orders = direct(target.port);
  const { calls, credentials, kept, worker, died } = startThread(t, [orders]);
  let came = (): void => undefined;
  kept.wait = new Promise((resolve) => (came = resolve));
  const signing = faultOf(calls.ask('sign-in', { target: sentTarget(orders) }));
  await eventually('it is being read', () => kept.reads === 1);
  await worker.terminate();
  await died;
  t.match(await signing, { message: 'the thread is gone' });
  came();
  for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
  t.equal(credentials.filledOf(1), undefined, 'nothing waits for an answer that never comes');
});

t.test('a client that leaves ends the wait for a credential, and for the target', async (t) => {
  const target = await startTarget(t);
  const orders = direct(target.port, leasing);
  const { calls, kept, uses } = startThread(t, [orders], { leases: true });
  const patience = [new AbortController(), new AbortController()] as const;
  kept.wait = new Promise(() => undefined);
  const reading = faultOf(calls.ask('sign-in', { target: sentTarget(orders) }, { signal: patience[0].signal }));
  await eventually('it is being read', () => kept.reads === 1);
  patience[0].abort(new Fault('conflict', 'the client is gone'));
  t.match(await reading, { code: 'target-credential-failed' });
  t.equal(target.tried.length, 0);

  [kept.wait, kept.current] = [Promise.resolve(), 'silence'];
  const signing = faultOf(calls.ask('sign-in', { target: sentTarget(orders) }, { signal: patience[1].signal }));
  await eventually('the target was asked', () => target.tried.length === 1);
  t.equal(uses(), 1);
  patience[1].abort(new Fault('conflict', 'the client is gone'));
  t.ok(await signing);
  await eventually('its lease and its connection are gone', () => kept.leased === 0 && uses() === 0 && target.sockets.size === 0);
});

/** A target that is reached through a real agent, and a thread that does. */
async function throughAgent(t: Teardown, credential: CredentialSource = leasing) {
  const target = await startTarget(t);
  const side = await startSide(t);
  const agent = agentOf(t, { gateway: side.url, token: side.token('dc1') });
  await linked(agent);
  const orders: Target = { ...targetAt(target.port, byName('dc1')), credential };
  const started = startThread(t, [orders], { leases: true, dialAgent: (it, signal) => side.agents.dial(it, signal, 5_000) });
  return { ...started, target, side, orders, signIn: () => started.calls.ask('sign-in', { target: sentTarget(orders) }) };
}

t.test('through an agent: signing in, bytes both ways, the lease', async (t) => {
  const { calls, kept, uses, target, orders, signIn } = await throughAgent(t);
  const connection = await signIn();
  t.equal(uses(), 1);
  t.equal(kept.leased, 1);
  const long = 'x'.repeat(3 * windowBytes);
  t.equal(await calls.ask('say', { connection, text: long }), long);
  const plain = await calls.ask('dial', { target: sentTarget(orders) });
  t.equal(uses(), 1, 'what is dialled for no sign-in counts for none');
  t.equal(kept.leased, 1);
  await calls.ask('leave', { connection: plain });
  t.same(await calls.ask('finish', { connection }), { bytes: 0, how: 'in order' }, 'half-close, and the end in order');
  await eventually('the lease ended with it', () => kept.leased === 0 && uses() === 0 && target.sockets.size === 0);

  target.known = 'another';
  t.match(await faultOf(signIn()), { code: 'target-sign-in-failed' });
  await eventually('and with a refusal', () => kept.leased === 0 && uses() === 0);
});

t.test('through an agent: a thread that does not read stops the target, and loses nothing', async (t) => {
  const { calls, target, signIn } = await throughAgent(t);
  const connection = await signIn();
  const [socket] = target.sockets;
  if (socket === undefined) throw new Error('nobody came');
  const piece = Buffer.alloc(64 * 1024, 1);
  const pieces = 400; // 25 MiB: more than all windows and what kernels take
  let sent = 0;
  const pump = (): void => {
    while (sent < pieces && socket.writable) {
      sent += 1;
      if (!socket.write(piece)) return void socket.once('drain', pump);
    }
  };
  pump();
  let [before, still] = [0, 0];
  await eventually('the target is stopped', async () => {
    await faultOf(calls.ask('sign-in', { target: sentTarget(unknown) }));
    still = sent === before ? still + 1 : 0;
    before = sent;
    return still === 20;
  });
  t.ok(sent < pieces, `stopped after ${sent} of ${pieces} pieces`);
  const { bytes, how } = await calls.ask('finish', { connection });
  t.equal(how, 'in order');
  t.equal(bytes, sent * piece.length, 'all that was sent before the target heard the end');
});

/** Asked for only so that something goes to the thread and back. */
const unknown: Target = { ...direct(1), name: 'none' as Target['name'] };

t.test('through an agent: the thread dies, the link dies, the dialling is given up', async (t) => {
  const one = await throughAgent(t);
  await Promise.all([one.signIn(), one.signIn()]);
  t.equal(one.target.sockets.size, 2);
  await one.worker.terminate();
  await one.died;
  await eventually('streams and leases are gone', () => one.target.sockets.size === 0 && one.kept.leased === 0 && one.uses() === 0);

  const two = await throughAgent(t);
  const connection = await two.signIn();
  const ending = two.calls.ask('ending', { connection });
  two.side.cut();
  t.equal(await ending, 'target-lost');
  await eventually('its lease is given back', () => two.kept.leased === 0 && two.uses() === 0);

  const never = { ...targetAt(1, byName('dc1')), credential: null };
  let asked = 0;
  const slow = startThread(t, [never], {
    dialAgent: async (_target, signal) => {
      asked += 1;
      await once(signal, 'abort');
      throw new Fault('target-unreachable', `given up: ${String((signal.reason as Error).message)}`);
    },
  });
  const patience = new AbortController();
  const dialling = faultOf(slow.calls.ask('dial', { target: sentTarget(never) }, { signal: patience.signal }));
  await eventually('it is being dialled', () => asked === 1);
  patience.abort(new Fault('conflict', 'the client is gone'));
  t.match(await dialling, { code: 'target-unreachable', message: 'given up: the client is gone' });

  const unlinked = { ...targetAt(1, byName('nobody')), credential: null };
  const side = await startSide(t);
  const none = startThread(t, [unlinked], { dialAgent: (it, signal) => side.agents.dial(it, signal, 1_000) });
  t.match(await faultOf(none.calls.ask('dial', { target: sentTarget(unlinked) })), {
    code: 'target-unreachable',
    message: /agent "nobody" is not connected/,
  });
});

t.test('a stream that was dialled when nobody wants it any more is closed', async (t) => {
  const target = await startTarget(t);
  const orders: Target = { ...targetAt(target.port, byName('dc1')), credential: leasing };
  const answers: (() => void)[] = [];
  const dialAgent = async (): Promise<Duplex> => {
    await new Promise<void>((resolve) => answers.push(resolve));
    const socket = connect(target.port, '127.0.0.1');
    await once(socket, 'connect');
    return socket;
  };
  const { calls, kept, worker, died } = startThread(t, [orders], { leases: true, dialAgent });
  const patience = new AbortController();
  const late = faultOf(calls.ask('dial', { target: sentTarget(orders) }, { signal: patience.signal }));
  await eventually('it is being dialled', () => answers.length === 1);
  patience.abort(new Fault('conflict', 'the client is gone'));
  await faultOf(calls.ask('sign-in', { target: sentTarget(unknown) })); // the thread has heard of that by now
  answers[0]?.();
  t.match(await late, { code: 'target-unreachable', message: /the client is gone/ });
  await eventually('it is closed', () => target.accepted === 1 && target.sockets.size === 0);

  const lost = faultOf(calls.ask('sign-in', { target: sentTarget(orders) }));
  await eventually('another is being dialled, with a lease', () => answers.length === 2 && kept.leased === 1);
  await worker.terminate();
  await died;
  await eventually('the lease is given back at once', () => kept.leased === 0);
  answers[1]?.();
  t.match(await lost, { code: 'target-lost' });
  await eventually('it is closed as well', () => target.accepted === 2 && target.sockets.size === 0);
});

t.test('many that sign in and leave at once, by themselves and through an agent, leave nothing', async (t) => {
  const { calls, kept, uses, target, orders, signIn } = await throughAgent(t);
  const all = await Promise.all(Array.from({ length: 60 }, signIn));
  t.equal(uses(), 60);
  t.equal(kept.leased, 60);
  t.equal(new Set(all).size, 60);
  const said = await Promise.all(all.map((connection) => calls.ask('say', { connection, text: `I am ${connection}` })));
  t.same(
    said,
    all.map((connection) => `I am ${connection}`),
    'nobody hears what is another\u2019s',
  );
  await Promise.all(all.map((connection, at) => calls.ask(at % 2 === 0 ? 'leave' : 'finish', { connection })));
  await eventually('all is given back', () => uses() === 0 && kept.leased === 0 && target.sockets.size === 0);
  t.equal(await faultOf(calls.ask('dial', { target: sentTarget(orders) })), null, 'and it goes on');
});
