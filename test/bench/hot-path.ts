// The gateway's work for one statement without sockets: classify, decide, audit, permit, outcome, recording, with real parts
// in this one process. Prints CPU microseconds for each statement; much steadier than transactions per second.
// node hot-path.ts [same|new] [SECONDS]

import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { createPostgresClassifier } from '../../policies/classify/postgres/classifier.ts';
import { loadPolicies } from '../../policies/engine/load.ts';
import { openAuditLog } from '../../src/audit/log.ts';
import type { ReadingMode } from '../../src/core/action.ts';
import type { SqlCatalogue } from '../../src/core/catalogue.ts';
import type { Clock } from '../../src/core/clock.ts';
import type { Holds } from '../../src/core/hold.ts';
import type { Lane, Session, Submission } from '../../src/core/session.ts';
import { Gate } from '../../src/gate/gate.ts';
import { openRecordings } from '../../src/recordings/recordings.ts';
import { SessionRegistry } from '../../src/sessions/registry.ts';
import { temporaryDirectory } from '../support/directories.ts';
import { Cleanup } from './contender.ts';
import { benchPolicies } from './policies.ts';

const [kind = 'new', secondsText = '3'] = process.argv.slice(2);
const sessionsTotal = 16;
/** As many statements as sockets bring in one turn of the event loop. */
const statementsInTurn = 16;

const cleanup = new Cleanup();
const directory = temporaryDirectory(cleanup, 'hot-path');
const clock: Clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now() };
const loaded = loadPolicies(Object.entries(benchPolicies()).map(([path, text]) => ({ path, text })));
if (!loaded.ok) throw new Error(loaded.errors.map(({ message }) => message).join('\n'));
const { set } = loaded;
const audit = await openAuditLog({
  dir: join(directory, 'audit'),
  durability: 'kernel',
  clock,
  onFailed: (fault) => {
    throw fault;
  },
});
cleanup.teardown(() => audit.close());
const recordings = openRecordings({ dir: join(directory, 'recordings'), clock });
cleanup.teardown(() => recordings.close());
const classifier = await createPostgresClassifier();
cleanup.teardown(() => classifier.close());
const holds: Pick<Holds, never> = {};
const gate = new Gate({ classifierOf: () => classifier, policies: () => set, holds: holds as Holds, audit, clock });
const book = { opened: () => undefined, counted: () => undefined, closed: () => undefined };
const registry = new SessionRegistry({
  gate,
  classifierOf: () => classifier,
  audit,
  recordings,
  book,
  clock,
  random: { bytes: randomBytes },
});
cleanup.teardown(() => registry.close('done'));

const lane: Lane = { onHold: () => undefined, signal: new AbortController().signal };
const nothing = { functions: [], types: [], relations: [], builtins: [] };
/** What the driver would have read of pgbench's database. */
const catalogue: SqlCatalogue = {
  searchPath: '"$user", public',
  user: 'postgres',
  functions: [],
  operators: [],
  types: [],
  relations: [
    {
      id: '1',
      schema: 'public',
      name: 'pgbench_accounts',
      kind: 'table',
      columns: ['aid', 'bid', 'abalance', 'filler'],
      reading: nothing,
      writing: nothing,
      reacts: false,
    },
  ],
};
const settings = { standard_conforming_strings: 'on', client_encoding: 'UTF8' };
const mode: ReadingMode = { key: 'k', settings, catalogue: { version: '1', content: catalogue } };
const sessions: Session[] = [];
for (let index = 0; index < sessionsTotal; index += 1) sessions.push(await openSession());

const classified = kind === 'same' ? await classifier.classify({ ...submissionWith(null, textOf()), id: 'first' as never }) : null;

await run(1000); // warms the compiler up
const before = process.threadCpuUsage();
const done = await run(Number(secondsText) * 1000);
const { user, system } = process.threadCpuUsage(before);
process.stdout.write(
  `${kind}: ${((user + system) / done).toFixed(2)} µs CPU for each statement (${(user / done).toFixed(2)} user; of the main thread), ${done} statements, ${Math.round(process.memoryUsage.rss() / 2 ** 20)} MB\n`,
);
await cleanup.run();

async function run(forMs: number): Promise<number> {
  const endMs = performance.now() + forMs;
  let count = 0;
  while (performance.now() < endMs) {
    for (let turn = 0; turn < statementsInTurn; turn += 1) {
      one(sessions[turn % sessionsTotal] as Session, textOf());
      count += 1;
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  return count;
}

/** Released at the end of the turn, as others are in it; the answers of the target come in later turns, here in the same. */
function one(session: Session, text: string): void {
  session.submitSoon(submissionOf(text), lane, (ruling) => {
    if (ruling.kind !== 'release') throw new Error('not released');
    ruling.permit.open();
    session.finish(ruling.permit, { kind: 'completed', rows: 1, error: null });
  });
}

function submissionOf(text: string): Submission {
  return submissionWith(classified, text);
}

function submissionWith(known: Submission['classified'], text: string): Submission {
  return {
    kind: 'statement',
    text,
    parameters: kind === 'same' ? [{ type: 'int4', text: '4711' }] : null,
    digest: () => '',
    mode,
    transaction: 'none',
    classified: known,
    prepared: null,
  };
}

function textOf(): string {
  if (kind === 'same') return 'SELECT abalance FROM pgbench_accounts WHERE aid = $1;';
  return `SELECT abalance FROM pgbench_accounts WHERE aid = ${Math.floor(Math.random() * 1e9)};`;
}

async function openSession(): Promise<Session> {
  const opened = await registry.open(
    {
      principal: { name: 'alice' as never, displayName: 'Alice', kind: 'person', groups: ['engineers'] },
      target: {
        name: 'bench' as never,
        protocol: 'postgres',
        labels: { env: 'production' },
        host: '127.0.0.1',
        port: 5432,
        user: 'x',
        password: null,
        database: 'bench',
        tls: { mode: 'disable', ca: null, certificate: null, key: null, serverName: null },
      },
      facts: { clientAddress: '127.0.0.1', tls: false, method: 'token', database: 'bench' },
    },
    lane,
  );
  if (opened.kind !== 'open') throw new Error(opened.refusal.message);
  return opened.session;
}
