// What the value of an expression may come from: everything that it reads. What can't be told counts as anything.

import type { Node, Tree } from '../tree.ts';
import { isStarAt, isTree, listAt, namesOf, nodeOf, textAt, treeAt } from '../tree.ts';
import type { Relations } from './relations.ts';
import { everythingOf, itemNamed, named } from './scope.ts';
import type { Scope } from './scope.ts';
import type { Seen } from './seen.ts';
import { both, noSources, union, unknownSources, type Sources } from './sources.ts';

/** Built-in functions that read tables named in their arguments, or nobody knows what. */
const reading =
  /^(query_to_xml\w*|table_to_xml\w*|schema_to_xml\w*|database_to_xml\w*|cursor_to_xml\w*|ts_stat|ts_rewrite|dblink\w*|lo_get|loread|pg_read_\w+|crosstab\w*|connectby|xpath_table)$/;
/** Built-in functions that put a value where others, or the same session, can read it again. */
const writing = /^(set_config|setval|pg_notify|lo_\w+|lowrite|pg_logical_emit_message|pg_advisory_\w+|pg_try_advisory_\w+|dblink\w*)$/;

export class Expressions {
  readonly #relations: Relations;
  readonly #seen: Seen;
  readonly #subqueryOf: (value: unknown, scope: Scope) => void;
  /** What the named windows of the query at hand go by. */
  windows: Sources = noSources;

  /** `subqueryOf` follows a query in a query; what it names is seen there. */
  constructor(relations: Relations, seen: Seen, subqueryOf: (value: unknown, scope: Scope) => void) {
    this.#relations = relations;
    this.#seen = seen;
    this.#subqueryOf = subqueryOf;
  }

  of(value: unknown, scope: Scope): Sources {
    if (typeof value !== 'object' || value === null) return noSources;
    const node = nodeOf(value);
    switch (node?.type) {
      case 'A_Const':
      case 'ParamRef':
      case 'String':
        return noSources;
      case 'ColumnRef':
        return this.#columnRef(node.body, scope);
      default:
        return this.#seen.deeper(() => this.#compound(value, node, scope));
    }
  }

  all(values: readonly unknown[], scope: Scope): Sources {
    let found = noSources;
    for (const value of values) found = both(found, this.of(value, scope));
    return found;
  }

  /** What has parts. */
  #compound(value: object, node: Node | null, scope: Scope): Sources {
    if (node === null) return this.#fields(value, scope);
    const { type, body } = node;
    switch (type) {
      case 'SelectStmt':
        return this.#subquery(value, scope);
      case 'SubLink':
        return union(this.of(body['testexpr'], scope), this.#subquery(body['subselect'], scope));
      case 'FuncCall':
        return this.#call(body, scope);
      case 'CaseExpr':
        return this.#case(body, scope);
      case 'A_Expr':
      case 'TypeCast':
        return both(this.#isOwn(type, body) ? unknownSources : noSources, this.#fields(body, scope));
      default:
        return this.#fields(body, scope);
    }
  }

  /** Everything in a node, or in a list. */
  #fields(body: object, scope: Scope): Sources {
    if (Array.isArray(body)) return this.all(body, scope);
    let found = noSources;
    for (const field in body) found = both(found, this.of((body as Tree)[field], scope));
    return found;
  }

  /** A subquery as a value depends on everything in it, its conditions too. */
  #subquery(value: unknown, scope: Scope): Sources {
    const [, everything] = this.#seen.collecting(() => this.#subqueryOf(value, scope));
    return everything;
  }

  /** Which branch is taken tells about what was compared, whatever the branches return. */
  #case(body: Tree, scope: Scope): Sources {
    const { arg, args, ...others } = body;
    const branches = Array.isArray(args) ? args.map((when) => nodeOf(when)?.body ?? {}) : [];
    const compared = this.#seen.asking(() => this.all([arg, ...branches.map((when) => when['expr'])], scope));
    return union(compared, this.all([...branches.map((when) => when['result']), ...Object.values(others)], scope));
  }

  #isOwn(type: string, body: Tree): boolean {
    if (type === 'A_Expr') return (namesOf(listAt(body, 'name')) ?? []).some((name) => this.#relations.hasOperator(name));
    return (namesOf(listAt(treeAt(body, 'typeName') ?? {}, 'names')) ?? []).some((name) => this.#relations.hasType(name));
  }

  #call(body: Tree, scope: Scope): Sources {
    const names = namesOf(listAt(body, 'funcname')) ?? [];
    const name = names.at(-1) ?? '';
    const isBuiltin = (names.length === 1 || names[0] === 'pg_catalog') && !this.#relations.hasFunction(name) && !reading.test(name);
    const { over, agg_filter: filter, ...others } = body;
    const windows = isTree(over) && (textAt(over, 'name') !== '' || textAt(over, 'refname') !== '') ? this.windows : noSources;
    const filtered = filter === undefined ? noSources : this.#seen.asking(() => this.of(filter, scope));
    const used = union(windows, filtered, this.of(over, scope), this.all(Object.values(others), scope));
    if (writing.test(name)) this.#seen.copies.push({ schema: null, table: `what ${name} writes`, column: null, sources: used });
    if (!isBuiltin) {
      this.#seen.mention(unknownSources);
      return union(unknownSources, used);
    }
    // How many there are says nothing of what they are; a FILTER or window does, and so does an expression that is sometimes NULL.
    if (name === 'count' && filter === undefined && over === undefined && countsRows(body)) return noSources;
    return used;
  }

  #columnRef(body: Tree, scope: Scope): Sources {
    const fields = listAt(body, 'fields');
    const isStar = isStarAt(fields);
    const names = namesOf(isStar ? fields.slice(0, -1) : fields);
    const found =
      names === null || (isStar && names.length === 0) ? everythingOf(scope.star) : isStar ? this.#row(names, scope) : named(names, scope);
    this.#seen.mention(found);
    return found;
  }

  #row(names: readonly string[], scope: Scope): Sources {
    const item = itemNamed(names, scope);
    return item === null ? unknownSources : everythingOf(item);
  }
}

/** count(*) and count(column). */
function countsRows(body: Tree): boolean {
  const args = listAt(body, 'args');
  return args.length === 0 || (args.length === 1 && nodeOf(args[0])?.type === 'ColumnRef');
}
