// FunctionCall messages (54.2.5) name a function by its number, without a text. Those of libpq's large object interface, which pg_dump,
// pg_restore, psql's \lo_ commands and the drivers use, are judged as the SELECT that would do the same; any other has no text to judge.

import type { Parameter } from '../../src/core/action.ts';
import * as wire from './messages.ts';
import { decodeParameters } from './parameters.ts';

const [bytea, int8, int4, oid] = [17, 20, 23, 26];

interface KnownFunction {
  readonly name: string;
  /** Type OIDs of its arguments. */
  readonly types: readonly number[];
}

/** By OID in pg_proc.dat: numbers of built-in functions never change. */
const known = new Map<number, KnownFunction>([
  [715, { name: 'lo_create', types: [oid] }],
  [952, { name: 'lo_open', types: [oid, int4] }],
  [953, { name: 'lo_close', types: [int4] }],
  [954, { name: 'loread', types: [int4, int4] }],
  [955, { name: 'lowrite', types: [int4, bytea] }],
  [956, { name: 'lo_lseek', types: [int4, int4, int4] }],
  [957, { name: 'lo_creat', types: [int4] }],
  [958, { name: 'lo_tell', types: [int4] }],
  [964, { name: 'lo_unlink', types: [oid] }],
  [1004, { name: 'lo_truncate', types: [int4, int4] }],
  [3170, { name: 'lo_lseek64', types: [int4, int8, int4] }],
  [3171, { name: 'lo_tell64', types: [int4] }],
  [3172, { name: 'lo_truncate64', types: [int4, int8] }],
]);

export interface NamedCall {
  readonly text: string;
  readonly parameters: readonly Parameter[];
}

/** The call as a statement with parameters; null for a function that is not known by its number. Throws for a body that does not add up. */
export function namedCall(bytes: Buffer): NamedCall | null {
  const call = wire.readFunctionCall(bytes);
  const named = known.get(call.oid);
  if (named === undefined || named.types.length !== call.values.length) return null;
  const places = named.types.map((_, index) => `$${index + 1}`).join(', ');
  return { text: `SELECT pg_catalog.${named.name}(${places})`, parameters: decodeParameters(call, named.types) };
}
