// What a preview needs of a text: the condition of an UPDATE or DELETE as columns and literals, and how far a DROP reaches.
// It judges nothing, and what it can't read says so: the preview then counts every row.

import type { StatementOutline } from '../../../src/core/preview.ts';
import { conditionOf } from './outline-condition.ts';
import { rowsOfCopy, rowsOfInsert, rowsOfSelect } from './row-source.ts';
import { flagAt, listAt, nodeOf, textAt, treeAt, type RawStatement, type Tree } from './tree.ts';

/** One outline for each statement of a parsed text. */
export function outlinesOf(statements: readonly RawStatement[]): StatementOutline[] {
  return statements.map(({ stmt }) => outlineOf(stmt));
}

function outlineOf(stmt: Tree): StatementOutline {
  const node = nodeOf(stmt);
  if (node === null) return plain;
  const { type, body } = node;
  switch (type) {
    case 'UpdateStmt':
    case 'DeleteStmt': {
      const where = body['whereClause'];
      if (where === undefined) return plain;
      const joins = listAt(body, type === 'UpdateStmt' ? 'fromClause' : 'usingClause').length > 0;
      const relation = treeAt(body, 'relation');
      const alias = relation === null ? null : treeAt(relation, 'alias');
      const name = alias === null ? textAt(relation ?? {}, 'relname') : textAt(alias, 'aliasname');
      return { ...plain, where: conditionOf(where, name, joins) };
    }
    case 'SelectStmt':
      return { ...plain, source: rowsOfSelect(body) };
    case 'InsertStmt':
      return { ...plain, source: rowsOfInsert(body) };
    case 'CopyStmt':
      return { ...plain, source: rowsOfCopy(body) };
    case 'DropStmt':
      return { ...plain, cascade: cascades(body), concurrently: flagAt(body, 'concurrent') };
    case 'TruncateStmt':
      return { ...plain, cascade: cascades(body) };
    case 'AlterTableStmt': {
      const commands = listAt(body, 'cmds').flatMap((it) => bodyOf(it));
      const dropping = commands.filter((it) => textAt(it, 'subtype') === 'AT_DropColumn');
      return { ...plain, columnsDropped: dropping.map((it) => textAt(it, 'name')), cascade: dropping.some(cascades) };
    }
    case 'IndexStmt':
    case 'RefreshMatViewStmt':
      return { ...plain, concurrently: flagAt(body, 'concurrent') };
    default:
      return plain;
  }
}

const plain: StatementOutline = { where: null, rowsMax: null, cascade: false, columnsDropped: [], concurrently: false };

function bodyOf(value: unknown): Tree[] {
  const node = nodeOf(value);
  return node === null ? [] : [node.body];
}

function cascades(body: Tree): boolean {
  return textAt(body, 'behavior') === 'DROP_CASCADE';
}
