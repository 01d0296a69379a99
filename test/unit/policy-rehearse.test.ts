// `sallyport policy rehearse`: what real sessions left behind, judged by changed policies. Unchanged policies differ nowhere.

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { readRecording } from '../../src/recordings/read.ts';
import { runCommand } from '../support/command-line.ts';
import { grantsOf } from '../../src/offline/policy-grant.ts';
import { readAuditFacts } from '../../src/offline/policy-recorded.ts';
import { person, recordedGateway } from './policy-fixtures/recorded-gateway.ts';

const policy = `policy: p
rules:
  - { id: open, actions: [connect], principals: { groups: [engineers] }, targets: { labels: { env: production } }, decision: allow }
  - { id: reads, effects: { access: [read, session] }, decision: allow }
  - { id: inserts, effects: { verbs: [insert], tables: [orders] }, decision: allow }
  - { id: drops, effects: { verbs: [drop] }, decision: hold, approvers: { groups: [dba] } }
`;
const esc = '\u001b[2J\u202e';
const alice = person('alice', ['engineers']);

interface Answer {
  readonly judged: number;
  readonly differing: number;
  readonly counts: Readonly<Record<string, number>>;
  readonly not_judged: Readonly<Record<string, number>>;
  readonly findings: readonly { difference: string; text: string; before: string; after: string; times: number; principal: string }[];
}

const folder = (): string => mkdtempSync(join(tmpdir(), 'sallyport-rehearse-'));
const made: string[] = [];
t.teardown(() => made.forEach((dir) => rmSync(dir, { recursive: true, force: true })));

/** A folder with these policies. */
function policies(text: string): string {
  const dir = folder();
  made.push(dir);
  writeFileSync(join(dir, 'p.yaml'), text);
  return dir;
}

/** The policy with some texts replaced. */
function changed(...changes: [string, string][]): string {
  return changes.reduce((text, [from, to]) => {
    if (!text.includes(from)) throw new Error(`not in the policy: ${from}`);
    return text.replace(from, to);
  }, policy);
}

const data = folder();
made.push(data);
const gateway = await recordedGateway(data, policy);
const session = (await gateway.open(alice))!;
const results = [
  await gateway.run(session, 'SELECT * FROM orders'),
  await gateway.run(session, 'INSERT INTO orders VALUES (1)'),
  await gateway.run(session, 'INSERT INTO orders VALUES (1)'),
  await gateway.run(session, 'DELETE FROM orders'),
  await gateway.run(session, `SELECT '${esc}'`),
  await gateway.run(session, 'SELEC'),
  await gateway.run(session, 'DROP TABLE orders', [person('bob')]),
];
const refused = await gateway.open(person('carol', ['auditors']));
await gateway.close();
/** The gateway's clock stood in the past. */
const days = String(Math.ceil((Date.now() - gateway.clock.nowMs()) / 86_400_000) + 1);

const rehearse = (text: string, ...more: string[]) =>
  runCommand(['policy', 'rehearse', policies(text), '--data', data, '--days', days, ...more]);
const answer = async (text: string): Promise<Answer> => JSON.parse((await rehearse(text, '--json')).out) as Answer;

