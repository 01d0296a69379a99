// The user-defined types that a client gave to the parameters of a prepared statement. They stand nowhere in its text, and making a
// value of one may run a function of the target (the check of a domain), so a driver tells the classifier by a pseudo-setting.

import type { ReadingMode } from './action.ts';

export const parameterTypesSetting = 'parameter_types';
/** PostgreSQL's FirstNormalObjectId: what is below came with the server. */
const firstOwnOid = 16_384;

/** The mode in which a text with parameters of these types (OIDs) is read; the same object when all of them are the server's own. */
export function withParameterTypes(mode: ReadingMode, types: readonly number[]): ReadingMode {
  if (!types.some(isOwn)) return mode;
  const ids = [...new Set(types.filter(isOwn))].sort((a, b) => a - b).join(' ');
  return { ...mode, key: `${mode.key}|parameters ${ids}`, settings: { ...mode.settings, [parameterTypesSetting]: ids } };
}

/** An OID is unsigned, and the wire's numbers are read with their sign. */
function isOwn(oid: number): boolean {
  return oid >= firstOwnOid || oid < 0;
}

export function parameterTypesOf(settings: ReadingMode['settings']): readonly string[] {
  return settings[parameterTypesSetting]?.split(' ') ?? [];
}
