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

const access = (type: AuditEventType, by: string, detail: Record<string, unknown>) =>
  event(type, by, null, { request: 'r-AAAAAA', requester: 'alice', ...detail });
const asked = (factor: string | null, count = 1) =>
  access('access.requested', 'alice', {
    ...{ reason: 'ticket 7', duration_ms: 60_000, role: null, read_only: false, tables: null },
    approvers: [{ groups: ['dba'], count }],
    ...(factor === null ? {} : { second_factor: factor }),
  });
const yes = (by: string, proof?: object, groups = ['dba']) =>
  access('access.approval-given', by, { groups, ...(proof === undefined ? {} : { second_factor: proof }) });
const granted = access('access.granted', 'bob', { grant: 'g-AAAAAA' });
const lengthened = access('access.extended', 'bob', { grant: 'g-AAAAAA' });
const code = { kind: 'totp' };

t.test('access that is not what it seems', async (t) => {
  const rows: [string, AuditEvent[], RegExp | null][] = [
    ['a rule without second factor', [asked(null), yes('bob'), granted], null],
    ['given by the policies alone', [asked(null, 0), granted], null],
    ['codes where codes are asked for', [asked('totp', 2), yes('bob', code), yes('dana', code), granted], null],
    ['one code where two are asked for', [asked('totp', 2), yes('bob', code), yes('dana'), granted], /1 too few/],
    ['the same person twice', [asked('totp', 2), yes('bob', code), yes('bob', code), granted], /1 too few/],
    ['a code of another group', [asked('totp'), yes('eve', code, ['sales']), granted], /1 too few/],
    ['the requester', [asked('totp'), yes('alice', code), granted], /yes of alice, who asked/],
    ['nothing where a passkey is asked for', [asked('passkey'), yes('bob'), granted], /1 too few/],
    ['a code where a passkey is asked for', [asked('passkey'), yes('bob', code), lengthened], /1 too few/],
    ['a key that was never registered', [asked('passkey'), yes('bob', assertion)], /not registered/],
    ['a signature that is none', [key('bob'), asked('passkey'), yes('bob', assertion)], /not good/],
    ['given without being asked for', [granted], /no request r-AAAAAA/],
    ['a yes to nothing', [yes('bob')], /no request r-AAAAAA/],
    [
      'a yes from before the rule asked for more',
      [
        asked(null),
        yes('bob'),
        access('access.changed', '', {
          approvers: [{ groups: ['dba'], count: 1 }],
          second_factor: 'totp',
          approvals_no_longer_counted: ['bob'],
        }),
        granted,
      ],
      /1 too few/,
    ],
  ];
  for (const [name, events, words] of rows) {
    await t.test(name, async (t) => {
      const { problem } = await verified(t as Tap, events);
      if (words === null) t.equal(problem, null);
      else t.match(problem?.why ?? 'nothing was found', words);
    });
  }
});

t.test('a yes that was taken back does not count', async (t) => {
  const back = event('hold.approval-taken-back', 'bob', 'h-AAAAAA', {});
  const { problem } = await verified(t as Tap, [held('totp'), given({ kind: 'totp' }), back, approved]);
  t.match(problem?.why, /ran with 0/);
});
