// What a session writes down at its edges: whatever happens when, a release in the log has its end there too.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { openAuditLog } from '../../src/audit/log.ts';
import type { Holds } from '../../src/core/hold.ts';
import type { Decision } from '../../src/core/decision.ts';
import type { PersonName, SessionId, TargetName } from '../../src/core/ids.ts';
import type { Ruling } from '../../src/core/ruling.ts';
import type { Submission } from '../../src/core/session.ts';
import { classificationOf } from '../../src/core/summary.ts';
import { Gate } from '../../src/gate/gate.ts';
import { LiveSession } from '../../src/sessions/live-session.ts';

const classification = classificationOf([
  { kind: 'select', span: { start: 0, end: 8 }, effects: [], missingWhere: false, risks: [], changes: [] },
]);
const obligations = { recordParameters: false, recordResults: false };
const rule = { id: 'p/r', title: 'Reads', version: 'v1', policy: 'p' };
const allow = { kind: 'allow', rule, obligations } as unknown as Decision;
const clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now() };
const submission: Submission = {
  kind: 'statement',
  text: 'SELECT 1',
  parameters: null,
  digest: () => '',
  mode: { key: '', settings: {}, catalogue: null },
  transaction: 'none',
  classified: classification,
  prepared: null,
};
const lane = { signal: new AbortController().signal, onHold: () => undefined };
const turn = () => new Promise((resolve) => setImmediate(resolve));

t.test('a session that ends between a release and the end of its turn has not run it, and says so', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'sallyport-session-'));
  t.teardown(() => rmSync(dir, { recursive: true }));
  const onFailed = (fault: Error): never => {
    throw fault;
  };
  const audit = await openAuditLog({ dir, durability: 'kernel', clock, onFailed });
  t.teardown(() => audit.close());
  const holds: Pick<Holds, never> = {};
  const classifier = { classify: () => classification };
  const policies = () => ({ version: 'v1', decide: () => allow });
  const gate = new Gate({ classifierOf: () => classifier, policies, holds: holds as Holds, audit, clock });
  const principal = { name: 'alice' as PersonName, displayName: 'Alice', kind: 'person', groups: [] } as const;
  const tls = { mode: 'disable', ca: null, certificate: null, key: null, serverName: null } as const;
  const server = { protocol: 'postgres', labels: {}, host: 'h', port: 1, user: 'u', password: null, database: null, tls } as const;
  const facts = { clientAddress: '::1', tls: true, method: 'token', database: null } as const;
  const opening = { principal, target: { ...server, name: 'orders' as TargetName }, facts };
  const recorder = { write: () => undefined, close: () => Promise.resolve() };
  const session = new LiveSession('s-1' as SessionId, opening, { gate, classifier, audit, clock, recorder, closed: () => undefined });

  const heard: Ruling[] = [];
  const submit = (): void => session.submitSoon(submission, lane, (ruling) => heard.push(ruling));
  submit();
  submit(); // from the next turn on the log gathers the releases of a turn
  await turn();
  for (const ruling of heard.splice(0)) {
    if (ruling.kind !== 'release') throw new Error('refused');
    ruling.permit.open();
    session.finish(ruling.permit, { kind: 'completed', rows: 1, error: null });
  }
  submit();
  t.same(heard, [], 'it waits for the end of the turn');
  session.close('the client is gone');
  await turn();
  t.match(heard, [{ kind: 'refuse', refusal: { reason: 'fault', message: 'the session has ended' } }]);

  const { items } = await audit.search({ limit: 50 });
  const story = items.map((it) => `${it.action_id} ${it.type} ${String(it.detail['outcome'] ?? '')}`).reverse();
  t.same(story.slice(-2), ['s-1-3 action.released ', 's-1-3 action.finished cancelled']);
  t.equal((await audit.verify()).ok, true);
});
