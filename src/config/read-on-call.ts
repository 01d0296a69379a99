// On-call schedules from their written form: nobody in such a group but by its schedule, and only people in it.

import type { OnCallSchedule } from '../core/identity-config.ts';
import type { ConfigDocument, ValuePath } from './document.ts';
import type { ConfigFiles } from './files.ts';
import { groupsOfSignIn } from './read-sign-in.ts';
import { didYouMean } from './validate.ts';
import type { Parts } from './validate.ts';

export function readOnCall(document: ConfigDocument, files: ConfigFiles, parts: Parts): OnCallSchedule[] {
  const written = parts.on_call ?? [];
  const groups = new Set(written.map(({ group }) => group));
  for (const { path, value } of parts.people) {
    for (const [index, group] of value.groups.entries()) {
      if (groups.has(group)) document.problem([...path, 'groups', index], `who is in "${group}" is said by on_call alone`);
    }
  }
  for (const group of groupsOfSignIn(parts.sign_in)) {
    if (groups.has(group)) document.problem(['sign_in'], `gives the group "${group}", and who is in it is said by on_call alone`);
  }
  return written.map(({ group, zone, starts, every, people, overrides }, index) => {
    const at: ValuePath = ['on_call', index];
    people.forEach((name, which) => checkPerson(document, files, parts, name, [...at, 'people', which]));
    overrides.forEach(({ from, to, person }, which) => {
      checkPerson(document, files, parts, person, [...at, 'overrides', which, 'person']);
      if (to <= from) document.problem([...at, 'overrides', which, 'to'], 'must be later than "from"');
    });
    return {
      group,
      zone,
      startsWallMs: starts,
      everyWallMs: every,
      people,
      overrides: overrides.map(({ from, to, person }) => ({ fromWallMs: from, toWallMs: to, person })),
    };
  });
}

/** Somebody who is not in the file may be added at run time; where nobody else signs in, nearly a name of the file is a mistake. */
function checkPerson(document: ConfigDocument, files: ConfigFiles, parts: Parts, name: string, at: ValuePath): void {
  if (document.hasProblemIn('people')) return;
  const known = parts.people.find(({ value }) => value.name === name);
  if (known !== undefined) {
    if (known.value.kind !== 'person') document.problem(at, `${name} is of kind ${known.value.kind}: only people are on call`);
    return;
  }
  const near = didYouMean(
    name,
    parts.people.map(({ value }) => value.name),
  );
  const othersComeIn = (parts.sign_in?.oidc.length ?? 0) + (parts.sign_in?.scim.length ?? 0) > 0;
  if (near !== '' && !othersComeIn) document.problem(at, `there is no person "${name}"${near}`);
  else files.warnings.push(`${at.join('.')}: ${name} is not in this file; until they are added nobody is on call in their turns`);
}
