// What a gateway recorded, as actions that can be judged again: statements from the recordings, the opening of sessions and the
// approvals from the audit log. Reads only; a gateway may be writing meanwhile.

import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { protocols } from '../../policies/engine/vocabulary.ts';
import { listSegments, readLines } from '../audit/segments.ts';
import type { AuditLine } from '../audit/line.ts';
import type { Action } from '../core/action.ts';
import type { Classification } from '../core/classification.ts';
import type { Approval, Decision } from '../core/decision.ts';
import type { Facts } from '../core/policy.ts';
import type { JudgedFacts, RecordingHeader, SessionRecordFacts, StatementEntry } from '../core/recording.ts';
import { classificationOf, noColumns, notUnderstood } from '../core/summary.ts';
import { readRecording } from '../recordings/read.ts';
import { principal, target } from './policy-cast.ts';
import type { Cast } from './policy-cast.ts';

/** Approvals and openings kept from the audit log; beyond it the log is said to be too large. */
export const openingsMax = 1_000_000;

/** Principal, target and session keep their identity for all actions of a session. */
export type Who = Omit<Facts, 'nowMs' | 'approvals'>;

export interface RecordedAction {
  readonly atMs: number;
  readonly sessionId: string;
  /** Null when nothing says in which groups the person was. */
  readonly who: Who | null;
  readonly action: Action;
  /** What was judged then; null when only the text is known. */
  readonly classification: Classification | null;
  readonly effects: readonly string[];
  readonly decision: Decision['kind'];
  readonly rule: string | null;
  /** The yeses that it ran by. */
  readonly approvals: readonly Approval[];
  /** False when the gateway failed: that was no decision. */
  readonly wasDecided: boolean;
  /** Access for a while had a part in the decision; the log does not say what it reached. */
  readonly byAccess: boolean;
}

/** What the audit log says that recordings do not. */
export interface AuditFacts {
  readonly openings: readonly RecordedAction[];
  readonly approvals: ReadonlyMap<string, readonly Approval[]>;
  /** Actions that were decided by access for a while. */
  readonly byAccess: ReadonlySet<string>;
}

/** Recordings that were written to since then, oldest first. */
export function recordingPaths(dataDir: string, sinceMs: number): string[] {
  const dir = join(dataDir, 'recordings');
  if (!existsSync(dir)) return [];
  const paths = readdirSync(dir)
    .filter((name) => name.endsWith('.jsonl'))
    .map((name) => join(dir, name));
  const dated = paths.map((path) => ({ path, mtimeMs: statSync(path).mtimeMs })).filter(({ mtimeMs }) => mtimeMs >= sinceMs);
  return dated.sort((a, b) => a.mtimeMs - b.mtimeMs).map(({ path }) => path);
}

/** The statements of one recording since then; `truncated` when the recording was too large to be read whole. */
export async function recordedStatements(
  path: string,
  sinceMs: number,
  cast: Cast | null,
  audit: Pick<AuditFacts, 'approvals' | 'byAccess'>,
): Promise<{ actions: RecordedAction[]; truncated: boolean }> {
  const recording = await readRecording(path);
  if (recording === null) return { actions: [], truncated: true };
  const { header, entries, truncated } = recording;
  const who = whoOf(header.principal, header.target, header.protocol, header.clientAddress, header.facts, cast);
  const actions = entries.filter((entry) => header.startedAtMs + entry.askedMs >= sinceMs);
  return { actions: actions.map((entry) => statementOf(header, entry, who, audit)), truncated };
}

function statementOf(
  header: RecordingHeader,
  entry: StatementEntry,
  who: Who | null,
  { approvals, byAccess }: Pick<AuditFacts, 'approvals' | 'byAccess'>,
): RecordedAction {
  const { judged } = entry;
  return {
    atMs: header.startedAtMs + entry.askedMs,
    sessionId: header.sessionId,
    who,
    action: {
      ...actionOf(
        judged?.actionKind ?? (header.protocol === 'ssh' ? 'command' : 'statement'),
        entry.text,
        judged?.transaction ?? 'none',
        entry.parameters,
        who?.session.database ?? null,
      ),
      ...(judged?.estimatedRows === undefined ? {} : { estimatedRows: judged.estimatedRows }),
      ...(judged?.reason === undefined ? {} : { reason: judged.reason }),
    },
    classification: judged === undefined ? null : classificationAgain(judged, entry),
    effects: entry.effects,
    decision: entry.decision,
    rule: entry.rule,
    approvals: entry.releasedMs === null || entry.holdId === null ? [] : (approvals.get(entry.holdId) ?? []),
    wasDecided: entry.outcome !== 'fault' && entry.error?.code !== 'fault',
    byAccess: byAccess.has(entry.actionId),
  };
}

function classificationAgain(judged: JudgedFacts, entry: StatementEntry): Classification {
  if (judged.problem !== null) return notUnderstood(judged.problem, entry.error?.message ?? 'it was not understood');
  const kinds = entry.statementKinds;
  const classification = classificationOf(
    Array.from({ length: Math.max(judged.statementCount, kinds.length) }, (_, index) => ({
      kind: kinds[index] ?? kinds.at(-1) ?? 'unknown',
      span: { start: 0, end: 0 },
      effects: index === 0 ? judged.effects : [],
      missingWhere: judged.missingWhere && index === 0,
      risks: [],
      ...(judged.columns === undefined ? {} : { columns: index === 0 ? judged.columns : noColumns }),
      changes: [],
    })),
  );
  // An access without effects that explain it: the classifier could not name what it saw.
  return { ...classification, summary: { ...classification.summary, access: judged.access } };
}

