// The thread behind AuditSearch: follows the segments into the index and answers one question at a time.

import { setTimeout as pause } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { Fault, messageOf, type FaultCode } from '../core/errors.ts';
import type { AuditQuery } from './search.ts';
import { eventsSince, searchPage } from './search-query.ts';
import { openSearchStore, type SearchStore } from './search-store.ts';
import { followSegments } from './search-follow.ts';
import { verifyAudit } from './verify.ts';

export type SearchRequest =
  | { readonly id: number; readonly kind: 'query'; readonly query: AuditQuery; readonly headSeq: number }
  | { readonly id: number; readonly kind: 'since'; readonly seq: number; readonly limit: number; readonly headSeq: number }
  | { readonly id: number; readonly kind: 'verify' }
  | { readonly id: number; readonly kind: 'close' };

export type SearchAnswer =
  | { readonly id: number; readonly ok: true; readonly value: unknown }
  | { readonly id: number; readonly ok: false; readonly code: FaultCode; readonly message: string };

/** How far the index may stay behind while nobody asks. */
const followMs = 1000;
/** The longest that a question waits for an index that is being built. */
const catchUpMs = 15_000;
/** Lines taken in before other work of this thread gets a turn. */
const linesAtOnce = 2000;

const { dir } = workerData as { dir: string };
const port = parentPort;
if (port === null) throw new Error('search-worker runs as a worker thread only');
let store: SearchStore | null = null;
let following: Promise<void> | null = null;
let closing = false;

/** Takes everything in that stands in the segments now. Shared by all who need it. */
function follow(): Promise<void> {
  following ??= followAll().finally(() => {
    following = null;
  });
  return following;
}

async function followAll(): Promise<void> {
  store ??= await openSearchStore(dir);
  while (!closing && (await followSegments(dir, store, linesAtOnce)) === linesAtOnce) await pause(0);
}

/** The store, with everything up to `headSeq` in it. */
async function caughtUp(headSeq: number): Promise<SearchStore> {
  const deadline = performance.now() + catchUpMs;
  while (store === null || store.position().seq < headSeq) {
    const done = follow();
    done.catch(() => undefined); // awaited below, unless the wait is over first
    await Promise.race([done, pause(Math.max(0, deadline - performance.now()), undefined, { ref: false })]);
    if (performance.now() >= deadline) {
      const at = store === null ? 0 : store.position().seq;
      throw new Fault('limit-reached', `the index of the audit log is being built (${at} of ${headSeq} events); try again later`);
    }
  }
  return store;
}

async function answer(request: SearchRequest): Promise<unknown> {
  switch (request.kind) {
    case 'query':
      return searchPage(dir, await caughtUp(request.headSeq), request.query);
    case 'since':
      return eventsSince(dir, await caughtUp(request.headSeq), request.seq, request.limit);
    case 'verify':
      return verifyAudit(dir);
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
  if (!closing) follow().catch(() => undefined);
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
