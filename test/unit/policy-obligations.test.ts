// Obligations: what rules may say, how several rules that allow together are merged (the strictest of each, whatever their order),
// and what explain and test files say of it.

import t from 'tap';
import { readPolicyTests, runPolicyCase } from '../../policies/engine/cases.ts';
import { formatProblem, loadPolicies } from '../../policies/engine/load.ts';
import type { LoadedPolicySet } from '../../policies/engine/load.ts';
import { strictest } from '../../policies/engine/obligations.ts';
import type { Obligations } from '../../src/core/decision.ts';
import { obligationWords } from '../../src/core/words.ts';
import { SeededRandom } from './approvals-fixtures/desk.ts';

const seed = Number(process.env['SALLYPORT_SEED'] ?? Date.now() % 1_000_000_007);

function load(rules: string): { readonly set: LoadedPolicySet | null; readonly problems: string[] } {
  const loaded = loadPolicies([{ path: 'p.yaml', text: `policy: p\nrules:\n${rules}` }]);
  return loaded.ok ? { set: loaded.set, problems: [] } : { set: null, problems: loaded.errors.map(formatProblem) };
}

t.test('what a rule may say', async (t) => {
  const wrong = [
    ['- { id: a, decision: deny, fence: read-only }', /"fence" is for what runs; this rule says deny/],
    ['- { id: a, decision: deny, max_rows: 5 }', /"max_rows" is for what runs/],
    ['- { id: a, decision: hold, approvers: { groups: [x] }, fence: read-only }', /"fence" belongs to rules that allow/],
    ['- { id: a, decision: allow, effects: { access: [write] }, fence: read-only }', /can never stand/],
    ['- { id: a, decision: allow, statement_timeout: 2d }', /between 100ms and 24h/],
    ['- { id: a, decision: allow, max_rows: 0 }', /max_rows/],
    ['- { id: a, decision: allow, fence: always }', /fence/],
    ['- { id: a, decision: allow, require_second_factor: soon }', /duration/],
  ] as const;
  for (const [rule, words] of wrong) t.match(load(`  ${rule}\n`).problems.join('\n'), words, rule);
  const said = 'fence: read-only, max_rows: 5, statement_timeout: 30s, require_reason: true, require_second_factor: 5m';
  t.strictSame(load(`  - { id: a, decision: allow, ${said} }\n`).problems, []);
});

t.test('what SSH can not be held to is no rule about SSH alone, whichever words say that', async (t) => {
  const ssh = [
    'targets: { protocols: [ssh] }, actions: [command]',
    'actions: [command, shell]',
    'targets: { protocols: [ssh, mysql] }, actions: [file]',
  ];
  const both = ['actions: [command, statement]', 'targets: { protocols: [ssh, mysql] }, actions: [connect]'];
  for (const said of ['fence: read-only', 'max_rows: 5', 'statement_timeout: 30s', 'mask: [{ columns: [ssn] }]']) {
    const key = said.split(':')[0];
    const problems = (where: string) => load(`  - { id: a, ${where}, decision: allow, ${said} }\n`).problems.join('\n');
    for (const where of ssh) t.match(problems(where), `"${key}" is for databases, and rule a reaches SSH only: leave it out`);
    for (const where of both) t.equal(problems(where), '');
  }
  t.equal(load('  - { id: a, actions: [command], decision: allow, require_second_factor: 5m }\n').problems.join(), '');
  const outer = 'policy: p\napplies_to: { protocols: [ssh] }\nrules:\n  - { id: a, actions: [command], decision: allow, max_rows: 5 }\n';
  const loaded = loadPolicies([{ path: 'p.yaml', text: outer }]);
  t.match(loaded.ok ? '' : loaded.errors.map(formatProblem).join(), /p\.yaml:4:\d+: "max_rows" is for databases/);
});

