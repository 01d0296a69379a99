// The lexer against a real server: texts made at random of quotes, comments and executable comments, in every mix of modes.
// Where the server accepts a text, it must count as many parameters, and run as many statements, as the lexer does.

import { createConnection, type Connection } from 'mysql2/promise';
import t from 'tap';
import { lex, type CommentCondition } from '../../policies/classify/mysql/lexer.ts';
import { startMariadb } from '../support/mariadb.ts';

const server = await startMariadb(t);
const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const triesPerMode = 400;

/** Small and repeatable (mulberry32). */
function randomOf(start: number): (below: number) => number {
  let state = start;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const parts = [
  '1', '?', "'a'", '"b"', "'a\\'", "'\\\\'", "''''", '"?"', "'?'", '"\\"', "'/*'", '"*/"', '/* ? */', "/* ' */", '-- ?\n', '--1', "#'\n", '`c`',
  '/*! ,? */', '/*!99999 ,? */', '/*M! ,? */', '/*!50000 ,2 */', '/*!101100,?*/', '/*!101100 ,?*/', '/*!090000\n,?*/', '/*M!101100,?*/', '/*!120000 ,? */', '/*!40000 , 3*/', ',', '+', ' ', '\n', "x'41'", "_utf8'?'", '1.', '.5', '1e5', '@v', "@'?'", 'NULL', '\\N',
]; // prettier-ignore

/** What this very server runs. */
function runs(version: number, isMariadb: boolean) {
  return (it: CommentCondition): boolean =>
    it.version <= version && (isMariadb ? it.mariadbOnly || it.version < 50_700 || it.version > 99_999 : !it.mariadbOnly);
}

async function parametersOf(connection: Connection, text: string): Promise<number | null> {
  try {
    const statement = (await connection.prepare(text)) as unknown as { statement: { parameters: unknown[] }; close(): Promise<void> };
    const count = statement.statement.parameters.length;
    await statement.close();
    return count;
  } catch {
    return null; // not accepted: nothing to compare
  }
}

t.test(`the server counts the same parameters (SEED=${seed})`, async (t) => {
  const [{ v } = { v: '' }] = (await server.sql('SELECT VERSION() AS v')) as unknown as [{ v: string }];
  const [major = 0, minor = 0, patch = 0] = v.split('-')[0]?.split('.').map(Number) ?? [];
  const executed = runs(major * 10_000 + minor * 100 + patch, v.includes('MariaDB'));
  const random = randomOf(seed);
  let compared = 0;
  for (const sqlMode of ['', 'ANSI_QUOTES', 'NO_BACKSLASH_ESCAPES', 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES']) {
    const connection = await createConnection({
      host: server.host,
      port: server.port,
      user: server.user,
      password: server.password,
      flags: ['-IGNORE_SPACE'],
    });
    await connection.query(`SET sql_mode = '${sqlMode}'`);
    const mode = { ansiQuotes: sqlMode.includes('ANSI'), noBackslashEscapes: sqlMode.includes('BACKSLASH') };
    for (let i = 0; i < triesPerMode; i++) {
      const text = `SELECT 1${Array.from({ length: 1 + random(7) }, () => `${random(3) > 0 ? ',' : ''}${parts[random(parts.length)]}`).join('')}`;
      const counted = await parametersOf(connection, text);
      if (counted === null) continue;
      const { tokens, problem } = lex(text, mode, executed);
      if (problem !== null) continue; // conceded
      compared += 1;
      const own = tokens.filter((it) => it.kind === 'parameter').length;
      if (own !== counted) t.fail(`${sqlMode}: ${JSON.stringify(text)}: the server counts ${counted}, the lexer ${own}`);
    }
    await connection.end();
  }
  t.ok(compared > triesPerMode / 4, `${compared} texts compared`);
});
