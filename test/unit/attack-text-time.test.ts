// Texts of strangers on the event loop that all sessions share: what takes time that grows with the square of their length (or
// its cube) keeps everybody waiting, for minutes. Each row was such a text; the processor's time is measured, as others are busy too.

import t from 'tap';
import { createMysqlClassifier } from '../../policies/classify/mysql/classifier.ts';
import { classifyShell } from '../../policies/classify/shell/classifier.ts';
import { isFenced } from '../../protocols/postgres/fence.ts';
import { killOf } from '../../protocols/mysql/commands.ts';
import { settingsOnly, usedName } from '../../protocols/mysql/targetless.ts';
import { patched } from '../../src/api/scim-messages.ts';
import type { Action } from '../../src/core/action.ts';
import type { Classification } from '../../src/core/classification.ts';
import { withoutTrailing } from '../../src/core/without-trailing.ts';
import { answerByComment } from '../../src/notify/forge.ts';
import { escape } from '../../src/notify/slack-blocks.ts';

/** Some milliseconds are enough; a busy machine is slow, and what is not mended takes a minute. */
const soonMs = 2_500;

const mysql = createMysqlClassifier();
function judgedByMysql(text: string): Classification {
  const settings = { sql_mode: '', character_set_client: 'utf8mb4', flavour: 'mariadb', database: 'shop', lower_case_table_names: '0' };
  return mysql.classify({ kind: 'statement', text, mode: { key: 'k', settings, catalogue: null } } as unknown as Action) as Classification;
}

const many = (piece: string, characters: number) => piece.repeat(Math.ceil(characters / piece.length));
const long = 300_000;
const spaces = many(' ', long);
const selected = {
  understood: true,
  summary: { access: 'read', kinds: ['select'], effects: [] },
  statements: [{}],
} as unknown as Classification;

/** A text of 60 kB, which is the longest that is read, is no minute, but who sends one sends more. */
const classifyFive = (text: string) => Array.from({ length: 5 }, () => classifyShell(text, false));

const texts: Record<string, () => unknown> = {
  'PostgreSQL: spaces behind what exports a snapshot': () =>
    isFenced({ fence: 'read-only', recordParameters: false, recordResults: false }, selected, `SELECT pg_export_snapshot()${spaces}--`),
  'MySQL: spaces behind KILL': () => killOf(`KILL 5${spaces}x`),
  'MySQL: spaces behind USE': () => usedName(`USE a${spaces}x`),
  'MySQL: spaces behind SET NAMES': () => settingsOnly.test(`SET NAMES x${spaces}x y`),
  'MySQL: settings without an end': () => settingsOnly.test(`SET ${many("a = 'b' , ", long)}`),
  'MySQL: characters NUL': () => judgedByMysql(`SELECT '${many('\0', long)}'`),
  'MySQL: tables in a list': () => judgedByMysql(`SELECT * FROM orders ${many('a.b,', long)}c`),
  'MySQL: tables to drop': () => judgedByMysql(`DROP TABLE ${many('a,', long)}b`),
  'MySQL: common tables': () => judgedByMysql(`WITH ${many('b AS (SELECT * FROM a), ', long)}c AS (SELECT 1) SELECT 1`),
  'MySQL: natural joins': () => judgedByMysql(`SELECT * FROM a ${many('NATURAL JOIN a ', long)}`),
  'MySQL: verbs': () => judgedByMysql(`UPDATE ${many('UPDATE ', long)}`),
  'MySQL: tables to delete from': () => judgedByMysql(`DELETE FROM ${many('a,', long)}b USING a`),
  'shell: substitutions in substitutions': () => classifyFive(many('$(', 60_000)),
  'shell: here-documents': () => classifyFive(many('<<E ', 60_000)),
  'a path of slashes': () => withoutTrailing(`${many('/', long)}x`, '/'),
  'Slack: colons': () => escape(`:${many("A'", long)}\0`),
  'SCIM: a path of spaces': () => patched({}, { Operations: [{ op: 'add', path: `emails[type eq${many(' ', 50_000)}x`, value: 'x' }] }),
  'comments: a fence with another end of a line': () =>
    answerByComment({ forge: 'github', text: `${many('~', long)}\u2028x`, author: 'x' } as never, {} as never, () => null, {} as never),
};

for (const [name, take] of Object.entries(texts)) {
  t.test(name, async (t) => {
    const before = process.cpuUsage();
    take();
    const tookMs = process.cpuUsage(before).user / 1000;
    t.ok(tookMs < soonMs, `${Math.round(tookMs)} ms`);
  });
}

t.test('what is cut short still means what it says', async (t) => {
  t.same(killOf('kill query 7 ; '), { connectionId: 7, what: 'query' });
  t.same(killOf(' KILL 7'), { connectionId: 7, what: 'connection' });
  t.equal(killOf('kill 7 ; ;'), null);
  t.equal(usedName('use `a b` ; '), 'a b');
  t.equal(usedName('USE shop;'), 'shop');
  t.equal(usedName('use a b'), null);
  for (const text of ['set names utf8mb4', "SET a = 'b' , @@session.c := 1 ; ", '/*!40101 SET NAMES utf8 */;', '/*!40101 SET NAMES utf8*/'])
    t.ok(settingsOnly.test(text), text);
  for (const text of ['set names utf8 ; drop table a', 'set a = (select 1)', "set a = 'x' b"]) t.notOk(settingsOnly.test(text), text);
  t.equal(escape(':white_check_mark: 10:30'), ':\u2060white_check_mark: 10:30');
  const wanted = { emails: [{ type: 'work', value: 'new@x' }] };
  for (const path of ['emails[type eq "work"].value', 'emails[ type eq work ].value'])
    t.same(patched({ emails: [{ type: 'work', value: 'old@x' }] }, { Operations: [{ op: 'replace', path, value: 'new@x' }] }), wanted);
});

t.test('a text that is too much to tell columns apart means any', async (t) => {
  const { columns } = judgedByMysql(`SELECT ${many('x,', 20_000)}1 FROM ${many('a,', 20_000)}b`).summary;
  t.same(columns, { read: ['*'], asked: ['*'], written: [] });
  t.match(classifyShell(many('$(', 60_000), false), { understood: false, problem: { kind: 'too-large' } });
  t.ok(classifyShell(`echo ${many('$(date) ', 400)}`, false).understood, 'fifty substitutions are read');
  t.equal(judgedByMysql('UPDATE orders SET a.').understood, true, 'half a name is a name');
});
