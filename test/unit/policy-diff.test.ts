// `sallyport policy diff`: rules in words, samples judged by both versions, what each kind of change is called.

import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { compareRules, documentsOf } from '../../policies/engine/compare.ts';
import { runCommand } from '../support/command-line.ts';

const packs = fileURLToPath(new URL('../../policies/packs', import.meta.url));
const run = (...args: string[]) => runCommand(['policy', 'diff', ...args]);

interface Answer {
  readonly rules: readonly { kind: string; id: string; changes: readonly string[] }[];
  readonly judged: number;
  readonly differences: readonly { difference: string; before: string; after: string; texts: string[]; who: string[]; where: string[] }[];
}

/** The packs against the packs with one text replaced. */
async function changed(dir: string, from: string, to: string): Promise<Answer> {
  cpSync(packs, dir, { recursive: true });
  const file = `${dir}/production-database.yaml`;
  const text = readFileSync(file, 'utf8');
  if (!text.includes(from)) throw new Error(`not in the pack: ${from}`);
  writeFileSync(file, text.replaceAll(from, to));
  const { code, out, err } = await run(packs, dir, '--json');
  if (code !== 0) throw new Error(err);
  return JSON.parse(out) as Answer;
}

t.test('the same policies: nothing differs, and the limits of samples are said', async (t) => {
  const same = await run(packs, packs, '--exit-code');
  t.match(same, { code: 0, out: /the rules are the same\n\n[\d,]+ samples judged by both: no decision differs; samples show/ });
});

t.test('a table that leaves a list: the rules that use it, and what is held now', async (t) => {
  const answer = await changed(t.testdir({}), '    - payments\n', '');
  t.strictSame(
    answer.rules.map(({ kind, id, changes }) => [kind, id, changes]),
    ['allow-routine-changes', 'allow-routine-inserts'].map((id) => [
      'changed',
      `production-database/${id}`,
      ['effects.tables: no longer payments'],
    ]),
  );
  t.ok(answer.judged > 1_000);
  t.strictSame([...new Set(answer.differences.map(({ difference }) => difference))], ['newly-held']);
  const texts = answer.differences.flatMap((it) => it.texts);
  t.ok(texts.includes('INSERT INTO payments (id) VALUES (1)'), 'made of the words of the policies');
  t.ok(texts.includes('DELETE FROM payments WHERE id = 7'), 'and a case of the tests');
  t.notOk(
    texts.some((text) => /^(SELECT|DROP)/.test(text)),
    'what was free or held before is no difference',
  );
  t.ok(answer.differences.every(({ who }) => !who.includes('somebody in no group') && !who.includes('somebody in auditors')));
});

t.test('each kind of difference is found', async (t) => {
  const kinds = async (from: string, to: string) => [
    ...new Set((await changed(t.testdir({}), from, to)).differences.map(({ difference }) => difference)),
  ];
  t.strictSame(await kinds('effects: { verbs: [insert], tables: [$routine_tables] }', 'effects: { verbs: [insert] }'), ['newly-allowed']);
  t.strictSame(await kinds('principals: { groups: [auditors] }', 'principals: { groups: [dba] }'), ['newly-denied']);
  t.strictSame(await kinds('expires: 15m', 'expires: 14m'), ['held-otherwise']);
  t.strictSame(await kinds('lists:\n', 'record: { parameters: true }\nlists:\n'), ['obliged-otherwise']);
});

t.test('a freeze is found though it is in force on one day only', async (t) => {
  const dir = t.testdir({});
  cpSync(packs, dir, { recursive: true });
  const freeze = `policy: freeze
rules: [{ id: freeze, effects: { access: [write] }, when: time.date == "2026-12-24", decision: deny }]
`;
  writeFileSync(`${dir}/freeze.yaml`, freeze);
  const { code, out } = await run(packs, dir, '--exit-code');
  t.equal(code, 1);
  t.match(out, /\+ deny {2}freeze\/freeze\n/);
  t.match(out, /newly denied \([\d,]+ samples\)\n/);
  t.match(out, / {2}allow by production-database\/allow-routine-changes → deny by freeze\/freeze\n.*\n.* at 2026-12-24T12:00Z\n/);
});

t.test('people, targets and times that a condition tells apart are judged one by one', async (t) => {
  const before = `policy: p
rules:
  - { id: a, principals: { groups: [dba, sre] }, decision: allow }
  - { id: b, targets: { labels: { env: [production, test] } }, effects: { verbs: [drop] }, decision: deny }
`;
  const of = async (when: string) => {
    const rule = `  - { id: c, effects: { verbs: [insert] }, when: '${when}', decision: deny }\n`;
    const dir = t.testdir({ before: { 'p.yaml': before }, after: { 'p.yaml': before + rule } });
    const { differences } = JSON.parse((await run(`${dir}/before`, `${dir}/after`, '--json')).out) as Answer;
    return differences.map(({ who, where }) => [...who.toSorted(), ...where.toSorted()]);
  };
  const postgres = ['env=production', 'env=test'].map((label) => `a postgres target with ${label}`);
  const bare = 'a postgres target without labels';
  t.strictSame(await of('"dba" in principal.groups'), [['somebody in dba', ...postgres, bare]]);
  t.strictSame(await of('has(target.labels.env) && target.labels.env == "test"'), [['somebody in dba', 'somebody in sre', postgres[1]]]);
  t.strictSame(await of('action.missing_where || true'), [['somebody in dba', 'somebody in sre', ...postgres, bare]]);
});

