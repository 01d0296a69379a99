// Sessions that run in a relay thread and stand in the main thread, both sides with a real channel between them: nothing is released
// by what was true a moment ago, whichever message is still on its way. The thread releases; the main thread ends, changes, refuses.

import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { MessageChannel } from 'node:worker_threads';
import t from 'tap';
import { createPostgresClassifier } from '../../policies/classify/postgres/classifier.ts';
import { loadPolicies } from '../../policies/engine/load.ts';
import { createMasker } from '../../policies/masking/masker.ts';
import { joinAuditLog } from '../../src/audit/joined.ts';
import { openAuditLog } from '../../src/audit/log.ts';
import { createHolds } from '../../src/approvals/holds.ts';
import { Fault } from '../../src/core/errors.ts';
import type { Grant } from '../../src/core/grant.ts';
import type { Principal } from '../../src/core/principal.ts';
import type { GrantId } from '../../src/core/ids.ts';
import type { Ruling } from '../../src/core/ruling.ts';
import type { OpenedSession, Session, Submission } from '../../src/core/session.ts';
import { Gate } from '../../src/gate/gate.ts';
import { openRecordings } from '../../src/recordings/recordings.ts';
import { Calls } from '../../src/relay/calls.ts';
import { RelayedSessions } from '../../src/relay/relayed-sessions.ts';
import type { SessionMethods, ThreadSessionMethods } from '../../src/relay/session-methods.ts';
import { ThreadJudging } from '../../src/relay/thread-judging.ts';
import { ThreadPolicies } from '../../src/relay/thread-policies.ts';
import { ThreadSessions } from '../../src/relay/thread-sessions.ts';
import { World, worldReader } from '../../src/relay/world.ts';
import { apiSessions } from '../../src/composition/api-services.ts';
import { createHistories } from '../../src/sessions/histories.ts';
import { SessionRegistry } from '../../src/sessions/registry.ts';
import { openDatabase } from '../../src/store/database.ts';
import { holdMigrations } from '../../src/store/hold-tables.ts';
import { openSessionHistory, sessionHistoryMigrations } from '../../src/store/session-history.ts';
import { createSessionStore, sessionMigrations } from '../../src/store/sessions.ts';
import type { Teardown } from '../support/directories.ts';
import { eventually } from '../support/eventually.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { realClock as clock, temporaryFolder } from './audit-fixtures/log.ts';
import { target } from './policy-fixtures/recorded-gateway.ts';

const policyOf = (write: 'allow' | 'deny', extra = ''): string => `
policy: p
access: [{ id: short, principals: { groups: [engineers] }, longest: 2h, automatic: true }]
rules:
${extra}
  - { id: open, actions: [connect], decision: allow }
  - { id: read, effects: { access: [read, session] }, decision: allow }
  - { id: write, effects: { access: [write] }, decision: ${write} }
  - { id: often, when: 'action.text.contains("rare") && history.actions_last_minute > 100000', decision: deny }
`;

const alice = { name: 'alice', displayName: 'Alice', kind: 'person', groups: ['engineers'] } as unknown as Principal;
const lane = { signal: new AbortController().signal, onHold: () => undefined };
const random = { bytes: (count: number) => randomBytes(count) };
const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const opening = { principal: alice, target, facts: { clientAddress: '::1', tls: true, method: 'token', database: 'd' }, tokenId: 't-1' };

