// Judges a whole text with a parser at hand: parse, then each statement in order, each seeing the settings and prepared
// names that the ones before it in the same text leave behind.

import type { ReadingMode } from '../../../src/core/action.ts';
import type { SqlCatalogue } from '../../../src/core/catalogue.ts';
import type { Classification, ColumnsTouched, SessionChange, StatementFacts } from '../../../src/core/classification.ts';
import { mayDefine, ownChangesOf, ownChangesSetting } from '../../../src/core/own-changes.ts';
import { parameterTypesOf } from '../../../src/core/parameter-types.ts';
import { anyColumns, classificationOf, notUnderstood } from '../../../src/core/summary.ts';
import { columnsTouched } from './columns.ts';
import type { Context } from './context.ts';
import { definedNames } from './defined-names.ts';
import { Findings } from './findings.ts';
import { readFunctionBody } from './function-bodies.ts';
import { KnownColumns } from './known-columns.ts';
import { KnownObjects } from './known-objects.ts';
import { fromCharacter, offsetsOf } from './offsets.ts';
import type { Parser } from './parser.ts';
import { aboutGrammar, problemOfMode } from './mode.ts';
import { parseSearchPath, writeSearchPath } from './settings.ts';
import { TextSettings } from './text-settings.ts';
import { settleAmbiguous } from './settlement.ts';
import { nodeOf, type RawStatement } from './tree.ts';
import { judgeStatement } from './utility.ts';
import { sourcesOfView } from './view-sources.ts';

/** What a prepared name would do, or null when it is not known. */
export type PreparedLookup = (name: string) => Classification | null;

export interface Judged {
  readonly classification: Classification;
  /** It runs a prepared statement, so it is true for this session only. */
  readonly executes: boolean;
}

const nothingPrepared: PreparedLookup = () => null;

export class Judge {
  readonly #parser: Parser;
  /** By catalogue, then by search_path: what names end in depends on both. */
  readonly #known = new WeakMap<SqlCatalogue, Map<string, KnownObjects>>();

  readonly #columns: KnownColumns;

  constructor(parser: Parser) {
    this.#parser = parser;
    this.#columns = new KnownColumns(parser, 'named');
  }

  /** Judges a text. Never throws: whatever goes wrong is "not understood". */
  judge(text: string, mode: Pick<ReadingMode, 'settings' | 'catalogue'>, prepared: PreparedLookup = nothingPrepared): Judged {
    try {
      return this.#judge(text, mode.settings, catalogueOf(mode), prepared, 0);
    } catch (thrown) {
      const words = thrown instanceof Error ? thrown.name : 'unknown error';
      return { classification: notUnderstood('parser-gave-up', `the statement could not be classified (${words})`), executes: false };
    }
  }

  #judge(text: string, settings: Context['settings'], catalogue: SqlCatalogue | null, prepared: PreparedLookup, depth: number): Judged {
    const problem = problemOfMode(text, settings);
    if (problem !== null) return { classification: notUnderstood(problem.kind, problem.message, problem.offset), executes: false };
    const parsed = this.#parser.parse(text);
    if (parsed.kind === 'gave-up') return { classification: notUnderstood('parser-gave-up', parsed.message), executes: false };
    if (parsed.kind === 'syntax-error') {
      const offset = parsed.position > 0 ? fromCharacter(text, parsed.position) : null;
      return { classification: notUnderstood('syntax', `${parsed.message}${aboutGrammar(settings)}`, offset), executes: false };
    }
    const offsets = offsetsOf(text, parsed.byteLength);
    const facts: StatementFacts[] = [];
    const locals = new Map<string, Classification | null>();
    const session = new TextSettings(settings);
    let executes = false;
    for (const raw of parsed.statements) {
      const { current } = session;
      const start = trimmedStart(text, offsets.fromByte(raw.stmt_location ?? 0));
      const end = trimmedEnd(
        text,
        start,
        raw.stmt_len === undefined ? text.length : offsets.fromByte((raw.stmt_location ?? 0) + raw.stmt_len),
      );
      const known = catalogue === null ? null : this.#knownFor(catalogue, searchPathOf(current, catalogue), depth);
      const context: Context = {
        text,
        offsets,
        settings: current,
        known,
        changed: ownChangesOf(current[ownChangesSetting]),
        shadowing: known?.shadowing ?? isShadowing(current['search_path']),
        columns: (statement) => columnsTouched(statement, this.#columns, context),
        prepared: (name) => (locals.has(name) ? (locals.get(name) ?? null) : prepared(name)),
        start,
        end,
      };
      const findings = new Findings();
      const kind = kindOf(raw, findings, context);
      judgeParameterTypes(findings, context);
      settleAmbiguous(findings, context);
      if (findings.problem !== null) {
        const { kind: problemKind, message, offset } = findings.problem;
        return { classification: notUnderstood(problemKind, message, offset ?? start), executes: false };
      }
      if (findings.executes) executes = true;
      const effects = [...findings.effects.values()];
      const changes = namedChanges(raw, findings, context);
      session.after(kind, changes);
      if (mayDefine({ effects, changes })) session.changedSchema(undefined);
      rememberPrepared(locals, changes);
      facts.push({
        kind,
        span: { start, end },
        effects,
        missingWhere: findings.missingWhere,
        risks: findings.risks,
        columns: findings.meetsChanged ? anyColumns : columnsOf(raw, context),
        changes,
      });
    }
    return { classification: classificationOf(facts), executes };
  }

