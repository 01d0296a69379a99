// Does the body of a user's function only read? SQL bodies are judged like any text; PL/pgSQL bodies by the parser's own
// tree, every expression in it judged. What is not on the list is not read-only.

import type { Classification } from '../../../src/core/classification.ts';
import type { Parser } from './parser.ts';
import { isTree, textAt, type Tree } from './tree.ts';

/** Longer bodies are not looked at. */
const bodyUnitsMax = 32_000;
/** Parts of one PL/pgSQL tree. */
const nodesMax = 20_000;

/** Judges a text under the function's search_path; null when it won't be looked at. */
export type JudgeText = (text: string) => Classification | null;

export function readFunctionBody(body: string, language: string, parser: Parser, judge: JudgeText): boolean {
  if (body.length > bodyUnitsMax) return false;
  switch (language) {
    case 'sql':
      return sqlReads(body, judge);
    case 'plpgsql':
      return plpgsqlReads(body, parser, judge);
    default:
      return false;
  }
}

/** Either the quoted body, or (for a body without quotes) the whole CREATE FUNCTION, of which the effects of the body are judged. */
function sqlReads(body: string, judge: JudgeText): boolean {
  const classification = judge(body);
  if (classification === null || !classification.understood) return false;
  if (classification.summary.access === 'read') return classification.statements.every((statement) => statement.changes.length === 0);
  const only = classification.statements[0];
  if (classification.statements.length !== 1 || only === undefined || only.kind !== 'create function') return false;
  return only.effects.every((effect) => effect.access === 'read' || effect.verb === 'create' || effect.verb === 'code');
}

/** Nodes of PL/pgSQL that only compute, loop or return. Dynamic EXECUTE, CALL, COMMIT, SET and cursors on text are missing on purpose. */
const harmlessNodes = new Set(
  `PLpgSQL_function PLpgSQL_var PLpgSQL_rec PLpgSQL_recfield PLpgSQL_row PLpgSQL_type PLpgSQL_nsitem PLpgSQL_stmt_block PLpgSQL_exception_block
  PLpgSQL_exception PLpgSQL_condition PLpgSQL_stmt_assign PLpgSQL_stmt_if PLpgSQL_if_elsif PLpgSQL_stmt_case PLpgSQL_case_when
  PLpgSQL_stmt_loop PLpgSQL_stmt_while PLpgSQL_stmt_fori PLpgSQL_stmt_fors PLpgSQL_stmt_foreach_a PLpgSQL_stmt_exit
  PLpgSQL_stmt_return PLpgSQL_stmt_return_next PLpgSQL_stmt_return_query PLpgSQL_stmt_raise PLpgSQL_raise_option PLpgSQL_stmt_assert
  PLpgSQL_stmt_execsql PLpgSQL_stmt_perform PLpgSQL_stmt_getdiag PLpgSQL_diag_item PLpgSQL_expr`.split(/\s+/),
);

function plpgsqlReads(body: string, parser: Parser, judge: JudgeText): boolean {
  const tag = '$sallyport_body$';
  if (body.includes(tag)) return false;
  const parsed = parser.parseFunction(`CREATE FUNCTION f() RETURNS record LANGUAGE plpgsql AS ${tag}${body}${tag}`);
  if (parsed.kind === 'failed') return false;
  const stack: unknown[] = [parsed.tree];
  for (let nodes = 0; stack.length > 0; nodes += 1) {
    const value = stack.pop();
    if (nodes > nodesMax) return false;
    if (Array.isArray(value)) {
      for (const item of value) stack.push(item);
      continue;
    }
    if (!isTree(value)) continue;
    for (const [key, inner] of Object.entries(value)) {
      if (key.startsWith('PLpgSQL_') && !harmlessNodes.has(key)) return false;
      if (key === 'dynquery' || key === 'dynamic') return false;
      if (key === 'PLpgSQL_type' && isTree(inner) && !typeReads(textAt(inner, 'typname'), judge)) return false;
      if (key === 'PLpgSQL_expr' && isTree(inner) && !expressionReads(inner, judge)) return false;
      stack.push(inner);
    }
  }
  return true;
}

/** A variable's type may be a domain with a check. */
function typeReads(name: string, judge: JudgeText): boolean {
  if (name === '' || name === 'UNKNOWN' || /%(row)?type\s*$/i.test(name)) return name !== '' && !name.includes('%');
  return judge(`SELECT NULL::${name}`)?.summary.access === 'read';
}

/** parseMode as PostgreSQL numbers it: 0 a statement, 2 an expression, 3 to 5 an assignment. */
function expressionReads(expression: Tree, judge: JudgeText): boolean {
  const query = textAt(expression, 'query');
  const mode = expression['parseMode'] ?? 0;
  const text = mode === 0 ? query : mode === 2 ? `SELECT ${query}` : assignedText(query);
  if (text === null) return false;
  const classification = judge(text);
  if (classification === null || !classification.understood || classification.statements.length !== 1) return false;
  return classification.summary.access === 'read' && classification.statements[0]?.changes.length === 0;
}

/** The right side of `name := expression`; null for targets that compute something themselves. */
function assignedText(query: string): string | null {
  const match = /^\s*[A-Za-z_][\w$]*(?:\.[A-Za-z_][\w$]*)*\s*:?=(?!=)/.exec(query);
  return match === null ? null : `SELECT ${query.slice(match[0].length)}`;
}
