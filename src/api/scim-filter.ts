// Filters of SCIM (RFC 7644, 3.4.2.2), as far as provisioning uses them: attributes that equal something or are there, joined by `and`.
// Everything else is refused in words: a filter that is half understood would answer with somebody else.

import { invalid, recordOf } from './scim-messages.ts';
import type { Attributes } from './scim-messages.ts';

export type Matches = (attributes: Attributes) => boolean;

const clausesMax = 10;
const textCharacters = '"(?:[^"\\\\]|\\\\.)*"';
const clausePattern = new RegExp(
  `^\\s*([A-Za-z][\\w.:$-]*)(?:\\[\\s*value\\s+eq\\s+(${textCharacters})\\s*\\]|\\s+(pr)|\\s+eq\\s+(${textCharacters}|true|false))\\s*`,
  'i',
);

/** Null: all of them. `names` are the attributes that may be asked for, as in "members.value". */
export function filterOf(filter: string | undefined, names: readonly string[]): Matches | null {
  if (filter === undefined || filter === '') return null;
  const clauses: Matches[] = [];
  let rest = filter;
  for (;;) {
    const [whole, name = '', element, present, equal] = clausePattern.exec(rest) ?? [];
    const path = names.find((it) => it.toLowerCase() === shortName(name).toLowerCase());
    if (whole === undefined || path === undefined || clauses.length === clausesMax) throw notUnderstood(names);
    clauses.push(present === undefined ? equals(path, element ?? equal ?? '') : (it) => valuesOf(it, path).length > 0);
    rest = rest.slice(whole.length);
    if (rest === '') return (attributes) => clauses.every((matches) => matches(attributes));
    if (!/^and\s/i.test(rest)) throw notUnderstood(names);
    rest = rest.slice('and'.length);
  }
}

/** Without the schema that it may be written with: "urn:ietf:params:scim:schemas:core:2.0:User:userName". */
export function shortName(name: string): string {
  return name.replace(/^urn:ietf:params:scim:schemas:core:2\.0:(?:User|Group):/i, '');
}

function notUnderstood(names: readonly string[]): Error {
  return invalid(`only ${names.join(', ')} eq "…" or pr, joined by "and", is understood as a filter`, 'invalidFilter');
}

function equals(path: string, literal: string): Matches {
  const wanted = (literal.startsWith('"') ? unescaped(literal) : literal).toLowerCase();
  return (attributes) => valuesOf(attributes, path).some((value) => value.toLowerCase() === wanted);
}

/** What stands there: of each element where it is a list, whose elements count by their `value`. */
function valuesOf(attributes: Attributes, path: string): string[] {
  const [first = '', second = 'value'] = path.split('.');
  const found = attributes[first];
  const each = (value: unknown): unknown => (typeof value === 'object' && value !== null ? recordOf(value)[second] : value);
  return (Array.isArray(found) ? found : [found])
    .map(each)
    .filter((value) => value !== undefined && value !== null && value !== '')
    .map(String);
}

/** Texts in filters are those of JSON. */
function unescaped(literal: string): string {
  try {
    return JSON.parse(literal) as string;
  } catch {
    throw invalid('the text of the filter is no JSON string', 'invalidFilter');
  }
}
