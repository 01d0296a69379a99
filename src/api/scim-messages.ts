// What SCIM clients send and read (RFC 7643, RFC 7644), to and from plain values. Takes the spellings that Entra ID and Okta use:
// operations with a capital, "False" for false.

import { HttpProblem } from './problems.ts';

export const userSchema = 'urn:ietf:params:scim:schemas:core:2.0:User';
export const groupSchema = 'urn:ietf:params:scim:schemas:core:2.0:Group';
export const listSchema = 'urn:ietf:params:scim:api:messages:2.0:ListResponse';
export const errorSchema = 'urn:ietf:params:scim:api:messages:2.0:Error';
const operationsMax = 1000;

export type Attributes = Record<string, unknown>;

export interface UserAttributes {
  readonly userName: string;
  readonly externalId: string | null;
  readonly displayName: string;
  readonly active: boolean;
}

export interface GroupAttributes {
  readonly displayName: string;
  readonly externalId: string | null;
  readonly members: readonly string[];
}

/** A User as its client sent it. */
export function userFrom(body: Attributes): UserAttributes {
  const name = recordOf(body['name']);
  const parts = [name['givenName'], name['familyName']].flatMap((part) => (typeof part === 'string' && part !== '' ? [part] : []));
  const userName = text(body['userName']);
  if (userName === null) throw invalid('userName is missing', 'invalidValue');
  const displayName = text(body['displayName']) ?? text(name['formatted']) ?? (parts.length > 0 ? parts.join(' ') : userName);
  const active = body['active'] === undefined || truth(body['active']);
  return { userName, externalId: text(body['externalId']), displayName: displayName.slice(0, 200), active };
}

export function groupFrom(body: Attributes): GroupAttributes {
  const displayName = text(body['displayName']);
  if (displayName === null) throw invalid('displayName is missing', 'invalidValue');
  return { displayName, externalId: text(body['externalId']), members: memberIds(body['members'] ?? []) };
}

/** The attributes after the operations of a PATCH (RFC 7644, 3.5.2), in their order. Attributes that are not kept here are passed over. */
export function patched(attributes: Attributes, body: Attributes): Attributes {
  const operations = body['Operations'];
  if (!Array.isArray(operations) || operations.length === 0 || operations.length > operationsMax) {
    throw invalid('Operations is a list of operations', 'invalidSyntax');
  }
  let now: Attributes = { ...attributes };
  for (const raw of operations as unknown[]) {
    const { op, path, value } = recordOf(raw);
    const kind = String(op).toLowerCase();
    if (kind !== 'add' && kind !== 'replace' && kind !== 'remove') throw invalid(`"${String(op)}" is no operation`, 'invalidSyntax');
    if (path === undefined) {
      if (kind === 'remove') throw invalid('remove needs a path', 'noTarget');
      for (const [key, inner] of Object.entries(recordOf(value))) now = apply(now, kind, key, inner);
    } else now = apply(now, kind, String(path), value);
  }
  return now;
}

function apply(attributes: Attributes, kind: 'add' | 'replace' | 'remove', path: string, value: unknown): Attributes {
  const plain = path.replace(new RegExp(`^(${userSchema}|${groupSchema}):`, 'i'), '');
  const one = /^members\[\s*value\s+eq\s+"([^"]*)"\s*\]$/i.exec(plain);
  const members = memberIds(attributes['members'] ?? []);
  if (one !== null) {
    if (kind !== 'remove') throw invalid(`"${path}" can only be removed`, 'invalidPath');
    return { ...attributes, members: members.filter((id) => id !== one[1]) };
  }
  const [first = '', second] = plain.split('.');
  const key = ['userName', 'externalId', 'displayName', 'active', 'name', 'members'].find((it) => it.toLowerCase() === first.toLowerCase());
  if (key === undefined) return attributes;
  if (key === 'members') {
    const given = kind === 'remove' && value === undefined ? members : memberIds(value ?? []);
    if (kind === 'add') return { ...attributes, members: [...new Set([...members, ...given])] };
    return { ...attributes, members: kind === 'replace' ? given : members.filter((id) => !given.includes(id)) };
  }
  if (key === 'name') {
    const name = recordOf(attributes['name']);
    const next = second === undefined ? { ...name, ...recordOf(value) } : { ...name, [second]: value };
    // A name said apart takes the place of a display name made of the old one.
    const formatted = text(next['formatted']);
    return formatted === null ? { ...attributes, name: next } : { ...attributes, name: next, displayName: formatted };
  }
  if (kind === 'remove') {
    if (key === 'userName' || key === 'active') throw invalid(`${key} can't be removed`, 'mutability');
    return { ...attributes, [key]: undefined };
  }
  return { ...attributes, [key]: value };
}

/** `userName eq "x"` (RFC 7644, 3.4.2.2): the one kind of filter that provisioning uses. */
export function filterOf(filter: string | undefined, keys: readonly string[]): ((attributes: Attributes) => boolean) | null {
  if (filter === undefined || filter === '') return null;
  const found = /^\s*([A-Za-z.]+)\s+eq\s+"((?:[^"\\]|\\.)*)"\s*$/i.exec(filter);
  const key = keys.find((it) => it.toLowerCase() === found?.[1]?.toLowerCase());
  if (found === null || key === undefined) throw invalid(`only ${keys.join(', ')} eq "…" is understood as a filter`, 'invalidFilter');
  const wanted = unescaped(found[2] ?? '').toLowerCase();
  return (attributes) => String(attributes[key] ?? '').toLowerCase() === wanted;
}

/** RFC 7644, 3.4.2.2: texts in filters are those of JSON. */
function unescaped(text: string): string {
  try {
    return JSON.parse(`"${text}"`) as string;
  } catch {
    throw invalid('the text of the filter is no JSON string', 'invalidFilter');
  }
}

function memberIds(value: unknown): string[] {
  const list = Array.isArray(value) ? value : [value];
  return list.map((member) => {
    const id = typeof member === 'string' ? member : recordOf(member)['value'];
    if (typeof id !== 'string') throw invalid('members are { value: id }', 'invalidValue');
    return id;
  });
}

function truth(value: unknown): boolean {
  if (typeof value === 'boolean') return value;
  if (typeof value === 'string' && /^(true|false)$/i.test(value)) return value.toLowerCase() === 'true';
  throw invalid('active is true or false', 'invalidValue');
}

function text(value: unknown): string | null {
  if (value === undefined || value === null || value === '') return null;
  if (typeof value !== 'string' || value.length > 500) throw invalid('a text of at most 500 characters was expected', 'invalidValue');
  return value;
}

function recordOf(value: unknown): Attributes {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Attributes) : {};
}

/** `code` is the scimType (RFC 7644, 3.12). */
export function invalid(words: string, code: string): HttpProblem {
  return new HttpProblem(400, code, words);
}
