// kill -9 of a real gateway at random moments while people work and holds wait. Afterwards: the chain verifies, what waited is
// withdrawn for good, every statement that the target saw is in the audit log as released, and recordings are readable to
// within the last second. The seed is printed; CRASH_SEED reruns it.

import { appendFileSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import t from 'tap';
import type { Test } from 'tap';
import type { AuditEventView, HoldView, Page, RecordingView, SessionView } from '../../src/api/contract.ts';
import { verifyAudit } from '../../src/audit/verify.ts';
import { eventually } from '../support/eventually.ts';
import { targetOf } from '../support/gateway.ts';
import { startGatewayProcess } from '../support/gateway-process.ts';
import type { GatewayProcess } from '../support/gateway-process.ts';
import { startPostgres } from '../support/postgres.ts';
import type { TestPostgres } from '../support/postgres.ts';
import { start } from '../support/processes.ts';
import { tool } from '../support/tools.ts';
import { seededRandom } from '../support/seeded-random.ts';

/** For the whole file, on a slow and busy machine; it takes a fraction. */
const fileMsMax = 180_000;

const rounds = 3;
const seed = Number(process.env['CRASH_SEED'] ?? Date.now() % 1_000_000);
/** Recordings are handed to the kernel at least this often. */
const recordedWithinMs = 1000;
const linesAhead = 20_000;

interface Ran {
  readonly atMs: number;
  readonly text: string;
}

t.setTimeout(fileMsMax);

t.test(`kill -9 at random moments (CRASH_SEED=${seed})`, { timeout: fileMsMax }, async (t) => {
  const random = seededRandom(seed);
  const server = await startPostgres(t, { settings: { log_statement: 'all', log_line_prefix: '%n|%a|' } });
  await server.sql('CREATE TABLE payments (worker text, n int)');
  const gateway = await startGatewayProcess(t, { targets: [targetOf(server, 'orders', { env: 'production' })] });

  for (let round = 1; round <= rounds; round += 1) {
    await t.test(`round ${round}`, async (t) => {
      const workers = ['simple-a', 'simple-b'].map((name) => psqlWorker(t, gateway, `${round}-${name}`));
      const extended = extendedWorker(gateway, `${round}-extended`);
      const holds = await twoHolds(t, gateway, round);
      await eventually('everybody has worked', () => workedIn(server, round) >= 3);
      // One approval races with the kill: it may win, and then what it released has to be in the log.
      const raced = holds[1] as HoldView;
      const approval = delay(random(2500)).then(() => gateway.api('bob').post(`/holds/${raced.id}/approve`, { reason: 'race' }));
      approval.catch(() => undefined);
      await delay(random(2500));
      const killedAtMs = Date.now();
      await gateway.killHard();
      const ranAtKill = ran(server).length;
      await Promise.all([...workers.map((worker) => worker.end()), extended]);
      await approval.catch(() => undefined);

      if (round === rounds) tearLastLines(gateway);
      t.match(await verifyAudit(join(gateway.dataDir, 'audit')), { ok: true }, 'the chain as the crash left it');
      await gateway.start();
      t.match(await verifyAudit(join(gateway.dataDir, 'audit')), { ok: true, tornBytes: 0 }, 'the chain after the restart');
      t.match((await gateway.api('carol').get('/audit/verify')).body, { ok: true });

      await nothingRunsLater(t, gateway, server, holds);
      // An approval that won the race may be known to the target a moment after the kill.
      t.ok(ran(server).length >= ranAtKill);
      const released = releasedTexts(gateway);
      const missing = ran(server).filter(({ text }) => !released.has(text));
      t.same(missing, [], 'every statement that the target ran was released before');
      everythingHasEnded(t, gateway);
      await recordingsReachTheLastSecond(t, gateway, server, killedAtMs, round);
    });
  }
});

/** psql with far more lines than it gets to run. */
function psqlWorker(t: Parameters<typeof start>[0], gateway: GatewayProcess, name: string) {
  const worker = start(t, tool('psql', 'postgresql-client'), [gateway.url('alice', 'orders'), '-q'], { env: { PGAPPNAME: 'crash' } });
  const lines = Array.from({ length: linesAhead }, (_, n) => `INSERT INTO payments VALUES ('${name}', ${n});\n`);
  worker.write(lines.join(''));
  worker.endInput();
  return worker;
}

/** The same through Parse, Bind and Execute; resolves when the connection broke. */
async function extendedWorker(gateway: GatewayProcess, name: string): Promise<void> {
  const client = new pg.Client({ connectionString: gateway.url('alice', 'orders'), application_name: 'crash', ssl: false });
  const broken = new Promise<void>((resolve) => client.on('error', () => resolve()).on('end', () => resolve()));
  await client.connect();
  try {
    for (let n = 0; n < linesAhead; n += 1) await Promise.race([client.query(`INSERT INTO payments VALUES ($1, ${n})`, [name]), broken]);
  } catch {
    // The gateway was killed: this is the end that the test is about.
  }
}

async function twoHolds(t: Parameters<typeof start>[0], gateway: GatewayProcess, round: number): Promise<HoldView[]> {
  const holds: HoldView[] = [];
  for (const name of ['left', 'raced']) {
    const text = `DELETE FROM payments /* ${round} ${name} */`;
    start(t, tool('psql', 'postgresql-client'), [gateway.url('alice', 'orders'), '-c', text], { env: { PGAPPNAME: 'crash' } });
    holds.push(await gateway.api('bob').pendingHold(text));
  }
  return holds;
}

async function nothingRunsLater(t: Test, gateway: GatewayProcess, server: TestPostgres, holds: readonly HoldView[]): Promise<void> {
  const before = ran(server).length;
  const bob = gateway.api('bob');
  t.same((await bob.get<Page<HoldView>>('/holds?state=pending')).body.items, [], 'nothing waits any more');
  for (const { id, text } of holds) {
    const { body } = await bob.get<HoldView>(`/holds/${id}`);
    if (body.state === 'approved') {
      t.match(text, 'raced', 'only the one that was answered before the kill');
      continue;
    }
    t.match(body, { state: 'withdrawn', settled_reason: 'the gateway restarted' });
    t.match(await bob.post(`/holds/${id}/approve`, { reason: 'late' }), { status: 409, body: { code: 'not-pending', state: 'withdrawn' } });
    const { body: events } = await gateway.api('carol').get<Page<AuditEventView>>(`/audit?hold=${id}`);
    t.match(
      events.items.map(({ type }) => type),
      ['hold.withdrawn', 'action.held'],
      'the log says so too',
    );
    t.notOk(
      ran(server).some((it) => it.text === text),
      `${text} never ran`,
    );
  }
  t.equal(ran(server).length, before);
}

async function recordingsReachTheLastSecond(t: Test, gateway: GatewayProcess, server: TestPostgres, killedAtMs: number, round: number) {
  const carol = gateway.api('carol');
  const { body } = await carol.get<Page<SessionView>>('/sessions?limit=200');
  const recorded = new Set<string>();
  for (const session of body.items) {
    t.equal(session.state, 'closed', 'sessions of the killed process are closed');
    const { body: recording, status } = await carol.get<RecordingView>(`/sessions/${session.id}/recording`);
    t.equal(status, 200);
    for (const entry of recording.entries) recorded.add(entry.text.replace(/;$/, ''));
  }
  const old = ran(server).filter(({ atMs, text }) => atMs < killedAtMs - recordedWithinMs - 100 && text.includes(`'${round}-simple`));
  const lost = old.filter(({ text }) => !recorded.has(text.replace(/;$/, '')));
  t.same(lost, [], `${old.length} statements were older than a second`);
}

/** What the target says it ran, in its own log. */
function ran(server: TestPostgres): Ran[] {
  const lines = readFileSync(`${server.server.place.directory}.log`, 'utf8').split('\n');
  return lines.flatMap((line) => {
    const match = /^([\d.]+)\|crash\|LOG: {2}(?:statement|execute [^:]+): (.*)$/.exec(line);
    return match === null ? [] : [{ atMs: Number(match[1]) * 1000, text: match[2] ?? '' }];
  });
}

/** How many workers of this round have got statements through. */
function workedIn(server: TestPostgres, round: number): number {
  const log = readFileSync(`${server.server.place.directory}.log`, 'utf8');
  return ['simple-a', 'simple-b', 'extended'].filter((name) => log.includes(`'${round}-${name}'`)).length;
}

/** Also what nobody knows the outcome of. */
function everythingHasEnded(t: Test, gateway: GatewayProcess): void {
  const events = auditEvents(gateway);
  const ids = (type: string, id: 'action' | 'session') =>
    events.filter((it) => it.type === type && it.detail.kind !== 'connect').map((it) => it[id]);
  t.strictSame(
    ids('action.finished', 'action').sort(),
    ids('action.released', 'action').sort(),
    'each statement that was released has one end',
  );
  t.strictSame(ids('session.closed', 'session').sort(), ids('session.opened', 'session').sort(), 'each session has one end');
}

function releasedTexts(gateway: GatewayProcess): Set<string> {
  return new Set(auditEvents(gateway).flatMap(({ type, detail }) => (type === 'action.released' ? [detail.text] : [])));
}

interface AuditEvent {
  readonly type: string;
  readonly action: string;
  readonly session: string;
  readonly detail: { readonly kind?: string; readonly text: string };
}

function auditEvents(gateway: GatewayProcess): AuditEvent[] {
  const folder = join(gateway.dataDir, 'audit');
  const names = readdirSync(folder).filter((it) => /^audit-.*\.jsonl$/.test(it));
  const lines = names.flatMap((name) =>
    readFileSync(join(folder, name), 'utf8')
      .split('\n')
      .filter((line) => line !== ''),
  );
  return lines.map((line) => JSON.parse(line) as AuditEvent);
}

/** What a crash between two blocks of the file system leaves: half a line at the end of each file. */
function tearLastLines(gateway: GatewayProcess): void {
  for (const folder of ['audit', 'recordings']) {
    const path = join(gateway.dataDir, folder);
    const newest = readdirSync(path, { recursive: true, encoding: 'utf8' })
      .filter((name) => /^audit-.*\.jsonl$|s-[0-9a-f]+/.test(name))
      .sort()
      .at(-1);
    if (newest !== undefined) appendFileSync(join(path, newest), '{"seq":1,"kind":"statement","text":"DEL');
  }
}
