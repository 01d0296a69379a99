// A gateway without its wire: real sessions, gate, desk of holds, audit log and recordings in a data folder, fed by hand.

import { join } from 'node:path';
import { createPostgresClassifier } from '../../../policies/classify/postgres/classifier.ts';
import { loadPolicies } from '../../../policies/engine/load.ts';
import type { LoadedPolicySet } from '../../../policies/engine/load.ts';
import { openAuditLog } from '../../../src/audit/log.ts';
import { createHolds } from '../../../src/approvals/holds.ts';
import type { Grant } from '../../../src/core/grant.ts';
import type { Principal } from '../../../src/core/principal.ts';
import type { Session } from '../../../src/core/session.ts';
import type { Target } from '../../../src/core/target.ts';
import { Gate } from '../../../src/gate/gate.ts';
import { openRecordings } from '../../../src/recordings/recordings.ts';
import { SessionRegistry } from '../../../src/sessions/registry.ts';
import { openDatabase } from '../../../src/store/database.ts';
import { holdMigrations } from '../../../src/store/hold-tables.ts';
import { createSessionStore, sessionMigrations } from '../../../src/store/sessions.ts';
import { person, SeededRandom, TestClock } from '../approvals-fixtures/desk.ts';

export const target: Target = {
  name: 'orders' as Target['name'],
  protocol: 'postgres',
  labels: { env: 'production' },
  host: '127.0.0.1',
  port: 1,
  user: 'gateway',
  password: null,
  database: null,
  tls: { mode: 'disable', ca: null, certificate: null, key: null, serverName: null },
};

const lane = { onHold: () => undefined, signal: new AbortController().signal };

export interface RecordedGateway {
  readonly set: LoadedPolicySet;
  readonly clock: TestClock;
  /** Opens a session; null when it was refused. */
  open(who: Principal): Promise<Session | null>;
  /** Runs a text to its end; a held one is answered by these approvers. */
  run(session: Session, text: string, approvers?: readonly Principal[], reason?: string): Promise<string>;
  close(): Promise<void>;
}

export async function recordedGateway(dataDir: string, policy: string, inForce: readonly Grant[] = []): Promise<RecordedGateway> {
  const loaded = loadPolicies([{ path: 'p.yaml', text: policy }]);
  if (!loaded.ok) throw new Error(loaded.errors.map(({ message }) => message).join('\n'));
  const clock = new TestClock();
  const random = new SeededRandom(7);
  const db = openDatabase(':memory:', [...holdMigrations, ...sessionMigrations]);
  const audit = await openAuditLog({ dir: join(dataDir, 'audit'), durability: 'kernel', clock, onFailed: (fault) => fail(fault) });
  const recordings = openRecordings({ dir: join(dataDir, 'recordings'), clock });
  const classifier = await createPostgresClassifier();
  const desk = createHolds({ db, clock, random, audit, consoleUrl: null });
  const classifierOf = () => classifier;
  const gate = new Gate({
    classifierOf,
    policies: () => loaded.set,
    holds: desk,
    audit,
    clock,
    grants: { inForce: () => inForce, used: () => undefined },
  });
  const registry = new SessionRegistry({ gate, classifierOf, audit, recordings, book: createSessionStore(db), clock, random });
  return {
    set: loaded.set,
    clock,
    async open(principal) {
      const opened = await registry.open(
        { principal, target, facts: { clientAddress: '10.0.0.7', tls: true, method: 'token', database: 'orders' } },
        lane,
      );
      return opened.kind === 'open' ? opened.session : null;
    },
    async run(session, text, approvers = [], reason) {
      const submission = {
        kind: 'statement',
        text,
        parameters: null,
        digest: () => 'd'.repeat(64),
        mode: { key: '', settings: {}, catalogue: null },
        transaction: 'none',
        classified: null,
        prepared: null,
        ...(reason === undefined ? {} : { reason }),
      } as const;
      const submitted = session.submit(submission, lane);
      for (const approver of approvers) {
        await Promise.resolve();
        const [hold] = desk.list({ state: 'pending' }).items;
        await desk.answer(hold?.id ?? '', approver, 'approve', 'fine');
      }
      const ruling = await submitted;
      if (ruling.kind === 'refuse') return ruling.refusal.reason;
      ruling.permit.open();
      session.finish(ruling.permit, { kind: 'completed', rows: 1, error: null });
      return 'released';
    },
    async close() {
      registry.close('done');
      await recordings.close();
      await desk.close('done');
      await audit.close();
      await classifier.close();
      db.close();
    },
  };
}

function fail(fault: Error): never {
  throw fault;
}

export { person };
