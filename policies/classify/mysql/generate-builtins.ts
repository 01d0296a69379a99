// Makes builtins.json from a running MariaDB: asks the server's own parser about each word it knows, whether `word(…)`
// is one of its functions, a stored function of that name, or no call at all. Run by hand when a new server comes out:
//   node policies/classify/mysql/generate-builtins.ts <socket> [user]
// Words that only MySQL knows, or newer servers than this one, are kept by hand in built-in-names.ts.

import { writeFileSync } from 'node:fs';
import { createConnection, type RowDataPacket } from 'mysql2/promise';

/** Enough shapes of arguments that any built-in accepts the grammar of one of them. */
const CALLS = [
  '()',
  '(1)',
  '(1,1)',
  '(1,1,1)',
  '(1,1,1,1)',
  '(*)',
  '(1 AS CHAR)',
  "('a' IN 'b')",
  '(DAY FROM NOW())',
  '(a)',
  '(NOW(), INTERVAL 1 DAY)',
  '(DAY, 1, NOW())',
  "(DATE, 'USA')",
  "('a', 1 AS CHAR)",
  '() OVER (ORDER BY 1)',
  '(1) OVER (ORDER BY 1)',
  '(1, 1) OVER (ORDER BY 1)',
  '(1) WITHIN GROUP (ORDER BY 1) OVER ()',
  '(1) OVER ()',
] as const;
/** Spatial functions: the server lists them nowhere under these names. */
const SPATIAL = (
  'AREA ASBINARY ASGEOJSON ASTEXT ASWKB ASWKT BOUNDARY BUFFER CENTROID CONTAINS CONVEXHULL CROSSES DIFFERENCE DIMENSION DISJOINT DISTANCE ' +
  'DISTANCE_SPHERE ENDPOINT ENVELOPE EQUALS EXTERIORRING GEOHASH GEOMCOLLFROMTEXT GEOMCOLLFROMWKB GEOMETRYCOLLECTIONFROMTEXT ' +
  'GEOMETRYCOLLECTIONFROMWKB GEOMETRYFROMTEXT GEOMETRYFROMWKB GEOMETRYN GEOMETRYTYPE GEOMFROMGEOJSON GEOMFROMTEXT GEOMFROMWKB ' +
  'INTERIORRINGN INTERSECTION INTERSECTS ISCLOSED ISEMPTY ISRING ISSIMPLE ISVALID LATITUDE LATFROMGEOHASH LENGTH LINEFROMTEXT LINEFROMWKB ' +
  'LINESTRINGFROMTEXT LINESTRINGFROMWKB LONGITUDE LONGFROMGEOHASH MAKEENVELOPE MLINEFROMTEXT MPOINTFROMTEXT MPOLYFROMTEXT ' +
  'MULTILINESTRINGFROMTEXT MULTIPOINTFROMTEXT MULTIPOLYGONFROMTEXT NUMGEOMETRIES NUMINTERIORRINGS NUMPOINTS OVERLAPS POINTFROMTEXT ' +
  'POINTFROMWKB POINTFROMGEOHASH POINTN POINTONSURFACE POLYFROMTEXT POLYFROMWKB POLYGONFROMTEXT POLYGONFROMWKB RELATE SIMPLIFY SRID ' +
  'STARTPOINT SYMDIFFERENCE TOUCHES TRANSFORM UNION VALIDATE WITHIN X Y'
)
  .split(' ')
  .map((name) => `ST_${name}`);
const CONSTRUCTORS = ['POINT', 'LINESTRING', 'POLYGON', 'MULTIPOINT', 'MULTILINESTRING', 'MULTIPOLYGON', 'GEOMETRYCOLLECTION', 'UNNEST'];
const SYNTAX_ERROR = 1064;
/** ER_SP_DOES_NOT_EXIST, ER_FUNC_INEXISTENT_NAME_COLLISION. */
const NO_SUCH_FUNCTION: readonly number[] = [1305, 1630];

type Meaning = 'builtin' | 'stored' | 'keyword';

const [socketPath, user = 'root'] = process.argv.slice(2);
if (socketPath === undefined) throw new Error('usage: generate-builtins.ts <socket> [user]');
const connection = await createConnection({ socketPath, user, database: 'mysql', flags: ['-IGNORE_SPACE'] });

async function errorOf(text: string): Promise<number> {
  try {
    await connection.query(`PREPARE p FROM ${connection.escape(text)}`);
    return 0;
  } catch (thrown) {
    return (thrown as { errno?: number }).errno ?? -1;
  }
}

async function meaningOf(word: string, gap: string): Promise<Meaning> {
  let meaning: Meaning = 'keyword';
  for (const call of CALLS) {
    const errno = await errorOf(`SELECT ${word}${gap}${call}`);
    if (NO_SUCH_FUNCTION.includes(errno)) return 'stored';
    if (errno !== SYNTAX_ERROR) meaning = 'builtin';
  }
  return meaning;
}

async function column(text: string): Promise<string[]> {
  const [rows] = await connection.query<RowDataPacket[]>(text);
  return rows.map((row) => String(Object.values(row)[0]).toUpperCase());
}

const words = new Set([
  ...SPATIAL,
  ...CONSTRUCTORS,
  ...(await column('SELECT word FROM information_schema.keywords')),
  ...(await column('SELECT function FROM information_schema.sql_functions')),
  ...(await column("SELECT name FROM mysql.help_topic WHERE name REGEXP '^[A-Za-z_0-9]+$'")),
]);
const builtins: string[] = [];
const storedWhenSpaced: string[] = [];
for (const word of [...words].filter((each) => /^[A-Z_][A-Z_0-9]*$/.test(each)).sort()) {
  const close = await meaningOf(word, '');
  const spaced = await meaningOf(word, ' ');
  if (close === 'builtin') builtins.push(word);
  if (close === 'builtin' && spaced === 'stored') storedWhenSpaced.push(word);
}
const version = (await column('SELECT version()')).join('').split('-')[0];
writeFileSync(new URL('builtins.json', import.meta.url), `${JSON.stringify({ version, builtins, storedWhenSpaced }, null, 1)}\n`);
await connection.end();
