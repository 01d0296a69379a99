// PostgreSQL's own regression suite, run directly on one server and through the gateway on another, output compared file by
// file. Not part of `npm test`: it needs PostgreSQL's sources (src/test/regress) and some minutes.
//   node scripts/regression-suite.mjs …/src/test/regress [results folder] [--fence]
// With --fence whatever was judged to only read runs behind the read-only fence.

import { execFileSync, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { startTestGateway, targetOf } from '../test/support/gateway.ts';
import { startPostgres } from '../test/support/postgres.ts';

const given = process.argv.slice(2);
const isFenced = given.includes('--fence');
const [folder, results = 'regression-results'] = given.filter((it) => it !== '--fence');
if (folder === undefined) throw new Error('name the folder src/test/regress of the PostgreSQL sources');
const source = resolve(folder);
const out = resolve(results);
const fileTimeoutMs = 120_000;
const undo = [];
const t = { teardown: (step) => undo.unshift(step) };
const everything = `policy: everything
rules:
  - { id: all, title: Everything that is understood, actions: [connect, statement, function-call], decision: allow${isFenced ? ', fence: read-only' : ''} }
  - { id: unread, title: What cannot be read is refused in the words of the parser, understood: false, decision: deny }
`;

/** Files in the order of the schedule. */
const files = readFileSync(join(source, 'parallel_schedule'), 'utf8')
  .split('\n')
  .flatMap((line) => (line.startsWith('test:') ? line.slice(5).trim().split(/\s+/) : []));

function run(url, name, to) {
  return new Promise((done) => {
    const env = {
      ...process.env,
      PG_ABS_SRCDIR: source,
      PG_ABS_BUILDDIR: to,
      PG_LIBDIR: '/usr/lib/postgresql/15/lib',
      PG_DLSUFFIX: '.so',
      PGTZ: 'PST8PDT',
      PGDATESTYLE: 'Postgres, MDY',
      PGOPTIONS: '-c intervalstyle=postgres_verbose',
      LC_MESSAGES: 'C',
    };
    const args = ['-X', '-a', '-q', '-v', 'HIDE_TABLEAM=on', '-v', 'HIDE_TOAST_COMPRESSION=on', '-d', url];
    const file = join(to, `${name}.out`);
    const input = openSync(join(source, 'sql', `${name}.sql`), 'r');
    const output = openSync(file, 'w'); // one file for both, so that errors stand where they happened
    const psql = spawn('psql', args, { cwd: source, env, stdio: [input, output, output], timeout: fileTimeoutMs });
    closeSync(input);
    closeSync(output);
    psql.on('close', (code) => done(`${readFileSync(file, 'utf8')}\n-- exit ${code}\n`));
  });
}

try {
  const settings = { timezone: 'PST8PDT', max_prepared_transactions: '2', lc_messages: 'C' };
  const direct = await startPostgres(t, { from: 'debian', settings });
  const behind = await startPostgres(t, { from: 'debian', settings });
  const gateway = await startTestGateway(t, {
    targets: [targetOf(behind, 'suite', {}, 'regression')],
    policies: { 'all.yaml': everything },
  });
  const sides = [
    { name: 'direct', url: direct.url('regression') },
    { name: 'gateway', url: gateway.url('alice', 'suite') },
  ];
  for (const server of [direct, behind]) {
    await server.sql('CREATE DATABASE regression TEMPLATE template0');
    await server.sql(
      `ALTER DATABASE regression SET lc_messages TO 'C'; ALTER DATABASE regression SET lc_monetary TO 'C';
       ALTER DATABASE regression SET lc_numeric TO 'C'; ALTER DATABASE regression SET lc_time TO 'C';
       ALTER DATABASE regression SET bytea_output TO 'hex'; ALTER DATABASE regression SET timezone_abbreviations TO 'Default'`,
    );
  }
  for (const { name } of sides) {
    rmSync(join(out, name), { recursive: true, force: true });
    mkdirSync(join(out, name, 'results'), { recursive: true });
  }
  execFileSync('chmod', ['-R', 'a+rwX', out]);
  const differing = [];
  for (const name of files) {
    const texts = await Promise.all(sides.map((side) => run(side.url, name, join(out, side.name))));
    // What each side calls itself may differ: its folder, and the account and host in \conninfo.
    const [left, right] = texts.map((text, side) => text.replaceAll(join(out, sides[side].name), '@builddir@'));
    for (const [side, { name: folderName }] of sides.entries()) writeFileSync(join(out, folderName, `${name}.out`), [left, right][side]);
    if (left !== right) differing.push(name);
    process.stdout.write(left === right ? '.' : `\n${name} differs\n`);
  }
  console.log(`\n${files.length - differing.length} of ${files.length} files have the same output`);
  if (differing.length > 0) console.log(`look: diff -u ${out}/direct/NAME.out ${out}/gateway/NAME.out for ${differing.join(' ')}`);
} finally {
  for (const step of undo) await step();
}
