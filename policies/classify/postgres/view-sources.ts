// The tables that the query of a view takes its rows from, by the parse tree: a change of the view is one of these, and of nothing that
// its conditions read.

import type { Parser } from './parser.ts';
import { listAt, nodeOf, textAt } from './tree.ts';

/** Longer definitions of views are not parsed: what they give may come from anywhere. */
export const definitionUnitsMax = 64 * 1024;

export interface NamedRelation {
  /** Null where the server left it out, because its search_path finds it. */
  readonly schema: string | null;
  readonly name: string;
}

/** Null when the definition can't be read. Rows of a join, of a UNION or of a query in FROM nobody can change without a rule or a trigger. */
export function sourcesOfView(definition: string, parser: Parser): readonly NamedRelation[] | null {
  if (definition.length > definitionUnitsMax) return null;
  const parsed = parser.parse(definition);
  const node = parsed.kind === 'statements' ? nodeOf(parsed.statements[0]?.stmt) : null;
  if (node?.type !== 'SelectStmt') return null;
  return listAt(node.body, 'fromClause').flatMap((item) => {
    const source = nodeOf(item);
    if (source?.type !== 'RangeVar') return [];
    return [{ schema: textAt(source.body, 'schemaname') || null, name: textAt(source.body, 'relname') }];
  });
}
