// Which words with a parenthesis behind them are functions of the server's own, or no call at all, by its make and version: what one
// server has built in is a name for anybody's stored function in another. MySQL 8 gave up X, AREA and DECODE, MySQL 9 moved MD5 to a component, MariaDB 11
// the keyword HOST. What isn't known to be the server's own here is a stored function.

import builtins from './builtins.json' with { type: 'json' };
import type { Token } from './lexer.ts';
import type { SqlMode } from './reading-mode.ts';
import { reservedWords } from './reserved-words.ts';

function words(list: string): string[] {
  return list.split(' ');
}

const mariadbBuiltins: ReadonlySet<string> = new Set([
  ...builtins.builtins,
  ...words('POINT LINESTRING POLYGON MULTIPOINT MULTILINESTRING MULTIPOLYGON GEOMETRYCOLLECTION JSON_TABLE CAST CONVERT SETVAL'),
]);

/** Functions that MariaDB has and MySQL has not: there they would be stored ones. */
const mariadbOnly = new Set(
  words(
    'ADD_MONTHS CHR COLUMN_ADD COLUMN_CHECK COLUMN_CREATE COLUMN_DELETE COLUMN_EXISTS COLUMN_GET COLUMN_JSON COLUMN_LIST CONCAT_OPERATOR_ORACLE ' +
      'CRC32C CURRENT_ROLE DECODE_HISTOGRAM DECODE_ORACLE JSON_COMPACT JSON_DETAILED JSON_EQUALS JSON_EXISTS JSON_LOOSE JSON_NORMALIZE ' +
      'JSON_QUERY LASTVAL LENGTHB LPAD_ORACLE LTRIM_ORACLE MASTER_GTID_WAIT MEDIAN NATURAL_SORT_KEY NEXTVAL NVL NVL2 PERCENTILE_CONT ' +
      'PERCENTILE_DISC REPLACE_ORACLE ROWNUM RPAD_ORACLE RTRIM_ORACLE SETVAL SFORMAT SUBSTR_ORACLE SYS_GUID TO_CHAR TRIM_ORACLE ' +
      'WSREP_LAST_SEEN_GTID WSREP_LAST_WRITTEN_GTID WSREP_SYNC_WAIT_UPTO_GTID BINLOG_GTID_POS ST_BOUNDARY ST_ISRING ST_POINTONSURFACE ST_RELATE',
  ),
);

/** Functions that MySQL gave up in 8.0, and MariaDB has still. */
const goneInMysql8 = new Set(
  words(
    'AREA ASBINARY ASTEXT ASWKB ASWKT BOUNDARY BUFFER CENTROID CONVEXHULL CROSSES DECODE DES_DECRYPT DES_ENCRYPT DIMENSION DISJOINT ENCODE ENCRYPT ' +
      'ENDPOINT ENVELOPE EQUALS EXTERIORRING GEOMCOLLFROMTEXT GEOMCOLLFROMWKB GEOMETRYCOLLECTIONFROMTEXT GEOMETRYCOLLECTIONFROMWKB ' +
      'GEOMETRYFROMTEXT GEOMETRYFROMWKB GEOMETRYN GEOMETRYTYPE GEOMFROMTEXT GEOMFROMWKB GLENGTH INTERIORRINGN INTERSECTS ISCLOSED ISEMPTY ISRING ' +
      'ISSIMPLE LINEFROMTEXT LINEFROMWKB LINESTRINGFROMTEXT LINESTRINGFROMWKB MBREQUAL MLINEFROMTEXT MLINEFROMWKB MPOINTFROMTEXT MPOINTFROMWKB ' +
      'MPOLYFROMTEXT MPOLYFROMWKB MULTILINESTRINGFROMTEXT MULTILINESTRINGFROMWKB MULTIPOINTFROMTEXT MULTIPOINTFROMWKB MULTIPOLYGONFROMTEXT ' +
      'MULTIPOLYGONFROMWKB NUMGEOMETRIES NUMINTERIORRINGS NUMPOINTS OLD_PASSWORD OVERLAPS POINTFROMTEXT POINTFROMWKB POINTN POINTONSURFACE ' +
      'POLYFROMTEXT POLYFROMWKB POLYGONFROMTEXT POLYGONFROMWKB SQL_CACHE STARTPOINT TOUCHES WITHIN X Y',
  ),
);
/** Functions that MySQL has in a component since some 9.x: the server's own, where nobody has stored one of the name. */
const inComponentOfMysql9 = new Set(words('MD5 SHA SHA1'));