/** Both sides in this thread, with a channel between them. */
async function start(t: Teardown) {
  const dir = temporaryFolder();
  const state = {
    policy: policyOf('allow'),
    person: alice as Principal | null,
    isTokenLive: true,
    grants: [] as Grant[],
    flush: () => audit.flush(),
    /** Policies are given when this does. */
    giving: Promise.resolve(),
    judged: 0,
    /** Policies asked for, and whether the thread can compile them. */
    asked: 0,
    compiles: true,
  };
  const onFailed = (fault: Error): never => {
    throw fault;
  };
  const audit = await openAuditLog({ dir: join(dir, 'audit'), durability: 'kernel', clock, onFailed });
  const db = openDatabase(':memory:', [...holdMigrations, ...sessionMigrations, ...sessionHistoryMigrations]);
  const recordings = openRecordings({ dir: join(dir, 'recordings'), clock });
  const classifier = await createPostgresClassifier();
  const classifierOf = () => classifier;
  const holds = createHolds({ db, clock, random, audit, consoleUrl: null });
  const compiled = (text: string) => {
    const loaded = loadPolicies([{ path: 'p.yaml', text }]);
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.errors));
    return loaded.set;
  };
  let policies = compiled(state.policy);
  const histories = createHistories(openSessionHistory(db), clock);
  const grants = { inForce: () => state.grants, used: () => undefined };
  const gate = new Gate({ classifierOf, policies: () => policies, holds, audit, clock, histories, grants });
  const registry = new SessionRegistry({
    ...{ gate, classifierOf, audit, recordings, clock, random },
    book: createSessionStore(db),
    personNow: () => state.person,
    isTokenLive: () => state.isTokenLive,
  });
  const world = new World();
  const { port1, port2 } = new MessageChannel();
  const relayed = new RelayedSessions(
    {
      sessions: registry,
      gate: {
        judge: (...given) => {
          state.judged += 1;
          return gate.judge(...given);
        },
        foresee: (...given) => gate.foresee(...given),
      },
      personNow: () => state.person,
      targetNamed: () => target,
      ...{ grants, histories },
      policies: () => policies,
      policyTexts: () => ({ version: policies.version, files: [{ path: 'p.yaml', text: state.policy }] }),
      ...{ world, clock },
      flushAudit: () => state.flush(),
    },
    () => mainCalls,
  );
  const mainCalls = new Calls<ThreadSessionMethods, SessionMethods>(port1, {
    ...relayed.handlers,
    policies: async (given, asked) => {
      state.asked += 1;
      await state.giving;
      return relayed.handlers.policies(given, asked);
    },
  });

  const threadAudit = joinAuditLog(audit.share(), { clock, onFailed });
  const calls: Calls<SessionMethods, ThreadSessionMethods> = new Calls<SessionMethods, ThreadSessionMethods>(port2, {
    'session.end': (given, asked) => sessions.handlers['session.end'](given, asked),
    'session.unchanged': (given, asked) => sessions.handlers['session.unchanged'](given, asked),
    'session.notice': (given, asked) => sessions.handlers['session.notice'](given, asked),
    'session.become': (given, asked) => sessions.handlers['session.become'](given, asked),
    flush: (given, asked) => sessions.handlers.flush(given, asked),
  });
  const threadPolicies = new ThreadPolicies({
    calls,
    compile: ({ files }) => (state.compiles ? compiled(files[0]?.text ?? '') : null),
    log,
  });
  const masker = await createMasker((count) => randomBytes(count));
  const judging = new ThreadJudging({
    ...{ calls, policies: threadPolicies, classifierOf, masker, audit: threadAudit, clock },
    world: worldReader(world.shared),
  });
  const sessions: ThreadSessions = new ThreadSessions({ judging, recordings, flushRecording: () => undefined });
  await threadPolicies.load();
  t.teardown(async () => {
    judging.close();
    port1.close();
    registry.close('done');
    await recordings.close();
    await holds.close('done');
    await threadAudit.close();
    await audit.close();
    await classifier.close();
    masker.close();
    db.close();
    rmSync(dir, { recursive: true });
  });
  return {
    ...{ state, audit, registry, gate, world, holds, db, relayed },
    setPolicy(text: string) {
      state.policy = text;
      policies = compiled(text);
      world.changed();
    },
    open: (): Promise<OpenedSession> => sessions.open(opening, lane),
    async opened(): Promise<Session> {
      const opened = await sessions.open(opening, lane);
      if (opened.kind === 'refuse') throw new Error(opened.refusal.message);
      return opened.session;
    },
  };
}

const submissionOf = (text: string): Submission => ({
  ...{ kind: 'statement', text, parameters: null, transaction: 'none', classified: null, prepared: null },
  digest: () => 'd'.repeat(64),
  mode: { key: '', settings: {}, catalogue: null },
});

