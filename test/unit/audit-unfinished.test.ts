// What killed sessions left without an end in the log is found, however many files back it began, and what ended is not.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import t from 'tap';
import { openAuditLog } from '../../src/audit/log.ts';
import { listSegments } from '../../src/audit/segments.ts';
import { segmentsReadMax } from '../../src/audit/unfinished.ts';
import { endLeftOpen } from '../../src/composition/lost-sessions.ts';
import type { AuditEvent } from '../../src/core/audit.ts';
import type { SessionView } from '../../src/api/contract.ts';
import { event, options, realClock, temporaryFolder } from './audit-fixtures/log.ts';

const released = (session: string, number: number, more: Partial<AuditEvent> = {}) =>
  event(number, { sessionId: session, actionId: `${session}-${number}`, ...more });
const finished = (session: string, number: number) => released(session, number, { type: 'action.finished' });

t.test('actions of killed sessions end as unknown, once, and so do the sessions', async (t) => {
  const dir = temporaryFolder();
  const log = await openAuditLog(options(dir, { segmentBytes: 5000 })); // a dozen events in each file
  t.teardown(async () => {
    await log.close();
    rmSync(dir, { recursive: true });
  });
  for (const session of ['s-a', 's-b', 's-c']) log.append(released(session, 0, { detail: { kind: 'connect' } }));
  log.append(released('s-a', 1, { holdId: 'h-1', detail: { text: 'Größe "action":"s-a-9"' } })); // runs still, behind all that follows
  for (let number = 2; number < 40; number += 1) {
    log.append(released('s-a', number));
    log.append(released('s-b', number));
    log.append(finished('s-a', number));
    if (number < 39) log.append(finished('s-b', number));
  }
  log.append(released('s-c', 1));
  log.append(released('s-c', 2, { type: 'session.closed', actionId: null }));
  log.append(released('s-other', 1));

  t.strictSame(await log.lostEnds(['s-a', 's-b', 's-c']), {
    unfinished: [
      { principal: 'alice', target: 'orders', sessionId: 's-a', actionId: 's-a-1', holdId: 'h-1' },
      { principal: 'alice', target: 'orders', sessionId: 's-b', actionId: 's-b-39', holdId: null },
      { principal: 'alice', target: 'orders', sessionId: 's-c', actionId: 's-c-1', holdId: null },
    ],
    closed: ['s-c'],
  });

  const left = ['s-a', 's-b', 's-c'].map(
    (id) => ({ id, principal: 'alice', target: 'orders', statements: 3, held: 0, denied: 0 }) as SessionView,
  );
  const ended = { ...left[2], id: 's-other', end_reason: 'the client left' } as SessionView; // a moment before the kill
  const book = { leftOpen: () => left, endedSince: () => [ended], closeLeftOpen: () => left.length };
  const killed = { wasLeftOpen: true, lostEnds: log.lostEnds.bind(log), appendSoon: log.appendSoon.bind(log), flush: log.flush.bind(log) };
  const before = log.head().seq;
  // A second time, as after a crash between the log and the book.
  for (let time = 0; time < 2; time += 1) await endLeftOpen({ audit: killed, book, clock: realClock, newestEventMs: 0 });
  const written = await log.since(before);
  t.strictSame(
    written.map(({ type, session_id: session, action_id: action, hold_id: hold }) => [type, session, action, hold]),
    [
      ['action.finished', 's-a', 's-a-1', 'h-1'],
      ['action.finished', 's-b', 's-b-39', null],
      ['action.finished', 's-c', 's-c-1', null],
      ['action.finished', 's-other', 's-other-1', null],
      ['session.closed', 's-a', null, null],
      ['session.closed', 's-b', null, null],
      ['session.closed', 's-other', null, null],
    ],
  );
  t.match(written[0]?.detail, { outcome: 'unknown', rows: null });
  t.match(written[4]?.detail, { reason: 'the gateway restarted', statements: 3 });
  t.match(written[6]?.detail, { reason: 'the client left' });
});

t.test('what began more files ago than are read whole is found by the index', async (t) => {
  const dir = temporaryFolder();
  const log = await openAuditLog(options(dir, { segmentBytes: 5000 }));
  t.teardown(async () => {
    await log.close();
    rmSync(dir, { recursive: true });
  });
  const begin = (session: string) => {
    log.append(released(session, 0, { detail: { kind: 'connect' } }));
    log.append(released(session, 1, { detail: { text: 'Größe' } }));
  };
  begin('s-long');
  begin('s-done');
  log.append(finished('s-done', 1));
  begin('s-late'); // it ends in one of the newest files
  const work = (to: number) => {
    for (let number = 0; log.head().seq < to; number += 1) log.append(released('s-other', number));
  };
  work(400);
  log.append(finished('s-late', 1));
  t.ok(listSegments(dir).length > segmentsReadMax + 10);

  const sessions = ['s-long', 's-done', 's-late', 's-unknown'];
  const unfinished = [{ principal: 'alice', target: 'orders', sessionId: 's-long', actionId: 's-long-1', holdId: null }];
  t.strictSame(await log.lostEnds(sessions), { unfinished, closed: [] });
  const index = new Database(join(dir, 'search.db'));
  index.exec('UPDATE blocks SET length_bytes = 1');
  index.close();
  t.strictSame(await log.lostEnds(sessions), { unfinished: [], closed: [] }, 'an index that does not fit says nothing');
  t.strictSame(await log.lostEnds(sessions), { unfinished, closed: [] }, 'and is built again');
});