/** Functions that MySQL 8 has and MariaDB has not, or not in all versions. */
const mysqlOnly = new Set(
  words(
    'ANY_VALUE BIN_TO_UUID UUID_TO_BIN IS_UUID GROUPING JSON_STORAGE_SIZE JSON_STORAGE_FREE JSON_SCHEMA_VALID JSON_SCHEMA_VALIDATION_REPORT ' +
      'REGEXP_LIKE STATEMENT_DIGEST STATEMENT_DIGEST_TEXT PS_CURRENT_THREAD_ID PS_THREAD_ID FORMAT_BYTES FORMAT_PICO_TIME ROLES_GRAPHML ' +
      'ICU_VERSION VALIDATE_PASSWORD_STRENGTH GTID_SUBSET GTID_SUBTRACT ST_DISTANCE_SPHERE ST_GEOHASH ST_ISVALID ST_LATITUDE ST_LONGITUDE ' +
      'ST_LATFROMGEOHASH ST_LONGFROMGEOHASH ST_POINTFROMGEOHASH ST_MAKEENVELOPE ST_SIMPLIFY ST_TRANSFORM ST_VALIDATE ST_SWAPXY ST_COLLECT ' +
      'ST_FRECHETDISTANCE ST_HAUSDORFFDISTANCE ST_LINEINTERPOLATEPOINT ST_LINEINTERPOLATEPOINTS ST_POINTATDISTANCE MBRCOVEREDBY MBRCOVERS ' +
      'WAIT_FOR_EXECUTED_GTID_SET SOURCE_POS_WAIT',
  ),
);
/** Those of MySQL 9. */
const sinceMysql9 = new Set(words('STRING_TO_VECTOR TO_VECTOR VECTOR_TO_STRING FROM_VECTOR VECTOR_DIM'));

/** Functions that MariaDB got after 10.5, by the version that surely has them. */
const sinceMariadb: ReadonlyMap<string, number> = new Map([
  ...words('ADD_MONTHS ROWNUM SYS_GUID TO_CHAR').map((word) => [word, 10_06_01] as const),
  ...words('JSON_EQUALS JSON_NORMALIZE NATURAL_SORT_KEY SFORMAT').map((word) => [word, 10_07_00] as const),
  ...words('CRC32C').map((word) => [word, 10_08_00] as const),
  ...words('JSON_OVERLAPS').map((word) => [word, 10_09_00] as const),
  ...words('RANDOM_BYTES').map((word) => [word, 10_10_00] as const),
  ...words(
    'FORMAT_BYTES FORMAT_PICO_TIME JSON_ARRAY_INTERSECT JSON_KEY_VALUE JSON_OBJECT_FILTER_KEYS JSON_OBJECT_TO_ARRAY JSON_SCHEMA_VALID KDF UUID_V4 ' +
      'UUID_V7 VEC_DISTANCE VEC_DISTANCE_COSINE VEC_DISTANCE_EUCLIDEAN VEC_FROMTEXT VEC_TOTEXT',
  ).map((word) => [word, 11_08_00] as const),
]);

/** Words of the language in every server that a parenthesis may follow: any and some of a query, types, parts of a table, lines of a file. */
const alwaysKeywords = new Set(words('ANY SOME BIT DATETIME ENUM FIXED NATIONAL NCHAR NVARCHAR PARTITION ROWS SIGNED TEXT'));
/** Words that are a name in some servers, and no call before a query: a function's argument has parentheses of its own. */
const beforeQueries = new Set(words('EXCEPT INTERSECT LATERAL'));
const queryWords = new Set(words('SELECT WITH VALUES TABLE'));

/** A function of the server's own. Between two makes the more careful answer counts. */
export function isBuiltin(word: string, mode: SqlMode): boolean {
  switch (mode.flavour) {
    case 'mariadb':
      return isMariadbs(word, mode.version);
    case 'mysql':
      return isMysqls(word, mode.version);
    case null:
      return isMariadbs(word, mode.version) && isMysqls(word, mode.version);
  }
}

/** The server's own as long as the target has none of the name itself. */
export function isOfComponent(word: string, { flavour, version }: SqlMode): boolean {
  return flavour === 'mysql' && version >= 9_00_00 && inComponentOfMysql9.has(word);
}

function isMariadbs(word: string, version: number): boolean {
  const since = sinceMariadb.get(word);
  return since === undefined ? mariadbBuiltins.has(word) : version >= since;
}

function isMysqls(word: string, version: number): boolean {
  if (mysqlOnly.has(word)) return true;
  if (sinceMysql9.has(word)) return version >= 9_00_00;
  if (inComponentOfMysql9.has(word)) return version < 9_00_00;
  return mariadbBuiltins.has(word) && !mariadbOnly.has(word) && !goneInMysql8.has(word);
}

/** A word that calls nothing, whatever follows it in parentheses. `next` is the first token inside of them. */
export function isKeyword(word: string, next: Token | undefined, mode: SqlMode): boolean {
  if (reservedWords.has(word) || alwaysKeywords.has(word)) return true;
  if (beforeQueries.has(word)) return next?.kind === 'word' && queryWords.has(next.text);
  return word === 'RETURNING' && mode.flavour === 'mariadb';
}
