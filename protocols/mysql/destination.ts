// Which target a client means: `person:target` names it, else the database does (`shop`, or `shop/analytics` for another of
// its databases). Knows names only; whether the person may go there is judged by the session's `connect`.

import type { DriverServices } from '../../src/core/driver.ts';
import type { Target } from '../../src/core/target.ts';
import { SignInRefused, type SignedIn } from './handshake.ts';

export interface Destination {
  readonly target: Target;
  readonly database: string | null;
}

type Names = Pick<DriverServices, 'targetNamed' | 'targets'>;

/** Null when the client named none. `current`: the target of a client that only changes its user. Throws SignInRefused. */
export function destinationOf(names: Names, client: Pick<SignedIn, 'wanted' | 'database'>, current: Target | null): Destination | null {
  const named = client.wanted.target;
  const asked = client.database;
  if (named !== null) {
    const target = names.targetNamed(named);
    if (target === undefined) throw new SignInRefused(1049, '42000', `there is no MySQL target named '${named}'`);
    return within(target, asked);
  }
  if (asked === null) return current === null ? null : within(current, null);
  const found = destinationNamed(names, asked);
  if (found !== null) return found;
  if (current !== null) return within(current, asked);
  const only = onlyTarget(names, asked);
  if (only !== null) return only;
  const words = `there is no MySQL target named '${asked}': name the target as the database, or connect as person:target`;
  throw new SignInRefused(1049, '42000', words);
}

/** What `USE name` means to a client that has no target yet. */
export function destinationNamed(names: Names, name: string): Destination | null {
  const whole = names.targetNamed(name);
  if (whole !== undefined) return { target: whole, database: whole.database };
  const slash = name.indexOf('/');
  const target = slash > 0 ? names.targetNamed(name.slice(0, slash)) : undefined;
  return target === undefined ? null : { target, database: name.slice(slash + 1) };
}

/** The one target that there is, and this database of it or its own; null where there are several. */
export function onlyTarget(names: Names, database: string | null): Destination | null {
  const [target, second] = names.targets?.() ?? [];
  return target === undefined || second !== undefined ? null : within(target, database);
}

function within(target: Target, asked: string | null): Destination {
  if (asked === null || asked === target.name) return { target, database: target.database };
  return { target, database: asked.startsWith(`${target.name}/`) ? asked.slice(target.name.length + 1) : asked };
}
