// Where the columns of a query's result come from, by its parse tree. Every name is resolved or counts as unknown; an expression
// comes from everything that it reads. It must never say "clean" of what is not; the other way round costs comfort only.

import type { Tree } from '../../classify/postgres/tree.ts';
import { flagAt, isTree, listAt, namesOf, nodeOf, numberAt, textAt, treeAt } from '../../classify/postgres/tree.ts';
import type { Column, Columns, Relations } from './relations.ts';
import { aliased, beside, besides, columnOf, empty, everythingOf, itemNamed, named, nowhere, renamed, scopeOf, single } from './scope.ts';
import type { Item, Scope } from './scope.ts';
import { noSources, union, unknownSources, type Sources } from './sources.ts';

/** A value written into a column. */
export interface Copy {
  readonly schema: string | null;
  readonly table: string;
  /** Null when it isn't known which. */
  readonly column: string | null;
  readonly sources: Sources;
}

/** Deeper than any text of people; the stack bears ten times as much. */
const depthMax = 1_000;

/** Built-in functions that read tables named in their arguments, or nobody knows what. */
const reading =
  /^(query_to_xml\w*|table_to_xml\w*|schema_to_xml\w*|database_to_xml\w*|cursor_to_xml\w*|ts_stat|ts_rewrite|dblink\w*|lo_get|loread|pg_read_\w+|crosstab\w*|connectby|xpath_table)$/;
/** Built-in functions that put a value where others, or the same session, can read it again. */
const writing = /^(set_config|setval|pg_notify|lo_\w+|lowrite|pg_logical_emit_message|pg_advisory_\w+|pg_try_advisory_\w+|dblink\w*)$/;
export class TooDeep extends Error {}

export class Lineage {
  /** What the statement asks about besides what it returns: WHERE, JOIN, GROUP BY, ORDER BY. */
  asked: Sources = noSources;
  /** Everything it names. */
  mentioned: Sources = noSources;
  readonly copies: Copy[] = [];
  readonly #relations: Relations;
  readonly #path: readonly string[] | null;
  #depth = 0;
  /** What the named windows of the query at hand go by. */
  #windows: Sources = noSources;

  constructor(relations: Relations, path: readonly string[] | null) {
    this.#relations = relations;
    this.#path = path;
  }

  /** The result of a SELECT, INSERT, UPDATE, DELETE or MERGE. Throws TooDeep. */
  query(value: unknown): Columns {
    return this.#query(value, nowhere);
  }

  /** Columns of a named relation (COPY). */
  relation(rangeVar: Tree): Columns {
    return this.#rangeVar(rangeVar, nowhere);
  }

  // ---- statements ----

  #query(value: unknown, outer: Scope): Columns {
    const node = nodeOf(value);
    const body = node?.body ?? (isTree(value) ? value : null);
    if (body === null) return { columns: [], rest: unknownSources };
    if (++this.#depth > depthMax) throw new TooDeep();
    try {
      const scope = this.#with(body, outer);
      switch (node?.type ?? 'SelectStmt') {
        case 'SelectStmt':
          return this.#select(body, scope);
        case 'InsertStmt':
          return this.#insert(body, scope);
        case 'UpdateStmt':
          return this.#update(body, scope);
        case 'DeleteStmt':
          return this.#delete(body, scope);
        case 'MergeStmt':
          return this.#merge(body, scope);
        default:
          return { columns: [], rest: unknownSources };
      }
    } finally {
      this.#depth -= 1;
    }
  }

