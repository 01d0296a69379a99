// The thread behind AuditSearch: follows the segments into the index and answers one question at a time.

import { setTimeout as pause } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { Fault, messageOf } from '../core/errors.ts';
import { endsOfHolds } from './ends-of-holds.ts';
import type { SearchAnswer, SearchRequest, SearchWorkerData } from './search-messages.ts';
import { newestEvents } from './newest-events.ts';
import { eventsSince, linesAbout, searchPage, WrongIndex } from './search-query.ts';
import { openSearchStore, removeSearchStore, type SearchStore } from './search-store.ts';
import { writtenSeq } from './shared-chain.ts';
import { followSegments, lastLines, mayHaveBlock } from './search-follow.ts';
import { lostEnds } from './unfinished.ts';
import { verifyAudit } from './verify.ts';

/** How far the index may stay behind while nobody asks. */
const followMs = 1000;
/** The longest that a question waits for an index that is being built. */
const catchUpMs = 15_000;
/** Blocks taken in before other work of this thread gets a turn. */
const blocksAtOnce = 16;

const { dir, memory } = workerData as SearchWorkerData;
const port = parentPort;
if (port === null) throw new Error('search-worker runs as a worker thread only');
let store: SearchStore | null = null;
let shared = memory;
let following: Promise<void> | null = null;
let closing = false;

/** With several threads that write, what stands behind the end of the chain may be a write that is taken back. */
function lastSeq(): number {
  return shared === null ? Infinity : writtenSeq(shared);
}

/** Takes every whole block in that stands in the segments now. Shared by all who need it. */
function follow(): Promise<void> {
  following ??= followAll().finally(() => {
    following = null;
  });
  return following;
}

async function followAll(): Promise<void> {
  store ??= await openSearchStore(dir);
  while (!closing && (await followSegments(dir, store, blocksAtOnce, lastSeq())) > 0) await pause(0);
}

/** The store, with every whole block that was written before the call. */
async function caughtUp(headSeq: number): Promise<SearchStore> {
  const late = Symbol('late');
  const waiting = new AbortController();
  const deadline = pause(catchUpMs, late, { ref: false, signal: waiting.signal }).catch(() => late);
  try {
    await following?.catch(() => undefined); // it may have begun before the last lines were written
    const done = follow();
    done.catch(() => undefined); // awaited here, unless the wait is over first
    if ((await Promise.race([done, deadline])) === late) {
      const at = store === null ? 0 : store.position().seq;
      throw new Fault('limit-reached', `the index of the audit log is being built (${at} of ${headSeq} events); try again later`);
    }
    return store as unknown as SearchStore;
  } finally {
    waiting.abort();
  }
}

/** The next question builds it again. */
function dropIndex(wrong: SearchStore): void {
  store = null;
  wrong.close();
  removeSearchStore(dir);
}

/** As far as the index can be had: what was killed ends without it, too. */
async function earlierLines(sessions: readonly string[], before: number): Promise<Iterable<string>> {
  const searched = await caughtUp(before).catch(() => null);
  return searched === null ? [] : untilWrong(searched, linesAbout(dir, searched, null, 'session', sessions, before));
}

function* untilWrong(searched: SearchStore, lines: Iterable<string>): IterableIterator<string> {
  try {
    yield* lines;
  } catch (thrown) {
    if (!(thrown instanceof WrongIndex)) throw thrown;
    if (store === searched) dropIndex(searched);
  }
}

async function answer(request: SearchRequest): Promise<unknown> {
  switch (request.kind) {
    case 'query':
    case 'since': {
      const searched = await caughtUp(request.headSeq);
      try {
        const rest = await lastLines(dir, searched, lastSeq());
        if (request.kind === 'query') return searchPage(dir, searched, rest, request.query);
        return eventsSince(dir, searched, rest, request.seq, request.limit);
      } catch (thrown) {
        if (thrown instanceof WrongIndex && store === searched) dropIndex(searched);
        throw thrown;
      }
    }
    case 'lost-ends':
      return lostEnds(dir, request.sessions, lastSeq(), earlierLines);
    case 'ends-of-holds': {
      const searched = await caughtUp(request.headSeq);
      const rest = await lastLines(dir, searched, lastSeq());
      return endsOfHolds(untilWrong(searched, linesAbout(dir, searched, rest, 'hold', request.holds)), request.holds);
    }
    case 'newest':
      return newestEvents(dir, request, lastSeq());
    case 'verify':
      return verifyAudit(dir);
    case 'share':
      shared = request.memory;
      return null;
    case 'close':
      closing = true;
      clearInterval(timer);
      await following?.catch(() => undefined);
      store?.close();
      return null;
  }
}

const timer = setInterval(() => {
  // A failure here shows itself to the next who asks.
  if (!closing && (store === null || mayHaveBlock(dir, store.position()))) follow().catch(() => undefined);
}, followMs);

port.on('message', (request: SearchRequest) => {
  answer(request).then(
    (value) => port.postMessage({ id: request.id, ok: true, value } satisfies SearchAnswer),
    (thrown: unknown) => {
      const code = thrown instanceof Fault ? thrown.code : 'store-failed';
      port.postMessage({ id: request.id, ok: false, code, message: messageOf(thrown) } satisfies SearchAnswer);
    },
  );
});
