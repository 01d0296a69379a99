// Loads policy files: all problems of all files at once, each with its place; or a set that is right as a whole.

import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import type { TemplateReaders } from '../../src/core/template.ts';
import { compileAccessRules } from './access-rule.ts';
import { compileCalendars } from './calendars.ts';
import { Conditions } from './condition.ts';
import { policyFilesMax, problemsMax, rulesMax } from './limits.ts';
import { CompiledPolicySet } from './policy-set.ts';
import type { LoadedPolicySet } from './policy-set.ts';
import { sortProblems } from './problem.ts';
import type { PolicyProblem } from './problem.ts';
import { checkLists, checkRule, expander } from './rule-checks.ts';
import { compileRule } from './rule.ts';
import type { PolicyFile, Rule } from './rule.ts';
import { readDocument } from './schema-problems.ts';
import { checkNames, checkShadows } from './set-checks.ts';
import { Source } from './source.ts';
import { compileTemplates } from './templates.ts';
import { zoneProblem, zoneTime } from './zone-time.ts';

export type { LoadedPolicySet, RuleView } from './policy-set.ts';
export type { RuleUse } from './rule-use.ts';
export type { Explanation, Mismatch, RuleExplanation } from './explain.ts';
export { formatProblem } from './problem.ts';
export type { PolicyProblem } from './problem.ts';

export interface PolicyText {
  readonly path: string;
  readonly text: string;
}

export type Loaded =
  { readonly ok: true; readonly set: LoadedPolicySet } | { readonly ok: false; readonly errors: readonly PolicyProblem[] };

/** Loads a set. Pure: reads no file. Templates match only where a reader of their language is given. `origin` is put behind the version. */
export function loadPolicies(files: readonly PolicyText[], readers: TemplateReaders = {}, origin = ''): Loaded {
  if (files.length === 0) return failed([{ path: '.', line: 1, column: 1, message: 'there is no policy file' }]);
  if (files.length > policyFilesMax) {
    return failed([{ path: '.', line: 1, column: 1, message: `more than ${policyFilesMax} policy files` }]);
  }
  const version = versionOf(files) + origin;
  const sources = files.map(({ path, text }) => new Source(path, text));
  const opened = sources.flatMap((source) => openFile(source) ?? []);
  checkNames(opened);
  const rules = opened.flatMap((file) => [...compileFile(file, version), ...compileTemplates(file, version, readers)]);
  if (rules.length > rulesMax) sources[0]!.problem([], `more than ${rulesMax} rules in all`);
  const accessRules = opened.flatMap((file) => compileAccessRules(file, version));
  const isWhole = sources.every((source) => source.problems.length === 0);
  if (isWhole) checkShadows(rules);
  const problems = sources.flatMap((source) => source.problems);
  return problems.length > 0 ? failed(problems) : { ok: true, set: new CompiledPolicySet(rules, accessRules, version) };
}

/** SHA-256 over names and contents in order of names; the first 12 hex digits. Folders do not count. */
export function versionOf(files: readonly PolicyText[]): string {
  const hash = createHash('sha256');
  const named = files.map(({ path, text }) => ({ name: basename(path), text })).sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const { name, text } of named) hash.update(`${name}\0${Buffer.byteLength(text)}\0${text}\0`);
  return hash.digest('hex').slice(0, 12);
}

/** Null when the file does not fit the schema. */
function openFile(source: Source): PolicyFile | null {
  const document = readDocument(source);
  if (document === null) return null;
  const lists = document.lists ?? {};
  checkLists(source, lists);
  const zone = document.time_zone ?? 'UTC';
  const problem = zoneProblem(zone);
  if (problem !== null) source.problem(['time_zone'], problem);
  const calendars = compileCalendars(source, document.calendars ?? {}, zone);
  const conditions = new Conditions(source, { lists, texts: document.conditions ?? {}, calendars });
  const timeAt = zoneTime(problem === null ? zone : 'UTC');
  return { name: document.policy, source, document, conditions, timeAt, expand: expander(source, lists) };
}

function compileFile(file: PolicyFile, version: string): Rule[] {
  return file.document.rules.flatMap((document, index) => {
    checkRule(file.source, file.document, document, index);
    return compileRule(file, document, index, version) ?? [];
  });
}

function failed(problems: readonly PolicyProblem[]): Loaded {
  const sorted = sortProblems(problems);
  if (sorted.length <= problemsMax) return { ok: false, errors: sorted };
  const more = { path: sorted[0]!.path, line: 1, column: 1, message: `and ${sorted.length - problemsMax} more problems` };
  return { ok: false, errors: [...sorted.slice(0, problemsMax), more] };
}
