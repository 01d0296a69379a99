// An entry of a recording as the contract shows it.

import type { StatementEntry } from '../core/recording.ts';
import type { RecordingEntry } from './contract.ts';

export function recordingEntry(entry: StatementEntry): RecordingEntry {
  return {
    kind: entry.kind,
    action_id: entry.actionId,
    asked_ms: entry.askedMs,
    released_ms: entry.releasedMs,
    finished_ms: entry.finishedMs,
    text: entry.text,
    parameters: entry.parameters,
    statement_kinds: entry.statementKinds,
    effects: entry.effects,
    decision: entry.decision,
    rule: entry.rule,
    hold_id: entry.holdId,
    approved_by: entry.approvedBy,
    outcome: entry.outcome,
    rows: entry.rows,
    error: entry.error,
    results: entry.results,
    ...(entry.transfer === undefined ? {} : { transfer: entry.transfer }),
  };
}