function ask(session: Session, text: string): Promise<Ruling> {
  return new Promise((resolve) => session.submitSoon(submissionOf(text), lane, resolve));
}

/** `released`, or the words that refuse it. */
async function said(session: Session, text: string): Promise<string> {
  const ruling = await ask(session, text);
  if (ruling.kind === 'refuse') return ruling.refusal.message;
  ruling.permit.open();
  session.finish(ruling.permit, { kind: 'completed', rows: 1, error: null });
  return 'released';
}

t.test('what is plainly allowed is released without a question, until the world changes', async (t) => {
  const { state, opened, setPolicy, registry } = await start(t);
  const session = await opened();
  t.equal(await said(session, 'SELECT 1'), 'released');
  t.equal(await said(session, 'DELETE FROM things WHERE id = 1'), 'released');
  t.equal(state.judged, 0);
  t.match(await said(session, "SELECT 'rare'"), 'released');
  t.equal(state.judged, 1, 'what was before is known in the main thread');
  setPolicy(policyOf('deny'));
  t.not(await said(session, 'DELETE FROM things WHERE id = 2'), 'released');
  t.equal(state.judged, 2);
  await eventually('the thread has the new policies, and releases by them', async () => {
    const before = state.judged;
    await said(session, 'SELECT 2');
    return state.judged === before;
  });
  session.close('the client left');
  await eventually('it is closed on both sides', () => registry.size === 0);
});

t.test('a session that was ended releases nothing more, also before its thread has heard', async (t) => {
  const { state, opened, registry, audit } = await start(t);
  const session = await opened();
  t.equal(await said(session, 'SELECT 1'), 'released');
  registry.endWhere(() => true, 'ended by erin');
  const asked = said(session, 'SELECT 2'); // in the same turn: no message has come
  t.notOk(session.ended.aborted, 'it has not heard');
  t.match(await asked, /the session has ended/);
  t.equal(state.judged, 0, 'the gate was not even asked');
  await eventually('it hears', () => session.ended.aborted);
  t.equal(session.ended.reason, 'ended by erin');
  session.close('ended');
  await eventually('it is closed', () => registry.size === 0);
  const { items } = await audit.search({ type: 'action.released', limit: 10 });
  t.same(
    items.map(({ detail }) => detail['text']),
    ['SELECT 1', 'connect to orders'],
  );
});

t.test('a session that is ended right behind its opening ends in its thread, too', async (t) => {
  const { opened, registry } = await start(t);
  const stop = registry.on((id) => {
    // Behind the answer that it is open, before anything else comes.
    setImmediate(() => registry.live(id)?.end('ended by erin'));
  });
  const session = await opened();
  await eventually('it hears', () => session.ended.aborted);
  t.equal(session.ended.reason, 'ended by erin');
  stop();
});

t.test('one that is ended while it opens is not opened', async (t) => {
  const { open, registry } = await start(t);
  registry.on((id) => registry.live(id)?.end('ended by erin'));
  t.match(await open(), { kind: 'refuse', refusal: { message: 'ended by erin' } });
  t.equal(registry.size, 0, 'nothing is left of it');
});

t.test('one that is ended while its thread waits for policies is not opened', async (t) => {
  const { state, open, registry, setPolicy } = await start(t);
  const giving = Promise.withResolvers<void>();
  state.giving = giving.promise;
  setPolicy(policyOf('deny'));
  const opened = open();
  await eventually('it is open in the main thread', () => registry.size === 1);
  registry.endWhere(() => true, 'this account may no longer sign in');
  setTimeout(giving.resolve, 20); // behind that message
  t.match(await opened, { kind: 'refuse', refusal: { message: 'this account may no longer sign in' } });
  await eventually('nothing is left of it', () => registry.size === 0);
});

t.test('a token or a person that ended during the sign-in opens nothing', async (t) => {
  const { state, open, registry } = await start(t);
  state.isTokenLive = false;
  t.match(await open(), { kind: 'refuse', refusal: { message: /access token has ended/ } });
  state.isTokenLive = true;
  state.person = { ...alice, groups: ['engineers', 'dba'] };
  t.match(await open(), { kind: 'refuse', refusal: { message: /account was changed/ } });
  state.person = null;
  t.match(await open(), { kind: 'refuse', refusal: { message: /account was changed/ } });
  t.equal(registry.size, 0);
});

