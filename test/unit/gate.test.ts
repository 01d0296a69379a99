// The gate's order: nothing is released that is not written down, nothing that people did not answer, nothing after a fault.

import t from 'tap';
import type { Action } from '../../src/core/action.ts';
import type { AuditEvent, AuditLog } from '../../src/core/audit.ts';
import type { Classification } from '../../src/core/classification.ts';
import type { Approval, Decision } from '../../src/core/decision.ts';
import { Fault } from '../../src/core/errors.ts';
import type { HoldRequest, Holds, PlacedHold, Settlement } from '../../src/core/hold.ts';
import type { ActionId, HoldId, PersonName, SessionId, TargetName } from '../../src/core/ids.ts';
import { Permit } from '../../src/core/permit.ts';
import type { Facts } from '../../src/core/policy.ts';
import { classificationOf, notUnderstood } from '../../src/core/summary.ts';
import { Gate } from '../../src/gate/gate.ts';
import type { Submitter } from '../../src/gate/submitter.ts';
import { inTurnBy } from './audit-fixtures/in-turn.ts';

const rule = { id: 'p/r', title: 'needs a second pair of eyes', version: 'v1' };
const obligations = { recordParameters: false, recordResults: false };
const terms = { approverGroups: ['dba'], approvalsNeeded: 1, expiresMs: 1000, expiresInTransactionMs: 100, reasonRequired: false };
const allow: Decision = { kind: 'allow', rule, obligations };
const hold: Decision = { kind: 'hold', rule, terms, obligations };
const deny: Decision = { kind: 'deny', rule, message: 'no' };
const bob: Approval = { by: 'bob', groups: ['dba'], reason: null, atMs: 1 };

class Desk implements Holds {
  readonly requests: HoldRequest[] = [];
  readonly withdrawals: string[] = [];
  settle: (settlement: Settlement) => void = () => undefined;

  place(request: HoldRequest): PlacedHold {
    this.requests.push(request);
    const { promise, resolve } = Promise.withResolvers<Settlement>();
    this.settle = resolve;
    return {
      id: 'h-1' as HoldId,
      expiresAtMs: 1000,
      url: null,
      settled: promise,
      onProgress: () => undefined,
      withdraw: (why) => {
        this.withdrawals.push(why);
        resolve({ kind: 'withdrawn', why });
      },
    };
  }
}

function setUp(
  decide: (facts: Facts) => Decision,
  options: { append?: AuditLog['append']; classify?: () => Classification | Promise<Classification> } = {},
) {
  const events: AuditEvent[] = [];
  const desk = new Desk();
  const append: AuditLog['append'] =
    options.append ??
    ((event) => {
      events.push(event);
      return undefined;
    });
  const audit: AuditLog = { append, appendSoon: (event) => void events.push(event), appendInTurn: inTurnBy(append) };
  const classify = options.classify ?? (() => classificationOf([]));
  const gate = new Gate({
    classifierOf: () => ({ classify }),
    policies: () => ({ version: 'v1', decide: (_action, _classification, facts) => decide(facts) }),
    holds: desk,
    audit,
    clock: { nowMs: () => 1, monotonicMs: () => 1 },
  });
  return { gate, desk, events };
}

const tls = { mode: 'disable', ca: null, certificate: null, key: null, serverName: null } as const;
const target = {
  name: 'orders' as TargetName,
  protocol: 'postgres',
  labels: {},
  host: 'h',
  port: 1,
  user: 'u',
  password: null,
  database: null,
  tls,
} as const;
const submitter: Submitter = {
  sessionId: 's-1' as SessionId,
  principal: { name: 'alice' as PersonName, displayName: 'Alice', kind: 'person', groups: [] },
  target,
  facts: { clientAddress: '::1', tls: true, method: 'token', database: null },
  ended: new AbortController().signal,
};

function action(given: Partial<Action> = {}): Action {
  return {
    id: 'a-1' as ActionId,
    kind: 'statement',
    text: 'DROP TABLE t',
    parameters: null,
    digest: () => 'digest',
    mode: { key: '', settings: {}, catalogue: null },
    transaction: 'none',
    classified: null,
    prepared: null,
    ...given,
  };
}

const lane = (signal = new AbortController().signal) => ({ signal, onHold: () => undefined });

type Judge = (gate: Gate, ...given: Parameters<Gate['judge']>) => ReturnType<Gate['judge']>;
/** What a gate answers and what it tells by a call are the same. */
const ways: readonly [string, Judge][] = [
  ['answered', (gate, ...given) => gate.judge(...given)],
  ['told', (gate, ...given) => new Promise((resolve) => gate.judgeSoon(...given, resolve))],
];

