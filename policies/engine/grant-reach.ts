// What a grant reaches: which effects of an action lie in its scope. Names are compared strictly, as allow rules do, because
// whoever said yes said it to these names and no others.

import type { Effect } from '../../src/core/effect.ts';
import type { Grant } from '../../src/core/grant.ts';
import type { Facts } from '../../src/core/policy.ts';

/** What a rule with `needs` asks of a grant. */
export interface GrantNeed {
  /** One of these roles; null: any grant. */
  readonly roles: readonly string[] | null;
}

/** Schemas in which a name without a schema is looked up by default: PostgreSQL's own, and the database of a MySQL session. */
const defaultSchema = 'public';

/** The grants in force that this need can be met by in this session. */
export function grantsFor(need: GrantNeed, facts: Facts): readonly Grant[] {
  return (facts.grants ?? []).filter(({ scope, databaseRole }) => {
    if (need.roles !== null && (scope.role === null || !need.roles.includes(scope.role))) return false;
    if (databaseRole !== undefined && databaseRole !== facts.session.role) return false;
    // On SSH a role is the account that the session runs as; a session as another one is not what was asked for.
    return facts.target.protocol !== 'ssh' || scope.role === null || scope.role === facts.session.database;
  });
}

/** Does the effect lie in the scope of this grant? */
export function reaches({ scope }: Grant, effect: Effect, facts: Facts): boolean {
  const isHarmless = effect.access === 'read' || effect.access === 'session';
  if (scope.readOnly && !isHarmless) return false;
  if (scope.tables === null) return true;
  // A function of the target's own may read any table, however harmless it is otherwise: it counts only when it is named itself.
  if (effect.verb === 'call' && !isHarmless) return false;
  if (effect.objectKind === 'table' || effect.objectKind === 'view' || effect.verb === 'call') {
    const names = [effect.object, effect.through?.object].filter((it) => it != null);
    return names.some((name) => scope.tables?.some((table) => isNamed(table, name, facts)));
  }
  // Begin, commit, SET, functions of the server itself: what belongs to working with the tables, and nothing outside the database.
  return isHarmless && effect.objectKind !== 'file' && effect.objectKind !== 'program' && effect.objectKind !== 'address';
}

function isNamed(table: string, object: string, facts: Facts): boolean {
  if (table === object) return true;
  if (table.includes('.')) return false;
  const schema = facts.target.protocol === 'mysql' ? facts.session.database : defaultSchema;
  return schema !== null && object === `${schema}.${table}`;
}
