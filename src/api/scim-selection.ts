// Which attributes of an answer are wanted (RFC 7644, 3.9): `attributes=` names all, `excludedAttributes=` those that are not. `id` and
// `schemas` are always there.

import { shortName } from './scim-filter.ts';
import { recordOf } from './scim-messages.ts';
import type { Attributes } from './scim-messages.ts';

export interface Selection {
  readonly attributes?: string | undefined;
  readonly excludedAttributes?: string | undefined;
}

const always: ReadonlySet<string> = new Set(['id', 'schemas']);

export function selected(resource: Attributes, { attributes, excludedAttributes }: Selection): Attributes {
  if (attributes !== undefined && attributes !== '') {
    const wanted = pathsOf(attributes);
    return pick(resource, (path) => always.has(path) || wanted.some((it) => it === path || path.startsWith(`${it}.`)), wanted);
  }
  const unwanted = pathsOf(excludedAttributes ?? '');
  return pick(resource, (path) => always.has(path) || !unwanted.includes(path), unwanted);
}

function pathsOf(list: string): string[] {
  return list
    .split(',')
    .map((name) => shortName(name.trim()).toLowerCase())
    .filter((name) => name !== '');
}

/** Goes into an attribute only where a path does. */
function pick(resource: Attributes, keeps: (path: string) => boolean, paths: readonly string[], above = ''): Attributes {
  return Object.fromEntries(
    Object.entries(resource).flatMap(([key, value]) => {
      const path = `${above}${key.toLowerCase()}`;
      const isInside = paths.some((it) => it.startsWith(`${path}.`));
      if (!isInside) return keeps(path) ? [[key, value]] : [];
      const inner = (one: unknown): unknown =>
        typeof one === 'object' && one !== null ? pick(recordOf(one), keeps, paths, `${path}.`) : one;
      return [[key, Array.isArray(value) ? value.map(inner) : inner(value)]];
    }),
  );
}
