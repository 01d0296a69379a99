// Cancelling what another relay thread does: CancelRequest of PostgreSQL, KILL of MySQL, through the fronts of one thread to
// connections of another.

import { once } from 'node:events';
import { connect } from 'node:net';
import { MessageChannel, Worker } from 'node:worker_threads';
import { createConnection } from 'mysql2/promise';
import t from 'tap';
import { cancelRequest } from '../../protocols/postgres/messages.ts';
import type { CancelWish, Driver } from '../../src/core/driver.ts';
import { Fault } from '../../src/core/errors.ts';
import { Calls, type Methods } from '../../src/relay/calls.ts';
import { cancelHandlers, cancellingHandlers, remoteCancelling, wishesMax, type CancellingMethods } from '../../src/relay/cancelling.ts';
import { eventually } from '../support/eventually.ts';
import type { Command, Made } from './relay-fixtures/cancelling-thread.ts';

type Teardown = Pick<typeof t, 'teardown'>;

interface Thread {
  readonly worker: Worker;
  readonly calls: Calls<CancellingMethods, CancellingMethods>;
  readonly ports: { readonly postgres: number; readonly mysql: number };
  /** What was done to its connections. */
  readonly done: unknown[];
}

async function start(t: Teardown, count: number): Promise<Thread[]> {
  const threads: Thread[] = [];
  await Promise.all(
    Array.from({ length: count }, async (_none, index) => {
      const { port1, port2 } = new MessageChannel();
      const others = () => threads.filter((it) => it.calls !== calls).map((it) => it.calls);
      const calls: Thread['calls'] = new Calls<CancellingMethods, CancellingMethods>(port1, cancellingHandlers(others));
      const file = new URL('./relay-fixtures/cancelling-thread.ts', import.meta.url);
      const worker = new Worker(file, { workerData: { port: port2 }, transferList: [port2] });
      t.teardown(async () => {
        await worker.terminate();
        port1.close();
      });
      const [ports] = (await once(worker, 'message')) as [Thread['ports']];
      const done: unknown[] = [];
      worker.on(
        'message',
        (message: { kind: string }) => (message.kind === 'cancelled' || message.kind === 'killed') && done.push(message),
      );
      threads[index] = { worker, calls, ports, done };
    }),
  );
  return threads;
}

async function make({ worker }: Thread, person: string): Promise<Made> {
  const command: Command = { kind: 'make', person };
  worker.postMessage(command);
  const [made] = (await once(worker, 'message')) as [Made];
  return made;
}

/** The thread answers nothing until what comes back is called. */
async function block({ worker }: Thread): Promise<() => void> {
  const gate = new Int32Array(new SharedArrayBuffer(4));
  const blocks = once(worker, 'message');
  worker.postMessage({ kind: 'block', gate } satisfies Command);
  await blocks;
  return () => {
    Atomics.store(gate, 0, 1);
    Atomics.notify(gate, 0);
  };
}

/** Sends a CancelRequest and waits for the end, as libpq does. Resolves with the bytes that came. */
async function requestCancel({ ports }: Thread, processId: number, secret: Uint8Array): Promise<Buffer> {
  const socket = connect(ports.postgres, '127.0.0.1', () => socket.write(cancelRequest(processId, Buffer.from(secret))));
  const seen: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => seen.push(chunk));
  await once(socket, 'close');
  return Buffer.concat(seen);
}

t.test('CancelRequest reaches the connection in whichever thread; a wrong one nobody, in silence', async (t) => {
  const threads = await start(t, 3);
  const [first, second, third] = threads as [Thread, Thread, Thread];
  const one = await make(second, 'alice');
  const other = await make(third, 'alice');
  const wrong = Uint8Array.from(one.secret, (byte, index) => (index === 3 ? byte ^ 1 : byte));
  for (const secret of [wrong, new Uint8Array([...one.secret, 0]), other.secret]) {
    t.equal((await requestCancel(first, one.processId, secret)).length, 0);
  }
  t.equal((await requestCancel(first, other.processId ^ 1, other.secret)).length, 0);
  // Each thread has heard of them by now: the answer of all is waited for.
  t.same([...second.done, ...third.done], []);
  t.equal((await requestCancel(first, one.processId, one.secret)).length, 0);
  await eventually('it is told', () => second.done.length === 1);
  t.same(second.done, [{ kind: 'cancelled', processId: one.processId }]);
  t.same([...first.done, ...third.done], []);
  t.equal((await requestCancel(first, other.processId, other.secret)).length, 0);
  await eventually('it is told', () => third.done.length === 1);
  t.same(third.done, [{ kind: 'cancelled', processId: other.processId }]);
});

t.test('the connection of a CancelRequest ends when the other thread has cancelled, not before', async (t) => {
  const [first, second, third] = (await start(t, 3)) as [Thread, Thread, Thread];
  const [slow, quick] = [await make(second, 'alice'), await make(third, 'alice')];
  const goesOn = await block(second);
  let ended = false;
  const end = requestCancel(first, slow.processId, slow.secret).then(() => (ended = true));
  // Others, from their beginning to their end.
  for (let turn = 0; turn < 5; turn++) await requestCancel(first, quick.processId, quick.secret);
  t.equal(ended, false, 'it waits for the thread that is busy');
  goesOn();
  await end;
  await eventually('it is told', () => second.done.length === 1);
});