t.test('the audit log says who opened a session from where, in its own words', async (t) => {
  const { openings } = await readAuditFacts(data, 0, null);
  t.match(openings, [
    { decision: 'allow', who: { principal: { name: 'alice', kind: 'person' }, session: { clientAddress: '10.0.0.7' } } },
    { decision: 'deny', who: { principal: { name: 'carol' }, session: { clientAddress: '10.0.0.7' } } },
  ]);
  const [name] = readdirSync(join(data, 'audit')).filter((it) => it.startsWith('audit-'));
  const lines = readFileSync(join(data, 'audit', name ?? ''), 'utf8');
  t.match(lines, '"client_address":"10.0.0.7"');
  const keys = [...lines.matchAll(/[{,]"(\w+)":/g)].map(([, key]) => key ?? '');
  t.strictSame(
    keys.filter((key) => /[A-Z]/.test(key)),
    [],
    'no name is written in two ways',
  );

  const old = folder();
  made.push(old);
  mkdirSync(join(old, 'audit'));
  const asBefore = lines.replaceAll('"client_address":', '"clientAddress":').replaceAll('"principal_kind":', '"principalKind":');
  writeFileSync(join(old, 'audit', name ?? ''), asBefore);
  t.same((await readAuditFacts(old, 0, null)).openings, openings, 'a log of an earlier version says the same');
});

t.test('what was recorded: nine actions, each decided', async (t) => {
  t.strictSame(results, ['released', 'released', 'released', 'denied', 'released', 'not-understood', 'released']);
  t.equal(refused, null);
  const [name] = readdirSync(join(data, 'recordings'));
  const [header, first] = readFileSync(join(data, 'recordings', name!), 'utf8').split('\n');
  t.match(JSON.parse(header!), { facts: { groups: ['engineers'], labels: { env: 'production' }, method: 'token' } });
  t.match(JSON.parse(first!), { judged: { actionKind: 'statement', access: 'read', effects: [{ verb: 'read' }] } });
});

t.test('the same policies decide the same', async (t) => {
  t.match(await answer(policy), { judged: 9, differing: 0, findings: [], not_judged: {} });
  t.match(await rehearse(policy, '--exit-code'), {
    code: 0,
    out: /^9 actions of 1 recorded session in \d+ days[\s\S]*no decision would differ/,
  });
});

t.test('what would be allowed, held, denied otherwise', async (t) => {
  const stricter = await answer(changed(['tables: [orders]', 'tables: [other]']));
  t.match(stricter, { differing: 2, counts: { 'newly-denied': 2 } });
  t.match(stricter.findings, [
    {
      text: 'INSERT INTO orders VALUES (1)',
      times: 2,
      before: 'allow by p/inserts',
      after: 'deny, as nothing allows it',
      principal: 'alice',
    },
  ]);
  const wider = await answer(changed(['verbs: [insert], tables: [orders]', 'verbs: [insert, delete], tables: [orders]']));
  t.match(wider.findings, [{ difference: 'newly-allowed', text: 'DELETE FROM orders', before: 'deny', after: 'allow by p/inserts' }]);
  const held = await answer(changed(['verbs: [drop] }', 'verbs: [drop, insert] }, when: target.name == "orders"']));
  t.match(held, { counts: { 'newly-held': 2, 'newly-allowed': 0, 'newly-denied': 0 } });
  t.match(held.findings, [{ after: /^hold by p\/drops \(one person of dba/ }]);
});

t.test('a yes that would no longer do', async (t) => {
  const { findings } = await answer(changed(['groups: [dba] }', 'groups: [owners] }']));
  t.match(findings, [{ difference: 'held-otherwise', text: 'DROP TABLE orders', before: 'hold by p/drops, run by a yes of bob' }]);
  t.match(await answer(changed(['groups: [dba] }', 'groups: [owners, dba] }'])), { differing: 0 });
});

t.test('sessions that would be opened, or not', async (t) => {
  const { findings } = await answer(changed(['groups: [engineers]', 'groups: [auditors]']));
  t.match(
    findings.map(({ difference, principal, text }) => `${difference} ${principal}: ${text}`),
    ['newly-allowed carol: connect to orders', 'newly-denied alice: connect to orders'],
  );
  t.match(await answer(changed(['env: production', 'env: staging'])), { counts: { 'newly-denied': 1 } }, 'labels of then');
});

t.test('what is printed is safe, and the exit code says that something differs', async (t) => {
  const { code, out, err } = await rehearse(changed(['access: [read, session]', 'access: [session]']), '--exit-code');
  t.equal(code, 1);
  t.match(out, /newly denied \(2 actions\)\n {2}1 × alice on orders: SELECT/);
  t.match(out, "SELECT '\\x1b[2J\\u202e'");
  t.notMatch(out + err, /[\u001b\u202e]/);
});

t.test('a recording of an earlier version: read again, or left with words', async (t) => {
  const old = folder();
  made.push(old);
  mkdirSync(join(old, 'recordings'));
  const [name] = readdirSync(join(data, 'recordings'));
  const recording = await readRecording(join(data, 'recordings', name!));
  const { facts: _facts, ...header } = recording!.header;
  // As if the target's catalogue had known more then than the text says today.
  const entries = recording!.entries.map(({ judged: _judged, ...entry }) =>
    entry.text === 'SELECT * FROM orders' ? { ...entry, effects: ['read public.orders'] } : entry,
  );
  const lines = [{ kind: 'recording', format: 1, ...header }, ...entries, { kind: 'end', entries: entries.length }];
  writeFileSync(join(old, 'recordings', name!), lines.map((line) => JSON.stringify(line)).join('\n') + '\n{"kind":"statement","tex');
  const args = ['policy', 'rehearse', policies(changed(['tables: [orders]', 'tables: [other]'])), '--data', old, '--days', days, '--json'];
  t.match(JSON.parse((await runCommand(args)).out), { judged: 0, not_judged: { 'who-unknown': 7 } });
  const config = join(old, 'sallyport.yaml');
  writeFileSync(config, configuration(old));
  const { out, err } = await runCommand([...args, '--config', config]);
  t.equal(err, '');
  t.match(JSON.parse(out), { judged: 6, not_judged: { 'read-otherwise': 1 }, counts: { 'newly-denied': 2 } });
});

t.test('what is missing is said', async (t) => {
  const dir = policies(policy);
  t.match(await runCommand(['policy', 'rehearse', dir]), { code: 2, err: /say where the recordings are/ });
  t.match(await runCommand(['policy', 'rehearse', dir, '--data', dir]), { code: 1, err: /nothing was recorded since then/ });
  t.match(await rehearse('policy: p\nrulez: []\n'), { code: 2, err: /unknown key "rulez"/ });
  t.match(await runCommand(['policy', 'rehearse', dir, '--data', data, '--days', 'x']), { code: 2 });
});

function configuration(dir: string): string {
  return `data_dir: ${dir}
listen: { http: { host: 127.0.0.1, port: 0 }, postgres: { host: 127.0.0.1, port: 0 } }
policies: { dir: ${policies(policy)} }
people: [{ name: alice, groups: [engineers] }]
rights: { approve: [engineers], audit: [engineers], operate: [engineers] }
targets: [{ name: orders, protocol: postgres, host: 127.0.0.1, user: gateway, labels: { env: production } }]
`;
}

t.test('rules about columns are rehearsed by the columns of then', async (t) => {
  const own = folder();
  made.push(own);
  const there = await recordedGateway(own, policy);
  const session = (await there.open(alice))!;
  const many = Array.from({ length: 60 }, (_, index) => `c${index}`).join(', ');
  for (const text of [
    'SELECT id FROM users',
    "SELECT id FROM users WHERE ssn = '1'",
    'SELECT ssn FROM users',
    `SELECT ${many}, token FROM users`,
  ])
    await there.run(session, text);
  await there.close();
  const ask = async (call: string) => {
    const text = `${policy}  - { id: c, when: '${call}', decision: hold, approvers: { groups: [dba] } }\n`;
    const { out } = await runCommand(['policy', 'rehearse', policies(text), '--data', own, '--days', days, '--json']);
    return (JSON.parse(out) as Answer).findings.filter(({ text: it }) => it.startsWith('SELECT')).map(({ text: it }) => it);
  };
  t.strictSame((await ask('action.reads_column("ssn")')).toSorted(), ["SELECT id FROM users WHERE ssn = '1'", 'SELECT ssn FROM users']);
  t.strictSame(await ask('action.asks_column("users.ssn")'), ["SELECT id FROM users WHERE ssn = '1'"]);
  t.strictSame(await ask('action.reads_column("token")'), [`SELECT ${many}, token FROM users`], 'too many to be recorded: read again');
});

t.test('rules about what a session is for are rehearsed by what it said then', async (t) => {
  const own = folder();
  made.push(own);
  const there = await recordedGateway(own, policy);
  const session = (await there.open(alice))!;
  await there.run(session, 'SELECT 1');
  await there.run(session, 'SELECT 1', [], 'OPS-12');
  await there.run(session, 'SELECT 1', [], 'because');
  await there.close();
  const text = `${policy}  - { id: t, when: '!glob(session.reason, "OPS-*")', decision: deny }\n`;
  const { out } = await runCommand(['policy', 'rehearse', policies(text), '--data', own, '--days', days, '--json']);
  t.strictSame((JSON.parse(out) as Answer).counts['newly-denied'], 2, 'the two without a ticket');
});

t.test('what access for a while decided is left out with a count: nobody knows here what it reached', async (t) => {
  const own = folder();
  made.push(own);
  const text = `policy: p
access: [{ id: work, principals: { groups: [engineers] }, longest: 2h, automatic: true }]
rules:
  - { id: open, actions: [connect], needs: grant, decision: allow }
  - { id: reads, effects: { access: [read, session] }, decision: allow }
  - { id: writes, effects: { access: [write] }, needs: grant, decision: allow }
`;
  const there = await recordedGateway(own, text, grantsOf(['all,rule=p/work'], Date.UTC(2020, 0)));
  const session = (await there.open(alice))!;
  for (const statement of ['SELECT 1', 'INSERT INTO orders VALUES (1)']) t.equal(await there.run(session, statement), 'released');
  await there.close();
  const { code, out } = await runCommand(['policy', 'rehearse', policies(text), '--data', own, '--days', days, '--exit-code']);
  t.match(out, /^1 action of 1 recorded session/);
  t.match(out, /no decision would differ/);
  t.match(out, /not judged: 2 actions were decided by access for a while/);
  t.equal(code, 0);
});
