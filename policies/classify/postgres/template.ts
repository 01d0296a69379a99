// Templates of PostgreSQL statements, compared by PostgreSQL's own parse tree: the same tree but for the places, where one plain
// constant or one bound parameter stands. White space, comments and redundant parentheses do not count; everything else does.
// Names mean the same only while search_path and role are those of the sign-in: after a change nothing matches.

import type { Action, Parameter } from '../../../src/core/action.ts';
import type { SqlCatalogue } from '../../../src/core/catalogue.ts';
import type { ReadableTemplate, TemplateReader, TemplateReading, TemplateValue } from '../../../src/core/template.ts';
import { templateTextUnitsMax } from '../../../src/core/template.ts';
import { problemOfMode } from './mode.ts';
import { Parser } from './parser.ts';
import { parseSearchPath } from './settings.ts';
import { isTree, nodeOf, numberAt, textAt, treeAt } from './tree.ts';
import type { Tree } from './tree.ts';

export interface PostgresTemplates extends TemplateReader {
  close(): void;
}

/** Makes a reader with a parser of its own. */
export async function createPostgresTemplates(): Promise<PostgresTemplates> {
  const parser = await Parser.create();
  return { read: (text) => readTemplate(parser, text), close: () => parser.close() };
}

/** Types whose operators and casts nobody can have written: a parameter of another type may choose other operators. */
const builtinTypes = new Set(
  ['bool', 'bpchar', 'date', 'float4', 'float8', 'int2', 'int4', 'int8', 'numeric', 'text', 'timestamp', 'timestamptz'].concat(
    'uuid',
    'varchar',
  ),
);

const numericTypes = new Set(['float4', 'float8', 'int2', 'int4', 'int8', 'numeric']);

/** Statements that a place makes sense in, and that do one thing. */
const kinds = new Set(['SelectStmt', 'InsertStmt', 'UpdateStmt', 'DeleteStmt', 'CallStmt', 'RefreshMatViewStmt', 'VacuumStmt']);

function readTemplate(parser: Parser, text: string): TemplateReading {
  if (text.length > templateTextUnitsMax) return problem(`a template has at most ${templateTextUnitsMax} characters`);
  const { numbered, places } = withNumbers(text);
  const parsed = parser.parse(numbered);
  if (parsed.kind === 'syntax-error') return problem(`not a statement of PostgreSQL: ${parsed.message}`);
  if (parsed.kind === 'gave-up') return problem(parsed.message);
  const [only] = parsed.statements;
  if (only === undefined || parsed.statements.length > 1) return problem('a template is exactly one statement');
  const kind = nodeOf(only.stmt)?.type ?? '';
  if (!kinds.has(kind)) return problem('a template is a SELECT, INSERT, UPDATE, DELETE, CALL, REFRESH MATERIALIZED VIEW or VACUUM');
  const found = new Set<number>();
  collect(only.stmt, found);
  if (found.size !== places.length || [...found].some((number) => number < 1 || number > places.length)) {
    return problem('each place stands where a value can stand, outside of quotes; write `$1` as a named place');
  }
  const template: ReadableTemplate = { places, match: (action) => matchAction(parser, only.stmt, places, action) };
  return { kind: 'template', template };
}

/** `:name` outside of quotes and comments as $1, $2, …; `::type` is a cast, `[1:n]` a slice. */
function withNumbers(text: string): { numbered: string; places: string[] } {
  const places: string[] = [];
  const skipped = /'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[\s\S]*?\*\/|\$(\w*)\$[\s\S]*?\$\1\$|::|\$\d+|:([a-z][a-z0-9_]*)/g;
  const numbered = text.replaceAll(skipped, (whole, _tag: string | undefined, name: string | undefined) => {
    // A number written by hand would be taken for a place.
    if (/^\$\d/.test(whole)) return '$0';
    if (name === undefined) return whole;
    if (!places.includes(name)) places.push(name);
    return `$${places.indexOf(name) + 1}`;
  });
  return { numbered, places };
}

function collect(value: unknown, found: Set<number>): void {
  if (Array.isArray(value)) for (const item of value) collect(item, found);
  else if (isTree(value)) {
    const node = nodeOf(value);
    if (node?.type === 'ParamRef') found.add(numberAt(node.body, 'number'));
    else for (const key in value) collect(value[key], found);
  }
}

