// Somebody's groups change while they work: sessions go on as who they are now, and end only where they would not be let in, or
// where something runs that would not run.

import t from 'tap';
import type { HoldView, RecordingView, SessionView } from '../../src/api/contract.ts';
import { eventually } from '../support/eventually.ts';
import { startTestGateway, targetOf } from '../support/gateway.ts';
import { startPostgres } from '../support/postgres.ts';
import { start } from '../support/processes.ts';
import { startSshWorld } from '../support/ssh.ts';
import { tool } from '../support/tools.ts';

const database = `
policy: database
rules:
  - { id: open, actions: [connect], principals: { groups: [engineers] }, decision: allow }
  - { id: look, effects: { access: [read, session] }, decision: allow }
  - { id: writers, principals: { groups: [writers] }, effects: { access: [write] }, decision: allow }
  - { id: ask, principals: { groups: [askers] }, effects: { verbs: [delete] }, decision: hold, approvers: { groups: [dba] } }
`;

const shells = `
policy: shells
rules:
  - { id: open, actions: [connect], decision: allow }
  - { id: shells, actions: [shell], principals: { groups: [engineers] }, decision: allow }
  - { id: work, actions: [command], decision: allow }
`;

t.test('a psql session through changes of its person', async (t) => {
  const server = await startPostgres(t);
  await server.sql('CREATE TABLE orders AS SELECT 1 AS id');
  const gateway = await startTestGateway(t, {
    targets: [targetOf(server, 'orders', {})],
    policies: { 'database.yaml': database },
    config: { rights: { approve: ['dba'], audit: [], operate: [] } },
    people: [
      { name: 'alice', groups: ['engineers'] },
      { name: 'bob', groups: ['dba'] },
    ],
  });
  const { identity } = gateway.running;
  const moving = ['engineers', 'writers', 'askers', 'others'];
  /** Alice is in these groups, of those that move. */
  const become = (...groups: string[]) => identity.setOnCall(moving, new Map([['alice', groups]]));
  const psql = () => start(t, tool('psql', 'postgresql-client'), [gateway.url('alice', 'orders'), '-v', 'VERBOSITY=verbose']);
  become('engineers');
  const session = psql();
  session.write('INSERT INTO orders VALUES (2);\n');
  await session.waitFor(/42501/);

  await t.test('a group gained counts from the next statement on, in the same session', async (t) => {
    become('engineers', 'writers');
    session.write('INSERT INTO orders VALUES (3);\n');
    await session.waitFor(/INSERT 0 1/);
    t.strictSame(await server.sql('SELECT id FROM orders ORDER BY id'), [{ id: 1 }, { id: 3 }]);
  });

  await t.test('a group lost counts as soon, and one that plays no part ends nothing', async (t) => {
    become('engineers', 'others');
    session.write('INSERT INTO orders VALUES (4);\nSELECT 40 + 2;\n');
    await session.waitFor(/42501[^]*42501/);
    await session.waitFor(/\b42\b/);
    t.equal((await server.sql('SELECT id FROM orders')).length, 2);
  });

  await t.test('what waits is withdrawn when one may no longer ask for it; the session goes on', async (t) => {
    become('engineers', 'askers');
    session.write('DELETE FROM orders;\n');
    const hold = await gateway.api('bob').pendingHold();
    become('engineers');
    t.match(
      await eventually('it is withdrawn', async () => {
        const { body } = await gateway.api('bob').get<HoldView>(`/holds/${hold.id}`);
        return body.state === 'pending' ? null : body;
      }),
      { state: 'withdrawn' },
    );
    t.equal((await gateway.api('bob').post(`/holds/${hold.id}/approve`, {})).status, 409);
    session.write('SELECT 60 + 6;\n');
    await session.waitFor(/\b66\b/);
    t.equal((await server.sql('SELECT id FROM orders')).length, 2, 'nothing was deleted');
  });

  await t.test('who may answer what waits sees the session so far, and no longer than it waits', async (t) => {
    become('engineers', 'askers');
    session.write('DELETE FROM orders WHERE id = 1;\n');
    const hold = await gateway.api('bob').pendingHold();
    const bob = gateway.api('bob');
    const path = `/sessions/${hold.session_id}`;
    t.match((await bob.get<SessionView>(path)).body, { principal: 'alice', state: 'open' });
    const { status, body } = await bob.get<RecordingView>(`${path}/recording`);
    t.equal(status, 200);
    t.ok(
      body.entries.some(({ text }) => text.includes('VALUES (3)')),
      'what was run before',
    );
    t.equal((await bob.post(`/holds/${hold.id}/deny`, { reason: 'no' })).status, 200);
    t.equal((await bob.get(`${path}/recording`)).status, 404, 'it waits no more');
  });

  await t.test('a session that would not be opened any more ends in words', async (t) => {
    become('others');
    session.write('SELECT 1;\n');
    session.endInput();
    const { stderr } = await session.end();
    t.match(stderr, /your groups changed, and the policies no longer allow this session/);
  });
});

t.test('a shell ends with the group that it needs, though one may still connect', async (t) => {
  const world = await startSshWorld(t, { policies: { 'shells.yaml': shells } });
  const { identity } = world.gateway.running;
  const become = (...groups: string[]) => identity.setOnCall(['engineers', 'others'], new Map([['alice', groups]]));
  become('engineers');
  const shell = world.startTerminal([]);
  shell.write('echo in$((1+1))side\n');
  await shell.waitFor(/in2side/);
  become('engineers', 'others');
  shell.write('echo still$((1+1))here\n');
  await shell.waitFor(/still2here/);
  become('others');
  const { stdout } = await shell.ended;
  t.match(stdout, /your groups changed, and the policies no longer allow this session/);
});
