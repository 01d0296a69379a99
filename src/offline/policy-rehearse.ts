// `sallyport policy rehearse DIR`: judges what was recorded in the last days by changed policies, and lists each action whose
// decision would differ. Actions are judged on what was known of them then; what can't be known is counted, never guessed.

import { basename } from 'node:path';
import type { LoadedPolicySet } from '../../policies/engine/load.ts';
import { clockTime, printJson } from '../cli/command.ts';
import { CommandFailure, exitCode } from '../cli/exit-code.ts';
import { cut } from '../cli/table.ts';
import type { Terminal } from '../cli/terminal.ts';
import { visible } from '../cli/visible.ts';
import type { Classification } from '../core/classification.ts';
import type { Decision } from '../core/decision.ts';
import { effectWords } from '../core/effect.ts';
import { ordinaryHistory } from '../core/history.ts';
import { readCast } from './policy-cast.ts';
import type { Cast } from './policy-cast.ts';
import { decisionWords, differenceKinds, differences, newly } from './policy-changes.ts';
import type { Difference } from './policy-changes.ts';
import { Classifiers } from './policy-classifiers.ts';
import { count, loadTexts, readPolicyFolder } from './policy-folder.ts';
import { progress } from './policy-progress.ts';
import { readAuditFacts, recordedStatements, recordingPaths } from './policy-recorded.ts';
import type { RecordedAction } from './policy-recorded.ts';

export interface RehearseOptions {
  readonly data?: string | undefined;
  readonly config?: string | undefined;
  readonly days: number;
  readonly json?: boolean | undefined;
  readonly exitCode?: boolean | undefined;
  readonly limit: number;
}

const dayMs = 24 * 3_600_000;
/** Different findings kept with their texts; more are counted only. */
const findingsMax = 10_000;

/** The same text of the same person on the same target with the same two decisions, once. */
interface Finding {
  readonly difference: Difference;
  readonly principal: string;
  readonly target: string;
  readonly kind: string;
  readonly text: string;
  readonly before: string;
  readonly after: string;
  times: number;
  firstMs: number;
  lastMs: number;
  lastSession: string;
}

/** Why an action was not judged. */
type Left = 'gateway-failed' | 'who-unknown' | 'by-access' | 'not-estimated' | 'read-otherwise' | 'unreadable-here';
const leftWords: Readonly<Record<Left, string>> = {
  'gateway-failed': 'were refused because the gateway failed: no decision of a policy',
  'who-unknown': 'do not say the groups and labels of then (older recordings): --config takes those of today',
  'by-access': 'were decided by access for a while, which is not known here (`policy explain --grant` judges as if it were there)',
  'not-estimated': 'were not asked then how many rows they would reach, which a rule reads now',
  'read-otherwise': 'have only a text, which reads differently without its target',
  'unreadable-here': 'have only a text, which nothing here reads',
};

export async function policyRehearse(terminal: Terminal, dir: string, options: RehearseOptions, nowMs: number): Promise<void> {
  const folder = readPolicyFolder(dir);
  const set = await loadTexts(terminal, folder.policies, exitCode.usage);
  const cast = options.config === undefined ? null : await readCast(terminal, folder, options.config);
  const sinceMs = nowMs - options.days * dayMs;
  const rehearsal = new Rehearsal(set);
  await rehearseAll(terminal, await dataDirOf(options), sinceMs, cast, rehearsal);
  if (options.json === true) printJson(terminal, jsonOf(set, rehearsal, sinceMs, options.days));
  else for (const line of lines(terminal, set, rehearsal, options)) terminal.out(line);
  if (options.exitCode === true && rehearsal.differing > 0) throw new CommandFailure(exitCode.failed, 'decisions would differ');
}

async function dataDirOf({ data, config }: RehearseOptions): Promise<string> {
  if (data !== undefined) return data;
  if (config !== undefined) return (await import('../config/load.ts')).loadConfig(config).dataDir;
  throw new CommandFailure(exitCode.usage, 'say where the recordings are: --data DATA_DIR, or --config FILE of the gateway');
}

