// Filters of SCIM (RFC 7644, 3.4.2.2): comparisons of text joined by `and`, `or`, `not` and parentheses. Everything else (order, other
// attributes) is refused in words: a filter that is half understood would answer with somebody else.

import { invalid, recordOf } from './scim-messages.ts';
import type { Attributes } from './scim-messages.ts';

export type Matches = (attributes: Attributes) => boolean;

/** Comparisons in one filter; provisioning asks for one or two. */
const clausesMax = 20;
/** Parentheses inside each other. */
const depthMax = 10;
const textCharacters = '"(?:[^"\\\\]|\\\\.)*"';
const clausePattern = new RegExp(
  `^([A-Za-z][\\w.:$-]*)(?:\\[\\s*value\\s+eq\\s+(${textCharacters})\\s*\\]|\\s+(pr)\\b|\\s+(eq|ne|co|sw|ew)\\s+(${textCharacters}|true\\b|false\\b))`,
  'i',
);

/** How a value stands to the one that was written; case does not count. */
const comparisons: Readonly<Record<string, (value: string, wanted: string) => boolean>> = {
  eq: (value, wanted) => value === wanted,
  co: (value, wanted) => value.includes(wanted),
  sw: (value, wanted) => value.startsWith(wanted),
  ew: (value, wanted) => value.endsWith(wanted),
};

/** Null: all of them. `names` are the attributes that may be asked for, as in "members.value". */
export function filterOf(filter: string | undefined, names: readonly string[]): Matches | null {
  return filter === undefined || filter === '' ? null : new Reading(filter, names).whole();
}

/** Without the schema that it may be written with: "urn:ietf:params:scim:schemas:core:2.0:User:userName". */
export function shortName(name: string): string {
  return name.replace(/^urn:ietf:params:scim:schemas:core:2\.0:(?:User|Group):/i, '');
}

class Reading {
  #rest: string;
  readonly #names: readonly string[];
  #clauses = 0;
  #depth = 0;

  constructor(filter: string, names: readonly string[]) {
    this.#rest = filter.trim();
    this.#names = names;
  }

  whole(): Matches {
    const matches = this.#either();
    if (this.#rest !== '') throw this.#notUnderstood();
    return matches;
  }

  /** `and` binds more closely than `or`. */
  #either(): Matches {
    const parts = [this.#all()];
    while (this.#took(/^or\b/i)) parts.push(this.#all());
    return (attributes) => parts.some((matches) => matches(attributes));
  }

  #all(): Matches {
    const parts = [this.#one()];
    while (this.#took(/^and\b/i)) parts.push(this.#one());
    return (attributes) => parts.every((matches) => matches(attributes));
  }

  #one(): Matches {
    if (this.#took(/^not\s*\(/i)) {
      const inner = this.#inner();
      return (attributes) => !inner(attributes);
    }
    return this.#took(/^\(/) ? this.#inner() : this.#clause();
  }

  #inner(): Matches {
    if (++this.#depth > depthMax) throw this.#notUnderstood();
    const matches = this.#either();
    if (!this.#took(/^\)/)) throw this.#notUnderstood();
    this.#depth -= 1;
    return matches;
  }

  #clause(): Matches {
    const [whole, name = '', element, present, operator = 'eq', literal = ''] = clausePattern.exec(this.#rest) ?? [];
    const path = this.#names.find((it) => it.toLowerCase() === shortName(name).toLowerCase());
    if (whole === undefined || path === undefined || ++this.#clauses > clausesMax) throw this.#notUnderstood();
    this.#take(whole);
    if (present !== undefined) return (attributes) => valuesOf(attributes, path).length > 0;
    const wanted = textOf(element ?? literal);
    const isNot = operator.toLowerCase() === 'ne';
    const compare = comparisons[isNot ? 'eq' : operator.toLowerCase()]!;
    return (attributes) => valuesOf(attributes, path).some((value) => compare(value.toLowerCase(), wanted)) !== isNot;
  }

  #took(what: RegExp): boolean {
    const [found] = what.exec(this.#rest) ?? [];
    if (found !== undefined) this.#take(found);
    return found !== undefined;
  }

  #take(found: string): void {
    this.#rest = this.#rest.slice(found.length).trimStart();
  }

  #notUnderstood(): Error {
    const words = `only ${this.#names.join(', ')} with eq, ne, co, sw, ew "…" or pr, joined by "and", "or", "not (…)", is understood as a filter`;
    return invalid(words, 'invalidFilter');
  }
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

/** Texts in filters are those of JSON; letter case does not count. */
function textOf(literal: string): string {
  if (!literal.startsWith('"')) return literal.toLowerCase();
  try {
    return (JSON.parse(literal) as string).toLowerCase();
  } catch {
    throw invalid('the text of the filter is no JSON string', 'invalidFilter');
  }
}
