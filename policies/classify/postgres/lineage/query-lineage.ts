// Where the columns of a query's result come from, by its parse tree. Every name is resolved or counts as unknown; an expression
// comes from everything that it reads. It must never say "clean" of what is not; the other way round costs comfort only.

import type { Tree } from '../tree.ts';
import { flagAt, isStarAt, isTree, listAt, namesOf, nodeOf, numberAt, textAt, treeAt } from '../tree.ts';
import { Expressions } from './expressions.ts';
import type { Column, Columns, Relations } from './relations.ts';
import { functionName, listed, nameOf, returningOf, targetNames, withoutAlias } from './result-names.ts';
import { aliased, beside, besides, columnOf, empty, everythingOf, itemNamed, nowhere, renamed, scopeOf, single } from './scope.ts';
import type { Item, Scope } from './scope.ts';
import { listColumnsMax, Seen, TooDeep } from './seen.ts';
import { noSources, union, unknownSources, type Sources } from './sources.ts';

export class Lineage {
  readonly seen = new Seen();
  readonly #relations: Relations;
  readonly #path: readonly string[] | null;
  readonly #expressions: Expressions;

  constructor(relations: Relations, path: readonly string[] | null) {
    this.#relations = relations;
    this.#path = path;
    this.#expressions = new Expressions(relations, this.seen, (value, scope) => void this.#query(value, scope));
  }

  /** The result of a SELECT, INSERT, UPDATE, DELETE or MERGE. Throws TooDeep. */
  query(value: unknown): Columns {
    return this.#query(value, nowhere);
  }

  /** Columns of a named relation (COPY). */
  relation(rangeVar: Tree): Columns {
    return this.#rangeVar(rangeVar, nowhere);
  }

  /** COPY t (a, b) FROM: all columns when none are named. */
  load(rangeVar: Tree, names: readonly string[], where: unknown): void {
    const item = this.#target(rangeVar);
    this.seen.write(names.length === 0 ? everythingOf(item) : union(...names.map((name) => columnOf(item, name))));
    this.#asking(where, scopeOf([item], item, nowhere));
  }

  /** COPY t (a, b) TO. */
  unload(rangeVar: Tree, names: readonly string[]): void {
    const item = this.#target(rangeVar);
    this.seen.mention(names.length === 0 ? everythingOf(item) : union(...names.map((name) => columnOf(item, name))));
  }

  /** A definition on a table (an index, a policy, a changed column): its expressions read the table's columns. */
  definition(rangeVar: Tree | null, body: Tree): void {
    const item = rangeVar === null ? null : this.#target(rangeVar);
    this.#expressions.all(Object.values(body), item === null ? nowhere : scopeOf([item], item, nowhere));
  }

  /** Columns of a table that are changed themselves: dropped, renamed, of another type. */
  reshape(rangeVar: Tree, names: readonly string[]): void {
    const item = this.#target(rangeVar);
    this.seen.write(union(...names.map((name) => columnOf(item, name))));
  }

  // ---- statements ----

  #query(value: unknown, outer: Scope): Columns {
    const node = nodeOf(value);
    const body = node?.body ?? (isTree(value) ? value : null);
    if (body === null) return { columns: [], rest: unknownSources };
    return this.seen.deeper(() => {
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
    });
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
      const [found, everything] = this.seen.collecting(() => this.#query(cte['ctequery'], within));
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
      this.seen.look(left.columns.length);
      const united = besides(left, right);
      const isPlain = textAt(body, 'op') === 'SETOP_UNION' && flagAt(body, 'all');
      if (!isPlain) this.seen.ask(everythingOf(united)); // duplicates are told apart by all columns
      this.#sorting(body, given, united);
      return united;
    }
    const scope = this.#from(listAt(body, 'fromClause'), { ...given, outer });
    this.#asking(body['whereClause'], scope);
    const outerWindows = this.#expressions.windows;
    this.#expressions.windows = this.#expressions.all(listAt(body, 'windowClause'), scope);
    this.seen.ask(this.#expressions.windows);
    const result = this.#targets(listAt(body, 'targetList'), scope);
    for (const key of ['havingClause', 'limitCount', 'limitOffset']) this.#asking(body[key], scope);
    const distinct = listAt(body, 'distinctClause');
    if (distinct.length > 0) {
      if (distinct.some((one) => nodeOf(one) !== null)) this.#byOutput(distinct, scope, result);
      else this.seen.ask(everythingOf(result));
    }
    this.#sorting(body, scope, result);
    this.#expressions.windows = outerWindows;
    const into = treeAt(treeAt(body, 'intoClause') ?? {}, 'rel');
    if (into !== null) this.#copy(into, [], result);
    return result;
  }

