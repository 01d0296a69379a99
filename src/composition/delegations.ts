// Joins delegations to people and to the API's words.

import type { ApiDelegations } from '../api/delegation-services.ts';
import { Delegations, type DelegationParts } from '../approvals/delegations.ts';
import type { Identity } from '../identity/identity.ts';
import type { DelegationRecord } from '../store/delegations.ts';

export function openDelegations(parts: Omit<DelegationParts, 'person' | 'mayApprove'> & { readonly identity: Identity }): Delegations {
  const { identity, ...others } = parts;
  const delegations = new Delegations({
    ...others,
    person: (name) => identity.person(name),
    mayApprove: (person) => identity.rights(person).includes('approve'),
  });
  identity.keeps({
    people: () => delegations.list().flatMap(({ from, to }) => [from, to]),
    forget: (person, by) => delegations.endAllOf(person, by),
  });
  return delegations;
}

/** `onGiven`: there is somebody who may answer what waits. */
export function apiDelegations(
  delegations: Delegations,
  identity: Pick<Identity, 'people' | 'person' | 'rights'>,
  onGiven: () => void,
): ApiDelegations {
  return {
    candidates: (from) =>
      identity.people().flatMap(({ name }) => {
        const person = identity.person(name);
        const mayBe = person !== null && person.kind === 'person' && name !== from.name && identity.rights(person).includes('approve');
        return mayBe ? [{ name, display_name: person.displayName }] : [];
      }),
    give: async (from, to, durationMs, reason) => {
      const given = viewOf(await delegations.give(from, to, durationMs, reason));
      onGiven();
      return given;
    },
    end: async (id, by, mayAny) => {
      const ended = await delegations.end(id, by, mayAny);
      return ended === undefined ? null : viewOf(ended);
    },
    list: () => delegations.list().map(viewOf),
  };
}

function viewOf({ id, from, to, reason, createdAtMs, endsAtMs }: DelegationRecord) {
  return { id, from, to, reason, created_at: new Date(createdAtMs).toISOString(), ends_at: new Date(endsAtMs).toISOString() };
}