t.test('a session whose opening can’t be written down is not left in the lists', async (t) => {
  const { state, open, registry, audit } = await start(t);
  state.flush = () => {
    throw new Fault('audit-write-failed', 'the disk is full');
  };
  t.match(await open(), { kind: 'refuse', refusal: { message: /the disk is full/ } });
  t.equal(registry.size, 0);
  state.flush = () => audit.flush();
  t.match(await open(), { kind: 'open' });
});

t.test('a session that can’t be written into the book is refused in the log, and nothing is left of it', async (t) => {
  const { open, audit, db, relayed } = await start(t);
  db.exec('ALTER TABLE sessions RENAME TO gone');
  t.match(await open(), { kind: 'refuse', refusal: { message: /could not be recorded: no such table/ } });
  const events = await audit.since(0);
  const refused = events.find(({ type }) => type === 'session.refused');
  t.match(refused?.detail, { message: /could not be recorded/ });
  t.notOk(relayed.has(String(refused?.session_id)));
});

t.test('looking ahead by what is not true any more says nothing', async (t) => {
  const { opened, setPolicy, state } = await start(t);
  const session = await opened();
  const submission = submissionOf('DELETE FROM things WHERE id = 1');
  const classification = await session.classify(submission);
  t.equal(session.foresee(submission, classification), 'allow');
  state.giving = new Promise(() => undefined); // the thread never gets the new ones
  setPolicy(policyOf('deny'));
  t.equal(session.foresee(submission, classification), 'hold');
  t.equal(await session.foreseeSurely?.(submission, classification), 'deny', 'the main thread knows');
});

t.test('policies that a thread can’t compile are the main thread’s, and are not asked for at every statement', async (t) => {
  const { state, opened, setPolicy } = await start(t);
  const session = await opened();
  state.compiles = false;
  setPolicy(policyOf('deny'));
  for (let turn = 0; turn < 20; turn++) {
    t.equal(await said(session, 'SELECT 1'), 'released');
    t.not(await said(session, 'DELETE FROM things WHERE id = 1'), 'released');
  }
  (await opened()).close('done');
  t.equal(state.judged, 40);
  t.equal(state.asked, 2, 'at the start, and once for this version');
  state.compiles = true;
  setPolicy(policyOf('allow'));
  await eventually('the next version is the thread’s again', async () => {
    const before = state.judged;
    t.equal(await said(session, 'DELETE FROM things WHERE id = 1'), 'released');
    return state.judged === before;
  });
});

t.test('what can’t be sent is refused, and what comes after it is judged', async (t) => {
  const { opened, world } = await start(t);
  const session = await opened();
  world.changed();
  const catalogue = { version: 'v1', content: {} };
  const submission = submissionOf('SELECT 1');
  const known = { ...submission, mode: { key: 'k', settings: {}, catalogue }, classified: await session.classify(submission) };
  const asked = (digest: () => string) => new Promise<Ruling>((resolve) => session.submitSoon({ ...known, digest }, lane, resolve));
  const broken = await asked(() => {
    throw new Error('no digest');
  });
  t.match(broken, { kind: 'refuse', refusal: { message: 'no digest' } });
  t.match(await asked(() => 'd'), { kind: 'release' }, 'its catalogue comes whole');
});

