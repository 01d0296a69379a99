// The policy examples of the documentation decide what their readers expect: each is judged by the code of `sallyport policy
// test` on the cases of policy-fixtures/documented-cases.yaml, and every rule of an example decides at least one of them.

import { readFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import { parse, stringify } from 'yaml';
import { factsOf } from '../../policies/engine/cases.ts';
import type { PolicyTests } from '../../policies/engine/cases.ts';
import { formatProblem, loadPolicies } from '../../policies/engine/load.ts';
import type { LoadedPolicySet } from '../../policies/engine/load.ts';
import { parseDuration } from '../../policies/engine/duration.ts';
import type { Terminal } from '../../src/cli/terminal.ts';
import { openTemplateReaders } from '../../src/composition/policy-source.ts';
import { runPolicyTests } from '../../src/offline/policy-test.ts';
import { readExamples } from '../support/documented-examples.ts';

interface Wish {
  readonly who: string;
  readonly target: string;
  readonly for: string;
  readonly read_only?: boolean;
  readonly reason?: string;
  readonly break_glass?: boolean;
  readonly expect: 'allow' | 'hold' | 'refuse';
  readonly rule?: string;
}

interface Judged {
  readonly example: string;
  readonly onto?: string;
  readonly beside?: string;
  readonly cases?: readonly Omit<PolicyTests['cases'][number], 'name'>[];
  readonly wishes?: readonly Wish[];
}

const pages = ['docs/policies.md', 'docs/masking.md', 'docs/access.md', 'docs/people.md'];
const repository = new URL('../../', import.meta.url);
const examples = pages.flatMap((page) => readExamples(page, readFileSync(new URL(page, repository), 'utf8')));
const table = parse(readFileSync(new URL('policy-fixtures/documented-cases.yaml', import.meta.url), 'utf8')) as {
  readonly people: PolicyTests['people'];
  readonly targets: PolicyTests['targets'];
  readonly examples: readonly Judged[];
};
const { readers, close } = await openTemplateReaders();
t.teardown(close);

const quiet: Terminal = { out: () => {}, err: () => {}, columns: 80, interactive: false, paint: (_colour, text) => text };

/** The text of an example or of a file of the repository. */
function textOf(name: string): string {
  const found = examples.find((it) => it.name === name);
  return found?.text ?? readFileSync(new URL(name, repository), 'utf8');
}

/** A list of rules becomes a policy: that of another example with these rules added, or one of its own. */
function policyOf({ example, onto }: Judged): string {
  const text = textOf(example);
  if (!text.startsWith('- ')) return text;
  const rules = text.replace(/^(?=.)/gm, '  ');
  return onto === undefined ? `policy: fragment\nrules:\n${rules}` : `${textOf(onto).trimEnd()}\n${rules}`;
}

async function judge(t: Test, policy: string, tests: string): Promise<LoadedPolicySet | null> {
  const texts = [{ path: 'example.yaml', text: policy }];
  const loaded = loadPolicies(texts, readers);
  if (!loaded.ok) {
    t.fail('the policy does not load', { problems: loaded.errors.map(formatProblem), policy });
    return null;
  }
  const run = await runPolicyTests(quiet, { policies: texts, tests: [{ path: 'example.test.yaml', text: tests }] }, loaded.set);
  t.equal(run.unreadable, 0, 'the cases can be read');
  for (const { name, ok, message } of run.files.flatMap((file) => file.tests)) t.equal(ok ? '' : message, '', name);
  return loaded.set;
}

t.test('every example is judged, and every judged example stands in a page', (t) => {
  const named = examples.map(({ name }) => name);
  t.strictSame(named.length, new Set(named).size, 'names are unique');
  t.strictSame(table.examples.map(({ example }) => example).toSorted(), named.toSorted());
  t.end();
});

for (const judged of table.examples.filter(({ beside }) => beside === undefined)) {
  t.test(judged.example, async (t) => {
    const cases = (judged.cases ?? []).map((it, index) => ({ name: `${index + 1}: ${it.statement ?? it.action}`, ...it }));
    for (const it of cases) t.ok(it.rule ?? it.message ?? it.masks ?? it.expect !== 'deny', `${it.name} says why`);
    const set = await judge(t, policyOf(judged), stringify({ people: table.people, targets: table.targets, cases }));
    const wishes = judged.wishes ?? [];
    const deciding = [...cases, ...wishes].flatMap(({ rule }) => rule?.split(', ') ?? []);
    const own = [...textOf(judged.example).matchAll(/^(?: *- |\s+- \{ )(?:\{ )?id: ([\w-]+)/gm)].map((match) => match[1]!);
    t.ok(own.length > 0);
    for (const id of own)
      t.ok(
        deciding.some((rule) => rule.endsWith(`/${id}`)),
        `a case is decided by ${id}`,
      );
    for (const wish of wishes) wishIsAnswered(t, set!, wish);
  });
}

for (const { example, beside } of table.examples.filter((it) => it.beside !== undefined)) {
  t.test(example, async (t) => void (await judge(t, textOf(beside!), textOf(example))));
}

function wishIsAnswered(t: Test, set: LoadedPolicySet, wish: Wish): void {
  const tests: PolicyTests = { people: table.people, targets: table.targets, cases: [] };
  const facts = factsOf(tests, { name: 'wish', who: wish.who, target: wish.target, expect: 'allow' });
  const scope = { role: null, readOnly: wish.read_only ?? false, tables: null };
  const durationMs = parseDuration(wish.for)!;
  const answer = set.judgeWish({ durationMs, scope, isBreakGlass: wish.break_glass ?? false, reason: wish.reason ?? '' }, facts);
  const kinds = { give: 'allow', ask: 'hold', refuse: 'refuse' } as const;
  t.equal(kinds[answer.kind], wish.expect, `${wish.who} wishes for ${wish.for}`, { answer });
  if (answer.kind !== 'refuse') t.equal(answer.rule, wish.rule);
}