for (const [way, judge] of ways) {
  t.test(`${way}: what is allowed is written down before its permit exists`, async (t) => {
    const { gate, events } = setUp(() => allow);
    const { ruling } = await judge(gate, action(), submitter, lane());
    t.equal(ruling.kind, 'release');
    t.match(events, [{ type: 'action.released', actionId: 'a-1', detail: { text: 'DROP TABLE t', rule: 'p/r' } }]);
  });

  t.test(`${way}: the policies are asked once for what is not held`, async (t) => {
    for (const decision of [allow, deny]) {
      let asked = 0;
      const { gate } = setUp(() => ((asked += 1), decision));
      await judge(gate, action(), submitter, lane());
      t.equal(asked, 1, decision.kind);
    }
  });

  t.test(`${way}: what is cancelled while its text is read is withdrawn at once, and never released`, async (t) => {
    const { promise, resolve } = Promise.withResolvers<Classification>();
    const { gate, events } = setUp(() => allow, { classify: () => promise });
    const cancelling = new AbortController();
    const judging = Promise.resolve(judge(gate, action(), submitter, lane(cancelling.signal)));
    cancelling.abort('cancelled by the client');
    t.match((await judging).ruling, { kind: 'refuse', refusal: { reason: 'withdrawn', message: 'cancelled by the client' } });
    resolve(classificationOf([]));
    await new Promise(setImmediate);
    t.same(events, []);
  });

  t.test(`${way}: with a disk that is slow the permit waits for it`, async (t) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const { gate } = setUp(() => allow, { append: () => promise });
    let ruled = false;
    const judging = Promise.resolve(judge(gate, action(), submitter, lane())).then((it) => {
      ruled = true;
      return it;
    });
    await new Promise(setImmediate);
    t.equal(ruled, false);
    resolve();
    t.equal((await judging).ruling.kind, 'release');
  });

  for (const [name, options, decide] of [
    [
      'an audit log that cannot be written',
      {
        append: () => {
          throw new Fault('audit-write-failed', 'disk full');
        },
      },
      () => allow,
    ],
    ['an audit log whose disk fails later', { append: () => Promise.reject(new Fault('audit-write-failed', 'disk full')) }, () => allow],
    [
      'a classifier that throws',
      {
        classify: () => {
          throw new Error('boom');
        },
      },
      () => allow,
    ],
    [
      'a policy that throws',
      {},
      () => {
        throw new Error('boom');
      },
    ],
  ] as const) {
    t.test(`${way}: ${name} refuses`, async (t) => {
      const { gate } = setUp(decide as () => Decision, options as object);
      const { ruling } = await judge(gate, action(), submitter, lane());
      t.match(ruling, { kind: 'refuse', refusal: { reason: 'fault' } });
    });
  }

  t.test(`${way}: a denial is told with the rule's words, a syntax error with the parser's`, async (t) => {
    const denied = setUp(() => deny);
    t.match((await judge(denied.gate, action(), submitter, lane())).ruling, {
      kind: 'refuse',
      refusal: { reason: 'denied', message: 'no' },
    });
    const garbled = setUp(() => deny, { classify: () => notUnderstood('syntax', 'syntax error at or near "x"', 3) });
    const { ruling } = await judge(garbled.gate, action(), submitter, lane());
    t.match(ruling, { kind: 'refuse', refusal: { reason: 'not-understood', message: 'syntax error at or near "x"', offset: 3 } });
  });

  t.test(`${way}: an approved hold is decided again and released under its number`, async (t) => {
    const { gate, desk, events } = setUp(({ approvals }) => (approvals.length > 0 ? allow : hold));
    const judging = judge(gate, action(), submitter, lane());
    desk.settle({ kind: 'approved', approvals: [bob] });
    const judgement = await judging;
    t.equal(judgement.ruling.kind, 'release');
    t.strictSame(judgement.approvedBy, ['bob']);
    t.match(events, [{ type: 'action.released', holdId: 'h-1', detail: { digest: 'digest', approved_by: ['bob'] } }]);
  });

  t.test(`${way}: a rule that denies by then wins over the approval, and a hold never ends in a hold`, async (t) => {
    for (const [second, message] of [
      [deny, 'no'],
      [hold, /other approvals/],
    ] as const) {
      const { gate, desk } = setUp(({ approvals }) => (approvals.length > 0 ? second : hold));
      const judging = judge(gate, action(), submitter, lane());
      desk.settle({ kind: 'approved', approvals: [bob] });
      t.match((await judging).ruling, { kind: 'refuse', refusal: { reason: 'denied', message } });
    }
  });

  t.test(`${way}: denied, expired and withdrawn holds refuse`, async (t) => {
    for (const [settlement, reason] of [
      [{ kind: 'denied', by: 'bob', reason: 'no' }, 'rejected'],
      [{ kind: 'expired' }, 'expired'],
      [{ kind: 'withdrawn', why: 'x' }, 'withdrawn'],
    ] as const) {
      const { gate, desk } = setUp(() => hold);
      const judging = judge(gate, action(), submitter, lane());
      desk.settle(settlement);
      t.match((await judging).ruling, { kind: 'refuse', refusal: { reason, holdId: 'h-1' } });
    }
  });

  t.test(`${way}: a client that cancels or goes away withdraws; an approval in the same moment runs nothing`, async (t) => {
    const { gate, desk } = setUp(({ approvals }) => (approvals.length > 0 ? allow : hold));
    const client = new AbortController();
    const judging = judge(gate, action(), submitter, lane(client.signal));
    desk.settle({ kind: 'approved', approvals: [bob] });
    client.abort('the client is gone');
    t.match((await judging).ruling, { kind: 'refuse', refusal: { reason: 'withdrawn', message: 'the client is gone' } });
    const gone = setUp(() => hold);
    t.match((await judge(gone.gate, action(), submitter, lane(AbortSignal.abort()))).ruling, {
      kind: 'refuse',
      refusal: { reason: 'withdrawn' },
    });
    t.equal(gone.desk.requests.length, 0, 'nobody is asked for a client that is gone');
  });

  t.test(`${way}: so it does when the lane has another signal by then, as connections have; its words are kept`, async (t) => {
    for (const approved of [true, false]) {
      const { gate, desk } = setUp(({ approvals }) => (approvals.length > 0 ? allow : hold));
      const connection = { ...lane(), withdrawal: new AbortController() };
      Object.defineProperty(connection, 'signal', { get: () => connection.withdrawal.signal });
      const judging = judge(gate, action(), submitter, connection);
      const raised = connection.withdrawal;
      connection.withdrawal = new AbortController();
      if (approved) desk.settle({ kind: 'approved', approvals: [bob] });
      raised.abort('the gateway stops');
      t.match((await judging).ruling, { kind: 'refuse', refusal: { reason: 'withdrawn', message: 'the gateway stops' } });
    }
  });

  t.test(`${way}: a session that ended meanwhile runs nothing`, async (t) => {
    const { gate, desk } = setUp(({ approvals }) => (approvals.length > 0 ? allow : hold));
    const session = new AbortController();
    const judging = judge(gate, action(), { ...submitter, ended: session.signal }, lane());
    desk.settle({ kind: 'approved', approvals: [bob] });
    session.abort();
    t.equal((await judging).ruling.kind, 'refuse');
  });

  t.test(`${way}: inside a transaction the hold has its shorter time; in a failed one nobody is asked`, async (t) => {
    const { gate, desk } = setUp(() => hold);
    void judge(gate, action({ transaction: 'open' }), submitter, lane());
    t.equal(desk.requests[0]?.expiresMs, 100);
    void judge(gate, action(), submitter, lane());
    t.equal(desk.requests[1]?.expiresMs, 1000);
    t.match((await judge(gate, action({ transaction: 'failed' }), submitter, lane())).ruling, {
      refusal: { reason: 'transaction-failed' },
    });
    t.equal(desk.requests.length, 2);
  });

  t.test(`${way}: policies that changed while it waited withdraw what they deny now`, async (t) => {
    let now: Decision = hold;
    const { gate, desk } = setUp(() => now);
    const judging = judge(gate, action(), submitter, lane());
    gate.judgeWaitingAgain();
    t.equal(desk.withdrawals.length, 0);
    now = deny;
    gate.judgeWaitingAgain();
    t.match((await judging).ruling, { refusal: { reason: 'withdrawn', message: /now deny/ } });
  });

  t.test(`${way}: a permit opens once and closes once, and only the gate can mint one`, async (t) => {
    const { gate } = setUp(() => allow);
    const { ruling } = await judge(gate, action(), submitter, lane());
    if (ruling.kind !== 'release') return t.fail('not released');
    const { permit } = ruling;
    t.throws(() => permit.assertOpen(), /without an open permit/);
    permit.open();
    permit.assertOpen();
    t.throws(() => permit.open(), /opened while open/);
    permit.close();
    t.throws(() => permit.assertOpen(), /closed/);
    t.throws(() => permit.close(), /closed twice/);
    t.throws(() => Permit.claimMint(), /the gate alone/);
  });

  t.test(`${way}: wait: error refuses at once; exactly the same runs once after the approval`, async (t) => {
    const later: Decision = { ...hold, terms: { ...terms, wait: 'error' } };
    const { gate, desk, events } = setUp(({ approvals }) => (approvals.length > 0 ? allow : later));
    const first = await judge(gate, action(), submitter, lane());
    t.match(first.ruling, { kind: 'refuse', refusal: { reason: 'denied', holdId: 'h-1', hint: /once it is approved/ } });
    await judge(gate, action(), submitter, lane());
    t.equal(desk.requests.length, 1, 'while it waits nobody is asked again');
    desk.settle({ kind: 'approved', approvals: [bob] });
    await new Promise(setImmediate);
    const otherText = await judge(gate, action({ text: 'DROP TABLE u' }), submitter, lane());
    t.equal(otherText.ruling.kind, 'refuse', 'other text');
    const carol = { ...submitter, principal: { ...submitter.principal, name: 'carol' as PersonName } };
    t.equal((await judge(gate, action(), carol, lane())).ruling.kind, 'refuse', 'another person');
    t.equal(
      (await judge(gate, action({ parameters: [{ type: null, text: '1' }] }), submitter, lane())).ruling.kind,
      'refuse',
      'other parameters',
    );
    t.equal((await judge(gate, action(), submitter, lane())).ruling.kind, 'release');
    t.match(events.at(-1), { type: 'action.released', holdId: 'h-1', detail: { approved_by: ['bob'] } });
    t.equal((await judge(gate, action(), submitter, lane())).ruling.kind, 'refuse', 'a second time asks again');
  });
}
