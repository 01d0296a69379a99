// Sample people, targets, moments and texts to judge two versions of policies by. They are made of the words of the policies
// themselves (every group, label and table named there, and something that is named nowhere), so that a rule has somebody to
// speak of. Samples find differences; that they find none proves nothing, and whoever shows them must say so.

import type { EffectVerb } from '../../src/core/effect.ts';
import type { Facts } from '../../src/core/policy.ts';
import type { Principal, PrincipalKind } from '../../src/core/principal.ts';
import type { Protocol } from '../../src/core/target.ts';
import type { PolicyDocument, TargetsDocument } from './document.ts';
import { effectVerbs, protocolActions } from './vocabulary.ts';

export type SampleTarget = Facts['target'];

/** Bounds of each kind of sample: the samples are their product. */
export const samplesMax = { people: 40, targets: 24, tables: 24, functions: 12, moments: 6, columns: 24 } as const;

const nobodyListed = 'something_listed_nowhere';

/** One person of each group named, of no group, of each kind named, and each person named. */
export function samplePeople(documents: readonly PolicyDocument[]): Principal[] {
  const rules = documents.flatMap((document) => {
    const all = [...document.rules, ...(document.templates ?? []), ...(document.access ?? [])];
    return all.map(({ principals }) => ({ document, principals }));
  });
  const groups = distinct(rules.flatMap(({ document, principals }) => expand(document, principals?.groups ?? [])));
  const names = distinct(rules.flatMap(({ document, principals }) => expand(document, principals?.people ?? [])));
  const kinds = distinct(rules.flatMap(({ principals }) => principals?.kinds ?? [])).filter((kind) => kind !== 'person');
  const people = [
    somebody('somebody in no group', []),
    ...groups.map((group) => somebody(`somebody in ${group}`, [group])),
    ...names.map((name) => somebody(name, [])),
    ...kinds.flatMap((kind) => [
      somebody(`a ${kind} in no group`, [], kind),
      ...groups.map((group) => somebody(`a ${kind} in ${group}`, [group], kind)),
    ]),
  ];
  return people.slice(0, samplesMax.people);
}

/** A target for each combination of protocol and labels that a rule or policy speaks of, and one without labels. */
export function sampleTargets(documents: readonly PolicyDocument[]): SampleTarget[] {
  const found = new Map<string, SampleTarget>();
  const add = (name: string | null, protocol: Protocol, labels: Readonly<Record<string, string>>): void => {
    const words = Object.entries(labels).map(([label, value]) => `${label}=${value}`);
    const shown = name ?? `a ${protocol} target ${words.length === 0 ? 'without labels' : `with ${words.join(', ')}`}`;
    if (!found.has(shown)) found.set(shown, { name: shown as SampleTarget['name'], protocol, labels });
  };
  for (const document of documents) {
    for (const rule of [{ targets: undefined, actions: undefined }, ...document.rules]) {
      const asked = targetsAsked(document, document.applies_to, rule.targets);
      const spoken = asked.protocols.filter((it) =>
        (rule.actions ?? ['statement', 'command']).some((action) => protocolActions[it].includes(action)),
      );
      for (const protocol of spoken) for (const labels of asked.labels) for (const name of asked.names) add(name, protocol, labels);
    }
  }
  for (const protocol of distinct([...found.values()].map((it) => it.protocol))) add(null, protocol, {});
  return [...found.values()].slice(0, samplesMax.targets);
}

function targetsAsked(document: PolicyDocument, outer: TargetsDocument | undefined, inner: TargetsDocument | undefined) {
  const labels = { ...outer?.labels, ...inner?.labels };
  let sets: Record<string, string>[] = [{}];
  for (const [label, value] of Object.entries(labels)) {
    const values = expand(document, typeof value === 'string' ? [value] : value);
    sets = sets.flatMap((set) => values.slice(0, 4).map((it) => ({ ...set, [label]: it }))).slice(0, samplesMax.targets);
  }
  const names = expand(document, inner?.names ?? outer?.names ?? []);
  return {
    protocols: inner?.protocols ?? outer?.protocols ?? (['postgres'] satisfies Protocol[]),
    labels: sets,
    names: names.length === 0 ? [null] : names.map(nameOf),
  };
}

/** Noon of a working day; and, when a condition reads the time, a night at the weekend and every date that is named. */
export function sampleMoments(documents: readonly PolicyDocument[]): number[] {
  const texts = documents.flatMap((document) => [JSON.stringify(document)]).join('\n');
  const noon = Date.parse('2026-11-18T12:00:00Z');
  if (!/\btime\.|calendars?\b/.test(texts)) return [noon];
  const dates = [...texts.matchAll(/\b(20\d\d-\d\d-\d\d)\b/g)].map(([date]) => Date.parse(`${date}T12:00:00Z`));
  const valid = dates.filter((ms) => !Number.isNaN(ms));
  return distinct([noon, Date.parse('2026-11-22T03:00:00Z'), ...valid]).slice(0, samplesMax.moments);
}

