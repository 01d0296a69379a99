// What the rule that allows (or holds) an action asks of the session first: that it says what it is for, and that the person has
// proved a second factor lately. Said before anybody is asked, in words that tell how.

import type { Action } from '../core/action.ts';
import type { Classification } from '../core/classification.ts';
import type { Decision } from '../core/decision.ts';
import type { Refusal } from '../core/ruling.ts';
import type { Protocol } from '../core/target.ts';
import type { Submitter } from './submitter.ts';

/** The setting that a session says its reason with. */
export const reasonSetting = 'sallyport.reason';

/** How to say it, by protocol. */
const reasonHints: Readonly<Record<Protocol, string>> = {
  postgres: `Say SET ${reasonSetting} = 'why' once in the session, or start it with PGOPTIONS="-c ${reasonSetting}=why".`,
  mysql: "Say SET @sallyport_reason = 'why' once in the session, or start it with --init-command=\"SET @sallyport_reason = 'why'\".",
  ssh: 'Say it with the connection: ssh -o SetEnv=SALLYPORT_REASON=why …',
};

/** Null when nothing is missing. */
export function unmet(
  action: Action,
  { understood, summary }: Classification,
  { facts, target }: Submitter,
  { obligations, rule }: Exclude<Decision, { kind: 'deny' }>,
  nowMs: number,
): Refusal | null {
  const { reasonRequired, secondFactorAgeMaxMs } = obligations;
  if (reasonRequired === true && isBlank(action.reason) && !(understood && isFree(summary.effects))) {
    return refusal(`this session has not said what it is for, and ${rule.id} wants a reason`, reasonHints[target.protocol]);
  }
  if (secondFactorAgeMaxMs === undefined) return null;
  const provedMs = facts.secondFactorAtMs ?? null;
  if (provedMs !== null && nowMs - provedMs <= secondFactorAgeMaxMs) return null;
  const since = provedMs === null ? 'none was proved' : `the last was proved ${minutes(nowMs - provedMs)} ago`;
  return refusal(
    `${rule.id} wants a second factor of the last ${minutes(secondFactorAgeMaxMs)}: ${since}`,
    'Prove it in the console (your name, Second factor) and run it again.',
  );
}

/** What needs no reason: giving one, and beginning or ending a transaction. */
function isFree(effects: Classification['summary']['effects']): boolean {
  return effects.every(({ verb, objectKind, object }) => verb === 'transaction' || (objectKind === 'setting' && object === reasonSetting));
}

function isBlank(reason: string | null | undefined): boolean {
  return reason == null || reason.trim() === '';
}

function minutes(ms: number): string {
  return ms < 60_000 ? `${Math.round(ms / 1000)} s` : `${Math.round(ms / 60_000)} min`;
}

function refusal(message: string, hint: string): Refusal {
  return { reason: 'denied', message, hint, holdId: null, offset: null };
}