t.test(`merged to the strictest, in any order and grouping (seed ${seed})`, async (t) => {
  const random = new SeededRandom(seed);
  const maybe = <Value>(value: () => Value): Value | undefined => (random.below(2) === 0 ? undefined : value());
  const one = (): Obligations => {
    const given = {
      fence: maybe(() => 'read-only' as const),
      rowsMax: maybe(() => 1 + random.below(100)),
      statementTimeoutMs: maybe(() => 100 + random.below(1000)),
      reasonRequired: maybe(() => true),
      secondFactorAgeMaxMs: maybe(() => random.below(1000)),
    };
    const said = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
    return { recordParameters: random.below(2) === 0, recordResults: random.below(2) === 0, ...said };
  };
  const notLooser = (merged: Obligations, part: Obligations) =>
    (part.fence === undefined || merged.fence !== undefined) &&
    (part.rowsMax === undefined || (merged.rowsMax ?? Infinity) <= part.rowsMax) &&
    (part.statementTimeoutMs === undefined || (merged.statementTimeoutMs ?? Infinity) <= part.statementTimeoutMs) &&
    (part.secondFactorAgeMaxMs === undefined || (merged.secondFactorAgeMaxMs ?? Infinity) <= part.secondFactorAgeMaxMs) &&
    (part.reasonRequired !== true || merged.reasonRequired === true) &&
    (!part.recordParameters || merged.recordParameters) &&
    (!part.recordResults || merged.recordResults);
  for (let round = 0; round < 500; round++) {
    const all = Array.from({ length: 1 + random.below(4) }, one);
    const merged = strictest(all);
    if (!all.every((part) => notLooser(merged, part))) return t.fail('looser than one of its rules', { all, merged });
    if (JSON.stringify(strictest([...all].reverse())) !== JSON.stringify(merged)) return t.fail('the order matters', { all });
    if (JSON.stringify(strictest([strictest(all.slice(0, 1)), ...all])) !== JSON.stringify(merged))
      return t.fail('grouping matters', { all });
    for (const [key, value] of Object.entries(merged)) {
      if (!all.some((part) => part[key as keyof Obligations] === value)) return t.fail(`${key} comes of no rule`, { all, merged });
    }
  }
  t.pass('held in every round');
});

const cases = (obligations: string) => `people:
  ann: { groups: [] }
targets:
  db: { protocol: postgres }
cases:
  - { name: both, who: ann, target: db, statement: SELECT 1, effects: [read a, insert b], expect: allow, obligations: [${obligations}] }
`;

t.test('two rules that allow one text together oblige together, and a test file can ask for it', async (t) => {
  const { set } = load(`  - { id: reads, effects: { verbs: [read] }, fence: read-only, max_rows: 10, decision: allow }
  - { id: inserts, effects: { verbs: [insert] }, max_rows: 5, statement_timeout: 30s, require_reason: true, decision: allow }\n`);
  if (set === null) return t.fail('loads');
  const run = (obligations: string) => {
    const read = readPolicyTests('p.test.yaml', cases(obligations));
    if (!read.ok) throw new Error(read.errors.map(formatProblem).join('\n'));
    return runPolicyCase(set, read.tests, read.tests.cases[0]!);
  };
  const { decision } = run('behind the read-only fence, at most 5 rows, at most 30 s, with a reason');
  t.match(run('behind the read-only fence, at most 5 rows, at most 30 s, with a reason'), { ok: true });
  t.match(run('at most 10 rows'), { ok: false, message: /expected "at most 10 rows"; there are: .*at most 5 rows/ });
  t.match(decision, { kind: 'allow', obligations: { limitedBy: 'p/reads, p/inserts' } });
});

t.test('words for each', async (t) => {
  const none = { recordParameters: false, recordResults: false };
  t.strictSame(obligationWords(none), []);
  t.strictSame(obligationWords({ ...none, statementTimeoutMs: 250, secondFactorAgeMaxMs: 300_000, recordResults: true }), [
    'at most 250 ms',
    'with a second factor of the last 5 min',
    'result rows recorded',
  ]);
});
