// What has to be true after a round, told from outside: by the targets' own logs, the files of the audit log, the recordings, and what
// every client was told.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Page, SessionView } from '../../src/api/contract.ts';
import type { AuditLine } from '../../src/audit/line.ts';
import { verifyAudit } from '../../src/audit/verify.ts';
import { eventually } from '../support/eventually.ts';
import type { Ledger } from './ledger.ts';
import { whatRan } from './target-logs.ts';
import type { World } from './world.ts';

/** Connections that the gateway keeps for the next session end within that. */
const keptUpstreamMs = 6500;
/** What was decided has been written by then. */
const soonMs = 300;
/** Sessions of somebody who was shut out end within that. */
const shutOutMs = 1000;

/** Gives one line of figures. */
export async function checkRound(world: World, ledger: Ledger): Promise<string> {
  const { gateway } = world;
  if (!gateway.isRunning) {
    ledger.violate(`the gateway has ended by itself:\n${gateway.output.slice(-3000)}`);
    await gateway.start();
  }
  await eventually('the gateway is ready', () => gateway.isReady(), 30_000).catch((thrown: unknown) => ledger.violate(String(thrown)));
  await delay(keptUpstreamMs);
  const verified = await verifyAudit(join(gateway.dataDir, 'audit'));
  if (!verified.ok) ledger.violate(`the audit log does not verify: ${JSON.stringify(verified)}`);
  const events = readEvents(world, ledger);
  checkReleases(world, ledger, events);
  checkEnds(ledger, events);
  checkAnswers(ledger, events);
  checkShutOut(ledger, events);
  await checkRecordings(world, ledger);
  return figures(world, ledger, events);
}

/** Everything that was there is there still. */
function readEvents({ gateway }: World, ledger: Ledger): AuditLine[] {
  const folder = join(gateway.dataDir, 'audit');
  const names = readdirSync(folder).filter((name) => /^audit-.*\.jsonl$/.test(name)).sort(); // prettier-ignore
  const lines = names.flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n').filter((line) => line !== '')); // prettier-ignore
  const events = lines.map((line) => JSON.parse(line) as AuditLine);
  const lost = ledger.events.find(({ hash }, at) => events[at]?.hash !== hash);
  if (lost !== undefined) ledger.violate(`event ${lost.seq} (${lost.type}) is not in the audit log any more`);
  ledger.events = events;
  return events;
}

/** What a target ran was released before, as often as it ran, and should have. */
function checkReleases(world: World, ledger: Ledger, events: readonly AuditLine[]): void {
  const released = new Map<number, AuditLine[]>();
  for (const event of events) {
    if (event.type !== 'action.released') continue;
    for (const { number } of ledger.of(String(event.detail['text']))) released.set(number, [...(released.get(number) ?? []), event]);
  }
  const ranTimes = new Map<number, number>();
  for (const { where, atMs, text } of whatRan(world)) {
    for (const attempt of ledger.of(text)) {
      const times = (ranTimes.get(attempt.number) ?? 0) + 1;
      ranTimes.set(attempt.number, times);
      const what = `${where} ran (${times}) ${text.slice(0, 150)} of ${attempt.client}, expected ${attempt.expected}`;
      const releases = released.get(attempt.number) ?? [];
      if (attempt.expected !== 'runs' && attempt.expected !== 'approve') ledger.violate(what);
      if (releases.length === 0) ledger.violate(`${what}: never released`);
      else if (times > releases.length && !attempt.text.startsWith('pipeline'))
        ledger.violate(`${what}: released ${releases.length} times`);
      if (attempt.expected === 'approve' && times > 1) ledger.violate(`${what}: more than once`);
      const first = Math.min(...releases.map(({ at_ms }) => at_ms));
      if (atMs !== null && first > atMs + 5) ledger.violate(`${what}: released ${first - atMs} ms later`);
    }
  }
  for (const { number, text, ending, expected } of ledger.attempts) {
    if (ending !== 'ok' || /^(?:connect|get|prepared) /.test(text)) continue;
    if (expected === 'deny' || expected === 'denied' || expected === 'left') ledger.violate(`answered as if it had run: ${text}`);
    if (!released.has(number)) ledger.violate(`answered, and never released: ${text}`);
  }
}

/** Each release, hold and session ends once. */
function checkEnds(ledger: Ledger, events: readonly AuditLine[]): void {
  const once = (begins: string, ends: readonly string[], idOf: (event: AuditLine) => string | null, unkept = new Set<string | null>()) => {
    const ended = new Map<string, number>();
    for (const event of events) if (ends.includes(event.type)) ended.set(idOf(event) ?? '', (ended.get(idOf(event) ?? '') ?? 0) + 1);
    const begun = events.filter(({ type, detail }) => type === begins && detail['kind'] !== 'connect'); // nothing of a connect goes to a target
    for (const event of begun) {
      const times = ended.get(idOf(event) ?? '') ?? 0;
      if (times !== (unkept.has(idOf(event)) ? 2 : 1))
        ledger.violate(
          `${begins} ${idOf(event)} (event ${event.seq}, ${event.at_ms}) has ${times} ends: ${JSON.stringify(event.detail).slice(0, 200)}`,
        );
    }
    const known = new Set(begun.map(idOf));
    for (const id of ended.keys()) if (!known.has(id)) ledger.violate(`${ends.join()} ${id} without ${begins}`);
  };
  once('action.released', ['action.finished'], ({ action }) => action);
  once('action.held', ['hold.approved', 'hold.denied', 'hold.expired', 'hold.withdrawn'], ({ hold }) => hold, unkeptApprovals(events));
  once('session.opened', ['session.closed'], ({ session }) => session);
}

