// What can be asked: what the policies say to a wish for access, and what stands against it besides them.

import { messageOf } from '../core/errors.ts';
import type { AccessDecision, AccessRefusal, AccessWish } from '../core/grant.ts';
import type { Principal } from '../core/principal.ts';
import type { AccessRequestRecord } from '../store/access-requests.ts';
import type { GrantRecord } from '../store/grants.ts';
import { refused } from './access-answer.ts';
import { accessLimits } from './access-desk.ts';
import type { AccessParts, AccessWanted } from './access-desk.ts';

/** A policy that throws gives nothing. */
export function judgeWish(
  parts: Pick<AccessParts, 'policies' | 'clock' | 'targetNamed'>,
  person: Principal,
  targetName: string,
  wish: AccessWish,
): AccessDecision {
  const target = parts.targetNamed(targetName);
  if (target === undefined) return { kind: 'refuse', message: `there is no target ${targetName}` };
  const nowMs = parts.clock.nowMs();
  try {
    const { durationMs, scope, isBreakGlass, reason } = wish;
    const decision = parts.policies().judgeWish?.({ durationMs, scope, isBreakGlass, reason }, { principal: person, target, nowMs });
    return decision ?? { kind: 'refuse', message: 'the policies have no access rules' };
  } catch (thrown) {
    return { kind: 'refuse', message: `the policies could not judge it: ${messageOf(thrown)}` };
  }
}

/** Why this can't be asked beside what waits and what is in force; null when it can. */
export function conflictOf(
  person: Principal,
  wanted: AccessWanted,
  pending: readonly AccessRequestRecord[],
  active: readonly GrantRecord[],
): AccessRefusal | null {
  const isSame = (other: { target: string; scope: object; isBreakGlass: boolean }) =>
    other.target === wanted.target &&
    other.isBreakGlass === wanted.isBreakGlass &&
    JSON.stringify(other.scope) === JSON.stringify(wanted.scope);
  const own = pending.filter((it) => it.principal === person.name);
  const asked = own.find((it) => it.extendsGrant === null && isSame(it));
  if (asked !== undefined) return refused('conflict', `you have asked for this already: ${asked.id} waits for an answer`);
  const had = active.find(isSame);
  if (had !== undefined)
    return refused('conflict', `you have this access already: ${had.id}. For more time: sallyport grants extend ${had.id} --for 1h`);
  const { pendingMax, pendingPerPersonMax, activePerPersonMax } = accessLimits;
  if (pending.length >= pendingMax) return refused('limit-reached', `${pendingMax} requests are waiting, the limit of this gateway`);
  if (own.length >= pendingPerPersonMax) return refused('limit-reached', `you have ${pendingPerPersonMax} requests waiting, the limit`);
  if (active.length >= activePerPersonMax) return refused('limit-reached', `you have ${activePerPersonMax} grants, the limit`);
  return null;
}
