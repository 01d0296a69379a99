// What access for a while adds to a decision that it led to.

import type { Decision } from '../core/decision.ts';
import type { Grant } from '../core/grant.ts';

/** What only read-only access allows runs behind the target's own read-only mode, too: reading alone is not left to what a text says. */
export function fencedByGrants(decision: Decision, grants: readonly Grant[]): Decision {
  if (decision.kind !== 'allow' || decision.grants === undefined || decision.obligations.fence !== undefined) return decision;
  const { grants: needed } = decision;
  const isReadOnly = grants.filter(({ id }) => needed.includes(id)).every(({ scope }) => scope.readOnly);
  return isReadOnly ? { ...decision, obligations: { ...decision.obligations, fence: 'read-only' } } : decision;
}

/** Once the glass is broken everything is recorded, whichever rule allows it. */
export function recordedInFull(decision: Decision): Decision {
  if (decision.kind === 'deny') return decision;
  return { ...decision, obligations: { ...decision.obligations, recordParameters: true, recordResults: true } };
}
