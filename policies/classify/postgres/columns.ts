// Which columns a statement reads, asks about and writes, by its parse tree and the target's catalogue. A star stands for the columns of
// its tables where they are known; what can't be told stands as any column.

import type { ColumnsTouched } from '../../../src/core/classification.ts';
import { anyColumn, anyColumns } from '../../../src/core/summary.ts';
import type { Context } from './context.ts';
import type { KnownColumns } from './known-columns.ts';
import { Lineage } from './lineage/query-lineage.ts';
import { TooDeep } from './lineage/seen.ts';
import { anySource, partsOf, type Sources } from './lineage/sources.ts';
import { mayAnalyze } from './nested-statements.ts';
import { dotted } from './names.ts';
import { parseSearchPath } from './settings.ts';
import { flagAt, listAt, namesOf, nodeOf, textAt, treeAt, type Node, type Tree } from './tree.ts';

/** Columns of one statement that are told apart; of more, any. */
const columnsMax = 2_000;

/** Columns as they are written, by their keys; of more, all are written anew. */
const written = new Map<string, string>();
const writtenMax = 10_000;

/** Never throws: what is too deep may touch anything. */
export function columnsTouched(statement: Node, known: KnownColumns, context: Context): ColumnsTouched {
  const path = context.known?.path ?? parseSearchPath(context.settings['search_path'] ?? '');
  const lineage = new Lineage(known.of(context.known?.catalogue ?? null), path);
  try {
    const besides = follow(statement, lineage, context);
    const { mentioned, asked, written } = lineage.seen;
    const touched = { read: namesOfColumns(mentioned), asked: namesOfColumns(asked), written: namesOfColumns(written) };
    return besides === null ? touched : united(touched, besides);
  } catch (thrown) {
    if (thrown instanceof TooDeep) return anyColumns;
    throw thrown;
  }
}

/** What the lineage does not see by itself: the columns of a statement that was prepared. */
function follow({ type, body }: Node, lineage: Lineage, context: Context): ColumnsTouched | null {
  switch (type) {
    case 'SelectStmt':
    case 'InsertStmt':
    case 'UpdateStmt':
    case 'DeleteStmt':
    case 'MergeStmt':
      lineage.query({ [type]: body });
      return null;
    case 'DeclareCursorStmt':
    case 'ViewStmt':
    case 'CreateTableAsStmt':
      return inner(body['query'], lineage, context);
    case 'ExplainStmt': {
      const found = inner(body['query'], lineage, context);
      if (listAt(body, 'options').some(mayAnalyze)) return found;
      lineage.seen.writesNothing();
      return found === null ? null : { ...found, written: [] };
    }
    case 'ExecuteStmt':
      lineage.definition(null, { params: body['params'] });
      return context.prepared(textAt(body, 'name'))?.summary.columns ?? anyColumns;
    case 'PrepareStmt':
      return null; // It only stores; what it would touch is told when it is executed.
    case 'CopyStmt':
      copy(body, lineage);
      return null;
    case 'AlterTableStmt':
      alter(body, lineage);
      return null;
    case 'RenameStmt':
      if (textAt(body, 'renameType') === 'OBJECT_COLUMN') lineage.reshape(treeAt(body, 'relation') ?? {}, [textAt(body, 'subname')]);
      return null;
    default: {
      // Definitions and housekeeping: indexes, policies, rules, functions written in SQL.
      const { relation: _table, ...parts } = body;
      lineage.definition(treeAt(body, 'relation') ?? treeAt(body, 'table'), parts);
      return null;
    }
  }
}

function inner(value: unknown, lineage: Lineage, context: Context): ColumnsTouched | null {
  const node = nodeOf(value);
  return node === null ? anyColumns : follow(node, lineage, context);
}

function copy(body: Tree, lineage: Lineage): void {
  if (body['query'] !== undefined) {
    lineage.query(body['query']);
    return;
  }
  const relation = treeAt(body, 'relation') ?? {};
  const names = namesOf(listAt(body, 'attlist')) ?? [];
  if (flagAt(body, 'is_from')) lineage.load(relation, names, body['whereClause']);
  else lineage.unload(relation, names);
}

const reshaping = new Set(['AT_DropColumn', 'AT_AlterColumnType']);

function alter(body: Tree, lineage: Lineage): void {
  const relation = treeAt(body, 'relation') ?? {};
  const commands = listAt(body, 'cmds').map((command) => nodeOf(command)?.body ?? {});
  const names = commands.filter((command) => reshaping.has(textAt(command, 'subtype'))).map((command) => textAt(command, 'name'));
  if (names.length > 0) lineage.reshape(relation, names);
  lineage.definition(relation, { commands: commands.map((command) => command['def'] ?? null) });
}

function namesOfColumns(sources: Sources): readonly string[] {
  if (sources.size === 0) return [];
  if (sources.size > columnsMax) return [anyColumn];
  return [...sources].map(nameOfColumn).sort();
}

function nameOfColumn(source: string): string {
  let name = written.get(source);
  if (name === undefined) {
    const [schema, table, column] = partsOf(source);
    name = source === anySource ? anyColumn : `${dotted(schema, table)}.${dotted(null, column)}`;
    if (written.size >= writtenMax) written.clear();
    written.set(source, name);
  }
  return name;
}

function united(one: ColumnsTouched, other: ColumnsTouched): ColumnsTouched {
  const both = (which: keyof ColumnsTouched): string[] => [...new Set([...one[which], ...other[which]])].sort();
  return { read: both('read'), asked: both('asked'), written: both('written') };
}
