// What follows when people change: what somebody has open who may not act any more ends, and all else is judged again.

import { withoutFormerPeople } from '../approvals/former-people.ts';
import type { HoldDesk } from '../approvals/holds.ts';
import type { Gate } from '../gate/gate.ts';
import type { Identity } from '../identity/identity.ts';
import type { World } from '../relay/world.ts';
import type { SessionRegistry } from '../sessions/registry.ts';

interface Rejudged {
  rejudge(): void;
}

export interface PeopleChangesParts {
  readonly identity: Identity;
  readonly world: World;
  readonly registry: SessionRegistry;
  readonly gate: Gate;
  readonly holds: HoldDesk;
  readonly access: Rejudged;
  readonly shapes: Rejudged;
}

/** Follows every change. Gives what judges the holds that wait by the people of now. */
export function joinPeople({ identity, world, registry, gate, holds, access, shapes }: PeopleChangesParts): () => void {
  const rejudgeHolds = () => holds.rejudge((hold, asked) => withoutFormerPeople(hold, asked, (name) => identity.person(name)));
  identity.onChange((change) => {
    const { name } = change;
    world.changed();
    if (change.kind === 'token-revoked')
      registry.endWhere((session) => session.tokenId === change.tokenId, 'the access token of this session was revoked');
    const person = identity.person(name);
    if (person === null) registry.endWhere((session) => session.principal.name === name, 'this account may no longer sign in');
    else {
      registry.endWhere(
        ({ principal }) => principal.name === name && principal.kind !== person.kind,
        'this account is of another kind now',
      );
      registry.personChanged(person);
    }
    access.rejudge();
    shapes.rejudge();
    registry.judgeAgain();
    gate.judgeWaitingAgain();
    rejudgeHolds();
  });
  return rejudgeHolds;
}
