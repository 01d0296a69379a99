// Access rules that ask for a second factor with each yes: nothing less counts, also not a yes from before the rule asked.

import t from 'tap';
import { Bench, policies, policy } from './access-fixtures/desk.ts';

const guarded = (factor: string) => policy.replace('reason_required: true', `second_factor: ${factor}`);
const signature = { kind: 'passkey', credentialId: 'c', clientDataJson: 'd', authenticatorData: 'a', signature: 's' } as const;

async function asked(text: string) {
  const bench = new Bench();
  bench.policies = policies(text);
  const result = await bench.ask('alice', { target: 'vault' });
  if (result.kind === 'refused') throw new Error(result.why);
  return { bench, id: result.request.id };
}

t.test('what counts', async (t) => {
  const { bench, id } = await asked(guarded('totp'));
  t.match(await bench.desk.answer(id, bench.who('bob'), 'approve', null), { kind: 'refused', because: 'second-factor-missing' });
  t.match(await bench.desk.answer(id, bench.who('bob'), 'approve', null, { kind: 'totp' }), { kind: 'counted' });
  t.match(await bench.desk.answer(id, bench.who('dana'), 'approve', null, signature), { kind: 'counted' }, 'a passkey does for a code');
  t.match(await bench.desk.answer(id, bench.who('sam'), 'approve', null, { kind: 'totp' }), { kind: 'granted' });
  const given = bench.audit.filter(({ type }) => type === 'access.approval-given').map(({ detail }) => detail['second_factor']);
  t.same(given, [{ kind: 'totp' }, signature, { kind: 'totp' }], 'the log keeps the proofs');

  const passkey = await asked(guarded('passkey'));
  const code = await passkey.bench.desk.answer(passkey.id, passkey.bench.who('bob'), 'approve', null, { kind: 'totp' });
  t.match(code, { because: 'second-factor-missing' }, 'a code is no passkey');
  t.match(await passkey.bench.desk.answer(passkey.id, passkey.bench.who('bob'), 'deny', 'no'), { kind: 'denied' }, 'a no needs none');
});

t.test('a rule that begins to ask forgets what was said without', async (t) => {
  const { bench, id } = await asked(policy.replace(', reason_required: true', '').replace('    reason_required: true\n', ''));
  await bench.desk.answer(id, bench.who('bob'), 'approve', 'yes');
  bench.policies = policies(guarded('totp'));
  bench.desk.rejudge();
  t.same(bench.desk.requestOf(id)?.approvals, []);
  t.equal(bench.desk.requestOf(id)?.secondFactor, 'totp');
});

t.test('nothing to prove where nobody answers', async (t) => {
  t.throws(() => policies(policy.replace('idle: 10m', 'second_factor: totp')), /nobody answers what is given automatically/);
});
