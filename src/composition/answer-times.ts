// How holds were answered, as the API gives it.

import type { AnswerTimesView } from '../api/contract-answers.ts';
import { answersSince } from '../store/answer-times.ts';
import type { Db } from '../store/database.ts';

export function answerTimes(db: Db, sinceMs: number): AnswerTimesView {
  const { holds, rules } = answersSince(db, sinceMs);
  return {
    since: new Date(sinceMs).toISOString(),
    holds,
    rules: rules.map(({ ruleId, ruleTitle, settled, answerMs }) => ({
      ...{ rule: ruleId, rule_title: ruleTitle, settled },
      ...{ half_within_ms: shareOf(answerMs, 0.5), nine_of_ten_within_ms: shareOf(answerMs, 0.9) },
    })),
  };
}

/** The wait that so many of them did not exceed. */
function shareOf(sorted: readonly number[], share: number): number | null {
  return sorted[Math.ceil(sorted.length * share) - 1] ?? null;
}
