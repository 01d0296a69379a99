// Templates of MySQL and MariaDB statements, compared token by token as the server cuts them: the same tokens but for the places,
// where one number, one string or one bound parameter stands. Executable comments are code that some servers skip: a text with
// one is never a template.

import type { Action, Parameter } from '../../../src/core/action.ts';
import type { ReadableTemplate, TemplateReader, TemplateReading, TemplateValue } from '../../../src/core/template.ts';
import { templateTextUnitsMax } from '../../../src/core/template.ts';
import { lex } from './lexer.ts';
import type { LexMode, Token } from './lexer.ts';
import { isProblem, sqlModeOf } from './reading-mode.ts';

/** Words that mean the same in any letter case. All others are compared as they are written: names of tables have a case. */
const keywords = new Set(
  (
    'SELECT INSERT UPDATE DELETE REPLACE CALL FROM INTO SET VALUES VALUE WHERE AND OR NOT IN IS NULL LIKE BETWEEN ORDER GROUP BY ASC DESC ' +
    'LIMIT OFFSET JOIN INNER LEFT RIGHT ON AS USING DISTINCT HAVING TRUE FALSE INTERVAL DAY HOUR MINUTE OPTIMIZE ANALYZE CHECK TABLE KILL QUERY'
  ).split(' '),
);
const firstWords = new Set(['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'REPLACE', 'CALL', 'OPTIMIZE', 'ANALYZE', 'CHECK', 'KILL']);

/** Types of a bound value that the server compares as a number. */
const numericTypes = new Set('decimal tinyint smallint int float double bigint mediumint year bit'.split(' '));

const usual: LexMode = { ansiQuotes: false, noBackslashEscapes: false };
const numberText = /^\d{1,30}(\.\d{1,30})?$/;

type Piece = { readonly kind: 'token'; readonly token: Token } | { readonly kind: 'place'; readonly name: string };

export const mysqlTemplates: TemplateReader = { read: readTemplate };

function readTemplate(text: string): TemplateReading {
  if (text.length > templateTextUnitsMax) return problem(`a template has at most ${templateTextUnitsMax} characters`);
  const read = lex(text, usual, () => true);
  if (read.problem !== null) return problem(`not a statement: ${read.problem.message}`, read.problem.offset);
  if (read.conditions.length > 0) return problem('a template has no executable comments');
  const tokens = withoutEnd(read.tokens);
  if (!firstWords.has(tokens[0]?.text ?? '')) return problem(`a template begins with one of ${[...firstWords].join(', ')}`);
  const pieces: Piece[] = [];
  for (let at = 0; at < tokens.length; at += 1) {
    const token = tokens[at]!;
    if (token.kind === 'parameter') return problem('write a named place (:name) where a value stands', token.start);
    if (token.kind === 'op' && token.text === ';') return problem('a template is exactly one statement', token.start);
    const next = tokens[at + 1];
    if (token.kind !== 'op' || token.text !== ':') pieces.push({ kind: 'token', token });
    else if (next?.kind === 'word' && next.start === token.end && /^[a-z][a-z0-9_]*$/.test(next.raw)) {
      pieces.push({ kind: 'place', name: next.raw });
      at += 1;
    } else return problem('a place is written as :name', token.start);
  }
  const places = [...new Set(pieces.flatMap((piece) => (piece.kind === 'place' ? [piece.name] : [])))];
  const template: ReadableTemplate = { places, match: (action) => matchAction(pieces, action) };
  return { kind: 'template', template };
}

function matchAction(pieces: readonly Piece[], action: Action): Map<string, TemplateValue> | null {
  const { text, mode, parameters } = action;
  if (action.kind !== 'statement' || text.length > templateTextUnitsMax || text.includes('\0')) return null;
  const sqlMode = sqlModeOf(mode, text);
  if (isProblem(sqlMode) || sqlMode.pipesAsConcat || sqlMode.sqlModes.has('HIGH_NOT_PRECEDENCE')) return null;
  const read = lex(text, sqlMode, () => true);
  if (read.problem !== null || read.conditions.length > 0) return null;
  return matchTokens(pieces, withoutEnd(read.tokens), parameters);
}

function matchTokens(
  pieces: readonly Piece[],
  tokens: readonly Token[],
  parameters: readonly Parameter[] | null,
): Map<string, TemplateValue> | null {
  const values = new Map<string, TemplateValue>();
  let at = 0;
  let bound = 0;
  for (const piece of pieces) {
    if (piece.kind === 'token') {
      if (!isSame(piece.token, tokens[at])) return null;
      at += 1;
      continue;
    }
    const isNegative = tokens[at]?.kind === 'op' && tokens[at]?.text === '-' && tokens[at + 1]?.kind === 'number';
    const token = tokens[isNegative ? at + 1 : at];
    const value = token?.kind === 'parameter' ? boundValue(parameters?.[bound++]) : literalValue(token, isNegative);
    if (value === null) return null;
    const known = values.get(piece.name);
    if (known !== undefined && (known.text !== value.text || known.form !== value.form)) return null;
    values.set(piece.name, value);
    at += isNegative ? 2 : 1;
  }
  return at === tokens.length ? values : null;
}

function isSame(template: Token, given: Token | undefined): boolean {
  if (given === undefined || given.kind !== template.kind) return false;
  if (template.kind === 'word') return template.raw === given.raw || (template.text === given.text && keywords.has(template.text));
  return template.text === given.text;
}

function literalValue(token: Token | undefined, isNegative: boolean): TemplateValue | null {
  if (token?.kind === 'string' && !token.text.includes('\0')) return { text: token.text, form: 'string' };
  if (token?.kind !== 'number' || !numberText.test(token.text)) return null;
  return { text: isNegative ? `-${token.text}` : token.text, form: 'number' };
}

function boundValue(parameter: Parameter | undefined): TemplateValue | null {
  if (parameter === undefined || parameter.text === null) return null;
  return { text: parameter.text, form: numericTypes.has(parameter.type ?? '') ? 'number' : 'string' };
}

/** One semicolon at the end says nothing. */
function withoutEnd(tokens: readonly Token[]): readonly Token[] {
  const last = tokens.at(-1);
  return last?.kind === 'op' && last.text === ';' ? tokens.slice(0, -1) : tokens;
}

function problem(message: string, offset: number | null = null): TemplateReading {
  return { kind: 'problem', message, offset };
}
