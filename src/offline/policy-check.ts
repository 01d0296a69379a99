// `sallyport policy check DIR`: loads a folder of policies as the gateway would and runs the tests that stand beside them,
// without a gateway.

import { CommandFailure, exitCode } from '../cli/exit-code.ts';
import type { Terminal } from '../cli/terminal.ts';
import { count, loadTexts, readPolicyFolder } from './policy-folder.ts';
import { runPolicyTests, tellFailures } from './policy-test.ts';

export async function policyCheck(terminal: Terminal, dir: string): Promise<void> {
  const folder = readPolicyFolder(dir);
  const set = await loadTexts(terminal, folder.policies, exitCode.failed);
  const run = await runPolicyTests(terminal, folder, set);
  tellFailures(terminal, run);
  if (run.failed > 0) throw new CommandFailure(exitCode.failed, `${count(run.passed, 'test')} passed, ${run.failed} failed`);
  terminal.out(`good: ${count(folder.policies.length, 'policy file')}, version ${set.version}; ${count(run.passed, 'test')} passed`);
}