function matchAction(parser: Parser, template: Tree, places: readonly string[], action: Action): Map<string, TemplateValue> | null {
  const { text, mode } = action;
  if (action.kind !== 'statement' || text.length > templateTextUnitsMax) return null;
  if (problemOfMode(text, mode.settings) !== null || !namesAreSteady(action)) return null;
  const parsed = parser.parse(text);
  if (parsed.kind !== 'statements' || parsed.statements.length !== 1) return null;
  const values = new Map<number, TemplateValue>();
  if (!isSame(template, parsed.statements[0]!.stmt, action.parameters, values)) return null;
  return new Map(places.map((place, index) => [place, values.get(index + 1)!]));
}

/** Settings as at sign-in: another search_path or role can make another table, function or operator of the same name. */
function namesAreSteady({ mode: { settings, catalogue } }: Action): boolean {
  const role = settings['role'];
  if (role !== undefined && role !== 'none') return false;
  if (settings['session_authorization'] === '?' || settings['session_replication_role'] === '?') return false;
  const replication = settings['session_replication_role'];
  if (replication !== undefined && replication !== 'origin') return false;
  const path = settings['search_path'];
  if (path === undefined) return true;
  const [now, usual] = [path, (catalogue?.content as SqlCatalogue | undefined)?.searchPath ?? '"$user", public'].map(parseSearchPath);
  return now != null && JSON.stringify(now) === JSON.stringify(usual);
}

/** Deep equality but for places in the text and for the places of a template. Both trees are of a bounded text. */
function isSame(template: unknown, given: unknown, bound: readonly Parameter[] | null, values: Map<number, TemplateValue>): boolean {
  if (Array.isArray(template)) {
    if (!Array.isArray(given) || given.length !== template.length) return false;
    return template.every((item, index) => isSame(item, given[index], bound, values));
  }
  if (!isTree(template)) return template === given;
  if (!isTree(given)) return false;
  const place = nodeOf(template);
  if (place?.type === 'ParamRef') return takes(numberAt(place.body, 'number'), valueOf(given, bound), values);
  const keys = Object.keys(template).filter(isMeaning);
  if (keys.length !== Object.keys(given).filter(isMeaning).length) return false;
  return keys.every((key) => Object.hasOwn(given, key) && isSame(template[key], given[key], bound, values));
}

/** Where a node stands in the text is no part of what it means. */
function isMeaning(key: string): boolean {
  return key !== 'stmt_len' && !/(^|_)location$|(^|_)list_(start|end)$/.test(key);
}

/** A place that stands twice has the same value twice. */
function takes(number: number, value: TemplateValue | null, values: Map<number, TemplateValue>): boolean {
  if (value === null) return false;
  const known = values.get(number);
  if (known !== undefined) return known.text === value.text && known.form === value.form;
  values.set(number, value);
  return true;
}

/** One plain constant or one bound parameter; never NULL, a bit string, a cast, a call or an expression. */
function valueOf(given: Tree, bound: readonly Parameter[] | null): TemplateValue | null {
  const node = nodeOf(given);
  if (node?.type === 'ParamRef') {
    const parameter = bound?.[numberAt(node.body, 'number') - 1];
    if (parameter === undefined || parameter.text === null) return null;
    if (parameter.type !== null && !builtinTypes.has(parameter.type)) return null;
    const form = parameter.type === null ? 'bound' : numericTypes.has(parameter.type) ? 'number' : 'string';
    return { text: parameter.text, form };
  }
  if (node?.type !== 'A_Const') return null;
  const integer = treeAt(node.body, 'ival');
  if (integer !== null) return { text: String(numberAt(integer, 'ival')), form: 'number' };
  const float = treeAt(node.body, 'fval');
  if (float !== null) return { text: textAt(float, 'fval'), form: 'number' };
  const string = treeAt(node.body, 'sval');
  return string === null ? null : { text: textAt(string, 'sval'), form: 'string' };
}

function problem(message: string): TemplateReading {
  return { kind: 'problem', message, offset: null };
}