/** Statements for a real classifier: usual ones on every table named and on one that is not, and side doors. */
export function sampleStatements(documents: readonly PolicyDocument[]): string[] {
  const effects = documents.flatMap((document) => document.rules.map((rule) => ({ document, effects: rule.effects })));
  const tables = distinct(effects.flatMap(({ document, effects: it }) => expand(document, it?.tables ?? []).map(nameOf)));
  const functions = distinct(effects.flatMap(({ document, effects: it }) => expand(document, it?.functions ?? []).map(nameOf)));
  const isName = (name: string): boolean => /^[A-Za-z_]\w*(\.[A-Za-z_]\w*)?$/.test(name);
  return [
    ...[...tables.filter(isName).slice(0, samplesMax.tables), nobodyListed].flatMap(onTable),
    ...[...functions.filter(isName).slice(0, samplesMax.functions), nobodyListed].map((name) => `SELECT ${name}()`),
    ...sampleColumns(documents).flatMap(onColumn),
    ...otherStatements,
  ];
}

/** "table.column" for each column that a mask or a condition about columns speaks of. */
function sampleColumns(documents: readonly PolicyDocument[]): string[] {
  const named = documents.flatMap((document) => {
    const masked = document.rules.flatMap(({ mask }) => (mask ?? []).flatMap(({ columns }) => expand(document, columns ?? [])));
    const conditions = [...document.rules.map(({ when }) => when ?? ''), ...Object.values(document.conditions ?? {})].join('\n');
    const calls = [...conditions.matchAll(/\.(?:(?:reads|asks|writes)_column|(?:reads|writes)_only)\(([^)]*)\)/g)].map(
      ([, given]) => given ?? '',
    );
    const literals = calls.flatMap((given) => [...given.matchAll(/["']([^"']+)["']/g)].map(([, pattern]) => pattern ?? ''));
    const lists = calls.flatMap((given) => [...given.matchAll(/lists\.(\w+)/g)].flatMap(([, list]) => document.lists?.[list ?? ''] ?? []));
    return [...masked, ...literals, ...lists];
  });
  const columns = named.map((pattern) => (pattern.includes('.') ? nameOf(pattern) : `some_table.${nameOf(pattern)}`));
  return distinct(columns.filter((name) => /^\w+(\.\w+){1,2}$/.test(name))).slice(0, samplesMax.columns);
}

function onColumn(named: string): string[] {
  const at = named.lastIndexOf('.');
  const [table, column] = [named.slice(0, at), named.slice(at + 1)];
  return [
    `SELECT ${column} FROM ${table}`,
    `SELECT id FROM ${table} WHERE ${column} = 'x'`,
    `UPDATE ${table} SET ${column} = 'x' WHERE id = 1`,
  ];
}

function onTable(table: string): string[] {
  return [
    `SELECT * FROM ${table} WHERE id = 1`,
    `INSERT INTO ${table} (id) VALUES (1)`,
    `UPDATE ${table} SET a = 1 WHERE id = 1`,
    `UPDATE ${table} SET a = 1`,
    `DELETE FROM ${table} WHERE id = 1`,
    `DELETE FROM ${table}`,
    `TRUNCATE TABLE ${table}`,
    `DROP TABLE ${table}`,
    `ALTER TABLE ${table} ADD COLUMN a int`,
    `GRANT SELECT ON ${table} TO somebody`,
  ];
}

const otherStatements: readonly string[] = [
  'SELECT 1',
  'BEGIN',
  'COMMIT',
  'EXPLAIN SELECT 1',
  'SET statement_timeout = 1000',
  'SET ROLE somebody',
  'CREATE TABLE new_table (id int)',
  'CREATE INDEX CONCURRENTLY new_index ON some_table (id)',
  'CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$',
  'DROP DATABASE some_database',
  'CREATE ROLE somebody',
  "COPY some_table TO '/tmp/file'",
  "COPY some_table FROM PROGRAM 'program'",
  'COPY some_table TO STDOUT',
  'COPY some_table FROM STDIN',
  'DO $$ BEGIN PERFORM 1; END $$',
  'SELECT pg_terminate_backend(1)',
  "SELECT pg_read_file('/etc/passwd')",
  'VACUUM',
  'LOCK TABLE some_table',
  "NOTIFY channel, 'text'",
  'ALTER SYSTEM SET work_mem = 1',
  'SELECT 1; DROP TABLE some_table',
  'SELEC 1',
];

/** Every verb once, for what no statement above does, and for protocols that have none. */
export function sampleEffects(): EffectVerb[] {
  return [...effectVerbs];
}

function expand(document: PolicyDocument, entries: readonly string[]): string[] {
  return entries.flatMap((entry) => (entry.startsWith('$') ? (document.lists?.[entry.slice(1)] ?? []) : [entry]));
}

/** A name that the pattern matches. */
function nameOf(pattern: string): string {
  return pattern.replaceAll(/\*+/g, 'x').replaceAll('?', 'x');
}

function somebody(name: string, groups: readonly string[], kind: PrincipalKind = 'person'): Principal {
  return { name: name as Principal['name'], displayName: name, kind, groups };
}

function distinct<Value>(values: readonly Value[]): Value[] {
  return [...new Set(values)];
}
