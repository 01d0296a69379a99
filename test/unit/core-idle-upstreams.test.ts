// Who keeps connections to targets, over real sockets: whose they are, how many, for how many sessions, and what ends them.

import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { once } from 'node:events';
import t from 'tap';
import { readChunks } from '../../src/core/chunk-reader.ts';
import { IdleUpstreams, type ReuseKey } from '../../src/core/idle-upstreams.ts';
import type { TargetName } from '../../src/core/ids.ts';
import { Secret } from '../../src/core/secret.ts';
import type { Target } from '../../src/core/target.ts';
import { eventually } from '../support/eventually.ts';

const [request, farewell] = [Buffer.from('forget'), Buffer.from('bye')];
/** What the server answers to being asked to forget. */
let answer: string | null = 'yes';
const sides: Socket[] = [];
const said: string[] = [];
const server = createServer((socket) => {
  const index = sides.push(socket) - 1;
  socket.on('error', () => undefined);
  socket.on('data', (chunk: Buffer) => {
    said[index] = (said[index] ?? '') + chunk.toString();
    if (chunk.includes(request) && answer !== null) socket.write(answer);
  });
});
await once(server.listen(0, '127.0.0.1'), 'listening');
const { port } = server.address() as AddressInfo;
t.teardown(() => {
  for (const side of sides) side.destroy();
  server.close();
});

interface Upstream {
  readonly stream: Socket;
  readonly index: number;
}

const keeper = () =>
  new IdleUpstreams<Upstream>({
    farewell,
    forgetting: () => ({
      request,
      answer: (chunk) => {
        const text = chunk.toString();
        if (text === 'nonsense') throw new Error('not an answer');
        return text === 'part' ? null : text === 'yes';
      },
    }),
  });

const target: Target = {
  name: 'orders' as TargetName,
  protocol: 'postgres',
  labels: {},
  host: '127.0.0.1',
  port,
  user: 'account',
  password: new Secret('one'),
  database: null,
  tls: { mode: 'disable', ca: null, certificate: null, key: null, serverName: null },
};
const alices: ReuseKey = { person: 'alice', target, database: 'orders', parameters: { zone: 'UTC', charset: 'utf8' } };

async function signedIn(): Promise<Upstream> {
  const index = sides.length;
  const stream = connect(port, '127.0.0.1');
  await once(stream, 'connect');
  await eventually('the server has it, too', async () => sides.length > index || undefined);
  return { stream, index };
}

/** A session begins on it, and ends. */
async function used(idle: IdleUpstreams<Upstream>, upstream: Upstream): Promise<void> {
  await idle.giveBack(
    upstream,
    readChunks(upstream.stream, () => undefined),
  );
}

const fresh = async (idle: IdleUpstreams<Upstream>, reuse = alices) => idle.fresh(await signedIn(), reuse);
const heard = (index: number, words: string) => eventually(`the server heard ${words}`, async () => said[index] === words || undefined);

t.test('one is handed out once, and to nobody who is another in anything', async (t) => {
  const idle = keeper();
  const first = await fresh(idle);
  await used(idle, first);
  const others: ReuseKey[] = [
    { ...alices, person: 'bob' },
    { ...alices, database: 'other' },
    { ...alices, database: null },
    { ...alices, parameters: { ...alices.parameters, zone: 'CET' } },
    { ...alices, parameters: { zone: 'UTC' } },
    ...[{ name: 'twin' as TargetName }, { host: 'localhost' }, { port: 1 }, { user: 'root' }, { password: new Secret('two') }, { password: null }].map((it) => ({ ...alices, target: { ...target, ...it } })), // prettier-ignore
    { ...alices, target: { ...target, tls: { ...target.tls, mode: 'require' } } },
  ];
  for (const other of others) t.equal(idle.take(other), null);
  const again = idle.take({ ...alices, parameters: { charset: 'utf8', zone: 'UTC' } });
  t.equal(again?.index, first.index);
  t.equal(idle.take(alices), null);
  again?.stream.destroy();
});

t.test('whoever does not forget is left', async (t) => {
  const idle = keeper();
  for (const words of ['no', 'nonsense']) {
    answer = words;
    const upstream = await fresh(idle);
    await used(idle, upstream);
    t.equal(idle.take(alices), null, words);
    await heard(upstream.index, 'forgetbye');
  }
  answer = null;
  const silent = await fresh(idle);
  await used(idle, silent); // for as long as it is waited for
  t.equal(idle.take(alices), null);
  answer = 'yes';
  const leased = { ...alices, target: { ...target, credential: { kind: 'vault-database', mount: 'm', role: 'r' } as const } };
  const own = await fresh(idle, leased);
  await used(idle, own);
  t.equal(idle.take(leased), null, 'an account of one session');
  await heard(own.index, 'bye');
});

t.test('one that speaks unasked, or ends, is not handed out', async (t) => {
  const idle = keeper();
  const speaking = await fresh(idle);
  await used(idle, speaking);
  sides[speaking.index]?.write('I am going down');
  await eventually('it is let go', async () => sides[speaking.index]?.destroyed || undefined);
  t.equal(idle.take(alices), null);
  const ending = await fresh(idle);
  await used(idle, ending);
  sides[ending.index]?.end();
  await eventually('it is let go', async () => sides[ending.index]?.destroyed || undefined);
  t.equal(idle.take(alices), null);
});

t.test('so many alike, so many in all, and each for so many sessions', async (t) => {
  const idle = keeper();
  const alike: Upstream[] = [];
  while (alike.length < 9) alike.push(await fresh(idle));
  for (const it of alike) await used(idle, it);
  const taken = alike.map(() => idle.take(alices));
  t.equal(taken.filter((it) => it !== null).length, 8);
  await heard(alike[8]?.index as number, 'bye');
  for (const it of taken) it?.stream.destroy();
  for (let person = 0; person < 66; person += 1) await used(idle, await fresh(idle, { ...alices, person: `person ${person}` }));
  const kept = Array.from({ length: 66 }, (_none, person) => idle.take({ ...alices, person: `person ${person}` }));
  t.equal(kept.filter((it) => it !== null).length, 64);
  for (const it of kept) it?.stream.destroy();
  let upstream = await fresh(idle);
  let sessions = 1;
  for (; ; sessions += 1) {
    await used(idle, upstream);
    const next = idle.take(alices);
    if (next === null) break;
    upstream = next;
  }
  t.equal(sessions, 100);
  idle.close();
});

t.test('closing leaves all of them, and keeps none any more', async (t) => {
  const idle = keeper();
  const [one, other] = [await fresh(idle), await fresh(idle)];
  await used(idle, one);
  idle.close();
  await heard(one.index, 'forgetbye');
  await used(idle, other);
  await heard(other.index, 'bye');
  t.equal(idle.take(alices), null);
});
