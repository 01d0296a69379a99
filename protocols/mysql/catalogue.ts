// What the target's own objects are, as far as judging needs them: stored and loaded functions, views that run them, tables
// with triggers, columns. Read over the gateway's own connection; the reading of rows is a pure function.

import { createHash } from 'node:crypto';
import type { Catalogue } from '../../src/core/action.ts';
import type { CatalogueFollower, CatalogueFunction, CatalogueRelation, References, SqlCatalogue } from '../../src/core/catalogue.ts';
import type { Row } from './own-query.ts';

const systemSchemas = "('mysql', 'sys', 'information_schema', 'performance_schema')";

/** What foreign keys do to the rows that refer to others. */
const followingRules = "('CASCADE', 'SET NULL', 'SET DEFAULT')";

/** Engines whose rows another server has, or files (as `table-storage.ts` of the classifier has them), or other tables that are told nowhere. */
const engineKinds: ReadonlyMap<string, CatalogueRelation['kind']> = new Map([
  ['FEDERATED', 'foreign-table'],
  ['CONNECT', 'foreign-table'],
  ['SPIDER', 'foreign-table'],
  ['MRG_MYISAM', 'other'],
]);

export const catalogueQueries = {
  routines: `SELECT ROUTINE_SCHEMA, ROUTINE_NAME, ROUTINE_TYPE FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA NOT IN ${systemSchemas}`,
  views: `SELECT TABLE_SCHEMA, TABLE_NAME, VIEW_DEFINITION FROM information_schema.VIEWS WHERE TABLE_SCHEMA NOT IN ${systemSchemas}`,
  triggers: `SELECT DISTINCT EVENT_OBJECT_SCHEMA, EVENT_OBJECT_TABLE FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA NOT IN ${systemSchemas}`,
  columns: `SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA NOT IN ${systemSchemas} ORDER BY TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION LIMIT 100001`,
  references: `SELECT r.UNIQUE_CONSTRAINT_SCHEMA, r.REFERENCED_TABLE_NAME, r.CONSTRAINT_SCHEMA, r.TABLE_NAME, r.DELETE_RULE, r.UPDATE_RULE, k.REFERENCED_COLUMN_NAME, k.COLUMN_NAME
    FROM information_schema.REFERENTIAL_CONSTRAINTS r JOIN information_schema.KEY_COLUMN_USAGE k
      ON k.CONSTRAINT_SCHEMA = r.CONSTRAINT_SCHEMA AND k.CONSTRAINT_NAME = r.CONSTRAINT_NAME AND k.TABLE_NAME = r.TABLE_NAME
    WHERE r.CONSTRAINT_SCHEMA NOT IN ${systemSchemas} AND (r.DELETE_RULE IN ${followingRules} OR r.UPDATE_RULE IN ${followingRules})`,
  engines: `SELECT TABLE_SCHEMA, TABLE_NAME, ENGINE FROM information_schema.TABLES WHERE TABLE_SCHEMA NOT IN ${systemSchemas} AND ENGINE IN ('${[...engineKinds.keys()].join("', '")}')`,
} as const;

/** Of a target with more columns none are known: a star then stands for any column of its table. */
const columnsMax = 100_000;

/** Loaded functions (shared objects); the account may not be allowed to see them. */
export const loadedFunctionsQuery = 'SELECT name FROM mysql.func';

export interface CatalogueRows {
  readonly routines: readonly Row[];
  readonly views: readonly Row[];
  readonly triggers: readonly Row[];
  /** Of every table and view, in their order. */
  readonly columns: readonly Row[];
  /** Foreign keys that delete or change rows along, a row for each of their columns. */
  readonly references: readonly Row[];
  /** Tables of an engine that keeps no rows itself. */
  readonly engines: readonly Row[];
  /** Null when the account may not see them. */
  readonly loaded: readonly Row[] | null;
}

const nothing: References = { functions: [], types: [], relations: [], builtins: [] };

