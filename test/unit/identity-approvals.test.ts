// `audit verify --approvals` on logs whose chain is whole and whose approvals are not: what an operator could write.

import t from 'tap';
import { openAuditLog } from '../../src/audit/log.ts';
import type { AuditEvent, AuditEventType } from '../../src/core/audit.ts';
import { verifyApprovals } from '../../src/offline/audit-approvals.ts';
import { HandClock } from './api-fixture.ts';

const event = (type: AuditEventType, principal: string, holdId: string | null, detail: Record<string, unknown>): AuditEvent => ({
  type,
  atMs: 0,
  principal,
  target: 'orders',
  sessionId: null,
  actionId: null,
  holdId,
  detail,
});

const held = (factor: string | null) =>
  event('action.held', 'alice', 'h-AAAAAA', {
    digest: 'd'.repeat(64),
    approvals_needed: 1,
    ...(factor === null ? {} : { second_factor: factor }),
  });
const given = (proof?: object) => event('hold.approval-given', 'bob', 'h-AAAAAA', proof === undefined ? {} : { second_factor: proof });
const approved = event('hold.approved', 'bob', 'h-AAAAAA', {});
const assertion = { kind: 'passkey', credentialId: 'AAAA', clientDataJson: 'e30', authenticatorData: 'AAAA', signature: 'AAAA' };
const key = (person: string) =>
  event('passkey.registered', person, null, { person, credential_id: 'AAAA', name: 'x', rp_id: 'gw.example', public_key: 'AAAA' });

async function verified(t: Tap, events: readonly AuditEvent[]) {
  const dir = t.testdir({});
  const log = await openAuditLog({ dir, durability: 'kernel', clock: new HandClock(), onFailed: () => undefined });
  for (const one of events) await log.append(one);
  await log.close();
  return verifyApprovals(dir);
}

type Tap = typeof t;

t.test('approvals that are not what they seem', async (t) => {
  const rows: [string, AuditEvent[], RegExp | null][] = [
    ['a rule without second factor', [held(null), given(), approved], null],
    ['a code where a code is asked for', [held('totp'), given({ kind: 'totp' }), approved], null],
    ['nothing where a passkey is asked for', [held('passkey'), given(), approved], /ran with 0/],
    ['a code where a passkey is asked for', [held('passkey'), given({ kind: 'totp' }), approved], /ran with 0/],
    ['no approval at all', [held('passkey'), approved], /ran with 0/],
    ['a key that was never registered', [held('passkey'), given(assertion), approved], /not registered/],
    ["somebody else's key", [key('dana'), held('passkey'), given(assertion), approved], /is of dana/],
    ['a signature that is none', [key('bob'), held('passkey'), given(assertion), approved], /not good/],
    ['an approval of no hold', [given()], /there is no hold/],
  ];
  for (const [name, events, words] of rows) {
    await t.test(name, async (t) => {
      const { problem } = await verified(t as Tap, events);
      if (words === null) t.equal(problem, null);
      else t.match(problem?.why ?? 'nothing was found', words);
    });
  }
});
