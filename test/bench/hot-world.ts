// What the tools for the hot path run in: the gateway's real parts in this process, and sessions on a target that is not there.

import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { createMysqlClassifier } from '../../policies/classify/mysql/classifier.ts';
import { createPostgresClassifier } from '../../policies/classify/postgres/classifier.ts';
import { loadPolicies } from '../../policies/engine/load.ts';
import { openAuditLog } from '../../src/audit/log.ts';
import type { ReadingMode } from '../../src/core/action.ts';
import type { SqlCatalogue } from '../../src/core/catalogue.ts';
import type { Clock } from '../../src/core/clock.ts';
import type { Holds } from '../../src/core/hold.ts';
import type { Classifier } from '../../src/core/policy.ts';
import type { Lane, Session } from '../../src/core/session.ts';
import { Gate } from '../../src/gate/gate.ts';
import { openRecordings } from '../../src/recordings/recordings.ts';
import { SessionRegistry } from '../../src/sessions/registry.ts';
import { temporaryDirectory } from '../support/directories.ts';
import { Cleanup } from './contender.ts';
import { benchPolicies } from './policies.ts';

export interface HotWorld {
  readonly sessions: readonly Session[];
  readonly classifier: Classifier;
  readonly clock: Clock;
  readonly cleanup: Cleanup;
}

export const lane: Lane = { onHold: () => undefined, signal: new AbortController().signal };
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
export const settings = { standard_conforming_strings: 'on', client_encoding: 'UTF8' };
export const mode: ReadingMode = { key: 'k', settings, catalogue: { version: '1', content: catalogue } };

const clock: Clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now() };

/** Everything on: classification, 50 policy rules, audit, recording. */
export async function hotWorld(sessionsTotal: number, protocol: 'postgres' | 'mysql' = 'postgres'): Promise<HotWorld> {
  const cleanup = new Cleanup();
  const directory = temporaryDirectory(cleanup, 'hot-path');
  process.once('exit', () => rmSync(directory, { recursive: true, force: true })); // a tool that just ends leaves gigabytes otherwise
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
  const classifier = protocol === 'mysql' ? createMysqlClassifier() : await postgresClassifier(cleanup);
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

  const sessions: Session[] = [];
  for (let index = 0; index < sessionsTotal; index += 1) sessions.push(await openSession(registry, protocol));
  return { sessions, classifier, clock, cleanup };
}

async function postgresClassifier(cleanup: Cleanup): Promise<Classifier> {
  const classifier = await createPostgresClassifier();
  cleanup.teardown(() => classifier.close());
  return classifier;
}

async function openSession(registry: SessionRegistry, protocol: 'postgres' | 'mysql'): Promise<Session> {
  const opened = await registry.open(
    {
      principal: { name: 'alice' as never, displayName: 'Alice', kind: 'person', groups: ['engineers'] },
      target: {
        name: 'bench' as never,
        protocol,
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
