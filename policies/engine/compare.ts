// Two versions of policies, rule by rule, in words. Lists and named conditions count as part of the rules that use them, so that
// a change of a list is seen where it matters. What the change comes to is not known here: see samples.ts.

import type { PolicyDocument, RuleDocument } from './document.ts';
import type { PolicyText } from './load.ts';
import { readDocument } from './schema-problems.ts';
import { Source } from './source.ts';

export interface RuleChange {
  readonly kind: 'added' | 'removed' | 'changed';
  readonly id: string;
  /** "access": who may ask for access for a while. */
  readonly decision: RuleDocument['decision'] | 'access';
  readonly title: string | null;
  /** What is different, one line each; empty unless changed. */
  readonly changes: readonly string[];
}

/** Reads the documents of files that load; files that do not are left out. */
export function documentsOf(files: readonly PolicyText[]): PolicyDocument[] {
  return files.flatMap(({ path, text }) => readDocument(new Source(path, text)) ?? []);
}

/** Rules that are in one version only, or differ, in order of their names. */
export function compareRules(before: readonly PolicyDocument[], after: readonly PolicyDocument[]): RuleChange[] {
  const [old, now] = [rulesOf(before), rulesOf(after)];
  const ids = [...new Set([...old.keys(), ...now.keys()])].sort();
  return ids.flatMap((id): RuleChange[] => {
    const [was, is] = [old.get(id), now.get(id)];
    const { decision, title = null } = (is ?? was)!.rule;
    if (was === undefined) return [{ kind: 'added', id, decision, title, changes: [] }];
    if (is === undefined) return [{ kind: 'removed', id, decision, title, changes: [] }];
    const changes = changesOf(was.parts, is.parts);
    return changes.length === 0 ? [] : [{ kind: 'changed', id, decision, title, changes }];
  });
}

/** A rule as flat parts: "effects.verbs" → its words. Texts are one word. */
type Parts = ReadonlyMap<string, readonly string[]>;

/** A rule of any section. */
interface Compared {
  readonly id: string;
  readonly title?: string | undefined;
  readonly when?: string | undefined;
  readonly record?: object | undefined;
  readonly decision: RuleChange['decision'];
}

function rulesOf(documents: readonly PolicyDocument[]): Map<string, { rule: Compared; parts: Parts }> {
  const found = new Map<string, { rule: Compared; parts: Parts }>();
  for (const document of documents) {
    const rules: readonly Compared[] = [
      ...document.rules,
      ...(document.templates ?? []).map((it) => ({ ...it, decision: 'allow' as const })),
      ...(document.access ?? []).map((it) => ({ ...it, decision: 'access' as const })),
    ];
    for (const rule of rules) found.set(`${document.policy}/${rule.id}`, { rule, parts: partsOf(document, rule) });
  }
  return found;
}

function partsOf(document: PolicyDocument, rule: Compared): Parts {
  const parts = new Map<string, readonly string[]>();
  const { id: _id, ...said } = rule;
  addParts(parts, document, '', said);
  addParts(parts, document, 'applies_to', document.applies_to ?? {});
  const record = rule.decision === 'access' ? {} : (document.record ?? {});
  for (const [key, value] of Object.entries(record)) {
    if (!parts.has(`record.${key}`)) parts.set(`record.${key}`, [String(value)]);
  }
  for (const [name, value] of usedBy(document, rule.when ?? '')) parts.set(name, value);
  return parts;
}

function addParts(parts: Map<string, readonly string[]>, document: PolicyDocument, prefix: string, value: object): void {
  for (const [key, inner] of Object.entries(value) as [string, unknown][]) {
    const name = prefix === '' ? key : `${prefix}.${key}`;
    if (inner === undefined) continue;
    if (Array.isArray(inner))
      parts.set(
        name,
        inner.flatMap((entry: unknown) => entryWords(document, entry)),
      );
    else if (typeof inner === 'object' && inner !== null) addParts(parts, document, name, inner);
    else parts.set(name, expanded(document, String(inner)));
  }
}

/** An entry of a list: itself, the entries of a named list, or all that an entry with keys says, on one line. */
function entryWords(document: PolicyDocument, entry: unknown): readonly string[] {
  if (typeof entry !== 'object' || entry === null) return expanded(document, String(entry));
  const parts = new Map<string, readonly string[]>();
  addParts(parts, document, '', entry);
  return [[...parts].map(([key, value]) => `${key} ${value.join(', ')}`).join('; ')];
}

function expanded(document: PolicyDocument, entry: string): readonly string[] {
  const name = entry.slice(1);
  return entry.startsWith('$') && Object.hasOwn(document.lists ?? {}, name) ? document.lists![name]! : [entry];
}

/** The lists and named conditions that a condition reads, through other conditions too, and the zone of the time it reads. */
function usedBy(document: PolicyDocument, when: string): Map<string, readonly string[]> {
  const used = new Map<string, readonly string[]>();
  const visit = (text: string): void => {
    if (/\btime\./.test(text)) used.set('time_zone', [document.time_zone ?? 'UTC']);
    for (const [, kind, name] of text.matchAll(/\b(lists|conditions|calendars)\.([a-z][a-z0-9_]*)/g)) {
      const key = `${kind}.${name}`;
      if (used.has(key)) continue;
      if (kind === 'calendars') {
        used.set(key, calendarWords(document, name!));
        continue;
      }
      const value = kind === 'lists' ? document.lists?.[name!] : document.conditions?.[name!];
      used.set(key, typeof value === 'string' ? [value] : (value ?? []));
      if (typeof value === 'string') visit(value);
    }
  };
  visit(when);
  return used;
}

/** What a calendar is made of, those that it leaves out included. */
function calendarWords(document: PolicyDocument, name: string, depth = 0): readonly string[] {
  const calendar = document.calendars?.[name];
  if (calendar === undefined) return [];
  if (Array.isArray(calendar)) return calendar;
  const { dates = [], except = [], ...rest } = calendar as Exclude<typeof calendar, readonly string[]>;
  const parts = Object.entries(rest).map(([key, value]) => `${key} ${String(value)}`);
  const left = depth > 10 ? [] : except.flatMap((other) => calendarWords(document, other, depth + 1).map((it) => `except ${it}`));
  return [...dates, ...parts, ...left, `time_zone ${document.time_zone ?? 'UTC'}`];
}

const entriesShownMax = 8;

function changesOf(was: Parts, is: Parts): string[] {
  const names = [...new Set([...was.keys(), ...is.keys()])];
  return names.flatMap((name): string[] => {
    const [old, now] = [was.get(name), is.get(name)];
    if (old === undefined) return [`${name}: now ${shown(now!)}`];
    if (now === undefined) return [`${name}: no longer ${shown(old)}`];
    const gone = old.filter((entry) => !now.includes(entry));
    const come = now.filter((entry) => !old.includes(entry));
    if (gone.length === 0 && come.length === 0) return [];
    if (old.length === 1 && now.length === 1) return [`${name}: ${shown(old)} → ${shown(now)}`];
    const words = [come.length > 0 ? `adds ${shown(come)}` : '', gone.length > 0 ? `no longer ${shown(gone)}` : ''];
    return [`${name}: ${words.filter((word) => word !== '').join('; ')}`];
  });
}

function shown(entries: readonly string[]): string {
  const more = entries.length > entriesShownMax ? ` and ${entries.length - entriesShownMax} more` : '';
  return `${entries.slice(0, entriesShownMax).join(', ')}${more}`;
}
