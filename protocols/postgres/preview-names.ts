// Names of effects ("public.orders", `public."odd.name"`) taken apart again.

import type { AskedName } from './preview-queries.ts';

/** Schema and name; a name without a schema has null. */
export function parsedName(object: string): AskedName {
  const parts = [...object.matchAll(/"((?:[^"]|"")*)"|([^."]+)/g)].map((it) => (it[1] ?? it[2] ?? '').replaceAll('""', '"'));
  const name = parts.pop() ?? object;
  return { schema: parts.pop() ?? null, name };
}