/** The openings of sessions since then, and the approvals of all holds. */
export async function readAuditFacts(dataDir: string, sinceMs: number, cast: Cast | null): Promise<AuditFacts & { truncated: boolean }> {
  const dir = join(dataDir, 'audit');
  const openings: RecordedAction[] = [];
  const approvals = new Map<string, Approval[]>();
  const held = new Set<string>();
  const byAccess = new Set<string>();
  let truncated = false;
  const take = (line: AuditLine): void => {
    const { type, hold, session, detail } = line;
    if (openings.length + approvals.size + byAccess.size >= openingsMax) truncated = true;
    else if (line.action !== null && texts(detail['grants']).length > 0) byAccess.add(line.action);
    if (truncated) return;
    if (type === 'hold.approval-given' && hold !== null) {
      const reason = typeof detail['reason'] === 'string' ? detail['reason'] : null;
      const given = { by: line.principal ?? '', groups: texts(detail['groups']), reason, atMs: line.at_ms };
      approvals.set(hold, [...(approvals.get(hold) ?? []), given]);
    } else if (type === 'action.held' && detail['kind'] === 'connect' && session !== null) held.add(session);
    else if ((type === 'session.opened' || type === 'session.refused') && line.at_ms >= sinceMs)
      openings.push(openingOf(line, held, byAccess, cast));
  };
  for (const { path } of existsSync(dir) ? listSegments(dir) : []) {
    // A segment that was last written to before then has nothing of later.
    if (statSync(path).mtimeMs < sinceMs) continue;
    await readLines(path, (bytes) => {
      if (interesting.some((type) => bytes.includes(type))) {
        const line = parsed(bytes);
        if (line !== null) take(line);
      }
      return !truncated;
    });
  }
  return { openings, approvals, byAccess, truncated };
}

const interesting = [
  '"type":"session.opened"',
  '"type":"session.refused"',
  '"type":"action.held"',
  '"type":"hold.approval-given"',
  '"grants":["',
].map((it) => Buffer.from(it));

/** Earlier versions wrote `clientAddress` and `principalKind`. */
function openingOf(
  { type, at_ms: atMs, principal: name, target: on, session, detail }: AuditLine,
  held: ReadonlySet<string>,
  byAccess: ReadonlySet<string>,
  cast: Cast | null,
): RecordedAction {
  const facts = factsOf(detail);
  const protocol = typeof detail['protocol'] === 'string' ? detail['protocol'] : (cast?.targets.get(on ?? '')?.protocol ?? '');
  const clientAddress = detail['client_address'] ?? detail['clientAddress'];
  return {
    atMs,
    sessionId: session ?? '',
    who: whoOf(name ?? '', on ?? '', protocol, typeof clientAddress === 'string' ? clientAddress : '', facts, cast),
    action: actionOf('connect', `connect to ${on ?? ''}`, 'none', null),
    classification: classificationOf([]),
    effects: [],
    decision: held.has(session ?? '') ? 'hold' : type === 'session.opened' ? 'allow' : 'deny',
    rule: typeof detail['rule'] === 'string' ? detail['rule'] : null,
    approvals: [],
    wasDecided: true,
    byAccess: byAccess.has(`${session ?? ''}-0`),
  };
}

function factsOf(detail: AuditLine['detail']): SessionRecordFacts | undefined {
  const { labels, tls, method, database } = detail;
  const principalKind = detail['principal_kind'] ?? detail['principalKind'];
  if (principalKind !== 'person' && principalKind !== 'machine' && principalKind !== 'ai-agent') return undefined;
  return {
    principalKind,
    groups: texts(detail['groups']),
    labels: typeof labels === 'object' && labels !== null ? (labels as Record<string, string>) : {},
    tls: tls === true,
    method: typeof method === 'string' ? method : '',
    database: typeof database === 'string' ? database : null,
  };
}

/** As recorded; what was not recorded is as the configuration says today. */
function whoOf(
  name: string,
  on: string,
  protocolWord: string,
  clientAddress: string,
  facts: SessionRecordFacts | undefined,
  cast: Cast | null,
): Who | null {
  const protocol = protocols.find((it) => it === protocolWord);
  if (protocol === undefined) return null;
  if (facts !== undefined) {
    const { principalKind, groups, labels, tls, method, database } = facts;
    return {
      principal: principal(name, groups, principalKind),
      target: target(on, protocol, labels),
      session: { clientAddress, tls, method, database },
    };
  }
  const person = cast?.people.get(name);
  const place = cast?.targets.get(on);
  if (person === undefined || place === undefined) return null;
  return { principal: person, target: place, session: { clientAddress, tls: true, method: 'token', database: null } };
}

function actionOf(
  kind: Action['kind'],
  text: string,
  transaction: Action['transaction'],
  parameters: Action['parameters'],
  database: string | null = null,
): Action {
  // What a session of MySQL begins with, for templates; settings that it changed are not recorded.
  const settings = { sql_mode: '', character_set_client: 'utf8mb4', ...(database === null ? {} : { database }) };
  return {
    id: 'rehearsed' as Action['id'],
    kind,
    text,
    parameters,
    digest: () => '',
    mode: { key: 'policy rehearse', settings, catalogue: null },
    transaction,
    classified: null,
    prepared: null,
  };
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((it) => typeof it === 'string') : [];
}

/** Null for a damaged line; those around it are still worth reading, and `audit verify` is there to name it. */
function parsed(bytes: Buffer): AuditLine | null {
  try {
    return JSON.parse(bytes.toString('utf8')) as AuditLine;
  } catch {
    return null;
  }
}
