// A folder of policies as the commands read it: the policies, the tests beside them, and words for what is wrong with either.

import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { readPolicyTests } from '../../policies/engine/cases.ts';
import type { PolicyTests } from '../../policies/engine/cases.ts';
import { isPolicyFile } from '../../policies/engine/folder.ts';
import { formatProblem, loadPolicies } from '../../policies/engine/load.ts';
import type { LoadedPolicySet, PolicyProblem, PolicyText } from '../../policies/engine/load.ts';
import { CommandFailure, exitCode } from '../cli/exit-code.ts';
import type { ExitCode } from '../cli/exit-code.ts';
import type { Terminal } from '../cli/terminal.ts';
import { visible } from '../cli/visible.ts';
import { messageOf } from '../core/errors.ts';
import type { TemplateReaders } from '../core/template.ts';

export interface PolicyFolderTexts {
  readonly policies: readonly PolicyText[];
  readonly tests: readonly PolicyText[];
}

/** Reads a folder. Throws CommandFailure when it can't be read. */
export function readPolicyFolder(dir: string): PolicyFolderTexts {
  try {
    const names = readdirSync(dir).toSorted();
    const read = (name: string): PolicyText => ({ path: join(dir, name), text: readFileSync(join(dir, name), 'utf8') });
    return { policies: names.filter(isPolicyFile).map(read), tests: names.filter(isTestFile).map(read) };
  } catch (thrown) {
    throw new CommandFailure(exitCode.usage, `can't read the folder ${visible(dir)}: ${visible(messageOf(thrown))}`);
  }
}

/** Loads the policies of a folder. Tells every problem and throws CommandFailure with `code` when they are wrong. */
export function loadPolicyFolder(terminal: Terminal, dir: string, code: ExitCode = exitCode.usage): Promise<LoadedPolicySet> {
  return loadTexts(terminal, readPolicyFolder(dir).policies, code);
}

export async function loadTexts(terminal: Terminal, policies: readonly PolicyText[], code: ExitCode): Promise<LoadedPolicySet> {
  const loaded = loadPolicies(policies, await readersFor(policies));
  if (loaded.ok) return loaded.set;
  tellProblems(terminal, loaded.errors);
  throw new CommandFailure(code, `${count(loaded.errors.length, 'problem')}; the gateway would not take these policies`);
}

let readers: Promise<TemplateReaders> | null = null;

/** What reads the templates of these policies: made once, and only where there are any. */
export async function readersFor(policies: readonly PolicyText[]): Promise<TemplateReaders> {
  if (!policies.some(({ text }) => /\btemplates\b/.test(text))) return {};
  readers ??= import('../composition/policy-source.ts').then(async (it) => (await it.openTemplateReaders()).readers);
  return readers;
}

/** The tests of a folder that can be read; problems of the others are told. */
export function readTests(
  terminal: Terminal,
  files: readonly PolicyText[],
): { path: string; tests: PolicyTests | null; problems: readonly string[] }[] {
  return files.map(({ path, text }) => {
    const read = readPolicyTests(path, text);
    if (read.ok) return { path, tests: read.tests, problems: [] };
    tellProblems(terminal, read.errors);
    return { path, tests: null, problems: read.errors.map(formatProblem) };
  });
}

export function count(number: number, thing: string): string {
  return `${number.toLocaleString('en')} ${thing}${number === 1 ? '' : 's'}`;
}

function tellProblems(terminal: Terminal, problems: readonly PolicyProblem[]): void {
  for (const problem of problems) terminal.err(visible(formatProblem(problem)));
}

function isTestFile(name: string): boolean {
  return /\.tests?\.ya?ml$/.test(name) && !name.startsWith('.');
}
