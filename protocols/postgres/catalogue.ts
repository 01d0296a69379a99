// What the classifier is told of a database's own objects: the pure reading of the rows that catalogue-queries.ts asks for.

import type {
  CatalogueFollower,
  CatalogueFunction,
  CatalogueOperator,
  CatalogueRelation,
  CatalogueType,
  References,
  SqlCatalogue,
} from '../../src/core/catalogue.ts';
import { followersByOwner, serverTypesOf } from './catalogue-following.ts';
import { firstUserOid, type CatalogueRows } from './catalogue-queries.ts';
import type { CatalogueRow } from './catalogue-row.ts';

/** Reads the rows of catalogueQueries. Pure; letters that are not known become the stricter case. The same rows give equal content. */
export function readCatalogue(rows: CatalogueRows): SqlCatalogue {
  const gathered = { r: new Gatherer(), w: new Gatherer(), t: new Gatherer(), f: new Gatherer() };
  const gathererOf = (runs: string): Gatherer =>
    runs === 'r' ? gathered.r : runs === 't' ? gathered.t : runs === 'f' ? gathered.f : gathered.w;
  for (const row of rows.dependencies) {
    if (row['kind'] === 'functions' && !isUser(text(row, 'id'))) continue; // of an operator: the trees below name it
    gathererOf(text(row, 'runs')).add(text(row, 'owner'), text(row, 'kind') as keyof References, text(row, 'id'));
  }
  for (const row of rows.builtins) gathererOf(text(row, 'runs')).add(text(row, 'owner'), 'builtins', text(row, 'name'));
  for (const row of rows.operators) for (const side of ids(row, 'sides')) gathered.t.addCode(side, row);
  for (const row of rows.casts) {
    const [from] = ids(row, 'sides'); // What is cast; where that is the server's own, the type that it becomes.
    if (from !== undefined) gathered.t.addCode(from, row);
  }
  for (const row of rows.support) gathererOf(text(row, 'runs')).add(text(row, 'owner'), 'functions', text(row, 'code'));
  const columnTypes = new Map(rows.relations.map((row) => [text(row, 'id'), ids(row, 'types')]));
  const following = followersByOwner(rows.followers);
  const [session] = rows.session;
  return {
    searchPath: session === undefined ? '' : text(session, 'search_path'),
    user: session === undefined ? '' : text(session, 'account'),
    functions: byId(rows.functions).map((row) => readFunction(row, gathered.f)),
    operators: rows.operators.map(readOperator),
    types: byId(rows.types).map((row) => readType(row, gathered.t, columnTypes)),
    relations: byId(rows.relations).map((row) => readRelation(row, gathered.r, gathered.w, following)),
    serverTypes: serverTypesOf(rows.casts, rows.support),
  };
}

/** In a fixed order, so that the same content has the same version. */
function byId(rows: readonly CatalogueRow[]): CatalogueRow[] {
  return [...rows].sort((one, other) => Number(one['id']) - Number(other['id']));
}

function readFunction(row: CatalogueRow, atCall: Gatherer): CatalogueFunction {
  const kind = text(row, 'kind');
  const volatility = text(row, 'volatility');
  return {
    id: text(row, 'id'),
    schema: text(row, 'schema'),
    name: text(row, 'name'),
    kind: kind === 'f' ? 'function' : kind === 'a' ? 'aggregate' : kind === 'w' ? 'window' : 'procedure',
    volatility: volatility === 'i' ? 'immutable' : volatility === 's' ? 'stable' : 'volatile',
    language: text(row, 'language'),
    extension: row['extension'] ?? null,
    argumentCount: Number(text(row, 'arguments')),
    body: row['body'] ?? null,
    searchPath: row['search_path'] ?? null,
    uses: joined({ ...nothing, functions: ids(row, 'parts'), builtins: wordsIn(row, 'builtins') }, atCall.of(text(row, 'id'))),
  };
}

function readOperator(row: CatalogueRow): CatalogueOperator {
  return {
    schema: text(row, 'schema'),
    name: text(row, 'name'),
    uses: { ...nothing, functions: ids(row, 'code'), builtins: wordsIn(row, 'builtins') },
  };
}

function readType(row: CatalogueRow, ofType: Gatherer, columnTypes: ReadonlyMap<string, readonly string[]>): CatalogueType {
  const id = text(row, 'id');
  const own = ofType.of(id);
  const columns = columnTypes.get(text(row, 'relation')) ?? [];
  return {
    id,
    schema: text(row, 'schema'),
    name: text(row, 'name'),
    ...(row['behind'] === 'true' ? { isBehind: true } : {}),
    uses: {
      ...own,
      functions: [...new Set([...own.functions, ...ids(row, 'functions')])],
      types: [...new Set([...own.types, ...ids(row, 'parts'), ...columns])].filter((one) => one !== id),
    },
  };
}

