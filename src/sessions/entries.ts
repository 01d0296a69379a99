// The entry of an action for the recording, and most of it as JSON where the action is like an earlier one: only times, id and count
// differ then.

import type { Action } from '../core/action.ts';
import { AlikeActions, type Likeness } from '../core/alike-actions.ts';
import type { Classification, ColumnsTouched } from '../core/classification.ts';
import type { Decision } from '../core/decision.ts';
import { effectWords } from '../core/effect.ts';
import type { Outcome } from '../core/outcome.ts';
import type { JsonEntry, JudgedFacts, StatementEntry } from '../core/recording.ts';
import type { Judgement } from '../gate/judgement.ts';

/** An action that was released, or refused at once. */
export interface Running {
  readonly action: Action;
  readonly judgement: Judgement;
  readonly askedMs: number;
  readonly releasedMs: number;
  results: (string | null)[][] | null;
  cells: number;
}

/** What a quick entry may hold: nothing of it comes near the limits of recordings. */
const quickTextCharsMax = 4096;
const quickEffectsMax = 64;
/** Names of columns written with a statement; of more, a rehearsal reads the text again. */
const recordedColumnsMax = 48;

export function entryOf(running: Running, finishedMs: number, outcome: Outcome | null): StatementEntry {
  const { action, judgement } = running;
  const { ruling, decision, classification } = judgement;
  return {
    kind: 'statement',
    actionId: action.id,
    askedMs: round(running.askedMs),
    releasedMs: running.releasedMs < 0 ? null : round(running.releasedMs),
    finishedMs: round(finishedMs),
    text: action.text,
    parameters: ruling.kind === 'release' && ruling.obligations.recordParameters ? action.parameters : null,
    statementKinds: classification?.summary.kinds ?? [],
    effects: classification?.summary.effects.map(effectWords) ?? [],
    decision: decisionWord(judgement.holdId !== null, decision),
    rule: decision?.rule?.id ?? null,
    holdId: judgement.holdId,
    approvedBy: judgement.approvedBy,
    outcome: ruling.kind === 'refuse' ? ruling.refusal.reason : (outcome?.kind ?? 'unknown'),
    rows: outcome?.rows ?? null,
    error: outcome?.error ?? (ruling.kind === 'refuse' ? { code: ruling.refusal.reason, message: ruling.refusal.message } : null),
    results: running.results,
    ...(outcome?.transfer === undefined ? {} : { transfer: outcome.transfer }),
    ...(classification === null ? {} : { judged: judgedFacts(action, classification, judgement) }),
  };
}

function judgedFacts(action: Action, { problem, statements, summary }: Classification, { estimatedRows }: Judgement): JudgedFacts {
  return {
    actionKind: action.kind,
    transaction: action.transaction,
    problem: problem?.kind ?? null,
    access: summary.access,
    statementCount: statements.length,
    missingWhere: summary.missingWhere,
    effects: summary.effects,
    ...(isFew(summary.columns) ? { columns: summary.columns } : {}),
    ...(estimatedRows === undefined ? {} : { estimatedRows }),
    ...(action.reason == null ? {} : { reason: action.reason }),
  };
}

function isFew(columns: ColumnsTouched | undefined): columns is ColumnsTouched {
  return columns !== undefined && columns.read.length + columns.asked.length + columns.written.length <= recordedColumnsMax;
}

function decisionWord(wasHeld: boolean, decision: Decision | null): Decision['kind'] {
  if (wasHeld) return 'hold';
  return decision === null ? 'deny' : decision.kind;
}

interface Same extends Likeness {
  readonly statementCount: number;
  /** All members that are the same every time, without the braces and without the text. */
  readonly rest: Uint8Array;
  text: string;
  textJson: string;
  /** Of that, from the second time on. */
  textBytes: Uint8Array | null;
}

const same = new AlikeActions<Same>();

/** The same as entryOf, most of it as JSON; null for whatever is not the usual short, allowed and completed action. */
export function quickEntryJson(running: Running, finishedMs: number, outcome: Outcome): JsonEntry | null {
  const { action, judgement, askedMs, releasedMs, results } = running;
  const { ruling, decision, classification, holdId } = judgement;
  if (decision?.kind !== 'allow' || classification === null || holdId !== null || ruling.kind === 'refuse' || releasedMs < 0) return null;
  if (results !== null || outcome.kind !== 'completed' || outcome.error !== null || outcome.transfer !== undefined) return null;
  if (ruling.obligations.recordParameters && action.parameters !== null) return null;
  if (action.text.length > quickTextCharsMax || judgement.estimatedRows !== undefined || action.reason != null) return null;
  const { summary, understood, statements } = classification;
  if (!understood || judgement.approvedBy.length > 0) return null;
  let known = same.find(summary, decision.rule, action);
  if (known === undefined || known.statementCount !== statements.length) {
    if (known !== undefined || summary.effects.length > quickEffectsMax) return null;
    const {
      kind,
      text,
      actionId,
      askedMs: asked,
      releasedMs: released,
      finishedMs: finished,
      rows,
      ...rest
    } = entryOf(running, finishedMs, outcome);
    known = {
      rule: decision.rule,
      kind: action.kind,
      transaction: action.transaction,
      statementCount: statements.length,
      rest: bytesOf(JSON.stringify(rest).slice(1, -1)),
      text,
      textJson: action.textJson ?? JSON.stringify(text),
      textBytes: null,
    };
    same.keep(summary, known);
  } else if (known.text !== action.text) {
    known.text = action.text;
    known.textJson = action.textJson ?? JSON.stringify(action.text);
    known.textBytes = null;
  } else known.textBytes ??= bytesOf(known.textJson);
  return {
    actionId: action.id,
    askedMs,
    releasedMs,
    finishedMs,
    rows: outcome.rows,
    text: known.textBytes ?? known.textJson,
    rest: known.rest,
  };
}

function bytesOf(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text));
}

/** Milliseconds with microseconds kept: enough for a replay, short in the file. */
export function round(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