  /** Names of WITH; what a recursive one returns comes from everything in it. */
  #with(body: Tree, outer: Scope): Scope {
    const clause = treeAt(body, 'withClause');
    if (clause === null) return { ...outer, items: [], star: empty, outer };
    const ctes = new Map(outer.ctes);
    const within: Scope = { items: [], star: empty, outer, ctes };
    for (const entry of listAt(clause, 'ctes')) {
      const cte = nodeOf(entry)?.body;
      if (cte === undefined) continue;
      const name = textAt(cte, 'ctename');
      const names = namesOf(listAt(cte, 'aliascolnames')) ?? [];
      if (!flagAt(clause, 'recursive')) {
        ctes.set(name, renamed(this.#query(cte['ctequery'], within), names));
        continue;
      }
      ctes.set(name, { columns: [], rest: noSources });
      const [found, everything] = this.#collecting(() => this.#query(cte['ctequery'], within));
      const more = treeAt(cte, 'search_clause') !== null || treeAt(cte, 'cycle_clause') !== null;
      const columns = renamed(found, names).columns.map(({ name: its }) => ({ name: its, sources: everything }));
      ctes.set(name, { columns, rest: more || found.rest !== null ? everything : null });
    }
    return within;
  }

  #select(body: Tree, given: Scope): Columns {
    const { outer } = given;
    if (listAt(body, 'valuesLists').length > 0) return this.#values(body, given);
    if (treeAt(body, 'larg') !== null) {
      const [left, right] = [this.#query(body['larg'], given), this.#query(body['rarg'], given)];
      const united = besides(left, right);
      const isPlain = textAt(body, 'op') === 'SETOP_UNION' && flagAt(body, 'all');
      if (!isPlain) this.#ask(everythingOf(united)); // duplicates are told apart by all columns
      this.#sorting(body, given, united);
      return united;
    }
    const scope = this.#from(listAt(body, 'fromClause'), { ...given, outer });
    this.#asking(body['whereClause'], scope);
    const outerWindows = this.#windows;
    this.#windows = this.#parts(listAt(body, 'windowClause'), scope);
    this.#ask(this.#windows);
    const result = this.#targets(listAt(body, 'targetList'), scope);
    for (const key of ['havingClause', 'limitCount', 'limitOffset']) this.#asking(body[key], scope);
    const distinct = listAt(body, 'distinctClause');
    if (distinct.length > 0) {
      if (distinct.some((one) => nodeOf(one) !== null)) this.#byOutput(distinct, scope, result);
      else this.#ask(everythingOf(result));
    }
    this.#sorting(body, scope, result);
    this.#windows = outerWindows;
    const into = treeAt(treeAt(body, 'intoClause') ?? {}, 'rel');
    if (into !== null) this.#copy(into, [], result);
    return result;
  }

  #values(body: Tree, scope: Scope): Columns {
    let result: Columns | null = null;
    for (const list of listAt(body, 'valuesLists')) {
      const values = listAt(nodeOf(list)?.body ?? {}, 'items');
      const row: Columns = {
        columns: values.map((value, at) => ({ name: `column${at + 1}`, sources: this.#expression(value, scope) })),
        rest: null,
      };
      result = result === null ? row : besides(result, row);
    }
    return result ?? empty;
  }

  #insert(body: Tree, given: Scope): Columns {
    const target = treeAt(body, 'relation') ?? {};
    const item = this.#target(target);
    const names = listAt(body, 'cols').map((col) => textAt(nodeOf(col)?.body ?? {}, 'name'));
    if (body['selectStmt'] !== undefined) {
      const source = this.#query(body['selectStmt'], given);
      this.#copy(target, names.length > 0 ? names : item.columns.map(({ name }) => name), source);
    }
    const scope = scopeOf([item, { ...item, alias: 'excluded', schema: null }], item, given);
    const conflict = treeAt(body, 'onConflictClause');
    if (conflict !== null) {
      this.#assignments(target, listAt(conflict, 'targetList'), scope);
      this.#asking(conflict['whereClause'], scope);
    }
    return this.#targets(returningOf(body), scopeOf([item], item, given));
  }

  #update(body: Tree, given: Scope): Columns {
    const target = treeAt(body, 'relation') ?? {};
    const item = this.#target(target);
    const others = this.#from(listAt(body, 'fromClause'), given);
    const scope = scopeOf([item, ...others.items], beside(item, others.star), given);
    this.#assignments(target, listAt(body, 'targetList'), scope);
    this.#asking(body['whereClause'], scope);
    return this.#targets(returningOf(body), scope);
  }

  #delete(body: Tree, given: Scope): Columns {
    const item = this.#target(treeAt(body, 'relation') ?? {});
    const others = this.#from(listAt(body, 'usingClause'), given);
    const scope = scopeOf([item, ...others.items], beside(item, others.star), given);
    this.#asking(body['whereClause'], scope);
    return this.#targets(returningOf(body), scope);
  }

