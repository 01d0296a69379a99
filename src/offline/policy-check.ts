// `sallyport policy check DIR`: loads a folder of policies as the gateway would and runs the tests that stand beside them,
// without a gateway.

import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { actionOf, readPolicyTests, runPolicyCase } from '../../policies/engine/cases.ts';
import type { PolicyCase, PolicyTests } from '../../policies/engine/cases.ts';
import { isPolicyFile } from '../../policies/engine/folder.ts';
import { formatProblem, loadPolicies } from '../../policies/engine/load.ts';
import type { LoadedPolicySet, PolicyText } from '../../policies/engine/load.ts';
import { CommandFailure, exitCode } from '../cli/exit-code.ts';
import type { Terminal } from '../cli/terminal.ts';
import { visible, visibleLines } from '../cli/visible.ts';
import type { Classification } from '../core/classification.ts';
import { messageOf } from '../core/errors.ts';
import type { Classifier } from '../core/policy.ts';
import type { Protocol } from '../core/target.ts';

export async function policyCheck(terminal: Terminal, dir: string): Promise<void> {
  const names = list(dir);
  const read = (name: string): PolicyText => ({ path: join(dir, name), text: readFileSync(join(dir, name), 'utf8') });
  const policies = names.filter(isPolicyFile).map(read);
  const loaded = loadPolicies(policies);
  if (!loaded.ok) {
    for (const problem of loaded.errors) terminal.err(visible(formatProblem(problem)));
    throw new CommandFailure(exitCode.failed, `${count(loaded.errors.length, 'problem')}; the gateway would not take these policies`);
  }
  const tests = names.filter((name) => /\.tests?\.ya?ml$/.test(name)).map(read);
  const ran = await runTests(terminal, tests, (test) => setFor(test, policies, loaded.set));
  terminal.out(`good: ${count(policies.length, 'policy file')}, version ${loaded.set.version}; ${count(ran, 'test')} passed`);
}

/** `orders.test.yaml` tests `orders.yaml` by itself; a test file without such a policy tests the whole folder. */
function setFor(test: PolicyText, policies: readonly PolicyText[], whole: LoadedPolicySet): LoadedPolicySet {
  const stem = test.path.replace(/\.tests?\.ya?ml$/, '');
  const alone = policies.filter(({ path }) => path.replace(/\.ya?ml$/, '') === stem);
  if (alone.length === 0) return whole;
  const loaded = loadPolicies(alone);
  return loaded.ok ? loaded.set : whole;
}

/** How many passed; throws when one did not. */
async function runTests(terminal: Terminal, files: readonly PolicyText[], setOf: (test: PolicyText) => LoadedPolicySet): Promise<number> {
  const classifiers = new Classifiers();
  let passed = 0;
  let failed = 0;
  try {
    for (const file of files) {
      const tests = readPolicyTests(file.path, file.text);
      if (!tests.ok) {
        for (const problem of tests.errors) terminal.err(visible(formatProblem(problem)));
        failed += tests.errors.length;
        continue;
      }
      const set = setOf(file);
      for (const it of tests.tests.cases) {
        const result = runPolicyCase(set, tests.tests, it, await classification(classifiers, tests.tests, it));
        if (result.ok) passed++;
        else failed++;
        if (!result.ok) for (const line of visibleLines(`${file.path}: ${it.name}: ${result.message}`)) terminal.err(line);
      }
    }
  } finally {
    await classifiers.close();
  }
  if (failed > 0) throw new CommandFailure(exitCode.failed, `${count(passed, 'test')} passed, ${failed} failed`);
  return passed;
}

/** A case that gives a statement and no effects is read by the classifier, as the gateway would. */
async function classification(classifiers: Classifiers, tests: PolicyTests, it: PolicyCase): Promise<Classification | undefined> {
  if (it.statement === undefined || it.effects !== undefined || it.understood !== undefined) return undefined;
  const classifier = await classifiers.of(tests.targets[it.target]?.protocol ?? 'ssh');
  return classifier?.classify(actionOf(it));
}

/** Made when the first test needs them: a parser takes longer to start than most checks to run. */
class Classifiers {
  readonly #made = new Map<Protocol, Classifier & { close?(): Promise<void> }>();

  async of(protocol: Protocol): Promise<Classifier | undefined> {
    if (!this.#made.has(protocol)) {
      switch (protocol) {
        case 'postgres': {
          const { createPostgresClassifier } = await import('../../policies/classify/postgres/classifier.ts');
          this.#made.set(protocol, await createPostgresClassifier());
          break;
        }
        case 'mysql': {
          const { createMysqlClassifier } = await import('../../policies/classify/mysql/classifier.ts');
          this.#made.set(protocol, createMysqlClassifier());
          break;
        }
        case 'ssh':
          break;
      }
    }
    return this.#made.get(protocol);
  }

  async close(): Promise<void> {
    for (const classifier of this.#made.values()) await classifier.close?.();
  }
}

function list(dir: string): string[] {
  try {
    return readdirSync(dir).toSorted();
  } catch (thrown) {
    throw new CommandFailure(exitCode.usage, `can't read the folder ${visible(dir)}: ${visible(messageOf(thrown))}`);
  }
}

function count(number: number, thing: string): string {
  return `${number} ${thing}${number === 1 ? '' : 's'}`;
}