/** An approval that the store did not keep is withdrawn behind it. */
function unkeptApprovals(events: readonly AuditLine[]): Set<string | null> {
  const approved = new Set(events.filter(({ type }) => type === 'hold.approved').map(({ hold }) => hold));
  const withdrawn = events.filter(({ type, detail }) => type === 'hold.withdrawn' && String(detail['reason']).includes('could not write'));
  return new Set(withdrawn.map(({ hold }) => hold).filter((hold) => approved.has(hold)));
}

/** An answer that was confirmed is in the log, as it was given. */
function checkAnswers(ledger: Ledger, events: readonly AuditLine[]): void {
  const settled = new Map(events.filter(({ type }) => type.startsWith('hold.')).map(({ hold, type }) => [hold, type]));
  for (const [id, word] of ledger.answered) {
    const wanted = word === 'approve' ? 'hold.approved' : 'hold.denied';
    if (settled.get(id) !== wanted) ledger.violate(`hold ${id}: ${word} was confirmed, and the log says ${settled.get(id)}`);
  }
}

/** Nothing is released to somebody who was shut out. */
function checkShutOut(ledger: Ledger, events: readonly AuditLine[]): void {
  for (const { person, fromMs, toMs } of ledger.shut) {
    const late = events.find(
      ({ type, principal, at_ms }) => type === 'action.released' && principal === person && at_ms > fromMs && at_ms < toMs,
    );
    if (late !== undefined)
      ledger.violate(
        `${person} was shut out at ${new Date(fromMs).toISOString()}, and event ${late.seq} released something at ${late.at_ms}`,
      );
    const open = new Set<string | null>();
    for (const { type, principal, at_ms, session } of events) {
      if (principal !== person || at_ms > fromMs + shutOutMs + soonMs) continue;
      if (type === 'session.opened') open.add(session);
      if (type === 'session.closed') open.delete(session);
    }
    if (toMs - fromMs > shutOutMs + soonMs && open.size > 0)
      ledger.violate(`${person} was shut out at ${new Date(fromMs).toISOString()}, and ${[...open].join()} stayed`);
  }
}

async function checkRecordings({ gateway }: World, ledger: Ledger): Promise<void> {
  const carol = gateway.api('carol');
  const { body } = await carol.get<Page<SessionView>>('/sessions?limit=200');
  for (const { id, state, principal, statements } of body.items) {
    if (state !== 'closed') ledger.violate(`session ${id} of ${principal} is ${state} after everybody has left`);
    const { status, body: recording } = await carol.get<{ entries: unknown[]; damaged?: boolean }>(`/sessions/${id}/recording`);
    // A session that could not be recorded ended before anything was asked in it.
    if (status !== 200 && statements > 0) ledger.violate(`the recording of ${id} can't be read: ${status} ${JSON.stringify(recording)}`);
  }
  for (const name of readdirSync(join(gateway.dataDir, 'recordings')).filter((it) => it.endsWith('.jsonl'))) {
    const lines = readFileSync(join(gateway.dataDir, 'recordings', name), 'utf8').split('\n');
    lines.slice(0, -1).forEach((line, at) => {
      try {
        JSON.parse(line);
      } catch {
        ledger.violate(`recording ${name}:${at + 1} of ${lines.length - 1} is half a line: ${line.slice(0, 200)}`);
      }
    });
  }
}

async function figures({ gateway, postgres, mariadb }: World, ledger: Ledger, events: readonly AuditLine[]): Promise<string> {
  const metrics = await gateway.metrics();
  const [row] = await postgres.sql(
    "SELECT count(*) AS n FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
  );
  const atMariadb = (await mariadb.sql('SHOW PROCESSLIST')).length - 1;
  const endings = new Map<string, number>();
  for (const { ending } of ledger.attempts) endings.set(ending ?? 'open', (endings.get(ending ?? 'open') ?? 0) + 1);
  const megabytes = Math.round((metrics.get('process_resident_memory_bytes') ?? 0) / 2 ** 20);
  const tried = [...endings].map(([ending, count]) => `${count} ${ending}`).join(', ');
  const open = `${metrics.get('process_open_fds')} files, ${megabytes} MB, ${String(row?.['n'])} + ${atMariadb} at the targets`;
  return `${tried}; ${events.length} events; ${open}; ${ledger.violations.length} violations`;
}