  #merge(body: Tree, given: Scope): Columns {
    const target = treeAt(body, 'relation') ?? {};
    const item = this.#target(target);
    const source = this.#from([body['sourceRelation']], given);
    const scope = scopeOf([...source.items, item], beside(source.star, item), given);
    this.#asking(body['joinCondition'], scope);
    for (const entry of listAt(body, 'mergeWhenClauses')) {
      const when = nodeOf(entry)?.body ?? {};
      this.#asking(when['condition'], scope);
      const values = listAt(when, 'values');
      if (values.length === 0) this.#assignments(target, listAt(when, 'targetList'), scope);
      else {
        const names = listAt(when, 'targetList').map((col) => textAt(nodeOf(col)?.body ?? {}, 'name'));
        const row = values.map((value) => ({ name: '', sources: this.#expression(value, scope) }));
        this.#copy(target, names.length > 0 ? names : item.columns.map(({ name }) => name), { columns: row, rest: null });
      }
    }
    return this.#targets(returningOf(body), scope);
  }

  #target(rangeVar: Tree): Item {
    return this.#rangeVar(rangeVar, nowhere);
  }

  #assignments(target: Tree, list: readonly unknown[], scope: Scope): void {
    for (const entry of list) {
      const body = nodeOf(entry)?.body ?? {};
      this.#copy(target, [textAt(body, 'name')], { columns: [{ name: '', sources: this.#expression(body['val'], scope) }], rest: null });
    }
  }

