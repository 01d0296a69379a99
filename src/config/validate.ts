// Checks the parsed YAML section by section and list entry by list entry, so that one mistake never hides another, and
// puts zod's findings into words. What was right comes back even when something else was wrong.

import { z } from 'zod';
import type { ConfigDocument, ValuePath } from './document.ts';
import { nearest } from '../core/nearest.ts';
import { documentSchema, personSchema, sections, targetSchema, webhookSchema } from './schema.ts';

/** One entry of a list and where it stands in the file. */
export interface Entry<T> {
  readonly path: ValuePath;
  readonly value: T;
}

type Section = keyof typeof sections;
type ListSection = 'people' | 'targets' | 'webhooks';

/** The sections that are right; undefined ones had problems (or are optional and absent). */
export type Parts = { readonly [S in Exclude<Section, ListSection>]: z.output<(typeof sections)[S]> | undefined } & {
  readonly people: readonly Entry<z.output<typeof personSchema>>[];
  readonly targets: readonly Entry<z.output<typeof targetSchema>>[];
  readonly webhooks: readonly Entry<z.output<typeof webhookSchema>>[];
};

/** Keys that would put a secret into the file in clear, and what to do instead. */
const clearSecrets: Readonly<Record<string, string>> = {
  password:
    'passwords are not written in this file: put it into a file of its own and name that with password_file, or into an environment variable and name that with password_env',
  secret:
    'secrets are not written in this file: put it into a file of its own and name that with secret_file, or into an environment variable and name that with secret_env',
};

export function validate(document: ConfigDocument): Parts {
  const raw = document.value;
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) {
    document.problem([], 'the configuration is a set of keys (data_dir, listen, people, targets, policies, …)');
    return validateSections(document, {});
  }
  for (const key of Object.keys(raw)) {
    if (!(key in sections)) document.problem([key], unknownKeyWords(key, Object.keys(sections)), 'key');
  }
  return validateSections(document, raw as Record<string, unknown>);
}

function validateSections(document: ConfigDocument, raw: Record<string, unknown>): Parts {
  const part = <T>(section: Section, schema: z.ZodType<T>): T | undefined =>
    check(document, schema, emptyAsAbsent(raw[section]), [section]);
  return {
    data_dir: part('data_dir', sections.data_dir),
    public_url: part('public_url', sections.public_url),
    listen: part('listen', sections.listen),
    tls: part('tls', sections.tls),
    allow_plaintext: part('allow_plaintext', sections.allow_plaintext),
    relay_threads: part('relay_threads', sections.relay_threads),
    busy_poll_us: part('busy_poll_us', sections.busy_poll_us),
    rights: part('rights', sections.rights),
    on_call: part('on_call', sections.on_call),
    sign_in: part('sign_in', sections.sign_in),
    ssh: part('ssh', sections.ssh),
    policies: part('policies', sections.policies),
    audit: part('audit', sections.audit),
    channels: part('channels', sections.channels),
    agents: part('agents', sections.agents),
    credentials: part('credentials', sections.credentials),
    limits: part('limits', sections.limits),
    log: part('log', sections.log),
    people: list(document, personSchema, emptyAsAbsent(raw['people']), sections.people, 'people'),
    targets: list(document, targetSchema, emptyAsAbsent(raw['targets']), sections.targets, 'targets'),
    webhooks: list(document, webhookSchema, emptyAsAbsent(raw['webhooks']), sections.webhooks, 'webhooks'),
  };
}

/** `targets:` with nothing after it is null in YAML and means the same as leaving it out. */
function emptyAsAbsent(value: unknown): unknown {
  return value === null ? undefined : value;
}

function list<T>(document: ConfigDocument, item: z.ZodType<T>, value: unknown, whole: z.ZodType, section: string): Entry<T>[] {
  if (!Array.isArray(value)) {
    check(document, whole, value, [section]);
    return [];
  }
  return value.flatMap((raw, index) => {
    const path = [section, index];
    const checked = check(document, item, raw, path);
    return checked === undefined ? [] : [{ path, value: checked }];
  });
}

function check<T>(document: ConfigDocument, schema: z.ZodType<T>, value: unknown, path: ValuePath): T | undefined {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  for (const issue of result.error.issues) {
    const at = [...path, ...issue.path.filter((step) => typeof step !== 'symbol')];
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys) document.problem([...at, key], unknownKeyWords(key, keysAt(at)), 'key');
    } else {
      document.problem(at, issueWords(issue, valueAt(value, issue.path)));
    }
  }
  return undefined;
}

function issueWords(issue: z.core.$ZodIssue, value: unknown): string {
  if (value === undefined) return 'is missing';
  if (issue.code === 'invalid_value') {
    const known = issue.values.map(String);
    return `must be ${oneOf(known)}${didYouMean(String(value), known)}`;
  }
  if (issue.code === 'invalid_key') return `"${String(issue.path.at(-1))}" is not a name: use letters, digits and . _ / -`;
  if (issue.code === 'invalid_type' && issue.message.startsWith('Invalid input')) return `must be ${typeWords(issue.expected)}`;
  return issue.message.replace(/^Invalid input: /, '');
}

function typeWords(expected: string): string {
  const words: Readonly<Record<string, string>> = {
    object: 'a set of keys',
    record: 'a set of keys',
    array: 'a list',
    string: 'a text (put it in quotes)',
    boolean: 'true or false',
    number: 'a number',
  };
  return words[expected] ?? expected;
}

function unknownKeyWords(key: string, known: readonly string[]): string {
  return clearSecrets[key] ?? `is not a known key${didYouMean(key, known)}`;
}

export function didYouMean(word: string, known: readonly string[]): string {
  const close = nearest(word, known);
  return close === null ? '' : ` (did you mean "${close}"?)`;
}

function oneOf(words: readonly string[]): string {
  return words.length === 1 ? `"${words[0]}"` : `one of ${words.map((word) => `"${word}"`).join(', ')}`;
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((inner, step) => (inner as Record<PropertyKey, unknown> | null | undefined)?.[step], value);
}

/** The keys that the schema knows at a path. */
function keysAt(path: ValuePath): string[] {
  let schema: unknown = documentSchema;
  for (const step of path) {
    schema = unwrap(schema);
    if (schema instanceof z.ZodObject) schema = schema.shape[String(step)];
    else if (schema instanceof z.ZodArray) schema = schema.element;
  }
  schema = unwrap(schema);
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
}

function unwrap(schema: unknown): unknown {
  while (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault) schema = schema.unwrap();
  return schema;
}