async function rehearseAll(terminal: Terminal, dataDir: string, sinceMs: number, cast: Cast | null, rehearsal: Rehearsal): Promise<void> {
  const paths = recordingPaths(dataDir, sinceMs);
  const audit = await readAuditFacts(dataDir, sinceMs, cast);
  if (audit.truncated) terminal.err('the audit log has more sessions than are read at once: say fewer --days');
  if (paths.length === 0 && audit.openings.length === 0)
    throw new CommandFailure(exitCode.failed, `nothing was recorded since then in ${visible(dataDir)}`, 'name the data_dir of the gateway');
  const said = progress(terminal);
  const classifiers = new Classifiers();
  try {
    for (const opening of audit.openings) rehearsal.judge(opening, opening.classification);
    for (const [index, path] of paths.entries()) {
      const { actions, truncated } = await recordedStatements(path, sinceMs, cast, audit);
      if (truncated) rehearsal.cutShort.push(basename(path, '.jsonl'));
      for (const action of actions) {
        const { classification } = action;
        rehearsal.judge(
          action,
          classification === null ? await reread(classifiers, action, rehearsal) : await withColumns(classifiers, action, classification),
        );
      }
      said.tick(() => `${count(rehearsal.judged, 'action')} judged, ${index + 1} of ${count(paths.length, 'recording')}`);
    }
    rehearsal.sessions = paths.length;
  } finally {
    await classifiers.close();
  }
}

/** Columns that were not recorded are read from the text again; a star then stands for columns that nobody here knows. */
async function withColumns(classifiers: Classifiers, recorded: RecordedAction, classification: Classification): Promise<Classification> {
  const { understood, summary } = classification;
  if (!understood || summary.columns !== undefined || recorded.who === null || recorded.action.kind !== 'statement') return classification;
  const read = await classifiers.classify(recorded.who.target.protocol, recorded.action);
  if (read?.summary.columns === undefined) return classification;
  return { ...classification, summary: { ...summary, columns: read.summary.columns } };
}

/** An older recording has the text only: it counts when it reads as it did then. */
async function reread(classifiers: Classifiers, recorded: RecordedAction, rehearsal: Rehearsal): Promise<Classification | null> {
  if (recorded.who === null) return null;
  const read = await classifiers.classify(recorded.who.target.protocol, recorded.action);
  if (read === undefined) return rehearsal.leave('unreadable-here');
  const effects = read.summary.effects.map(effectWords);
  if (effects.join('\n') === recorded.effects.join('\n') || (!read.understood && recorded.effects.join() === 'unknown')) return read;
  return rehearsal.leave('read-otherwise');
}

class Rehearsal {
  readonly #set: LoadedPolicySet;
  readonly #findings = new Map<string, Finding>();
  readonly left = new Map<Left, number>();
  /** Recordings that were not read to their ends. */
  readonly cutShort: string[] = [];
  sessions = 0;
  judged = 0;
  differing = 0;
  findingsLeftOut = 0;

  constructor(set: LoadedPolicySet) {
    this.#set = set;
  }

  leave(why: Left): null {
    this.left.set(why, (this.left.get(why) ?? 0) + 1);
    return null;
  }

