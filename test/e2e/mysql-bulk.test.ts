// MariaDB's bulk execution and cached metadata, packet by packet: every row's values are judged and shown, and rows that come
// without the definitions of their columns are recorded all the same.

import t from 'tap';
import { readPacket } from '../../protocols/mysql/byte-stream.ts';
import { extendedFlag, flag } from '../../protocols/mysql/capabilities.ts';
import * as wire from '../../protocols/mysql/messages.ts';
import type { Upstream } from '../../protocols/mysql/upstream.ts';
import type { RecordingView } from '../../src/api/contract.ts';
import type { Teardown } from '../support/directories.ts';
import { eventually } from '../support/eventually.ts';
import { shippedPolicies, startTestGateway } from '../support/gateway.ts';
import { mariadbTarget, startMariadb } from '../support/mariadb.ts';
import { ask, errorOf, rawClient, wireSignal } from '../support/mysql-wire.ts';

const recorded = `
policy: recorded
description: Reads here are recorded with their rows.
applies_to: { protocols: [mysql], labels: { env: recorded } }
record: { results: true }
rules:
  - { id: all, title: Everything, actions: [connect, statement], decision: allow }
`;
const server = await startMariadb(t);
await server.sql('CREATE TABLE things (id int PRIMARY KEY, name varchar(20) DEFAULT "unnamed")');
const gateway = await startTestGateway(t, {
  targets: [mariadbTarget(server, 'shop', { env: 'production' }), mariadbTarget(server, 'kept', { env: 'recorded' })],
  policies: { ...shippedPolicies(), 'recorded.yaml': recorded },
});
const { port } = gateway.address('mysql');
const bob = gateway.api('bob');

function client(t: Teardown, extended: number, target = 'shop'): Promise<Upstream> {
  const capabilities = { standard: flag.deprecateEof | flag.multiResults, extended };
  return rawClient(t, { port, user: `alice:${target}`, password: gateway.token('alice'), capabilities });
}

async function prepare(it: Upstream, text: string, packets: number): Promise<number> {
  const first = await ask(it, Buffer.concat([Buffer.from([wire.command.prepare]), Buffer.from(text)]));
  t.equal(first[0], 0x00, errorOf(first));
  for (let i = 0; i < packets; i++) await readPacket(it.stream, 2 + i, 10_000, wireSignal);
  return first.readUInt32LE(1);
}

const int = (value: number): Buffer => Buffer.concat([Buffer.from([0]), wire.uint32(value)]);
const text = (value: string): Buffer => Buffer.concat([Buffer.from([0]), wire.lenencBytes(Buffer.from(value))]);
const bulk = (id: number, flags: number, ...parts: Buffer[]): Buffer =>
  Buffer.concat([Buffer.from([wire.command.bulkExecute]), wire.uint32(id), wire.uint16(flags), ...parts]);
const types = Buffer.from([3, 0, 253, 0]);
const asNull = Buffer.from([1]);
const asDefault = Buffer.from([2]);

t.test('a batch waits as one action with every value, and runs as one', async (t) => {
  const it = await client(t, extendedFlag.bulk);
  const id = await prepare(it, 'INSERT INTO things VALUES (?, ?)', 2);
  const answered = ask(it, bulk(id, 0x80, types, int(1), text('one'), int(2), asNull, int(3), asDefault));
  const hold = await bob.pendingHold(/INSERT INTO things/);
  t.strictSame(
    hold.parameters?.map((each) => each.text),
    ['1', 'one', '2', null, '3', 'DEFAULT'],
  );
  t.strictSame(await server.sql('SELECT * FROM things'), [], 'nothing has run');
  await bob.post(`/holds/${hold.id}/approve`, { reason: 'three rows' });
  t.equal((await answered)[0], 0x00);
  t.match(await server.sql('SELECT * FROM things ORDER BY id'), [
    { id: 1, name: 'one' },
    { id: 2, name: null },
    { id: 3, name: 'unnamed' },
  ]);
  const denied = ask(it, bulk(id, 0, int(4), text('four')));
  const other = await bob.pendingHold(/INSERT INTO things/);
  t.match(other.parameters, [{ text: '4' }, { text: 'four' }], 'with the types of before');
  await bob.post(`/holds/${other.id}/deny`, { reason: 'enough' });
  t.match(errorOf(await denied), /1142.*enough/);
  t.match(await server.sql('SELECT COUNT(*) AS n FROM things'), [{ n: 3 }]);
});

t.test('a batch that is not understood is refused, and the session goes on', async (t) => {
  const it = await client(t, extendedFlag.bulk);
  const id = await prepare(it, 'INSERT INTO things VALUES (?, ?)', 2);
  t.match(errorOf(await ask(it, bulk(id, 0, int(5), text('x')))), /1047.*without the types/);
  t.match(errorOf(await ask(it, bulk(id, 0xc0, types, int(5), text('x')))), /1047.*flags 0xc0/);
  t.match(errorOf(await ask(it, bulk(77, 0x80))), /1243/);
  t.equal((await ask(it, [wire.command.ping]))[0], 0x00);
  t.match(
    errorOf(await ask(it, bulk(id, 0x80, types, int(5), Buffer.from([9])))),
    /unknown indicator 9/,
    'bytes that make no sense end it',
  );
  t.match(await server.sql('SELECT COUNT(*) AS n FROM things'), [{ n: 3 }]);
});

t.test('columns that the client has already are left out, and the rows are recorded with them', async (t) => {
  const it = await client(t, extendedFlag.cachedMetadata, 'kept');
  const id = await prepare(it, 'SELECT id, name FROM things ORDER BY id', 2);
  const execute = Buffer.concat([Buffer.from([wire.command.execute]), wire.uint32(id), Buffer.from([0, 1, 0, 0, 0])]);
  const counts: number[] = [];
  for (let round = 0; round < 2; round++) {
    const first = await ask(it, execute);
    t.equal(first[0], 2, 'two columns');
    let packets = 0;
    for (let sequence = 2; ; sequence++, packets++) {
      const { payload } = await readPacket(it.stream, sequence, 10_000, wireSignal);
      if (payload[0] === 0xfe) break;
    }
    counts.push(packets - (first[1] === 0 ? 0 : 2));
  }
  t.strictSame(counts, [3, 3]);
  it.stream.destroy();
  const carol = gateway.api('carol');
  await eventually('both runs are recorded with their rows', async () => {
    const sessions = (await carol.get<{ items: { id: string; target: string }[] }>('/sessions')).body.items;
    const session = sessions.find((each) => each.target === 'kept');
    const view = await carol.get<RecordingView>(`/sessions/${session?.id}/recording`);
    const runs = view.body.entries.filter((entry) => entry.text.startsWith('SELECT id, name'));
    const rows = JSON.stringify([['1', 'one'], ['2', null], ['3', 'unnamed']]); // prettier-ignore
    return runs.length === 2 && runs.every((entry) => JSON.stringify(entry.results) === rows);
  });
});