  #copy(target: Tree, names: readonly string[], { columns, rest }: Columns): void {
    const at = { schema: textAt(target, 'schemaname') || null, table: textAt(target, 'relname') };
    columns.forEach(({ sources }, index) => this.copies.push({ ...at, column: rest === null ? (names[index] ?? null) : null, sources }));
    if (rest !== null) this.copies.push({ ...at, column: null, sources: rest });
  }

  // ---- FROM ----

  /** Later entries see earlier ones (LATERAL); that the others don't only makes names ambiguous. */
  #from(list: readonly unknown[], given: Scope): Scope {
    let scope = scopeOf([], empty, given);
    for (const entry of list) {
      const { items, star } = this.#fromItem(entry, scope);
      scope = scopeOf([...scope.items, ...items], beside(scope.star, star), given);
    }
    return scope;
  }

  #fromItem(entry: unknown, before: Scope): { items: readonly Item[]; star: Columns } {
    const node = nodeOf(entry);
    if (node === null) return single({ alias: null, schema: null, columns: [], rest: unknownSources });
    const { type, body } = node;
    switch (type) {
      case 'RangeVar':
        return single(this.#rangeVar(body, before));
      case 'RangeSubselect':
        return single(aliased(body, this.#query(body['subquery'], before), null));
      case 'JoinExpr':
        return this.#join(body, before);
      case 'RangeTableSample':
        this.#asking(body['args'], before);
        return this.#fromItem(body['relation'], before);
      default: {
        // Functions, XMLTABLE, JSON_TABLE: every column may come from everything in it.
        const sources = this.#expression(withoutAlias(body), before);
        const item = aliased(body, { columns: [], rest: sources }, functionName(body));
        return single({ ...item, columns: [...item.columns, ...listed(body, sources)] });
      }
    }
  }

  #rangeVar(body: Tree, scope: Scope): Item {
    const [schema, name] = [textAt(body, 'schemaname') || null, textAt(body, 'relname')];
    const cte = schema === null ? scope.ctes.get(name) : undefined;
    const columns = cte ?? this.#relations.named(schema, name, this.#path);
    return { ...aliased(body, columns, name), schema: treeAt(body, 'alias') === null ? schema : null };
  }

  #join(body: Tree, before: Scope): { items: readonly Item[]; star: Columns } {
    const left = this.#fromItem(body['larg'], before);
    const seen = scopeOf([...before.items, ...left.items], beside(before.star, left.star), before);
    const right = this.#fromItem(body['rarg'], seen);
    const items = [...left.items, ...right.items];
    let star = beside(left.star, right.star);
    const using = flagAt(body, 'isNatural')
      ? left.star.columns.map(({ name }) => name).filter((name) => right.star.columns.some((it) => it.name === name))
      : (namesOf(listAt(body, 'usingClause')) ?? []);
    if (using.length > 0) {
      const merged = using.map((name) => ({ name, sources: union(columnOf(left.star, name), columnOf(right.star, name)) }));
      this.#ask(union(...merged.map(({ sources }) => sources)));
      const others = star.columns.filter(({ name }) => !using.includes(name));
      star = { columns: [...merged, ...others], rest: star.rest };
    }
    this.#asking(body['quals'], scopeOf(items, star, { ...seen, outer: seen }));
    const alias = treeAt(body, 'alias');
    if (alias === null) return { items, star };
    const item = aliased(body, star, null);
    return { items: [item], star: item };
  }

  // ---- results ----

  #targets(list: readonly unknown[], scope: Scope): Columns {
    const columns: Column[] = [];
    let rest: Sources | null = null;
    for (const entry of list) {
      const body = nodeOf(entry)?.body ?? {};
      const star = this.#starOf(body['val'], scope);
      if (star === null) {
        columns.push({ name: textAt(body, 'name') || nameOf(body['val']), sources: this.#expression(body['val'], scope) });
        continue;
      }
      this.#mention(everythingOf(star));
      columns.push(...star.columns);
      if (star.rest !== null) rest = union(rest ?? noSources, star.rest);
    }
    // Not known how many columns a star stands for: which column is which isn't known either.
    return rest === null
      ? { columns, rest }
      : { columns: columns.map(({ name, sources }) => ({ name, sources: union(sources, rest) })), rest };
  }

  /** The columns of `*`, `t.*` or `(row).*`; null when it is none of these. */
  #starOf(value: unknown, scope: Scope): Columns | null {
    const node = nodeOf(value);
    if (node?.type === 'A_Indirection' && listAt(node.body, 'indirection').some((it) => nodeOf(it)?.type === 'A_Star')) {
      return { columns: [], rest: this.#expression(node.body['arg'], scope) };
    }
    if (node?.type !== 'ColumnRef') return null;
    const fields = listAt(node.body, 'fields');
    if (nodeOf(fields.at(-1))?.type !== 'A_Star') return null;
    if (fields.length === 1) return scope.star;
    const names = namesOf(fields.slice(0, -1)) ?? [];
    return itemNamed(names, scope) ?? { columns: [], rest: unknownSources };
  }

  #sorting(body: Tree, scope: Scope, result: Columns): void {
    const keys = listAt(body, 'sortClause').map((sort) => nodeOf(sort)?.body['node']);
    this.#byOutput([...keys, ...listAt(body, 'groupClause')], scope, result);
  }

  /** ORDER BY and GROUP BY name columns of the result, by name or number, before anything else. */
  #byOutput(keys: readonly unknown[], scope: Scope, result: Columns): void {
    for (const key of keys) {
      const node = nodeOf(key);
      if (node === null) continue;
      const [name, ...more] = node.type === 'ColumnRef' ? (namesOf(listAt(node.body, 'fields')) ?? []) : [];
      const number = numberAt(treeAt(node.type === 'A_Const' ? node.body : {}, 'ival') ?? {}, 'ival');
      const column = more.length > 0 ? undefined : (result.columns[number - 1] ?? result.columns.find((it) => it.name === name));
      if (column !== undefined) this.#ask(column.sources);
      else this.#asking(key, scope);
    }
  }

  // ---- expressions ----

  #expression(value: unknown, scope: Scope): Sources {
    if (typeof value !== 'object' || value === null) return noSources;
    if (++this.#depth > depthMax) throw new TooDeep();
    try {
      const node = nodeOf(value);
      if (node === null) return this.#parts(Object.values(value), scope);
      const { type, body } = node;
      switch (type) {
        case 'A_Const':
        case 'ParamRef':
        case 'String':
          return noSources;
        case 'ColumnRef':
          return this.#columnRef(body, scope);
        case 'SelectStmt':
          return this.#subquery(value, scope);
        case 'SubLink':
          return union(this.#expression(body['testexpr'], scope), this.#subquery(body['subselect'], scope));
        case 'FuncCall':
          return this.#call(body, scope);
        case 'A_Expr':
        case 'TypeCast':
          return union(this.#isOwn(type, body) ? unknownSources : noSources, this.#parts(Object.values(body), scope));
        default:
          return this.#parts(Object.values(body), scope);
      }
    } finally {
      this.#depth -= 1;
    }
  }

  #parts(values: readonly unknown[], scope: Scope): Sources {
    return union(...values.map((value) => this.#expression(value, scope)));
  }

  /** A subquery as a value depends on everything in it, its conditions too. */
  #subquery(value: unknown, scope: Scope): Sources {
    const [, everything] = this.#collecting(() => this.#query(value, scope));
    return everything;
  }

  #isOwn(type: string, body: Tree): boolean {
    if (type === 'A_Expr') return (namesOf(listAt(body, 'name')) ?? []).some((name) => this.#relations.hasOperator(name));
    return (namesOf(listAt(treeAt(body, 'typeName') ?? {}, 'names')) ?? []).some((name) => this.#relations.hasType(name));
  }

  #call(body: Tree, scope: Scope): Sources {
    const names = namesOf(listAt(body, 'funcname')) ?? [];
    const name = names.at(-1) ?? '';
    const isBuiltin = (names.length === 1 || names[0] === 'pg_catalog') && !this.#relations.hasFunction(name) && !reading.test(name);
    const { over, ...others } = body;
    const windows = isTree(over) && (textAt(over, 'name') !== '' || textAt(over, 'refname') !== '') ? this.#windows : noSources;
    const used = union(windows, this.#expression(over, scope), this.#parts(Object.values(others), scope));
    if (writing.test(name)) this.copies.push({ schema: null, table: `what ${name} writes`, column: null, sources: used });
    if (!isBuiltin) {
      this.#mention(unknownSources);
      return union(unknownSources, used);
    }
    // How many there are says nothing of what they are; a FILTER or window does.
    if (name === 'count' && body['agg_filter'] === undefined && over === undefined) return noSources;
    return used;
  }

  #columnRef(body: Tree, scope: Scope): Sources {
    const fields = listAt(body, 'fields');
    const isStar = nodeOf(fields.at(-1))?.type === 'A_Star';
    const names = namesOf(isStar ? fields.slice(0, -1) : fields);
    const found =
      names === null || (isStar && names.length === 0) ? everythingOf(scope.star) : isStar ? this.#row(names, scope) : named(names, scope);
    this.#mention(found);
    return found;
  }

  #row(names: readonly string[], scope: Scope): Sources {
    const item = itemNamed(names, scope);
    return item === null ? unknownSources : everythingOf(item);
  }

  // ---- what was seen ----

  #mention(sources: Sources): void {
    this.mentioned = union(this.mentioned, sources);
  }

  #ask(sources: Sources): void {
    this.#mention(sources);
    this.asked = union(this.asked, sources);
  }

  #asking(value: unknown, scope: Scope): void {
    if (value !== undefined) this.#ask(this.#expression(value, scope));
  }

  /** Also gives everything that was named meanwhile. */
  #collecting<Found>(work: () => Found): [Found, Sources] {
    const before = this.mentioned;
    this.mentioned = noSources;
    const found = work();
    const everything = this.mentioned;
    this.mentioned = union(before, everything);
    return [found, everything];
  }
}

