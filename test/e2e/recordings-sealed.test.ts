// A session's last audit event says what its recording held: whoever changes a file later, or takes it away, is found out without a
// gateway. With relay threads as without.

import { appendFileSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { Test } from 'tap';
import { openAuditLog } from '../../src/audit/log.ts';
import type { RecordingSeal } from '../../src/core/recording.ts';
import { openRecordings } from '../../src/recordings/recordings.ts';
import { runCommand } from '../support/command-line.ts';
import { temporaryDirectory } from '../support/directories.ts';
import { startTestGateway, targetOf } from '../support/gateway.ts';
import { startPostgres } from '../support/postgres.ts';
import { run } from '../support/processes.ts';
import { tool } from '../support/tools.ts';
import { event, options } from '../unit/audit-fixtures/log.ts';

const server = await startPostgres(t);

for (const threads of [0, 2])
  await t.test(threads === 0 ? 'in one thread' : 'with relay threads', { timeout: 60_000 }, (t) => sessions(t, threads));

async function sessions(t: Test, relayThreads: number): Promise<void> {
  const gateway = await startTestGateway(t, {
    targets: [targetOf(server, 'orders', { env: 'development' })],
    config: { relay_threads: relayThreads },
  });
  const psql = (text: string) => run(t, tool('psql', 'postgresql-client'), ['-XAtc', text, gateway.url('alice', 'orders')]);
  for (const text of ['SELECT 1', 'SELECT generate_series(1, 1000)', `SELECT '${'x'.repeat(100_000)}'`])
    t.equal((await psql(text)).code, 0);
  await gateway.close();
  const [audit, recordings] = [join(gateway.dataDir, 'audit'), join(gateway.dataDir, 'recordings')];
  const verify = (...more: string[]) => runCommand(['audit', 'verify', audit, ...more]);
  t.match(await verify('--recordings'), { code: 0, out: /^3 recordings are as they were when their sessions ended$/m });
  t.notMatch((await verify()).out, /recordings/);
  const [first = '', second = ''] = readdirSync(recordings).map((name) => join(recordings, name));
  const kept = readFileSync(first, 'utf8');
  writeFileSync(first, kept.replace('SELECT', 'select'));
  const changed = await verify('--recordings');
  t.match(changed, { code: 1, err: /1 of the recordings were changed after their sessions ended/ });
  t.ok(changed.err.includes(`${first} is not as it was recorded`));
  writeFileSync(first, kept);
  rmSync(second);
  t.match(await verify('--recordings', recordings), { code: 1, err: /1 of the recordings are not there any more/ });
  t.match(await verify('--recordings', '--since', '2999-01-01'), { code: 0, out: /^0 recordings/m });
  t.match(JSON.parse((await verify('--recordings', '--json')).out), {
    ok: true,
    recordings: { intact: 2, changed: [], gone: [{ why: /is not there/ }] },
  });
  t.match(await verify('--recordings', join(recordings, 'nowhere')), { code: 2, err: /there is no folder/ });
  t.match(await verify('--recordings', '--since', 'soon'), { code: 2, err: /is no time/ });
}

t.test('terminals count as well, and what an earlier version wrote is told apart', async (t) => {
  const dir = temporaryDirectory(t, 'sealed');
  const folder = join(dir, 'recordings');
  const recordings = openRecordings({ dir: folder, clock: { nowMs: () => 1, monotonicMs: () => 1 } });
  const seals = new Map<string, RecordingSeal | null>();
  for (const [sessionId, terminals] of [
    ['s-none', 0],
    ['s-two', 2],
  ] as const) {
    recordings.open(sessionId, { sessionId, principal: 'alice', target: 'web', protocol: 'ssh', clientAddress: '', startedAtMs: 1 });
    const begun = Array.from({ length: terminals }, () => recordings.openTerminal?.(sessionId, { cols: 80, rows: 24, command: null }));
    for (const terminal of begun) terminal?.output(Buffer.from('$ ls\r\n'));
    begun[0]?.close(); // the other one is closed with the session
    seals.set(sessionId, recordings.seal(sessionId));
  }
  t.match(seals.get('s-two'), { terminals: { count: 2 } });
  t.equal(recordings.seal('s-nobody'), null);
  const log = await openAuditLog(options(join(dir, 'audit')));
  for (const [sessionId, recording] of seals) log.append(event(1, { type: 'session.closed', sessionId, detail: { recording } }));
  log.append(event(1, { type: 'session.closed', sessionId: 's-before', detail: { reason: 'client gone' } }));
  log.append(event(1, { type: 'session.closed', sessionId: '../../etc/passwd', detail: { recording: seals.get('s-none') } }));
  await log.close();
  const verify = () => runCommand(['audit', 'verify', join(dir, 'audit'), '--recordings']);
  t.match(await verify(), { code: 0, out: /^2 recordings are as they were .*; of 2 ended sessions the log does not say/m });
  const cast = join(folder, 's-two.1.cast');
  t.ok(existsSync(cast));
  appendFileSync(cast, '[0,"o","rm -rf /"]\n');
  t.match(await verify(), { code: 1, err: /its terminals \(.*s-two\.\*\.cast\) are not as they were recorded/ });
  writeFileSync(join(folder, 's-none.0.cast'), '');
  t.match(await verify(), { code: 1, err: /s-none\.0\.cast was not recorded/ });
  rmSync(cast);
  t.match(await verify(), { code: 1, err: /s-two\.1\.cast is not there/ });
});
