// The fields a MySQL text would return, by its select list and the tables that are known: for outlines of masks only. What the
// server itself says of its fields is what masks go by.

import type { Action } from '../../../src/core/action.ts';
import type { CatalogueRelation, SqlCatalogue } from '../../../src/core/catalogue.ts';
import type { Classification } from '../../../src/core/classification.ts';
import type { ResultField } from '../../../src/core/masking.ts';
import { isProblem, sqlModeOf } from '../../classify/mysql/reading-mode.ts';
import { readingsOf } from '../../classify/mysql/readings.ts';
import { isOp, isStar, isWord, itemsOf, selectList, selectsIn, type Tokens } from './words.ts';

/** Null when they can't be told: several statements or queries, a star over tables that aren't known. */
export function resultFields(action: Action, { summary }: Classification): readonly (readonly ResultField[])[] | null {
  const mode = sqlModeOf(action.mode, action.text);
  if (isProblem(mode)) return null;
  const read = readingsOf(action.text, mode);
  const tokens = read.kind === 'problem' || read.readings.length !== 1 ? undefined : read.readings[0];
  if (tokens === undefined || tokens.some((token) => isOp(token, ';')) || selectsIn(tokens) > 1) return null;
  if (!isWord(tokens[0], 'SELECT', 'INSERT', 'REPLACE', 'UPDATE', 'DELETE')) return null;
  const list = selectList(tokens);
  if (list === null) return [[]];
  const catalogue = action.mode.catalogue?.content as SqlCatalogue | undefined;
  const [name, ...others] = summary.tables;
  const table = others.length > 0 ? undefined : catalogue?.relations.find((it) => name?.toLowerCase().split('.').at(-1) === it.name);
  const fields: ResultField[] = [];
  for (const item of itemsOf(list)) {
    if (isStar(item)) {
      if (table === undefined) return null;
      fields.push(...table.columns.map((column) => fieldOf(column, column, table)));
    } else fields.push(itemField(item, table));
  }
  return [fields];
}

function itemField(item: Tokens, table: CatalogueRelation | undefined): ResultField {
  const last = item.at(-1);
  const path = item.filter((_, at) => at % 2 === 0);
  const isPlain = item.length % 2 === 1 && path.every(isName) && item.every((token, at) => at % 2 === 0 || isOp(token, '.'));
  const isNamed = isPlain || (item.length > 1 && last !== undefined && isName(last));
  const name = isNamed ? written(last) : item.map(written).join('');
  return isPlain && table?.columns.some((column) => column.toLowerCase() === name.toLowerCase()) === true
    ? fieldOf(name, name, table)
    : { name, origin: null };
}

function written(token: Tokens[number] | undefined): string {
  return token?.kind === 'word' ? token.raw : (token?.text ?? '');
}

function isName({ kind }: Tokens[number]): boolean {
  return kind === 'word' || kind === 'name';
}

function fieldOf(name: string, column: string, { schema, name: table }: CatalogueRelation): ResultField {
  return { name, origin: { kind: 'column', schema, table, column } };
}
