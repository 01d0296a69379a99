// The shape of a MySQL statement: its tokens as the server's lexer cuts them, with a mark in place of each literal. A text with
// executable comments or optimizer hints has none: what such a comment says depends on the server, and nobody sees it run.

import type { Action } from '../../../src/core/action.ts';
import type { Classification } from '../../../src/core/classification.ts';
import type { Hole, NoShape, Shape } from '../../../src/core/shape.ts';
import { callsMore, none, numberKind, onlyStatement, parameterHole, shapeFrom } from '../../../src/core/shape-key.ts';
import { lex, type Token } from './lexer.ts';
import { isProblem, sqlModeOf } from './reading-mode.ts';

/** Only in these are literals values; in others they may be names, sizes or code. */
const wordsWithHoles: ReadonlySet<string> = new Set(['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'REPLACE', 'WITH', 'CALL', 'VALUES']);

/** Reserved in every version, so never a name where it stands unquoted: their case says nothing. Other words are compared as written. */
const reserved: ReadonlySet<string> = new Set(
  (
    'SELECT INSERT UPDATE DELETE REPLACE WITH FROM INTO VALUES SET WHERE AND OR NOT IN IS NULL LIKE BETWEEN LIMIT ORDER BY GROUP HAVING ' +
    'JOIN LEFT RIGHT INNER CROSS ON USING AS ASC DESC DISTINCT UNION ALL EXISTS CASE WHEN THEN ELSE INTERVAL TABLE DROP ALTER CREATE CALL ' +
    'TRUE FALSE FOR LOCK KEY IGNORE'
  ).split(' '),
);

export function shapeOfMysql(action: Action, classification: Classification): Shape | NoShape {
  const statement = onlyStatement(action, classification);
  if ('why' in statement) return statement;
  if (action.kind !== 'statement') return none('only statements have a shape');
  const mode = sqlModeOf(action.mode, action.text);
  if (isProblem(mode)) return none('it was not understood');
  const { tokens, problem, conditions } = lex(action.text, mode, () => true);
  if (problem !== null) return none('it was not understood');
  if (conditions.length > 0 || action.text.includes('/*+')) return none('it has an executable comment or an optimizer hint');
  const holes: Hole[] = [];
  const parts: string[] = [];
  let parameters = 0;
  const takesHoles = wordsWithHoles.has(tokens[0]?.text ?? '');
  const fixesStrings = callsMore(classification);
  for (const [at, token] of tokens.entries()) {
    if (token.kind === 'op' && token.text === ';') continue; // it is one statement, so nothing follows
    const mark = (kind: Hole['kind'], value: string): void => {
      holes.push({ kind, value, span: { start: token.start, end: token.end } });
      parts.push(`‹${holes.length}:${kind}›`);
    };
    if (token.kind === 'parameter') {
      const hole = parameterHole(action.parameters?.[parameters], token);
      parameters += 1;
      if ('why' in hole) return hole;
      mark('parameter', hole.value);
      continue;
    }
    const kind = takesHoles ? literalKind(tokens, at, fixesStrings) : null;
    if (kind === null) parts.push(written(token));
    else mark(kind, token.text);
  }
  return shapeFrom(action, classification, JSON.stringify(parts), holes);
}

function literalKind(tokens: readonly Token[], at: number, fixesStrings: boolean): Hole['kind'] | null {
  const token = tokens[at] as Token;
  if (token.kind === 'number') return numberKind(token.text);
  if (token.kind !== 'string' || fixesStrings) return null;
  const before = tokens[at - 1];
  // 'a' 'b' is one string, _latin1'a' and x'41' are read by what stands before: such stay as they are.
  const isPart = before?.kind === 'string' || tokens[at + 1]?.kind === 'string';
  const isMarked = before?.kind === 'word' && before.end === token.start;
  const isIntroduced = before?.kind === 'word' && /^(_|N$|X$|B$)/i.test(before.raw);
  return isPart || isMarked || isIntroduced ? null : 'string';
}

function written({ kind, text, raw }: Token): string {
  return JSON.stringify([kind, kind === 'word' ? (reserved.has(text) ? text : raw) : text]);
}