t.test('at any moment a thread releases what the main thread would, and nothing else', async (t) => {
  const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
  t.comment(`SEED=${seed}`);
  const die = seededRandom(seed);
  const { state, registry, gate, world, opened, setPolicy } = await start(t);
  const extra = `
  - { id: with-access, needs: grant, effects: { verbs: [truncate] }, decision: allow }
  - { id: dba, principals: { groups: [dba] }, effects: { verbs: [drop] }, decision: allow }
  - { id: late, when: 'grant.active && action.text.contains("late")', decision: deny }`;
  const texts = ['SELECT 1', "SELECT 'rare'", "SELECT 'late'", 'DELETE FROM a WHERE id = 1', 'TRUNCATE a', 'DROP TABLE a'];
  const grant = (id: string, readOnly: boolean): Grant => ({
    id: id as GrantId,
    scope: { role: null, readOnly, tables: null },
    ...{ rule: 'p/short', isBreakGlass: die(4) === 0, reason: '', approvedBy: [], endsAtMs: Date.now() + 3_600_000 },
  });
  const change: readonly (() => void)[] = [
    () => setPolicy(policyOf(die(2) === 0 ? 'allow' : 'deny', die(3) > 0 ? extra : '')),
    () => {
      state.person = { ...alice, groups: die(2) === 0 ? ['engineers'] : ['engineers', 'dba'] };
      world.changed();
      registry.personChanged(state.person);
    },
    () => {
      state.grants = [grant(`g-${die(5)}`, die(3) === 0)].slice(die(2));
      world.changed();
    },
    () => registry.endWhere(({ id }) => id === sessions[die(2)]?.id, 'ended'),
  ];
  const openAgain = async (): Promise<Session> => {
    state.person = alice; // as who signs in
    return opened();
  };
  const sessions = [await openAgain(), await openAgain()];
  const counted = { released: 0, refused: 0, ended: 0 };
  for (let step = 0; step < 1500; step++) {
    const place = die(2);
    if (die(6) === 0) change[die(10) === 0 ? 3 : die(3)]?.();
    if (die(4) === 0) await new Promise((resolve) => setImmediate(resolve)); // messages get through
    const session = sessions[place] as Session;
    const submission = submissionOf(texts[die(texts.length)] as string);
    const classification = await session.classify(submission);
    const standsFor = registry.live(session.id);
    const isOver = standsFor === undefined || standsFor.ended.aborted;
    const right = isOver
      ? 'refused'
      : gate.foresee({ ...submission, id: 'x' as never }, classification, {
            ...{ sessionId: session.id, target, ended: lane.signal },
            ...{ principal: standsFor.principal, facts: standsFor.facts },
          }) === 'allow'
        ? 'released'
        : 'refused';
    const words = await said(session, submission.text);
    const is = words === 'released' ? 'released' : 'refused';
    if (is !== right) t.fail(`step ${step}: "${submission.text}" is ${is} (${words}), and is to be ${right}`);
    counted[isOver ? 'ended' : is] += 1;
    if (!isOver) continue;
    session.close('over');
    sessions[place] = await openAgain();
  }
  t.comment(JSON.stringify({ ...counted, judged: state.judged }));
  t.ok(counted.released > 300 && counted.refused > 100 && counted.ended > 3, 'all of it came about');
  t.ok(counted.released + counted.refused - state.judged > 300, 'many were released by the thread alone');
});

t.test('what waits in a session is listed with it, and when it was answered though the session says nothing more', async (t) => {
  const { registry, holds, db, setPolicy } = await start(t);
  setPolicy(`
policy: p
rules:
  - { id: open, actions: [connect], decision: allow }
  - { id: write, effects: { access: [write] }, decision: hold, approvers: { groups: [dba] } }
`);
  const opened = await registry.open(opening, lane);
  if (opened.kind === 'refuse') throw new Error(opened.refusal.message);
  const { id } = opened.session;
  const book = createSessionStore(db);
  const views = apiSessions(registry, book, (session) => holds.waitingIn(session).length);
  const ruling = ask(opened.session, 'DELETE FROM t');
  await eventually('its statement is counted', () => book.get(id)?.statements === 1);
  t.match(views.get(id), { statements: 1, held: 1, denied: 0 }, 'while it waits');
  t.match(views.list({ limit: 1 }).items, [{ held: 1 }]);
  const bob = { ...alice, name: 'bob', groups: ['dba'] } as unknown as Principal;
  await holds.answer(holds.waitingIn(id)[0]?.id ?? '', bob, 'approve', null);
  t.match(await ruling, { kind: 'release' });
  await eventually('that it was held is counted', () => book.get(id)?.held === 1);
  t.match(views.get(id), { statements: 1, held: 1, denied: 0 }, 'once');
});
