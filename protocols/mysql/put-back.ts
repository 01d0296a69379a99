// `SET sql_mode = @OLD_SQL_MODE`: dumps and tools keep a setting in a user variable and put it back. What that would do is not in the
// text, so the session is asked for the variable's value first, and the text is judged as if it stood there. Between the answer and
// the statement nothing runs in the session, and no other session can change its variables.

import { framed, headerBytes } from './codec.ts';
import { command, query } from './messages.ts';
import type { Row } from './own-query.ts';

/** By name, lower case. One that is NULL, or has a value that no setting of words and numbers has, is left out: nothing is known of it. */
export type VariableValues = ReadonlyMap<string, string>;

/** Such texts are short; of longer ones nothing is asked. */
const textUnitsMax = 1024;
const variablesMax = 16;

const head = /\s*(?:\/\*!\d{5,6}\s*)?set\s+/iy;
/** One setting of the session, with a word, a number, a plain string or a user variable as its value. It can't set a variable. */
const setting = /(?:(?:session|local)\s+|@@(?:(?:session|local)\.)?)?[a-z_]+\s*:?=\s*(?:@([a-z0-9_]{1,64})|[a-z0-9_]+|'[a-z0-9_, ]*')\s*/iy;
const comma = /,\s*/y;
const tail = /(?:\*\/\s*)?(?:;\s*)?$/y;

/** The user variables that the text puts into settings of the session; none where it does anything else besides. */
export function variablesPutBack(text: string): readonly string[] {
  if (text.length > textUnitsMax) return [];
  let at = next(head, text, 0);
  const names = new Set<string>();
  while (at !== null) {
    setting.lastIndex = at;
    const read = setting.exec(text);
    if (read === null) return [];
    if (read[1] !== undefined) names.add(read[1].toLowerCase());
    const afterSetting = setting.lastIndex;
    at = next(comma, text, afterSetting);
    if (at === null) return next(tail, text, afterSetting) === null || names.size > variablesMax ? [] : [...names];
  }
  return [];
}

/** Where the match ends that begins there; null: none does. */
function next(part: RegExp, text: string, at: number): number | null {
  part.lastIndex = at;
  return part.test(text) ? part.lastIndex : null;
}

export function variablesQuery(names: readonly string[]): Buffer {
  return framed(query(`SELECT ${names.map((name) => `@${name}`).join(', ')}`), 0);
}

const variablesForm = /^SELECT @[a-z0-9_]{1,64}(?:, @[a-z0-9_]{1,64}){0,15}$/;

export function isVariablesQuery(bytes: Buffer): boolean {
  return bytes[headerBytes] === command.query && variablesForm.test(bytes.toString('latin1', headerBytes + 1));
}

/** Results may come in any character set of the client's choice: what looks like words in it is ASCII in all of them. */
const plainValue = /^[A-Za-z0-9_, ]{0,1024}$/;

export function valuesOf(names: readonly string[], cells: Row): VariableValues {
  const values = names.map((name, at): [string, string | null] => [name, cells[at] ?? null]);
  return new Map(values.filter((it): it is [string, string] => it[1] !== null && plainValue.test(it[1])));
}
