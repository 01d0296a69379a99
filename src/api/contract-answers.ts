// The part of the contract about how holds were answered: how often, and how soon.

import type { HoldState } from './contract.ts';

/** GET /answer-times: of the holds that were placed since then and are settled. */
export interface AnswerTimesView {
  readonly since: string;
  /** How many were counted: the newest of them. */
  readonly holds: number;
  /** Rules that held most often first. */
  readonly rules: readonly RuleAnswersView[];
}

export interface RuleAnswersView {
  readonly rule: string;
  readonly rule_title: string;
  readonly settled: Readonly<Record<Exclude<HoldState, 'pending'>, number>>;
  /** Of those that somebody answered, half were answered within this time, and nine of ten. Null: nobody answered any. */
  readonly half_within_ms: number | null;
  readonly nine_of_ten_within_ms: number | null;
}
