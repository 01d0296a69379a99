// What SCIM clients send and read (RFC 7643, RFC 7644), to and from plain values. Takes the spellings that Entra ID and Okta use:
// operations with a capital, "False" for false.

import { HttpProblem } from './problems.ts';

export const userSchema = 'urn:ietf:params:scim:schemas:core:2.0:User';
export const groupSchema = 'urn:ietf:params:scim:schemas:core:2.0:Group';
export const listSchema = 'urn:ietf:params:scim:api:messages:2.0:ListResponse';
export const errorSchema = 'urn:ietf:params:scim:api:messages:2.0:Error';
const operationsMax = 1000;
const nameParts = ['formatted', 'familyName', 'givenName'] as const;
const emailsMax = 20;

export type Attributes = Record<string, unknown>;

/** What is kept for the client, so that it reads back what it wrote: one that does not would write it again and again. */
export interface KeptAttributes {
  readonly name: Readonly<Partial<Record<(typeof nameParts)[number], string>>>;
  readonly emails: readonly Email[];
}

export interface Email {
  readonly value: string;
  readonly type?: string;
  readonly display?: string;
  readonly primary?: boolean;
}

export interface UserAttributes extends KeptAttributes {
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
  const userName = text(body['userName']);
  if (userName === null) throw invalid('userName is missing', 'invalidValue');
  const name = nameFrom(body['name']);
  const displayName = text(body['displayName']) ?? madeOf(name) ?? userName;
  const active = body['active'] === undefined || truth(body['active']);
  const emails = emailsFrom(body['emails']);
  return { userName, externalId: text(body['externalId']), displayName: displayName.slice(0, 200), active, name, emails };
}

function nameFrom(value: unknown): KeptAttributes['name'] {
  const given = recordOf(value);
  return Object.fromEntries(
    nameParts.flatMap((part) => {
      const words = text(given[part]);
      return words === null ? [] : [[part, words]];
    }),
  );
}

/** A display name, where none is said. */
function madeOf({ formatted, givenName, familyName }: KeptAttributes['name']): string | null {
  if (formatted !== undefined) return formatted;
  const parts = [givenName, familyName].filter((part) => part !== undefined);
  return parts.length === 0 ? null : parts.join(' ');
}

function emailsFrom(value: unknown): Email[] {
  const list = value === undefined || value === null ? [] : Array.isArray(value) ? (value as unknown[]) : [value];
  if (list.length > emailsMax) throw invalid(`a user has at most ${emailsMax} emails`, 'invalidValue');
  return list.flatMap((one) => {
    const { value: address, type, display, primary } = recordOf(one);
    const words = { value: text(address), type: text(type), display: text(display) };
    if (words.value === null) return [];
    return [
      {
        value: words.value,
        ...(words.type === null ? {} : { type: words.type }),
        ...(words.display === null ? {} : { display: words.display }),
        ...(primary === undefined || primary === null ? {} : { primary: truth(primary) }),
      },
    ];
  });
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
  const email = /^emails\[\s*(type|primary|value)\s+eq\s+("[^"\]]*"|[^\s"\]]+)\s*\](?:\.(value|type|display|primary))?$/i.exec(plain);
  if (email !== null) return { ...attributes, emails: emailsWith(attributes['emails'], kind, email, value) };
  const [first = '', second] = plain.split('.');
  const key = ['userName', 'externalId', 'displayName', 'active', 'name', 'members', 'emails'].find(
    (it) => it.toLowerCase() === first.toLowerCase(),
  );
  if (key === undefined) return attributes;
  if (key === 'members') {
    const given = kind === 'remove' && value === undefined ? members : memberIds(value ?? []);
    if (kind === 'add') return { ...attributes, members: [...new Set([...members, ...given])] };
    return { ...attributes, members: kind === 'replace' ? given : members.filter((id) => !given.includes(id)) };
  }
  if (key === 'name') return withName(attributes, kind, second, value);
  if (key === 'emails') {
    const before = kind === 'add' ? emailsFrom(attributes['emails']) : [];
    return { ...attributes, emails: kind === 'remove' ? [] : [...before, ...emailsFrom(value)] };
  }
  if (kind === 'remove') {
    if (key === 'userName' || key === 'active') throw invalid(`${key} can't be removed`, 'mutability');
    return { ...attributes, [key]: undefined };
  }
  return { ...attributes, [key]: value };
}

/** A display name that was made of the old name follows the new one. */
function withName(attributes: Attributes, kind: 'add' | 'replace' | 'remove', part: string | undefined, value: unknown): Attributes {
  const before = nameFrom(attributes['name']);
  const one = nameParts.find((it) => it.toLowerCase() === part?.toLowerCase());
  if (part !== undefined && one === undefined) return attributes; // middleName, honorificPrefix: not kept
  const said = kind === 'remove' ? undefined : value;
  const name = nameFrom(one !== undefined ? { ...before, [one]: said } : kind === 'remove' ? {} : { ...before, ...recordOf(said) });
  // A whole name that nobody said anew is of the old parts.
  const isStale = name.formatted === before.formatted && (name.givenName !== before.givenName || name.familyName !== before.familyName);
  const { formatted, ...parts } = name;
  const now = isStale ? parts : name;
  const wasMade = [madeOf(before), null, undefined, attributes['userName']].includes(
    attributes['displayName'] as string | null | undefined,
  );
  const isSaidWhole = formatted !== undefined && formatted !== before.formatted;
  return { ...attributes, name: now, ...(wasMade || isSaidWhole ? { displayName: madeOf(now) ?? attributes['userName'] } : {}) };
}

/** `emails[type eq "work"].value`, as Entra ID writes it: what is not there yet is added. */
function emailsWith(given: unknown, kind: 'add' | 'replace' | 'remove', path: RegExpExecArray, value: unknown): Attributes[] {
  const [, by = '', literal = '', part] = path;
  const wanted = literal.replaceAll('"', '');
  const emails = emailsFrom(given).map((it): Attributes => ({ ...it }));
  const fits = (it: Attributes): boolean => String(it[by.toLowerCase()] ?? '').toLowerCase() === wanted.toLowerCase();
  if (kind === 'remove' && part === undefined) return emails.filter((it) => !fits(it));
  const said = part === undefined ? recordOf(value) : { [part.toLowerCase()]: kind === 'remove' ? undefined : value };
  if (emails.some(fits)) return emails.map((it) => (fits(it) ? { ...it, ...said } : it));
  return kind === 'remove'
    ? emails
    : [...emails, { [by.toLowerCase()]: by.toLowerCase() === 'primary' ? wanted === 'true' : wanted, ...said }];
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

export function recordOf(value: unknown): Attributes {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Attributes) : {};
}

/** `code` is the scimType (RFC 7644, 3.12). */
export function invalid(words: string, code: string): HttpProblem {
  return new HttpProblem(400, code, words);
}