/** The catalogue of these rows. Names stand in view definitions as the server wrote them: `db`.`name`. */
export function readCatalogue(rows: CatalogueRows, user: string): Catalogue {
  const functions = rows.routines.map(([schema, name, type]) =>
    asFunction(schema ?? '', name ?? '', type === 'PROCEDURE' ? 'procedure' : 'function'),
  );
  const loaded = (rows.loaded ?? []).map(([name]) => asFunction('', name ?? '', 'function'));
  const reacting = new Set(rows.triggers.map(([schema, table]) => idOf(schema, table)));
  const viewIds = rows.views.map(([schema, name]) => idOf(schema, name));
  const engines = new Map(
    rows.engines.map(([schema, table, engine]) => [idOf(schema, table), engineKinds.get((engine ?? '').toUpperCase())]),
  );
  const following = followersByOwner(rows.references);
  const ids = [...viewIds, ...reacting, ...engines.keys()];
  const columns = columnsOf(rows.columns);
  const views = rows.views.map(([schema, name, definition]) => {
    const id = idOf(schema, name);
    const reading =
      definition === null || definition === undefined || definition === ''
        ? unreadable
        : readingOf(definition, schema ?? '', id, loaded, ids);
    const view = relation(schema ?? '', name ?? '', 'view', reading, false, columns.get(id));
    return { ...view, ...(definition == null ? {} : { definition }) };
  });
  const known = new Map(
    [...rows.triggers, ...rows.columns, ...rows.engines].map(([schema, name]) => [idOf(schema, name), [schema ?? '', name ?? '']]),
  );
  for (const id of viewIds) known.delete(id);
  const tables = [...known].map(([id, [schema = '', name = '']]) => {
    const followedBy = following.get(id);
    const table = relation(schema, name, engines.get(id) ?? 'table', nothing, reacting.has(id), columns.get(id));
    return followedBy === undefined ? table : { ...table, followedBy };
  });
  const content: SqlCatalogue = {
    searchPath: '',
    user,
    functions: [...functions, ...loaded],
    operators: [],
    types: [],
    relations: [...views, ...tables],
  };
  const version = createHash('sha256').update(JSON.stringify(content)).digest('hex').slice(0, 16);
  return { version, content };
}

/** By the table whose rows are referred to. Columns in lower case: the server compares them so. */
function followersByOwner(rows: readonly Row[]): ReadonlyMap<string, readonly CatalogueFollower[]> {
  const found = new Map<string, CatalogueFollower[]>();
  for (const [schema, table, otherSchema, other, onDelete, onUpdate, column, changed] of rows) {
    const owner = idOf(schema, table);
    const follower: CatalogueFollower = {
      relation: idOf(otherSchema, other),
      onDelete: onDelete === 'CASCADE' ? 'delete' : onDelete?.startsWith('SET') === true ? 'update' : null,
      onUpdate: onUpdate === 'CASCADE' || onUpdate?.startsWith('SET') === true,
      columns: [(column ?? '').toLowerCase()],
      changed: [(changed ?? '').toLowerCase()],
    };
    found.set(owner, [...(found.get(owner) ?? []), follower]);
  }
  return found;
}

function columnsOf(rows: readonly Row[]): ReadonlyMap<string, readonly string[]> {
  const columns = new Map<string, string[]>();
  if (rows.length > columnsMax) return columns;
  for (const [schema, table, column] of rows) {
    const id = idOf(schema, table);
    const its = columns.get(id);
    if (its === undefined) columns.set(id, [column ?? '']);
    else its.push(column ?? '');
  }
  return columns;
}

/** A view whose text the account may not see could run anything. */
const unreadable: References = { ...nothing, functions: ['a view whose definition the gateway may not see'] };

function idOf(schema: string | null | undefined, name: string | null | undefined): string {
  return `${schema ?? ''}.${name ?? ''}`;
}

function quoted(schema: string, name: string): string {
  const quote = (part: string): string => `\`${part.replaceAll('`', '``')}\``;
  return schema === '' ? quote(name) : `${quote(schema)}.${quote(name)}`;
}

/** A name of 64 characters, each of them a doubled quote, in its quotes and with its dot. */
const qualifierUnitsMax = 64 * 2 + 3;

/**
 * The server writes its own functions bare (`concat(`) and stored ones quoted ("`f`(", "`db`.`f`("), so a quoted name before a
 * parenthesis is a call. `ids`: what is looked for below it, other views and tables with triggers. Over-reads on purpose: a string that looks
 * like one counts too. Names have 64 characters at most.
 */
function readingOf(
  definition: string,
  schema: string,
  id: string,
  loaded: readonly CatalogueFunction[],
  ids: readonly string[],
): References {
  const called = [...definition.matchAll(/`((?:[^`]|``){1,64})`\s*\(/g)].map(({ 1: name, index }) => {
    const inFront = definition.slice(Math.max(0, index - qualifierUnitsMax), index);
    return idOf(/`((?:[^`]|``){1,64})`\.$/.exec(inFront)?.[1] ?? schema, name);
  });
  const bare = loaded.filter((it) => new RegExp(`\\b${escaped(it.name)}\\s*\\(`, 'i').test(definition)).map((it) => it.id);
  const below = ids.filter((it) => {
    const dot = it.indexOf('.');
    return it !== id && definition.includes(quoted(it.slice(0, dot), it.slice(dot + 1)));
  });
  return { ...nothing, functions: [...new Set([...called, ...bare])], relations: below };
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

function asFunction(schema: string, name: string, kind: 'function' | 'procedure'): CatalogueFunction {
  return {
    id: idOf(schema, name),
    schema,
    name,
    kind,
    volatility: 'volatile',
    language: 'sql',
    extension: null,
    argumentCount: 0,
    body: null,
    searchPath: null,
    uses: nothing,
  };
}

function relation(
  schema: string,
  name: string,
  kind: CatalogueRelation['kind'],
  reading: References,
  reacts: boolean,
  columns: readonly string[] = [],
): CatalogueRelation {
  return { id: idOf(schema, name), schema, name, kind, columns, reading, writing: nothing, reacts };
}