function withoutAlias(body: Tree): Tree {
  const { alias: _alias, coldeflist: _types, ...rest } = body;
  return rest;
}

/** Columns that AS t(a int, b text) names. */
function listed(body: Tree, sources: Sources): readonly Column[] {
  return listAt(body, 'coldeflist').map((entry) => ({ name: textAt(nodeOf(entry)?.body ?? {}, 'colname'), sources }));
}

/** A function in FROM without an alias goes by its own name. */
function functionName(body: Tree): string | null {
  const list = nodeOf(listAt(body, 'functions')[0])?.body;
  const call = nodeOf(listAt(list ?? {}, 'items')[0]);
  return call?.type === 'FuncCall' ? ((namesOf(listAt(call.body, 'funcname')) ?? []).at(-1) ?? null) : null;
}

/** The name that a column of the result gets from its expression, as far as other parts may name it. */
function nameOf(value: unknown): string {
  const node = nodeOf(value);
  if (node?.type === 'ColumnRef') return (namesOf(listAt(node.body, 'fields')) ?? []).at(-1) ?? '';
  if (node?.type === 'FuncCall') return (namesOf(listAt(node.body, 'funcname')) ?? []).at(-1) ?? '';
  if (node?.type === 'TypeCast') return nameOf(node.body['arg']);
  if (node?.type === 'A_Indirection') {
    const last = nodeOf(listAt(node.body, 'indirection').at(-1));
    return last?.type === 'String' ? textAt(last.body, 'sval') : nameOf(node.body['arg']);
  }
  return '';
}

/** `returningList` in older trees. */
function returningOf(body: Tree): readonly unknown[] {
  const clause = treeAt(body, 'returningClause');
  return clause === null ? listAt(body, 'returningList') : listAt(clause, 'exprs');
}
