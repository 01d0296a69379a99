// Constants of a plain query, with the sign that the grammar puts into a number, and the types that they and others are cast to.

import { booleanConst, floatConst, integerConst, nullConst, parameterRef, stringConst, type PlainNode } from './nodes.ts';
import * as tokens from './kinds.ts';
import type { Kind } from './kinds.ts';
import { giveUp, type Tokens } from './tokens.ts';

const { word } = tokens;
const kinds = { nullWord: word['null'], trueWord: word['true'], falseWord: word['false'] } as const;

/** Types whose names are key words, as the grammar names them. */
const typeNames = new Map<Kind | undefined, readonly PlainNode[]>(
  (
    [
      ['int', 'int4'],
      ['integer', 'int4'],
      ['bigint', 'int8'],
      ['smallint', 'int2'],
      ['boolean', 'bool'],
    ] as const
  ).map(([text, its]) => [word[text], [{ String: { sval: 'pg_catalog' } }, { String: { sval: its } }]]),
);

/** The constant or parameter at hand; null when it is neither. */
export function readConstant(given: Tokens): PlainNode | null {
  const { start } = given;
  let found: PlainNode;
  switch (given.kind) {
    case tokens.integer:
      found = integerConst(given.number, start);
      break;
    case tokens.float:
      found = floatConst(given.value, start);
      break;
    case tokens.string:
      found = stringConst(given.value, start);
      break;
    case tokens.parameter:
      found = parameterRef(given.number, start);
      break;
    case kinds.nullWord:
      found = nullConst(start);
      break;
    case kinds.trueWord:
    case kinds.falseWord:
      found = booleanConst(given.kind === kinds.trueWord, start);
      break;
    case tokens.minus:
      return negative(given, start);
    default:
      return null;
  }
  given.next();
  return found;
}

/** The grammar puts the sign into the number, unless the number is cast before. */
function negative(given: Tokens, start: number): PlainNode {
  given.next();
  let found: PlainNode;
  if (given.kind === tokens.integer) found = integerConst(-given.number, start);
  else if (given.kind === tokens.float) found = floatConst(`-${given.value}`, start);
  else giveUp();
  given.next();
  return given.kind === tokens.cast ? giveUp() : found;
}

/** Of one word; anything behind it is not read. */
export function readType(given: Tokens): readonly PlainNode[] {
  const names = typeNames.get(given.kind) ?? (given.kind === tokens.name || given.kind === tokens.freeWord ? [given.node] : giveUp());
  given.next();
  return names;
}