  /** `classification` is null when that was counted already, or nobody knows who it was. */
  judge(recorded: RecordedAction, classification: Classification | null): void {
    if (!recorded.wasDecided) return void this.leave('gateway-failed');
    if (recorded.who === null) return void this.leave('who-unknown');
    if (recorded.byAccess) return void this.leave('by-access');
    if (classification === null) return;
    const facts = { ...recorded.who, nowMs: recorded.atMs, approvals: [], history: ordinaryHistory };
    const after = this.#set.decide(recorded.action, classification, facts);
    if (after.needs !== undefined) return void this.leave('not-estimated');
    this.judged += 1;
    const was = recorded.rule === null ? recorded.decision : `${recorded.decision} by ${recorded.rule}`;
    if (after.kind !== recorded.decision) return this.#note(newly[after.kind], recorded, was, after);
    if (after.kind !== 'hold' || recorded.approvals.length === 0) return;
    const { approvals } = recorded;
    if (this.#set.decide(recorded.action, classification, { ...facts, approvals }).kind === 'allow') return;
    const by = approvals.map((it) => it.by).join(', ');
    this.#note('held-otherwise', recorded, `${was}, run by a yes of ${by}`, after);
  }

  /** By what changed, then by how often. */
  findings(difference: Difference): Finding[] {
    return [...this.#findings.values()].filter((it) => it.difference === difference).sort((a, b) => b.times - a.times);
  }

  #note(difference: Difference, { atMs, sessionId, who, action }: RecordedAction, before: string, decision: Decision): void {
    this.differing += 1;
    const message = decision.kind === 'deny' && decision.rule !== null ? `: ${decision.message}` : '';
    const rows = action.estimatedRows === undefined ? '' : ` (estimated rows: ${action.estimatedRows ?? 'not known'})`;
    const after = `${decisionWords(decision)}${message}${rows}`;
    const [principal, target] = [who!.principal.name, who!.target.name];
    const key = JSON.stringify([difference, principal, target, action.kind, action.text, before, after]);
    const known = this.#findings.get(key);
    if (known !== undefined) {
      known.times += 1;
      known.firstMs = Math.min(known.firstMs, atMs);
      if (atMs >= known.lastMs) Object.assign(known, { lastMs: atMs, lastSession: sessionId });
      return;
    }
    if (this.#findings.size >= findingsMax) {
      this.findingsLeftOut += 1;
      return;
    }
    const once = { times: 1, firstMs: atMs, lastMs: atMs, lastSession: sessionId };
    this.#findings.set(key, { difference, principal, target, kind: action.kind, text: action.text, before, after, ...once });
  }
}

const textCharsShownMax = 200;

function lines(terminal: Terminal, set: LoadedPolicySet, rehearsal: Rehearsal, { days, limit }: RehearseOptions): string[] {
  const shown = [
    `${count(rehearsal.judged, 'action')} of ${count(rehearsal.sessions, 'recorded session')} in ${count(days, 'day')}, judged by version ${set.version}`,
  ];
  for (const kind of differenceKinds) {
    const findings = rehearsal.findings(kind);
    if (findings.length === 0) continue;
    const times = findings.reduce((sum, it) => sum + it.times, 0);
    shown.push('', terminal.paint(kind === 'newly-allowed' ? 'red' : 'bold', `${differences[kind]} (${count(times, 'action')})`));
    for (const it of findings.slice(0, limit)) {
      shown.push(`  ${it.times} × ${visible(it.principal)} on ${visible(it.target)}: ${cut(visible(it.text), textCharsShownMax)}`);
      shown.push(`    ${visible(it.before)} → ${visible(it.after)}`);
      shown.push(terminal.paint('dim', `    last ${clockTime(new Date(it.lastMs).toISOString())} in ${visible(it.lastSession)}`));
    }
    if (findings.length > limit) shown.push(`  and ${findings.length - limit} more (--limit, --json)`);
  }
  shown.push('');
  if (rehearsal.differing === 0) shown.push('no decision would differ');
  else shown.push(`${count(rehearsal.differing, 'decision')} of ${rehearsal.judged.toLocaleString('en')} would differ`);
  for (const [why, times] of rehearsal.left) shown.push(`not judged: ${count(times, 'action')} ${leftWords[why]}`);
  if (rehearsal.cutShort.length > 0)
    shown.push(
      `read in part only: ${count(rehearsal.cutShort.length, 'recording')} (${rehearsal.cutShort.slice(0, 5).map(visible).join(', ')})`,
    );
  return shown;
}

function jsonOf(set: LoadedPolicySet, rehearsal: Rehearsal, sinceMs: number, days: number): object {
  const iso = (ms: number): string => new Date(ms).toISOString();
  return {
    version: set.version,
    days,
    since: iso(sinceMs),
    sessions: rehearsal.sessions,
    judged: rehearsal.judged,
    differing: rehearsal.differing,
    counts: Object.fromEntries(differenceKinds.map((kind) => [kind, rehearsal.findings(kind).reduce((sum, it) => sum + it.times, 0)])),
    not_judged: Object.fromEntries(rehearsal.left),
    read_in_part: rehearsal.cutShort,
    findings_left_out: rehearsal.findingsLeftOut,
    findings: differenceKinds.flatMap((kind) =>
      rehearsal.findings(kind).map(({ firstMs, lastMs, lastSession, ...rest }) => ({
        ...rest,
        first_at: iso(firstMs),
        last_at: iso(lastMs),
        last_session: lastSession,
      })),
    ),
  };
}
