// Statistics of rules: what the gate decided is counted, looking ahead is not, and a decision of several rules counts for each.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { loadPolicies } from '../../policies/engine/load.ts';
import { person, recordedGateway } from './policy-fixtures/recorded-gateway.ts';

const policy = `policy: p
rules:
  - { id: open, actions: [connect], decision: allow }
  - { id: reads, effects: { access: [read] }, decision: allow }
  - { id: inserts, effects: { verbs: [insert] }, decision: allow }
  - { id: drops, effects: { verbs: [drop] }, decision: hold, approvers: { groups: [dba] } }
  - { id: never, effects: { verbs: [truncate] }, decision: deny }
`;

t.test('counted when it took effect, once for each rule that decided', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'sallyport-use-'));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  const gateway = await recordedGateway(dir, policy);
  t.teardown(() => gateway.close());
  const session = (await gateway.open(person('alice', ['engineers'])))!;
  await gateway.run(session, 'SELECT * FROM a');
  await gateway.run(session, 'INSERT INTO a SELECT * FROM b');
  await gateway.run(session, 'INSERT INTO a SELECT * FROM b');
  await gateway.run(session, 'DROP TABLE a', [person('bob')]);
  await gateway.run(session, 'DELETE FROM a');
  const use = Object.fromEntries(gateway.set.ruleUse().map(({ id, fired }) => [id, fired]));
  t.strictSame(use, { 'p/open': 1, 'p/reads': 3, 'p/inserts': 2, 'p/drops': 1, 'p/never': 0 });
  const [open] = gateway.set.ruleUse();
  t.match(open, { title: 'Open', decision: 'allow', lastFiredAtMs: gateway.clock.nowMs() });
  t.equal(gateway.set.ruleUse().at(-1)?.lastFiredAtMs, null);
});

t.test('asking the set by itself counts nothing', async (t) => {
  const loaded = loadPolicies([{ path: 'p.yaml', text: policy }]);
  if (!loaded.ok) return t.fail('loads');
  t.ok(loaded.set.ruleUse().every(({ fired, lastFiredAtMs }) => fired === 0 && lastFiredAtMs === null));
  loaded.set.noteUse?.({ kind: 'deny', rule: null, message: 'nothing allows it' }, 1);
  t.ok(loaded.set.ruleUse().every(({ fired }) => fired === 0));
});
