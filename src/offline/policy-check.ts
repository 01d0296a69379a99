// `sallyport policy check DIR`: loads a folder of policies as the gateway would and runs the tests that stand beside them,
// without a gateway.

import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createMysqlClassifier } from '../../policies/classify/mysql/classifier.ts';
import { createPostgresClassifier } from '../../policies/classify/postgres/classifier.ts';
import { actionOf, readPolicyTests, runPolicyCase } from '../../policies/engine/cases.ts';
import type { PolicyCase, PolicyTests } from '../../policies/engine/cases.ts';
import { isPolicyFile } from '../../policies/engine/folder.ts';
import { formatProblem, loadPolicies } from '../../policies/engine/load.ts';
import type { LoadedPolicySet, PolicyText } from '../../policies/engine/load.ts';
import { CommandFailure, exitCode } from '../cli/exit-code.ts';
import type { Terminal } from '../cli/terminal.ts';
import { visible, visibleLines } from '../cli/visible.ts';
import type { Classifier } from '../core/policy.ts';
import { messageOf } from '../core/errors.ts';

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
  const ran = await runTests(terminal, loaded.set, tests);
  terminal.out(`good: ${count(policies.length, 'policy file')}, version ${loaded.set.version}; ${count(ran, 'test')} passed`);
}

/** How many passed; throws when one did not. */
async function runTests(terminal: Terminal, set: LoadedPolicySet, files: readonly PolicyText[]): Promise<number> {
  if (files.length === 0) return 0;
  const postgres = await createPostgresClassifier();
  const classifiers: Readonly<Record<string, Classifier>> = { postgres, mysql: createMysqlClassifier() };
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
      for (const it of tests.tests.cases) {
        const result = runPolicyCase(set, tests.tests, it, await classification(classifiers, tests.tests, it));
        if (result.ok) passed++;
        else failed++;
        if (!result.ok) for (const line of visibleLines(`${file.path}: ${it.name}: ${result.message}`)) terminal.err(line);
      }
    }
  } finally {
    await postgres.close();
  }
  if (failed > 0) throw new CommandFailure(exitCode.failed, `${passed} tests passed, ${failed} failed`);
  return passed;
}

/** A case that gives a statement and no effects is read by the classifier, as the gateway would. */
function classification(classifiers: Readonly<Record<string, Classifier>>, tests: PolicyTests, it: PolicyCase) {
  if (it.statement === undefined || it.effects !== undefined || it.understood !== undefined) return undefined;
  return classifiers[tests.targets[it.target]?.protocol ?? '']?.classify(actionOf(it));
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