const relationKinds: Readonly<Record<string, CatalogueRelation['kind']>> = {
  r: 'table',
  p: 'table',
  v: 'view',
  m: 'materialized-view',
  f: 'foreign-table',
  S: 'sequence',
};

function readRelation(
  row: CatalogueRow,
  reading: Gatherer,
  writing: Gatherer,
  following: ReadonlyMap<string, readonly CatalogueFollower[]>,
): CatalogueRelation {
  const id = text(row, 'id');
  const kind = relationKinds[text(row, 'kind')] ?? 'other';
  const read = reading.of(id);
  const isStored = kind === 'materialized-view'; // Only a refresh runs its query.
  const types = ids(row, 'types');
  const columns = row['columns'];
  const names = typeof columns === 'string' ? (JSON.parse(columns) as string[]) : [];
  const followedBy = following.get(id);
  const changing = types.map((type) => writing.of(type)).reduce(joined, writing.of(id)); // A domain's default runs where a column has none.
  return {
    id,
    schema: text(row, 'schema'),
    name: text(row, 'name'),
    kind,
    columns: names,
    ...shapeOf(row, names),
    reading: isStored ? { ...nothing, types } : { ...read, types: [...new Set([...read.types, ...types])] },
    writing: isStored ? joined(read, changing) : changing,
    reacts: row['reacts'] === 'true',
    ...(row['is_partition'] === 'true' ? { isPartition: true } : {}),
    ...(followedBy === undefined ? {} : { followedBy }),
  };
}

/** What masking reads: the numbers of columns, what a partition belongs to, the query of a view, what columns are computed from. */
function shapeOf(
  row: CatalogueRow,
  names: readonly string[],
): Pick<CatalogueRelation, 'attributes' | 'parents' | 'definition' | 'generated'> {
  const numbers = (row['attributes'] ?? '').split(' ').filter((one) => one !== '');
  const generated = generatedOf(row, (attribute) => names[numbers.indexOf(attribute)] ?? null);
  const [attributes, parents, definition] = [
    numbers.map(Number),
    row['parents'] == null ? [] : ids(row, 'parents'),
    row['definition'] ?? undefined,
  ];
  return {
    ...(attributes.length === 0 ? {} : { attributes }),
    ...(parents.length === 0 ? {} : { parents }),
    ...(definition === undefined ? {} : { definition }),
    ...(generated.length === 0 ? {} : { generated }),
  };
}

function generatedOf(row: CatalogueRow, nameOf: (attribute: string) => string | null): { column: string; from: string[] }[] {
  const found = new Map<string, string[]>();
  for (const pair of (row['generated'] ?? '').split(' ')) {
    const [column, from] = pair.split(':').map(nameOf);
    if (column != null && from != null) found.set(column, [...(found.get(column) ?? []), from]);
  }
  return [...found].map(([column, from]) => ({ column, from }));
}

const nothing: References = { functions: [], types: [], relations: [], builtins: [] };

function joined(one: References, other: References): References {
  return {
    functions: [...one.functions, ...other.functions],
    types: [...one.types, ...other.types],
    relations: [...one.relations, ...other.relations],
    builtins: [...one.builtins, ...other.builtins],
  };
}

/** References by owner, without duplicates. */
class Gatherer {
  readonly #owners = new Map<string, { [K in keyof References]: Set<string> }>();

  add(owner: string, kind: keyof References, id: string): void {
    let sets = this.#owners.get(owner);
    if (sets === undefined) {
      sets = { functions: new Set(), types: new Set(), relations: new Set(), builtins: new Set() };
      this.#owners.set(owner, sets);
    }
    sets[kind].add(id);
  }

  /** What an operator or a cast runs. */
  addCode(owner: string, row: CatalogueRow): void {
    for (const code of ids(row, 'code')) this.add(owner, 'functions', code);
    for (const name of wordsIn(row, 'builtins')) this.add(owner, 'builtins', name);
  }

  of(owner: string): References {
    const sets = this.#owners.get(owner);
    if (sets === undefined) return nothing;
    return {
      functions: [...sets.functions].sort(),
      types: [...sets.types].sort(),
      relations: [...sets.relations].sort(),
      builtins: [...sets.builtins].sort(),
    };
  }
}

function text(row: CatalogueRow, column: string): string {
  return row[column] ?? '';
}

/** The user-defined ones of a list of numbers with blanks between. */
function ids(row: CatalogueRow, column: string): string[] {
  return wordsIn(row, column).filter(isUser);
}

function isUser(id: string): boolean {
  return Number(id) >= firstUserOid;
}

/** What stands in a column with blanks between, once each. */
function wordsIn(row: CatalogueRow, column: string): string[] {
  return [...new Set(text(row, column).split(' '))].filter((it) => it !== '');
}
