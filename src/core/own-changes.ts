// What a transaction that is still open has made or changed in the target's schema: others, and so whoever reads the catalogue, see it
// only when it is committed. It goes from the driver to the classifier as a pseudo-setting of the reading mode.

import type { Classification, StatementFacts } from './classification.ts';

/** Name of the pseudo-setting. Missing: nothing was changed. */
export const ownChangesSetting = 'own_changes';

/** More names, or longer ones, count as anything. */
const namesMax = 200;
const charsMax = 10_000;

const anything = '*';

export interface OwnChanges {
  /** Nobody knows what: it may be anything. */
  readonly any: boolean;
  /** Without schemas, as the server has them. */
  readonly names: ReadonlySet<string>;
}

const none: OwnChanges = { any: false, names: new Set() };
const all: OwnChanges = { any: true, names: new Set() };

/** Reads the value of the pseudo-setting. */
export function ownChangesOf(value: string | undefined): OwnChanges {
  if (value === undefined) return none;
  return value === anything ? all : { any: false, names: new Set(JSON.parse(value) as string[]) };
}

/** The value after further names (undefined: anything) were changed. */
export function withOwnChanges(value: string | undefined, names: readonly string[] | undefined): string | undefined {
  if (value === anything || names?.length === 0) return value;
  if (names === undefined) return anything;
  const joined = [...new Set([...ownChangesOf(value).names, ...names])].sort();
  const text = JSON.stringify(joined);
  return joined.length > namesMax || text.length > charsMax ? anything : text;
}

/**
 * May it have changed the schema without saying what? Code that nobody read, unless the statement itself defines something. What a change
 * of a table runs besides (triggers, defaults) is left out: every change of a table that has them would count.
 */
export function mayDefine({ effects, changes }: Pick<StatementFacts, 'effects' | 'changes'>): boolean {
  if (changes.some(({ kind }) => kind === 'schema-changed')) return false;
  return effects.some(
    ({ verb, access, objectKind }) =>
      access === 'unknown' && (verb === 'code' || verb === 'unknown' || (verb === 'call' && objectKind !== 'table')),
  );
}

/** The same of a whole text. */
export function mayDefineAnything({ understood, statements }: Classification): boolean {
  return !understood || statements.some(mayDefine);
}
