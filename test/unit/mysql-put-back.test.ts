// Settings that are put back from user variables: which texts the gateway asks for, what it asks, and what it takes from the answer.

import t from 'tap';
import { createMysqlClassifier } from '../../policies/classify/mysql/classifier.ts';
import { framed } from '../../protocols/mysql/codec.ts';
import { command, query } from '../../protocols/mysql/messages.ts';
import type { Classification } from '../../src/core/classification.ts';
import { isVariablesQuery, valuesOf, variablesPutBack, variablesQuery } from '../../protocols/mysql/put-back.ts';
import { statementOf } from '../support/statements.ts';

const texts: readonly (readonly [string, readonly string[]])[] = [
  ['SET sql_mode = @OLD_SQL_MODE', ['old_sql_mode']],
  ['/*!40101 SET @@SQL_MODE := @OLD_SQL_MODE, @@SQL_QUOTE_SHOW_CREATE := @OLD_QUOTE */', ['old_sql_mode', 'old_quote']],
  ['/*!40111 SET SQL_NOTES=@OLD_SQL_NOTES */;', ['old_sql_notes']],
  ["set session sql_mode=@a, @@local.time_zone = 'x', autocommit = 1 ; ", ['a']],
  ["SET sql_mode = ''", []],
  // what sets a variable, or could, is not asked for: its value of now would not be that of then
  ["SET @a = 'ANSI', sql_mode = @a", []],
  ["SET sql_mode = @a := 'ANSI'", []],
  ['SET sql_mode = f(@a)', []],
  ['SET time_zone = f(), sql_mode = @a', []],
  ['SET sql_mode = @a; SET sql_mode = @a', []],
  ['SET sql_mode = @a /* */', []],
  ['SET sql_mode = @a -- x', []],
  ['SET sql_mode = @`a`', []],
  ['SET sql_mode = @@a', []],
  ['SET STATEMENT sql_mode = @a FOR SELECT 1', []],
  ["PREPARE p FROM 'SET sql_mode = @a'", []],
  ['SET GLOBAL sql_mode = @a', []],
  [`SET ${Array.from({ length: 17 }, (_, at) => `sql_mode = @a${at}`).join(', ')}`, []],
  [`SET ${' '.repeat(1100)} sql_mode = @a`, []],
];

t.test('which texts are asked for', (t) => {
  for (const [text, variables] of texts) t.same(variablesPutBack(text), variables, text);
  t.end();
});

t.test('nothing else passes for such a question', (t) => {
  t.equal(isVariablesQuery(variablesQuery(['a', 'old_mode'])), true);
  for (const text of ['SELECT @a FROM t', 'SELECT @@a', 'SELECT @a; DROP TABLE t', 'SELECT @a := 1', 'select @a'])
    t.equal(isVariablesQuery(framed(query(text), 0)), false, text);
  const other = Buffer.concat([Buffer.from([command.initDb]), Buffer.from('SELECT @a')]);
  t.equal(isVariablesQuery(framed(other, 0)), false, 'another command');
  t.end();
});

t.test('values that no setting of words has are not known', (t) => {
  const values = valuesOf(['a', 'b', 'c', 'd'], ['STRICT_ALL_TABLES', null, '\0A\0N\0S\0I', "x'"]);
  t.same([...values], [['a', 'STRICT_ALL_TABLES']]);
  t.end();
});

t.test('the value decides', (t) => {
  const classifier = createMysqlClassifier();
  const effect = (text: string, known: Readonly<Record<string, string>>): string => {
    const settings = { sql_mode: '', character_set_client: 'utf8mb4', ...known };
    const classified = classifier.classify(
      statementOf(text, { key: JSON.stringify(settings), settings, catalogue: null }),
    ) as Classification;
    return classified.statements.flatMap((it) => it.effects.map(({ verb }) => verb)).join();
  };
  const text = 'SET sql_mode = @a';
  t.equal(effect(text, {}), 'guard');
  t.equal(effect(text, { '@a': 'STRICT_ALL_TABLES,NO_ZERO_DATE' }), 'session');
  t.equal(effect(text, { '@a': 'STRICT_ALL_TABLES,ANSI_QUOTES' }), 'guard');
  t.equal(effect(text, { '@a': '4' }), 'guard', 'a number is a set of bits');
  t.equal(effect('SET foreign_key_checks = @a', { '@a': '1' }), 'session');
  t.equal(effect('SET foreign_key_checks = @a', { '@a': '0' }), 'guard');
  t.equal(effect('SET character_set_client = @a', { '@a': 'utf8mb4' }), 'session');
  t.equal(effect('SET character_set_client = @a', { '@a': 'gbk' }), 'guard');
  t.equal(effect('SET GLOBAL sql_mode = @a', { '@a': '' }), 'admin');
  t.end();
});
