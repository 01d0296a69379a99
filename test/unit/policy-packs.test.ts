// The packs that ship, judged case by case; and the JSON Schema that editors use is the one that the engine loads by.

import { readdirSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import t from 'tap';
import { actionOf, readPolicyTests, runPolicyCase } from '../../policies/engine/cases.ts';
import { isPolicyFile } from '../../policies/engine/folder.ts';
import { formatProblem, loadPolicies } from '../../policies/engine/load.ts';
import type { LoadedPolicySet } from '../../policies/engine/load.ts';
import type { CaseResult, PolicyCase, PolicyTests } from '../../policies/engine/cases.ts';
import { schemaPath, schemaText } from '../../policies/schema/generate.ts';
import { Classifiers } from '../../src/offline/policy-classifiers.ts';

const packs = new URL('../../policies/packs/', import.meta.url);
const names = readdirSync(packs).filter(isPolicyFile);

function load(files: readonly string[]): LoadedPolicySet {
  const loaded = loadPolicies(files.map((name) => ({ path: name, text: readFileSync(new URL(name, packs), 'utf8') })));
  if (!loaded.ok) throw new Error(loaded.errors.map(formatProblem).join('\n'));
  return loaded.set;
}

const classifiers = new Classifiers();
t.teardown(() => classifiers.close());

/** By the effects that the case says; without them, or when `reading`, by the real classifier and the tables of the target. */
async function judged(set: LoadedPolicySet, tests: PolicyTests, one: PolicyCase, reading = false): Promise<CaseResult> {
  const { protocol, tables } = tests.targets[one.target]!;
  const isRead = one.statement !== undefined && (reading || (one.effects === undefined && one.understood === undefined));
  return runPolicyCase(set, tests, one, isRead ? await classifiers.classify(protocol, actionOf(one), tables) : undefined);
}

for (const name of names) {
  t.test(`cases of ${name}`, async (t) => {
    const path = name.replace(/\.yaml$/, '.test.yaml');
    const read = readPolicyTests(path, await readFile(new URL(path, packs), 'utf8'));
    if (!read.ok) return t.fail(read.errors.map(formatProblem).join('\n'));
    const alone = load([name]);
    for (const one of read.tests.cases) {
      const result = await judged(alone, read.tests, one);
      t.ok(result.ok, one.name, { why: result.message });
    }
    const results = await Promise.all(read.tests.cases.map((one) => judged(alone, read.tests, one)));
    const fired = new Set(results.map(({ decision }) => decision.rule?.id));
    for (const rule of alone.rules) {
      // Coverage by several rules together is named by all of them.
      t.ok(
        [...fired].some((id) => id?.split(', ').includes(rule.id)),
        `${rule.id} is shown by a case`,
      );
    }
  });
}

t.test('the statements of the cases, read by the real classifier, are judged the same', async (t) => {
  for (const name of names) {
    const path = name.replace(/\.yaml$/, '.test.yaml');
    const read = readPolicyTests(path, await readFile(new URL(path, packs), 'utf8'));
    if (!read.ok) return t.fail(path);
    for (const one of read.tests.cases) {
      if (one.statement === undefined) continue;
      const result = await judged(load([name]), read.tests, one, true);
      t.ok(result.ok, `${one.name}: ${one.statement}`, { why: result.message });
    }
  }
});

t.test('all packs load together, and speak of different targets', async (t) => {
  const set = load(names);
  t.match(set.version, /^[0-9a-f]{12}$/);
  for (const name of names) {
    const path = name.replace(/\.yaml$/, '.test.yaml');
    const read = readPolicyTests(path, await readFile(new URL(path, packs), 'utf8'));
    if (!read.ok) return t.fail(path);
    const own = read.tests.cases.filter((one) => one.rule !== undefined);
    for (const one of own) t.ok((await judged(set, read.tests, one)).ok, `${name}: ${one.name}`);
  }
});

t.test('the JSON Schema is up to date', async (t) => {
  const written = await readFile(schemaPath, 'utf8');
  t.strictSame(JSON.parse(written), JSON.parse(schemaText()), 'run: npm run policy-schema');
  t.match(JSON.parse(written), { $schema: 'http://json-schema.org/draft-07/schema#' }, 'a draft that every editor reads');
});

t.test('a failing case says which rules matched, and why the others did not', async (t) => {
  const set = load(['production-database.yaml']);
  const read = readPolicyTests(
    'x.test.yaml',
    'people: { alice: { groups: [engineers] } }\n' +
      'targets: { orders: { protocol: postgres, labels: { env: production } } }\n' +
      'cases: [{ name: wrong, who: alice, target: orders, effects: [drop orders], expect: allow }]\n',
  );
  if (!read.ok) return t.fail('readable');
  const result = runPolicyCase(set, read.tests, read.tests.cases[0]!);
  t.equal(result.ok, false);
  t.match(result.message, 'expected allow, got hold');
  t.match(result.message, '+ production-database/hold-destructive: matches drop orders');
  t.match(result.message, '- production-database/allow-reads: no effect has access read or session');
});

t.test('a case says how its session was opened', async (t) => {
  const loaded = loadPolicies([
    {
      path: 'p.yaml',
      text: `policy: p
rules:
  - { id: tls, actions: [connect], when: session.tls, decision: allow }
  - { id: key, actions: [connect], when: session.method == "certificate", decision: allow }
  - { id: factor, actions: [connect], when: session.second_factor_age <= 1200.0, decision: allow }
`,
    },
  ]);
  if (!loaded.ok) return t.fail(loaded.errors.map(formatProblem).join('\n'));
  const rows: [string, string][] = [
    ['expect: allow, rule: p/tls', 'encrypted when nothing is said'],
    ['tls: false, expect: deny', 'no second factor, and by token, when nothing is said'],
    ['tls: false, method: certificate, expect: allow, rule: p/key', 'by certificate'],
    ['tls: false, second_factor_age: 20m, expect: allow, rule: p/factor', 'a second factor of then'],
    ["tls: false, second_factor_age: 20m1s, at: '2026-11-22T10:00:00Z', expect: deny", 'an older one'],
  ];
  for (const [said, name] of rows) {
    const read = readPolicyTests(
      'x.test.yaml',
      `people: { a: { groups: [] } }\ntargets: { x: { protocol: ssh } }\ncases: [{ name: n, who: a, target: x, action: connect, ${said} }]\n`,
    );
    if (!read.ok) return t.fail(read.errors.map(formatProblem).join('\n'));
    const result = runPolicyCase(loaded.set, read.tests, read.tests.cases[0]!);
    t.ok(result.ok, name, { why: result.message });
  }
});

t.test('a test file has its problems told with their places', async (t) => {
  const read = readPolicyTests(
    'x.test.yaml',
    'people: {}\ntargets: {}\ncases:\n  - { name: a, who: alise, target: x, expct: allow, expect: alow }\n',
  );
  t.equal(read.ok, false);
  if (read.ok) return;
  t.match(read.errors.map(formatProblem).join('\n'), 'x.test.yaml:4:39: unknown key "expct" (did you mean "expect"?)');
  t.match(read.errors.map(formatProblem).join('\n'), 'unknown word "alow" (did you mean "allow"?)');
});