  #knownFor(catalogue: SqlCatalogue, searchPath: string, depth: number): KnownObjects {
    let paths = this.#known.get(catalogue);
    if (paths === undefined) {
      paths = new Map();
      this.#known.set(catalogue, paths);
    }
    const found = paths.get(searchPath);
    if (found !== undefined) return found;
    if (paths.size >= pathsMax && depth === 0) paths.clear();
    const made = new KnownObjects(
      catalogue,
      searchPath,
      (body, language, path, bodyDepth) =>
        readFunctionBody(body, language, this.#parser, (text) =>
          bodyDepth > bodiesMax ? null : this.#judge(text, { search_path: path }, catalogue, nothingPrepared, bodyDepth).classification,
        ),
      (definition) => sourcesOfView(definition, this.#parser),
    );
    paths.set(searchPath, made);
    return made;
  }
}

/** Different search_paths remembered for one catalogue. */
const pathsMax = 32;
/** Function bodies that call functions that call functions: further than this nobody has looked. */
const bodiesMax = 8;

/** The path in force. "$user" is the role that runs, which is the account's own until it was changed. */
function searchPathOf(settings: Context['settings'], catalogue: SqlCatalogue): string {
  const path = settings['search_path'] ?? catalogue.searchPath;
  const role = settings['role'];
  if (role === undefined || role === 'none' || role === '' || !path.includes('$user')) return path;
  const schemas = parseSearchPath(path);
  return schemas === null ? path : writeSearchPath(schemas.map((schema) => (schema === '$user' ? role : schema)));
}

function catalogueOf(mode: Pick<ReadingMode, 'catalogue'>): SqlCatalogue | null {
  return mode.catalogue === null ? null : (mode.catalogue.content as SqlCatalogue);
}

function kindOf(raw: RawStatement, findings: Findings, context: Context): string {
  const node = nodeOf(raw.stmt);
  if (node === null) {
    findings.notUnderstood('unknown-construct', 'a statement without a kind');
    return 'unknown';
  }
  return judgeStatement(node, findings, context);
}

function columnsOf(raw: RawStatement, context: Context): ColumnsTouched {
  const node = nodeOf(raw.stmt);
  return node === null ? anyColumns : context.columns(node);
}

/** Types that the client gave to parameters by protocol message. */
function judgeParameterTypes(findings: Findings, { settings, known, changed, start, end }: Context): void {
  for (const id of parameterTypesOf(settings)) {
    if (!changed.any && known?.typeOfParameterReads(id, changed.names) === true) continue;
    findings.effect('call', 'unknown', 'other', `type ${known?.typeName(id) ?? id} of a parameter`);
    findings.risk(start, end, 'a parameter of a type that is not known to be harmless');
  }
}

/** The statement's changes, those of the schema once and with the names that they are about. */
function namedChanges(raw: RawStatement, findings: Findings, context: Context): readonly SessionChange[] {
  const { changes } = findings;
  if (!changes.some(({ kind }) => kind === 'schema-changed')) return changes;
  const node = nodeOf(raw.stmt);
  const names = node === null ? undefined : definedNames(node, findings, context);
  const others = changes.filter(({ kind }) => kind !== 'schema-changed');
  return [...others, names === undefined ? { kind: 'schema-changed' } : { kind: 'schema-changed', names }];
}

function isShadowing(searchPath: string | undefined): boolean {
  if (searchPath === undefined) return false;
  const schemas = parseSearchPath(searchPath);
  return schemas === null || schemas.indexOf('pg_catalog') > 0;
}

function rememberPrepared(locals: Map<string, Classification | null>, changes: readonly SessionChange[]): void {
  for (const change of changes) if (change.kind === 'prepare') locals.set(change.name, classificationOf([change.inner]));
}

function trimmedStart(text: string, start: number): number {
  let at = start;
  while (at < text.length && /\s/.test(text[at] ?? '')) at += 1;
  return at;
}

function trimmedEnd(text: string, start: number, end: number): number {
  let at = end;
  while (at > start && /[\s;]/.test(text[at - 1] ?? '')) at -= 1;
  return at;
}
