// Pre-approved templates: a statement or command with named places that runs without a hold when the text is exactly that and
// each place holds what its conditions ask. A template stands behind every deny rule and before every hold rule.

import type { Action } from '../../src/core/action.ts';
import type { Facts } from '../../src/core/policy.ts';
import type { ReadableTemplate, TemplateReaders, TemplateValue } from '../../src/core/template.ts';
import type { TemplateDocument } from './document.ts';
import { glob } from '../../src/core/glob.ts';
import * as limits from './limits.ts';
import { didYouMean } from './nearest.ts';
import type { placeTypes, PlaceDocument } from './place-document.ts';
import { compileRule } from './rule.ts';
import type { PolicyFile, Rule, Template } from './rule.ts';
import type { Path } from './source.ts';

/** Compiles the templates of a file; what is wrong is noted at its source. Without a reader of its protocol a template matches nothing. */
export function compileTemplates(file: PolicyFile, version: string, readers: TemplateReaders): Rule[] {
  const known = new Set([...file.document.rules, ...(file.document.access ?? [])].map(({ id }) => id));
  const texts = new Map<string, string>();
  return (file.document.templates ?? []).flatMap((document, index) => {
    const at = ['templates', index];
    if (known.has(document.id)) file.source.problem([...at, 'id'], `a rule named ${document.id} stands in this policy already`);
    known.add(document.id);
    const { statement, protocol, parameters: _, database, ...rest } = document;
    const same = texts.get(JSON.stringify([protocol, statement, database, rest.principals, rest.targets, rest.when]));
    if (same !== undefined) file.source.problem([...at, 'statement'], `template ${document.id} is the same as template ${same}`);
    texts.set(JSON.stringify([protocol, statement, database, rest.principals, rest.targets, rest.when]), document.id);
    const template = compileTemplate(file, document, at, readers);
    const actions = [protocol === 'ssh' ? ('command' as const) : ('statement' as const)];
    const rule = compileRule(file, { ...rest, decision: 'allow', actions, understood: 'any' }, index, version, 'templates');
    if (rule === null || template === null) return [];
    const spoken = { names: null, protocols: [protocol], labels: [] };
    return [{ ...rule, targets: [...rule.targets, spoken], template }];
  });
}

function compileTemplate(file: PolicyFile, document: TemplateDocument, at: Path, readers: TemplateReaders): Template | null {
  const { statement, protocol, database } = document;
  const conditions = new Map(Object.entries(document.parameters ?? {}));
  const { length } = file.source.problems;
  for (const [name, place] of conditions) checkPlace(file, place, [...at, 'parameters', name]);
  if (protocol === 'mysql' && database === undefined) {
    file.source.problem([...at, 'id'], 'a template of MySQL says in which database its names are: add "database"');
  }
  if (protocol === 'ssh' && database !== undefined) file.source.problemAtKey(at, 'database', 'SSH has no databases');
  const reading = readers[protocol]?.read(statement);
  if (reading?.kind === 'problem') file.source.problemInText([...at, 'statement'], reading.offset ?? 0, reading.message);
  if (reading?.kind === 'template') checkPlaces(file, reading.template, conditions, at);
  if (file.source.problems.length > length) return null;
  if (reading === undefined) return { matches: () => false };
  const tests = new Map(
    [...conditions].map(([name, place]) => [name, placeTest(place, file.expand(stringsOf(place.in), [...at, 'parameters', name, 'in']))]),
  );
  const databases = database === undefined ? null : file.expand(typeof database === 'string' ? [database] : database, [...at, 'database']);
  const { template } = reading as { template: ReadableTemplate };
  return {
    matches: (action, facts) => {
      if (databases !== null && !databases.includes(databaseOf(action, facts) ?? '')) return false;
      const values = template.match(action);
      return values !== null && [...values].every(([name, value]) => tests.get(name)?.(value) === true);
    },
  };
}

function checkPlaces(file: PolicyFile, template: ReadableTemplate, conditions: ReadonlyMap<string, PlaceDocument>, at: Path): void {
  for (const name of template.places) {
    if (!conditions.has(name)) file.source.problem([...at, 'statement'], `the place :${name} has no condition: add it under "parameters"`);
  }
  for (const name of conditions.keys()) {
    if (template.places.includes(name)) continue;
    file.source.problemAtKey(
      [...at, 'parameters'],
      name,
      `no place of the statement is named :${name}${didYouMean(name, template.places)}`,
    );
  }
}

function checkPlace(file: PolicyFile, place: PlaceDocument, at: Path): void {
  const { type, min, max } = place;
  const isNumber = type === 'int' || type === 'number';
  if (type === undefined && place.in === undefined) file.source.problem(at, 'say what may stand here: "type" or "in"');
  if (!isNumber && (min !== undefined || max !== undefined)) file.source.problem(at, '"min" and "max" belong to int and number');
  if (min !== undefined && max !== undefined && min > max) file.source.problem(at, `nothing is at least ${min} and at most ${max}`);
  if (type !== 'text' && (place.like !== undefined || place.max_length !== undefined))
    file.source.problem(at, '"like" and "max_length" belong to text');
}

/** The database that names without one are in, now. */
function databaseOf(action: Action, { target, session }: Facts): string | null {
  return target.protocol === 'mysql' ? (action.mode.settings['database'] ?? null) : session.database;
}

function stringsOf(entries: PlaceDocument['in']): string[] {
  return (entries ?? []).filter((entry) => typeof entry === 'string');
}

function placeTest(place: PlaceDocument, texts: readonly string[]): (value: TemplateValue) => boolean {
  const numbers = (place.in ?? []).filter((entry) => typeof entry === 'number').map(String);
  return (value) =>
    (place.type === undefined || typeTests[place.type](value, place)) &&
    // A text column compared with a number can match many rows: texts are only met by texts.
    (place.in === undefined || numbers.includes(value.text) || (value.form !== 'number' && texts.includes(value.text)));
}

const typeTests: Readonly<Record<(typeof placeTypes)[number], (value: TemplateValue, place: PlaceDocument) => boolean>> = {
  int: ({ text }, place) => /^-?(0|[1-9]\d{0,15})$/.test(text) && Number.isSafeInteger(Number(text)) && inRange(Number(text), place),
  number: ({ text }, place) => /^-?\d{1,15}(\.\d{1,15})?$/.test(text) && inRange(Number(text), place),
  text: ({ text, form }, { like, max_length: lengthMax = limits.placeLengthDefault }) =>
    form !== 'number' && text.length <= lengthMax && (like === undefined || glob(like)(text)),
  date: ({ text, form }) => form !== 'number' && isDate(text),
  uuid: ({ text, form }) => form !== 'number' && /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i.test(text),
};

function inRange(value: number, { min = -Infinity, max = Infinity }: PlaceDocument): boolean {
  return value >= min && value <= max;
}

function isDate(text: string): boolean {
  const ms = /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN;
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(text);
}
