// `sallyport policy test DIR`: runs the tests beside policies, for continuous integration: JSON, JUnit, exit code 1 when one fails.

import { writeFileSync } from 'node:fs';
import { actionOf, runPolicyCase } from '../../policies/engine/cases.ts';
import type { CaseResult, PolicyCase, PolicyTests } from '../../policies/engine/cases.ts';
import { loadPolicies } from '../../policies/engine/load.ts';
import type { LoadedPolicySet, PolicyText } from '../../policies/engine/load.ts';
import type { MaskOutline } from '../../policies/masking/outline.ts';
import { printJson } from '../cli/command.ts';
import { CommandFailure, exitCode } from '../cli/exit-code.ts';
import type { Terminal } from '../cli/terminal.ts';
import { visible, visibleLines } from '../cli/visible.ts';
import { messageOf } from '../core/errors.ts';
import { Classifiers } from './policy-classifiers.ts';
import { count, loadTexts, readPolicyFolder, readTests, readersFor } from './policy-folder.ts';
import type { PolicyFolderTexts } from './policy-folder.ts';
import { junitText } from './policy-junit.ts';
import { MaskOutlines, outlineWords } from './policy-masks.ts';
import type { TestFileRun, TestRun } from './policy-test-run.ts';

export interface PolicyTestOptions {
  readonly json?: boolean | undefined;
  readonly junit?: string | undefined;
}

export async function policyTest(terminal: Terminal, dir: string, options: PolicyTestOptions): Promise<void> {
  const folder = readPolicyFolder(dir);
  const set = await loadTexts(terminal, folder.policies, exitCode.usage);
  if (folder.tests.length === 0) {
    const hint = 'NAME.test.yaml beside NAME.yaml holds the tests of a policy (docs/policies.md)';
    throw new CommandFailure(exitCode.usage, `there are no tests in ${visible(dir)}`, hint);
  }
  const run = await runPolicyTests(terminal, folder, set);
  if (options.junit !== undefined) writeJunit(options.junit, run);
  if (options.json === true) {
    printJson(terminal, { version: set.version, passed: run.passed, failed: run.failed, files: run.files });
  } else {
    tellFailures(terminal, run);
    for (const { path, tests } of run.files.filter(({ problems }) => problems.length === 0))
      terminal.out(`${visible(path)}: ${tests.filter(({ ok }) => ok).length} of ${tests.length} passed`);
  }
  if (run.failed > 0) throw new CommandFailure(exitCode.failed, `${count(run.passed, 'test')} passed, ${run.failed} failed`);
  if (options.json !== true) terminal.out(`${count(run.passed, 'test')} passed`);
}

/** Runs every test of a folder against its policies. */
export async function runPolicyTests(terminal: Terminal, folder: PolicyFolderTexts, set: LoadedPolicySet): Promise<TestRun> {
  const classifiers = new Classifiers();
  const outlines = new MaskOutlines();
  const files: TestFileRun[] = [];
  let unreadable = 0;
  try {
    for (const { path, tests, problems } of readTests(terminal, folder.tests)) {
      unreadable += problems.length;
      if (tests === null) {
        files.push({ path, problems, tests: [] });
        continue;
      }
      const own = await setFor(path, folder.policies, set);
      const ran: TestFileRun['tests'][number][] = [];
      for (const it of tests.cases) {
        const startMs = performance.now();
        const { ok, message } = await runCase({ classifiers, outlines }, own, tests, it);
        ran.push({ name: it.name, ok, message, durationMs: performance.now() - startMs });
      }
      files.push({ path, problems, tests: ran });
    }
  } finally {
    outlines.close();
    await classifiers.close();
  }
  const all = files.flatMap(({ tests }) => tests);
  const passed = all.filter(({ ok }) => ok).length;
  return { files, passed, failed: all.length - passed + unreadable, unreadable };
}

export function tellFailures(terminal: Terminal, run: TestRun): void {
  for (const { path, tests } of run.files) {
    for (const { name, message } of tests.filter(({ ok }) => !ok))
      for (const line of visibleLines(`${path}: ${name}: ${message}`)) terminal.err(line);
  }
}

/** `orders.test.yaml` tests `orders.yaml` by itself; a test file without such a policy tests the whole folder. */
async function setFor(path: string, policies: readonly PolicyText[], whole: LoadedPolicySet): Promise<LoadedPolicySet> {
  const stem = path.replace(/\.tests?\.ya?ml$/, '');
  const alone = policies.filter((it) => it.path.replace(/\.ya?ml$/, '') === stem);
  if (alone.length === 0) return whole;
  const loaded = loadPolicies(alone, await readersFor(alone));
  return loaded.ok ? loaded.set : whole;
}

/** A case that gives a statement and no effects is read by the classifier, as the gateway would. */
async function runCase(
  { classifiers, outlines }: { readonly classifiers: Classifiers; readonly outlines: MaskOutlines },
  set: LoadedPolicySet,
  tests: PolicyTests,
  it: PolicyCase,
): Promise<Pick<CaseResult, 'ok' | 'message'>> {
  const { protocol, tables = {} } = tests.targets[it.target]!;
  const action = actionOf(it);
  const isRead = it.statement !== undefined && it.effects === undefined && it.understood === undefined;
  const read = isRead || it.masks !== undefined ? await classifiers.classify(protocol, action, tables) : undefined;
  // Without a reading the case would be judged as an action that does nothing, and prove nothing.
  if (isRead && read === undefined) return { ok: false, message: `a statement for ${protocol} is not read here: say its "effects"` };
  const result = runPolicyCase(set, tests, it, isRead ? read : undefined);
  if (!result.ok || it.masks === undefined) return result;
  if (read === undefined || result.decision.kind === 'deny') return { ok: false, message: 'expected masks, but nothing runs' };
  const rules = result.decision.obligations.mask ?? [];
  const outline = await outlines.outline({ protocol, action, classification: read, rules, tables });
  const wrong = wrongMasks(it.masks, outline);
  return wrong === null ? result : { ok: false, message: `${wrong}; ${outlineWords(outline, rules)}` };
}

function wrongMasks(wanted: NonNullable<PolicyCase['masks']>, outline: MaskOutline): string | null {
  if (wanted === 'refused') return outline.kind === 'refused' ? null : 'expected that masks refuse it';
  if (outline.kind !== 'columns') return 'expected columns of a result';
  const wrong = Object.entries(wanted).flatMap(([name, how]) => {
    const found = outline.columns.filter((column) => column.name === name);
    if (found.length === 0) return [`expected a column ${name}, got ${outline.columns.map((column) => column.name).join(', ') || 'none'}`];
    return found.filter((column) => column.with !== how).map((column) => `expected ${name} ${how}, got ${column.with}`);
  });
  return wrong.length === 0 ? null : wrong.join('; ');
}

function writeJunit(path: string, run: TestRun): void {
  try {
    writeFileSync(path, junitText(run));
  } catch (thrown) {
    throw new CommandFailure(exitCode.usage, `can't write ${visible(path)}: ${visible(messageOf(thrown))}`);
  }
}
