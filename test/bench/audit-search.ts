// Searching a large audit log: the log is written by the real writer, the index is built by the real follower, and then every kind
// of question is asked for its first page.

import { randomInt } from 'node:crypto';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { openAuditLog, type OpenedAuditLog } from '../../src/audit/log.ts';
import type { AuditQuery } from '../../src/core/audit-query.ts';
import type { Clock } from '../../src/core/clock.ts';
import { temporaryDirectory } from '../support/directories.ts';
import type { Probe } from './probe.ts';
import { median } from './statistics.ts';

const people = 500;
const targets = 50;
const statementsOfSession = 40;
const tables = 400;
const asksEach = 5;
/** The log is spread over so many days. */
const days = 90;
const indexTimeoutMs = 600_000;

export const auditSearch: Probe = {
  name: 'audit-search',
  title: 'audit search, slowest first page',
  unit: 'ms',
  must: 200,
  run: async (t, { events }) => {
    const dir = join(temporaryDirectory(t, 'bench-audit'), 'audit');
    const clock: Clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now() };
    const fail = (fault: Error) => {
      throw fault;
    };
    const log = await openAuditLog({ dir, durability: 'kernel', clock, onFailed: fail });
    t.teardown(() => log.close());
    const startMs = performance.now();
    const fromMs = Date.now() - days * 86_400_000;
    await write(log, events, fromMs);
    const writtenMs = performance.now();
    await indexed(log);
    const details: Record<string, number> = {
      events,
      'events written per ms': events / (writtenMs - startMs),
      'index built after s': (performance.now() - writtenMs) / 1000,
      'index MB': statSync(join(dir, 'search.db')).size / 2 ** 20,
    };
    let slowest = 0;
    for (const [words, query] of Object.entries(questions(events, fromMs))) {
      const times: number[] = [];
      for (let turn = 0; turn < asksEach; turn += 1) {
        const askedMs = performance.now();
        await log.search(query);
        times.push(performance.now() - askedMs);
      }
      details[`${words} ms`] = median(times);
      slowest = Math.max(slowest, median(times));
    }
    return { value: slowest, details };
  },
};

async function write(log: OpenedAuditLog, events: number, fromMs: number): Promise<void> {
  const stepMs = (days * 86_400_000) / events;
  for (let number = 0; number < events; number += 2) {
    const session = Math.floor(number / 2 / statementsOfSession);
    const atMs = Math.round(fromMs + number * stepMs);
    const who = {
      principal: `person-${session % people}`,
      target: `target-${session % targets}`,
      sessionId: `s-${session.toString(16).padStart(20, '0')}`,
      actionId: `s-${session.toString(16).padStart(20, '0')}-${number}`,
    };
    const text = `SELECT name, total FROM table_${randomInt(tables)} WHERE id = ${number} AND region = 'r${randomInt(30)}'`;
    const detail = { kind: 'statement', text, access: 'read', rule: 'base/allow-reads', policy: '0123456789abcdef' };
    const isDenied = number % 20_000 === 0;
    log.appendSoon({ type: isDenied ? 'action.denied' : 'action.released', atMs, ...who, holdId: null, detail });
    const outcome = { outcome: 'completed', rows: randomInt(100), duration_ms: randomInt(10_000) / 1000 };
    log.appendSoon({ type: 'action.finished', atMs: atMs + 1, ...who, holdId: null, detail: outcome });
    if (number % 20_000 === 0) await pause(0); // buffered events are written
  }
  log.flush();
}

/** The first question waits for the index; on a slow machine it is asked again. */
async function indexed(log: OpenedAuditLog): Promise<void> {
  const deadline = performance.now() + indexTimeoutMs;
  for (;;) {
    try {
      await log.search({ limit: 1 });
      return;
    } catch (thrown) {
      if (performance.now() > deadline) throw thrown;
    }
  }
}

function questions(events: number, fromMs: number): Record<string, AuditQuery> {
  const session = Math.floor(events / 4 / statementsOfSession);
  const middleMs = fromMs + (days / 2) * 86_400_000;
  return {
    newest: {},
    person: { principal: 'person-7' },
    'person and target that never meet': { principal: 'person-7', target: 'target-8' },
    'session in the middle': { session: `s-${session.toString(16).padStart(20, '0')}` },
    'rare type': { type: 'action.denied' },
    'rare word': { text: String(Math.floor(events / 4) * 2) },
    'common word': { text: 'region' },
    'common word and person': { text: 'region', principal: 'person-7' },
    'two words that meet by chance': { text: 'table_7 r7' },
    'beginning of a word': { text: 'table_39*' },
    'an hour in the middle': { fromMs: middleMs, toMs: middleMs + 3_600_000 },
    'nothing has it': { text: 'nosuchword' },
  };
}