t.test('KILL reaches the person’s own connection in whichever thread, and nobody else’s', async (t) => {
  const [first, second] = (await start(t, 2)) as [Thread, Thread];
  const { number } = await make(second, 'alice');
  const sql = async (user: string, text: string): Promise<unknown> => {
    const connection = await createConnection({ host: '127.0.0.1', port: first.ports.mysql, user, password: 'token' });
    t.teardown(() => connection.destroy());
    return await connection.query(text).then(
      () => 'done',
      (thrown: Error) => thrown.message,
    );
  };
  t.equal(await sql('bob', `KILL QUERY ${number}`), `Unknown thread id: ${number}`);
  t.equal(await sql('alice', `KILL QUERY ${number ^ 1}`), `Unknown thread id: ${number ^ 1}`);
  t.same(second.done, []);
  t.equal(await sql('alice', `KILL QUERY ${number}`), 'done');
  t.equal(await sql('alice', `KILL ${number}`), 'done');
  await eventually('both are told', () => second.done.length === 2);
  t.same(second.done, [
    { kind: 'killed', number, what: 'query' },
    { kind: 'killed', number, what: 'connection' },
  ]);
});

t.test('by the number that the target gave, for a connection to that target only', async (t) => {
  const [first, second] = (await start(t, 2)) as [Thread, Thread];
  const { number } = await make(second, 'alice');
  const wish = (person: string, target: string | null): CancelWish => ({
    kind: 'by-person',
    person,
    target,
    connection: 17,
    ends: 'connection',
  });
  const ask = cancellingHandlers(() => [second.calls]).cancel;
  const asked = { signal: new AbortController().signal, tell: () => undefined };
  t.equal(await ask(wish('alice', null), asked), false);
  t.equal(await ask(wish('alice', 'orders'), asked), false);
  t.equal(await ask(wish('bob', 'shop'), asked), false);
  t.equal(await ask(wish('alice', 'shop'), asked), true);
  await eventually('it is told', () => second.done.length === 1);
  t.same(second.done, [{ kind: 'killed', number, what: 'connection' }]);
  t.same(first.done, []);
});

t.test('a thread that is gone, or dies while it is asked, has nothing: the others are still reached', async (t) => {
  const [first, second, third] = (await start(t, 3)) as [Thread, Thread, Thread];
  const here = await make(third, 'alice');
  await block(second);
  await requestCancel(first, here.processId, here.secret); // answered by the third while the second answers nothing
  await eventually('it is told', () => third.done.length === 1);
  const wrong = requestCancel(first, here.processId, new Uint8Array(4));
  await second.worker.terminate();
  second.calls.close(new Fault('limit-reached', 'a relay thread ended'));
  t.equal((await wrong).length, 0, 'no longer waits for it');
  await requestCancel(first, here.processId, here.secret);
  await eventually('it is told', () => third.done.length === 2);
});

t.test('wishes under way are bounded, and a main thread that is gone has none to cancel', async (t) => {
  const { port1, port2 } = new MessageChannel();
  t.teardown(() => port1.close());
  const pending: ((had: boolean) => void)[] = [];
  new Calls<Methods, CancellingMethods>(port1, { cancel: () => new Promise<boolean>((resolve) => pending.push(resolve)) });
  const calls = new Calls<CancellingMethods, Methods>(port2, {});
  const cancelElsewhere = remoteCancelling(calls);
  const wish: CancelWish = { kind: 'by-secret', connection: 1, secret: Buffer.from('abcd') };
  const asked = Array.from({ length: wishesMax }, () => cancelElsewhere(wish));
  await eventually('all are asked', () => pending.length === wishesMax);
  t.equal(await cancelElsewhere(wish), false, 'one too many');
  pending[0]?.(true);
  t.equal(await asked[0], true);
  const next = cancelElsewhere(wish);
  await eventually('there is room again', () => pending.length === wishesMax + 1);
  calls.close(new Fault('limit-reached', 'the main thread is gone'));
  t.equal(await next, false);
  t.same(new Set(await Promise.all(asked.slice(1))), new Set([false]));
  t.equal(await cancelElsewhere(wish), false);
});

t.test('secrets arrive as Buffers; a driver that can’t be reached by others is passed over', async (t) => {
  const seen: CancelWish[] = [];
  const driver = (cancel?: Driver['cancel']): Driver => ({
    serve: () => undefined,
    close: () => Promise.resolve(),
    ...(cancel === undefined ? {} : { cancel }),
  });
  const { cancel } = cancelHandlers(() => [
    driver(),
    driver((wish) => seen.push(wish) > 0),
    driver(() => t.fail('the second had it') as never),
  ]);
  const asked = { signal: new AbortController().signal, tell: () => undefined };
  t.equal(await cancel({ kind: 'by-secret', connection: 5, secret: new Uint8Array([1, 2, 3, 4]) }, asked), true);
  t.match(seen, [{ kind: 'by-secret', connection: 5 }]);
  t.ok(seen[0]?.kind === 'by-secret' && Buffer.isBuffer(seen[0].secret) && seen[0].secret.equals(Buffer.from([1, 2, 3, 4])));
});
