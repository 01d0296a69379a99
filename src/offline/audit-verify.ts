// `sallyport audit verify DIR`: checks a folder of the audit log without a gateway. It says what it found, and what it can't know.

import { CommandFailure, exitCode } from '../cli/exit-code.ts';
import { printJson } from '../cli/command.ts';
import type { Terminal } from '../cli/terminal.ts';
import { visible } from '../cli/visible.ts';
import { verifyAudit } from '../audit/verify.ts';

export async function auditVerify(terminal: Terminal, dir: string, options: { json?: boolean | undefined }): Promise<void> {
  const found = await verifyAudit(dir);
  if (options.json === true) printJson(terminal, found);
  if (!found.ok) {
    if (found.line === 0 && found.seq === 0) {
      const hint = 'name the folder "audit" inside data_dir, or a copy of it';
      throw new CommandFailure(exitCode.failed, `nothing to verify at ${visible(found.file)}: ${visible(found.why)}`, hint);
    }
    const where = found.line > 0 ? `${found.file}:${found.line}` : found.file;
    throw new CommandFailure(exitCode.failed, `the audit log is not intact: event ${found.seq} (${visible(where)}): ${visible(found.why)}`);
  }
  if (options.json === true) return;
  terminal.out(`intact: ${found.events} events, the last with hash ${found.head}`);
  terminal.out(`signed up to event ${found.checkpointSeq}; keep the hash elsewhere to notice if later events are cut off`);
  if (found.tornBytes > 0)
    terminal.out(`the last line is half written (${found.tornBytes} bytes): a write under way, or a crash that the next start repairs`);
}
