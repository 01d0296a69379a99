// A disk that takes nothing more while people work, and later does again: the gateway refuses in words meanwhile, ends what it can't
// record, and goes on by itself. (Its process may write no byte into files, which to it is the same.)

import { execFileSync } from 'node:child_process';
import t from 'tap';
import type { Page, SessionView } from '../../src/api/contract.ts';
import { startGatewayProcess } from '../support/gateway-process.ts';
import { startPostgres } from '../support/postgres.ts';
import { targetOf } from '../support/gateway.ts';
import { run, start } from '../support/processes.ts';
import { tool } from '../support/tools.ts';
import { eventually } from '../support/eventually.ts';

t.test('a disk that is full for a while ends sessions, and not the gateway', async (t) => {
  const server = await startPostgres(t);
  const gateway = await startGatewayProcess(t, { targets: [targetOf(server, 'orders', { env: 'production' })] });
  const pid = String(gateway.running.child.pid);
  const limitFiles = (bytes: string) => execFileSync(tool('prlimit', 'util-linux'), ['--pid', pid, `--fsize=${bytes}:`]);
  const psql = () => start(t, tool('psql', 'postgresql-client'), [gateway.url('alice', 'orders'), '-At']);
  const sessions = async (state: string) => (await gateway.api('carol').get<Page<SessionView>>(`/sessions?state=${state}`)).body.items;
  const [working, idle] = [psql(), psql()];
  working.write("SELECT 'before';\n");
  await working.waitFor(/before/);
  idle.write("SELECT 'idle';\n");
  await idle.waitFor(/idle/);

  limitFiles('0');
  working.write("SELECT 'meanwhile';\n");
  await working.waitFor(/could not judge it: the audit log can't be written/);
  const ready = await fetch(`${gateway.http}/readyz`);
  t.match([ready.status, await ready.json()], [503, { code: 'not-ready', detail: /^statements are refused/ }]);
  t.notMatch(working.output, /^meanwhile$/m, 'nothing runs that is not written down');
  idle.endInput();
  await idle.end();
  const asked = { method: 'POST', headers: { authorization: `Bearer ${gateway.token('erin')}`, 'content-type': 'application/json' } };
  const refused = await fetch(`${gateway.http}/api/v1/tokens`, { ...asked, body: '{"name":"x"}' });
  t.match([refused.status, await refused.json()], [503, { code: 'store-failed', detail: /database can't be written/ }]);
  // Its recording, the counts of its statements and its end are due within a second, in rounds of the gateway's own.
  await eventually('the session that worked is ended', () => {
    working.write('SELECT 1;\n'); // psql reads what has come when it sends
    return /recorder failed|audit log cannot be written/.test(working.output);
  });
  working.endInput();
  await working.end();

  limitFiles('unlimited');
  await eventually('statements run again', async () => {
    const again = await run(t, tool('psql', 'postgresql-client'), [gateway.url('alice', 'orders'), '-Atc', "SELECT 'again'"]);
    return again.stdout.includes('again');
  });
  await eventually('how they ended is written down', async () => (await sessions('open')).length === 0);
  t.equal((await sessions('closed')).length >= 3, true);
  t.equal(await gateway.stop(), 0);
});