t.test('rules in words', async (t) => {
  const documents = (text: string) => documentsOf([{ path: 'p.yaml', text }]);
  const before = documents(`policy: p
lists: { mine: [a, b] }
conditions: { office: time.hour < 18, open: conditions.office }
applies_to: { labels: { env: production } }
rules:
  - { id: gone, decision: allow }
  - { id: same, effects: { tables: [$mine] }, decision: allow }
  - { id: who, principals: { groups: [x, y] }, decision: allow }
  - { id: hold, decision: hold, approvers: { groups: [dba], count: 2 } }
  - { id: when, when: conditions.open, decision: allow }
`);
  const after = documents(`policy: p
time_zone: Europe/Berlin
conditions: { office: time.hour < 19, open: conditions.office }
applies_to: { labels: { env: production } }
rules:
  - { id: same, effects: { tables: [a, b] }, decision: allow }
  - { id: who, principals: { groups: [y, z] }, decision: allow }
  - { id: hold, decision: hold, approvers: { groups: [dba] }, reason_required: true }
  - { id: when, when: conditions.open, decision: allow }
  - { id: new, decision: deny }
`);
  const words = (from: typeof before, to: typeof after) =>
    compareRules(from, to).map(({ kind, id, changes }) => `${kind} ${id}: ${changes.join(' | ')}`);
  t.strictSame(words(before, after), [
    'removed p/gone: ',
    'changed p/hold: approvers.count: no longer 2 | reason_required: now true',
    'added p/new: ',
    'changed p/when: conditions.office: time.hour < 18 → time.hour < 19 | time_zone: UTC → Europe/Berlin',
    'changed p/who: principals.groups: adds z; no longer x',
  ]);
  const wider = documents('policy: p\nrules: [{ id: same, effects: { tables: [a, b] }, decision: allow }]\n');
  t.strictSame(words(after.slice(0, 1), wider).at(1), 'removed p/new: ');
  t.match(words(after, wider), [/./, /./, 'changed p/same: applies_to.labels.env: no longer production']);
});

t.test('wrong policies are told and end with 2', async (t) => {
  const dir = t.testdir({ 'p.yaml': 'policy: p\nrules: []\n' });
  t.match(await run(packs, dir), { code: 2, err: /p\.yaml:2:8: rules: the list is empty/ });
  t.match(await run(packs, `${dir}/nowhere`), { code: 2, err: /can't read the folder/ });
});

t.test('masks, conditions about columns, templates and access rules', async (t) => {
  const before = `policy: p
lists: { secret: [ssn] }
rules:
  - { id: open, actions: [connect], needs: grant, decision: allow }
  - { id: reads, effects: { access: [read] }, decision: allow, mask: [{ columns: [users.email, users.phone] }] }
  - { id: secrets, when: action.reads_column(lists.secret), decision: hold, approvers: { groups: [dba] } }
access:
  - { id: look, principals: { groups: [engineers] }, longest: 1h, automatic: true }
`;
  const after = before
    .replace('users.email, users.phone', 'users.email')
    .replace('[ssn]', '[ssn, users.token]')
    .replace('automatic: true', 'approvers: [{ groups: [dba] }, { groups: [security], count: 2 }]')
    .replace('longest: 1h', 'longest: 2h');
  const dir = t.testdir({ before: { 'a.yaml': before }, same: { 'a.yaml': before }, after: { 'a.yaml': after } });
  const { out, code, err } = await run(`${dir}/before`, `${dir}/after`, '--json');
  t.equal(code, 0, err);
  const { rules, differences } = JSON.parse(out) as Answer;
  t.strictSame(
    rules.map(({ id, changes }) => [id, changes]),
    [
      ['p/look', ['longest: 1h → 2h', 'automatic: no longer true', 'approvers: now groups dba, groups security; count 2']],
      ['p/reads', ['mask: columns users.email, users.phone → columns users.email']],
      ['p/secrets', ['lists.secret: adds users.token']],
    ],
  );
  const found = (kind: string) => differences.filter(({ difference }) => difference === kind);
  t.ok(
    found('newly-held').some(({ texts }) => texts.includes('SELECT token FROM users')),
    'columns of conditions are sampled',
  );
  t.match(found('obliged-otherwise')[0], { before: /masking users\.email \+ users\.phone/, after: /masking users\.email \(/ });
  const access = found('access-otherwise');
  t.match(access[0]?.before, /^given at once by p\/look \(no approval, at most 60 min/);
  t.match(access[0]?.after, /^asked for by p\/look \(1 of dba and 2 of security, at most 2 h/);
  t.ok(found('access-opened').some(({ texts }) => texts.some((text) => text.startsWith('access for 2 h'))));
  const same = await run(`${dir}/before`, `${dir}/same`, '--exit-code');
  t.match(same, { code: 0, out: /no decision differs/ });
});

t.test('what only access for a while lets through is judged with it', async (t) => {
  const of = (rest: string) =>
    `policy: p\nrules:\n  - { id: work, needs: grant, effects: { verbs: [read, update] }, decision: allow }\n${rest}`;
  const held = '  - { id: no, needs: grant, effects: { verbs: [update] }, decision: hold, approvers: { groups: [a] } }\n';
  const dir = t.testdir({ before: { 'a.yaml': of('') }, after: { 'a.yaml': of(held) } });
  const { differences } = JSON.parse((await run(`${dir}/before`, `${dir}/after`, '--json')).out) as Answer;
  t.same(
    differences.map(({ difference, who }) => [difference, who]),
    [['newly-held', ['somebody in no group with access for a while']]],
  );
});
