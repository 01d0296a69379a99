// On call, through the whole gateway: who has the turn answers, nobody else, and it passes on with the clock.

import t from 'tap';
import type { HoldView, Me } from '../../src/api/contract.ts';
import { runCommand } from '../support/command-line.ts';
import { eventually } from '../support/eventually.ts';
import { startTestGateway, targetOf } from '../support/gateway.ts';
import { startPostgres } from '../support/postgres.ts';
import { start } from '../support/processes.ts';
import { tool } from '../support/tools.ts';

const minuteMs = 60_000;
const wallText = (atMs: number) => new Date(atMs).toISOString().slice(0, 16);

t.test('the turn passes on while a statement waits', { timeout: 60_000 }, async (t) => {
  const server = await startPostgres(t);
  await server.sql('CREATE TABLE payments AS SELECT 1 AS id');
  let laterMs = 0;
  const clock = { nowMs: () => Date.now() + laterMs, monotonicMs: () => performance.now() };
  const endsMs = Math.ceil(Date.now() / minuteMs) * minuteMs + 10 * minuteMs;
  const gateway = await startTestGateway(t, {
    clock,
    targets: [targetOf(server, 'orders', { env: 'production' })],
    people: [
      { name: 'alice', groups: ['engineers'] },
      { name: 'bob', groups: ['engineers'] },
      { name: 'dana', groups: ['engineers'] },
    ],
    config: {
      rights: { approve: ['dba'], audit: [], operate: [] },
      on_call: [
        {
          group: 'dba',
          starts: wallText(Date.now() - 3 * 24 * 60 * minuteMs),
          every: '1w',
          people: ['dana'],
          overrides: [{ from: wallText(Date.now() - 60 * minuteMs), to: wallText(endsMs), person: 'bob' }],
        },
      ],
    },
  });
  const bob = gateway.api('bob');
  const dana = gateway.api('dana');
  const session = start(t, tool('psql', 'postgresql-client'), [gateway.url('alice', 'orders'), '-c', 'DROP TABLE payments']);
  await session.waitFor(/NOTICE: .*hold h-/);
  const bobs = start(t, tool('psql', 'postgresql-client'), [gateway.url('bob', 'orders')]);
  bobs.write('SELECT 40 + 2;\n');
  await bobs.waitFor(/42/);
  const hold = await bob.pendingHold();
  t.match(hold, { can_answer: true, on_call: [{ group: 'dba', people: ['bob'], until: new Date(endsMs).toISOString() }] });
  t.equal((await dana.post(`/holds/${hold.id}/approve`, {})).status, 404, 'it is not her turn: it is not hers to see');

  const turn = { group: 'dba', zone: 'UTC', person: 'bob', may_act: true, until: new Date(endsMs).toISOString(), next: { person: 'dana' } };
  t.match((await bob.get('/on-call')).body, { items: [turn] });
  const cli = await runCommand(['on-call', '--server', gateway.http, '--token', gateway.token('bob')]);
  t.match(cli, { code: 0, out: /dba +bob +.* dana/ });

  laterMs = endsMs - Date.now() + 1;
  await eventually('dana has the turn', async () => (await dana.get<Me>('/me')).body.rights.includes('approve'));
  t.match((await bob.get<Me>('/me')).body, { groups: ['engineers'], rights: [] });
  bobs.write('SELECT 50 + 5;\n');
  await bobs.waitFor(/55/);
  bobs.endInput();
  t.match(await bobs.end(), { code: 0 }, 'his own session goes on: being on call plays no part in it');
  t.not((await bob.post(`/holds/${hold.id}/approve`, {})).status, 200, 'his turn is over');
  const hers = await dana.get<HoldView>(`/holds/${hold.id}`);
  t.match(hers.body, { state: 'pending', can_answer: true, on_call: [{ people: ['dana'] }] });
  t.match((await dana.post<HoldView>(`/holds/${hold.id}/approve`, {})).body, { state: 'approved' });
  t.match(await session.end(), { code: 0, stdout: /DROP TABLE/ });
  t.notOk('on_call' in (await dana.get<HoldView>(`/holds/${hold.id}`)).body, 'it says who is on call only while that matters');
});
