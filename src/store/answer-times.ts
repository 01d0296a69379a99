// How holds were answered, by rule: how often and how soon. Of the newest ones only: the thread that counts relays sessions as well.

import type { HoldState } from '../core/hold.ts';
import type { Db } from './database.ts';

/** Counted at once: some 30 ms. */
const lookedAtMax = 5_000;
/** What is counted stands behind the texts, which have to be passed. */
const lookedAtBytesMax = 16 * 1024 * 1024;

export interface RuleAnswers {
  readonly ruleId: string;
  /** As it was called lately. */
  readonly ruleTitle: string;
  readonly settled: Readonly<Record<Exclude<HoldState, 'pending'>, number>>;
  /** How long those waited that somebody answered, the shortest first. */
  readonly answerMs: readonly number[];
}

interface Row {
  readonly state: Exclude<HoldState, 'pending'>;
  readonly created_at_ms: number;
  readonly settled_at_ms: number | null;
  readonly bytes: number;
  readonly rule_id: string;
  readonly rule_title: string;
}

const answered: ReadonlySet<HoldState> = new Set(['approved', 'denied', 'changes_requested']);

/** Those placed since then, as far back as is looked: `holds` says how many. Rules that held most often first. */
export function answersSince(db: Db, sinceMs: number): { readonly holds: number; readonly rules: readonly RuleAnswers[] } {
  const asked = db.prepare(
    `SELECT state, created_at_ms, settled_at_ms, octet_length(text) AS bytes,
      json_extract(terms, '$.ruleId') AS rule_id, json_extract(terms, '$.ruleTitle') AS rule_title
    FROM holds WHERE state <> 'pending' AND created_at_ms >= ? ORDER BY number DESC LIMIT ?`,
  );
  const rules = new Map<string, { ruleTitle: string; settled: Record<Row['state'], number>; answerMs: number[] }>();
  let [holds, bytes] = [0, 0];
  for (const row of asked.iterate(sinceMs, lookedAtMax) as IterableIterator<Row>) {
    if (bytes > lookedAtBytesMax) break;
    holds += 1;
    bytes += row.bytes;
    const nothing = { approved: 0, denied: 0, changes_requested: 0, expired: 0, withdrawn: 0 };
    const rule = rules.get(row.rule_id) ?? { ruleTitle: row.rule_title, settled: nothing, answerMs: [] };
    rules.set(row.rule_id, rule);
    rule.settled[row.state] += 1;
    if (answered.has(row.state) && row.settled_at_ms !== null) rule.answerMs.push(Math.max(0, row.settled_at_ms - row.created_at_ms));
  }
  const count = ({ settled }: Pick<RuleAnswers, 'settled'>) => Object.values(settled).reduce((sum, number) => sum + number, 0);
  const found = [...rules].map(([ruleId, rule]) => ({ ruleId, ...rule, answerMs: rule.answerMs.toSorted((a, b) => a - b) }));
  return { holds, rules: found.toSorted((a, b) => count(b) - count(a)) };
}
