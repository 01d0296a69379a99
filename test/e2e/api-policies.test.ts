// Policies that change while people work: a bad version keeps the good one, a new rule counts from the next action of live
// sessions, and what waits and is denied now is withdrawn in words.

import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { AuditEventView, HoldView, Page, PolicyView } from '../../src/api/contract.ts';
import { eventually } from '../support/eventually.ts';
import { startTestGateway, targetOf } from '../support/gateway.ts';
import { startPostgres } from '../support/postgres.ts';
import { run, start } from '../support/processes.ts';
import { tool } from '../support/tools.ts';

/** For the whole file, on a slow and busy machine; it takes a fraction. */
const fileMsMax = 180_000;

const denyDeletes = `policy: freeze
rules:
  - id: no-deletes
    title: Nobody deletes during the freeze
    effects: { verbs: [delete] }
    decision: deny
    message: the freeze is on
`;
const denyReads = denyDeletes.replace('verbs: [delete]', 'access: [read]');
const denySessions = `policy: freeze
rules:
  - id: no-sessions
    title: Nobody connects
    actions: [connect]
    principals: { groups: [engineers] }
    decision: deny
    message: closed for today
`;
const broken = 'policy: freeze\nrules:\n  - id: x\n    title: X\n    when: principal.nmae == "x"\n    decision: deny\n';
const reloads = 10;

t.setTimeout(fileMsMax);

t.test('policies reload under live sessions and holds', { timeout: fileMsMax }, async (t) => {
  const server = await startPostgres(t);
  await server.sql('CREATE TABLE payments AS SELECT n AS id FROM generate_series(1, 10) AS n');
  const gateway = await startTestGateway(t, { targets: [targetOf(server, 'orders', { env: 'production' })] });
  const psql = tool('psql', 'postgresql-client');
  const carol = gateway.api('carol');
  const file = join(gateway.policyDir, 'freeze.yaml');
  const policies = async () => (await carol.get<PolicyView>('/policies')).body;
  const taken = async (change: () => void) => {
    const before = (await policies()).version;
    change();
    return eventually('the new version is in force', async () => {
      const now = await policies();
      if (now.rejected.length > 0) throw new Error(now.rejected.join());
      return now.version === before ? null : now;
    });
  };
  const connect = () => start(t, psql, [gateway.url('alice', 'orders')]);
  const count = async () => (await server.sql('SELECT count(*)::int AS n FROM payments'))[0]?.['n'];

  await t.test('a version with a mistake is told and not taken', async (t) => {
    const good = await policies();
    t.same(good.rejected, []);
    writeFileSync(file, broken);
    const now = await eventually('it is told', async () => [await policies()].find(({ rejected }) => rejected.length > 0));
    t.equal(now.version, good.version);
    t.match(now.rejected, [/freeze\.yaml:5:\d+: .*nmae/]);
    t.same(now.files, good.files, 'shown is what is in force');
    const { body } = await carol.get<Page<AuditEventView>>('/audit?type=policy.rejected');
    t.match(body.items, [{ detail: { problems: [/nmae/] } }]);
    t.match(await run(t, psql, [gateway.url('alice', 'orders'), '-Atc', 'SELECT 42']), { stdout: '42\n' }, 'work goes on');
    rmSync(file);
    await eventually('nothing is wrong any more', async () => (await policies()).rejected.length === 0);
    t.equal((await policies()).version, good.version);
  });

  await t.test('a hold that the new version denies is withdrawn in words; the session goes on', async (t) => {
    const session = connect();
    session.write('DELETE FROM payments;\n');
    const hold = await gateway.api('bob').pendingHold('DELETE FROM payments;');
    const drop = connect();
    drop.write('DROP TABLE payments;\n');
    const other = await gateway.api('bob').pendingHold('DROP TABLE payments;');
    await taken(() => writeFileSync(file, denyDeletes));
    await session.waitFor(/ERROR: .*the policies changed and now deny it: the freeze is on/);
    t.match((await gateway.api('bob').get<HoldView>(`/holds/${hold.id}`)).body, { state: 'withdrawn', settled_reason: /freeze is on/ });
    t.match(await gateway.api('bob').post(`/holds/${hold.id}/approve`, { reason: 'x' }), { status: 409 });
    t.equal((await gateway.api('bob').get<HoldView>(`/holds/${other.id}`)).body.state, 'pending', 'other holds wait on');
    session.write('SELECT 40 + 2;\nDELETE FROM payments WHERE id = 1;\n');
    await session.waitFor(/\b42\b/);
    await session.waitFor(/ERROR: .*the freeze is on\b/);
    t.equal(await count(), 10);
    await gateway.api('bob').post(`/holds/${other.id}/deny`, { reason: 'enough' });
  });

  await t.test('a rule counts from the next action of a session that is open', async (t) => {
    const session = connect();
    session.write('SELECT 40 + 2;\n');
    await session.waitFor(/\b42\b/);
    await taken(() => writeFileSync(file, denyReads));
    session.write('SELECT 40 + 3;\n');
    await session.waitFor(/ERROR: .*the freeze is on/);
    t.notMatch(session.stdout, /\b43\b/);
    await taken(() => rmSync(file));
    session.write('SELECT 40 + 4;\n');
    await session.waitFor(/\b44\b/);
  });

  await t.test('a session that would not be opened now ends in words', async () => {
    const session = connect();
    session.write('SELECT 40 + 2;\n');
    await session.waitFor(/\b42\b/);
    await taken(() => writeFileSync(file, denySessions));
    session.write('SELECT 1;\n');
    await session.waitFor(/FATAL: .*the policies changed and no longer allow this session/);
    await connect().waitFor(/FATAL: .*closed for today/);
    await taken(() => rmSync(file));
  });

  await t.test(`${reloads} versions while statements run: none fails, none is judged by half a version`, async (t) => {
    const lines = Array.from({ length: 8000 }, (_, n) => `SELECT ${n};\n`).join('');
    const session = start(t, psql, [gateway.url('alice', 'orders'), '-At', '-v', 'ON_ERROR_STOP=1']);
    session.write(lines);
    await session.waitFor(/^100$/m);
    for (let version = 0; version < reloads; version += 1) {
      await taken(() => writeFileSync(file, denyDeletes.replace('the freeze', `freeze number ${version}`)));
    }
    session.endInput();
    t.match(await session.end(30_000), { code: 0, stderr: '' });
    t.match(session.stdout, /^7999$/m);
    await gateway.close();
    const errors = gateway.log.filter(({ level }) => level === 'error');
    t.same(errors, []);
  });
});