  #values(body: Tree, scope: Scope): Columns {
    let result: Columns | null = null;
    for (const list of listAt(body, 'valuesLists')) {
      const values = listAt(nodeOf(list)?.body ?? {}, 'items');
      const row: Columns = {
        columns: values.map((value, at) => ({ name: `column${at + 1}`, sources: this.#expressions.of(value, scope) })),
        rest: null,
      };
      this.seen.look(values.length);
      result = result === null ? row : besides(result, row);
    }
    return result ?? empty;
  }

  #insert(body: Tree, given: Scope): Columns {
    const target = treeAt(body, 'relation') ?? {};
    const item = this.#target(target);
    const names = targetNames(listAt(body, 'cols'));
    if (body['selectStmt'] !== undefined) {
      const source = this.#query(body['selectStmt'], given);
      this.#copy(target, names.length > 0 ? names : item.columns.map(({ name }) => name), source);
      this.#write(item, names, source);
    }
    for (const col of listAt(body, 'cols')) this.#asking(nodeOf(col)?.body['indirection'], given);
    const scope = scopeOf([item, { ...item, alias: 'excluded', schema: null }], item, given);
    const conflict = treeAt(body, 'onConflictClause');
    if (conflict !== null) {
      this.#conflicts(treeAt(conflict, 'infer') ?? {}, item, scopeOf([item], item, given));
      this.#assignments(target, listAt(conflict, 'targetList'), scope);
      this.#asking(conflict['whereClause'], scope);
    }
    return this.#targets(returningOf(body), scopeOf([item], item, given));
  }

  /** ON CONFLICT (a, b): that there is a row with these values is told by what happens. */
  #conflicts(infer: Tree, item: Item, scope: Scope): void {
    for (const entry of listAt(infer, 'indexElems')) {
      const element = nodeOf(entry)?.body ?? {};
      const name = textAt(element, 'name');
      if (name !== '') this.seen.ask(columnOf(item, name));
      this.#asking(element['expr'], scope);
    }
    this.#asking(infer['whereClause'], scope);
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
        const names = targetNames(listAt(when, 'targetList'));
        const row = values.map((value) => ({ name: '', sources: this.#expressions.of(value, scope) }));
        const source = { columns: row, rest: null };
        this.#copy(target, names.length > 0 ? names : item.columns.map(({ name }) => name), source);
        this.#write(item, names, source);
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
      const name = textAt(body, 'name');
      this.#asking(body['indirection'], scope);
      this.#copy(target, [name], { columns: [{ name: '', sources: this.#expressions.of(body['val'], scope) }], rest: null });
      this.seen.write(columnOf(this.#target(target), name));
    }
  }

  /** Values for these columns, or, when none are named, for the first ones of the table. */
  #write(item: Item, names: readonly string[], { columns, rest }: Columns): void {
    if (names.length > 0) this.seen.write(union(...names.map((name) => columnOf(item, name))));
    else if (item.rest !== null || rest !== null) this.seen.write(everythingOf(item));
    else this.seen.write(union(...item.columns.slice(0, columns.length).map(({ sources }) => sources)));
  }

  #copy(target: Tree, names: readonly string[], { columns, rest }: Columns): void {
    const at = { schema: textAt(target, 'schemaname') || null, table: textAt(target, 'relname') };
    columns.forEach(({ sources }, index) =>
      this.seen.copies.push({ ...at, column: rest === null ? (names[index] ?? null) : null, sources }),
    );
    if (rest !== null) this.seen.copies.push({ ...at, column: null, sources: rest });
  }

  // ---- FROM ----

  /** Later entries see earlier ones (LATERAL); that the others don't only makes names ambiguous. */
  #from(list: readonly unknown[], given: Scope): Scope {
    let scope = scopeOf([], empty, given);
    for (const entry of list) {
      const { items, star } = this.#fromItem(entry, scope);
      this.seen.look(scope.items.length + scope.star.columns.length + star.columns.length);
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
        const sources = this.#expressions.of(withoutAlias(body), before);
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
    this.seen.look(before.items.length + 2 * (before.star.columns.length + left.star.columns.length));
    const seen = scopeOf([...before.items, ...left.items], beside(before.star, left.star), before);
    const right = this.#fromItem(body['rarg'], seen);
    const items = [...left.items, ...right.items];
    let star = beside(left.star, right.star);
    const using = flagAt(body, 'isNatural') ? namesOfBoth(left.star, right.star) : (namesOf(listAt(body, 'usingClause')) ?? []);
    if (using.length > 0) {
      this.seen.look(using.length * star.columns.length);
      const merged = using.map((name) => ({ name, sources: union(columnOf(left.star, name), columnOf(right.star, name)) }));
      this.seen.ask(union(...merged.map(({ sources }) => sources)));
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
        columns.push({ name: textAt(body, 'name') || nameOf(body['val']), sources: this.#expressions.of(body['val'], scope) });
        continue;
      }
      if (columns.length + star.columns.length > listColumnsMax) throw new TooDeep(); // an error of the server
      this.seen.mention(everythingOf(star));
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
      return { columns: [], rest: this.#expressions.of(node.body['arg'], scope) };
    }
    if (node?.type !== 'ColumnRef') return null;
    const fields = listAt(node.body, 'fields');
    if (!isStarAt(fields)) return null;
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
      if (column !== undefined) this.seen.ask(column.sources);
      else this.#asking(key, scope);
    }
  }

  #asking(value: unknown, scope: Scope): void {
    if (value !== undefined) this.seen.ask(this.#expressions.of(value, scope));
  }
}

function namesOfBoth(left: Columns, right: Columns): string[] {
  const onTheRight = new Set(right.columns.map(({ name }) => name));
  return left.columns.map(({ name }) => name).filter((name) => onTheRight.has(name));
}
