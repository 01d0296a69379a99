// What is written of actions that are like the one before is made quickly, out of parts: it must say the same as what is made
// member by member, whichever action came before.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { Action } from '../../src/core/action.ts';
import type { Classification, StatementFacts } from '../../src/core/classification.ts';
import type { Decision } from '../../src/core/decision.ts';
import type { ActionId, SessionId } from '../../src/core/ids.ts';
import { classificationOf } from '../../src/core/summary.ts';
import { releasedEvent } from '../../src/gate/events.ts';
import type { Judgement } from '../../src/gate/judgement.ts';
import type { JsonEntry, Recorder } from '../../src/core/recording.ts';
import { openRecordings, type OpenedRecordings } from '../../src/recordings/recordings.ts';
import { entryOf, quickEntryJson } from '../../src/sessions/entries.ts';

const read: StatementFacts = {
  kind: 'select',
  span: { start: 0, end: 8 },
  effects: [{ verb: 'read', access: 'read', objectKind: 'table', object: 'public.a' }],
  missingWhere: false,
  risks: [],
  changes: [],
};
const ofA = classificationOf([read]);
/** As the classifier answers for a text that differs in literals only. */
const likeA: Classification = { ...ofA, statements: [{ ...read, span: { start: 0, end: 11 } }] };
const ofB = classificationOf([{ ...read, effects: [{ verb: 'insert', access: 'write', objectKind: 'table', object: 'b' }] }]);
const twice = classificationOf([read, read]);

const obligations = { recordParameters: false, recordResults: false, mask: [] };
const rule = { id: 'allow "all"', title: 'All', version: 'v"1', policy: 'p' };
const decision = { kind: 'allow', rule, obligations } as unknown as Extract<Decision, { kind: 'allow' }>;
const other = { kind: 'allow', rule: { ...rule, id: 'other' }, obligations } as unknown as Extract<Decision, { kind: 'allow' }>;
/** After the policies changed, and for another session, for which several rules allow together. */
const renewed = { kind: 'allow', rule: { ...rule, version: 'v"2' }, obligations } as unknown as Extract<Decision, { kind: 'allow' }>;
const joined = { kind: 'allow', rule: { ...rule }, obligations } as unknown as Extract<Decision, { kind: 'allow' }>;

const actions: readonly (readonly [text: string, classification: Classification, change?: Partial<Action>])[] = [
  ['SELECT 1', ofA],
  ['SELECT 1', ofA],
  ["SELECT '\"\\\n'", likeA],
  ['SELECT 1', likeA],
  ['SELECT 1', ofA, { transaction: 'open' }],
  ['SELECT 22', likeA, { transaction: 'open' }],
  ['SELECT 22', likeA, { kind: 'function-call' }],
  ['INSERT', ofB],
  ['SELECT 1; SELECT 1', twice],
  ['SELECT 333', likeA],
];

const clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now() };
const header = { sessionId: 's', principal: 'alice', target: 'orders', protocol: 'postgres', clientAddress: '', startedAtMs: 1 };

function opened(t: Test): { recordings: OpenedRecordings; recorder: Recorder } {
  const dir = mkdtempSync(join(tmpdir(), 'sallyport-entries-'));
  const recordings = openRecordings({ dir, clock });
  t.teardown(async () => {
    await recordings.close();
    rmSync(dir, { recursive: true });
  });
  return { recordings, recorder: recordings.open('s', header) };
}

t.test('an entry that is mostly JSON reads as what it says, whatever its id, its numbers and its length', async (t) => {
  const { recordings, recorder } = opened(t);
  const rest = Buffer.from('"rule":"é"');
  const entries = [
    ...['s-1', 's-123456789', 's-', 't-1', 's-1"', `s-${'1'.repeat(40)}`].map((actionId) => ({ actionId })),
    ...[0, 0.0004, 0.5, 12.3456, 86_400_000.001, 1e13, -1.5].map((askedMs) => ({ askedMs })),
    ...[null, 0, 2 ** 31, 2 ** 64].map((rows) => ({ rows })),
    ...[1000, 20_000, 20_000, 100_000, 1].map((length) => ({ text: `'é"'${'x'.repeat(length)}` })),
    ...Array.from({ length: 200 }, (_, number) => ({ actionId: `s-${number}`, text: 'y'.repeat(number * 5) })),
  ].map((it) => ({ actionId: 's-7', askedMs: 1, releasedMs: 1.25, finishedMs: 2, rows: 1, text: 'SELECT 1', ...it }));
  for (const { text, ...it } of entries)
    for (const json of [JSON.stringify(text), Buffer.from(JSON.stringify(text))]) recorder.writeJson?.({ ...it, text: json, rest });
  const rounded = (ms: number) => Math.round(ms * 1000) / 1000;
  t.same(
    (await recordings.read('s'))?.entries,
    entries.map((it) => ({ kind: 'statement', ...it, askedMs: rounded(it.askedMs), rule: 'é' })).flatMap((it) => [it, it]),
  );
});

t.test('every action in turn, under one decision and under several', async (t) => {
  const { recordings, recorder } = opened(t);
  for (const decisions of [[decision], [decision], [decision, other], [decision, renewed, joined], [decision, decision, other]]) {
    for (const [index, [text, classification, change]] of actions.entries()) {
      const action = {
        id: `s-${index}` as ActionId,
        kind: 'statement',
        text,
        parameters: null,
        digest: () => '',
        mode: { key: '', settings: {}, catalogue: null },
        transaction: 'none',
        classified: null,
        prepared: null,
        ...change,
      } as Action;
      const decided = decisions[index % decisions.length] as typeof decision;
      const judgement = {
        ruling: { kind: 'release', permit: null, classification, obligations },
        decision: decided,
        classification,
        holdId: null,
        approvedBy: [],
      } as unknown as Judgement;
      const running = { action, judgement, askedMs: 1.5, releasedMs: 2.25, results: null, cells: 0 };
      const outcome = { kind: 'completed', rows: index, error: null } as const;
      const quick = quickEntryJson(running, 3.125, outcome);
      recorder.writeJson?.(quick as JsonEntry);
      const [recorded] = (await recordings.read('s'))?.entries.slice(-1) ?? [];
      t.same(recorded, JSON.parse(JSON.stringify(entryOf(running, 3.125, outcome))), `entry ${index}: ${text}`);

      const submitter = { principal: { name: 'alice' }, target: { name: 'orders' }, sessionId: 's' as SessionId };
      const event = releasedEvent(action, classification, submitter as never, decided, null, [], 17);
      t.equal(Buffer.from(event.detailJson ?? '').toString(), JSON.stringify(event.detail), `event ${index}: ${text}`);
      t.match(event.detail, {
        text,
        kind: action.kind,
        access: classification.summary.access,
        rule: decided.rule.id,
        policy: decided.rule.version,
      });
    }
  }
});
