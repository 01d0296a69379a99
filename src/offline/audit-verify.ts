// `sallyport audit verify DIR`: checks a folder of the audit log without a gateway. It says what it found, and what it can't know.

import { statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Head } from '../audit/chain.ts';
import { CommandFailure, exitCode } from '../cli/exit-code.ts';
import { printJson } from '../cli/command.ts';
import type { Terminal } from '../cli/terminal.ts';
import { visible } from '../cli/visible.ts';
import { damageWords, verifyAudit } from '../audit/verify.ts';
import { verifyApprovals } from './audit-approvals.ts';
import type { ApprovalsFound } from './audit-approvals.ts';
import { verifyRecordings } from './audit-recordings.ts';
import type { RecordingsFound } from './audit-recordings.ts';

export interface VerifyOptions {
  readonly json?: boolean | undefined;
  /** Check the passkeys' signatures under approvals as well. */
  readonly approvals?: boolean | undefined;
  /** Check the files of recordings as well: in this folder, or (true) in the one beside the log. */
  readonly recordings?: string | true | undefined;
  /** Of recordings, only those whose sessions ended since then. */
  readonly since?: string | undefined;
  /** An event and its hash that were kept elsewhere, as in "1200:9f3c…". */
  readonly head?: string | undefined;
  /** A copy of checkpoints.jsonl that was kept elsewhere. */
  readonly checkpoints?: string | undefined;
}

export async function auditVerify(terminal: Terminal, dir: string, options: VerifyOptions): Promise<void> {
  const known = options.head === undefined ? undefined : headOf(options.head);
  if (options.checkpoints !== undefined && statSync(options.checkpoints, { throwIfNoEntry: false })?.isFile() !== true)
    throw new CommandFailure(
      exitCode.usage,
      `there is no file ${visible(options.checkpoints)}`,
      'name a copy of checkpoints.jsonl that you kept',
    );
  const found = await verifyAudit(dir, { known, keptCheckpoints: options.checkpoints });
  const approvals = found.ok && options.approvals === true ? await verifyApprovals(dir) : null;
  const recordings = found.ok ? await recordingsOf(dir, options) : null;
  if (options.json === true)
    printJson(terminal, { ...found, ...(approvals === null ? {} : { approvals }), ...(recordings === null ? {} : { recordings }) });
  if (!found.ok) {
    if (found.file === dir && found.seq === 0) {
      const hint = 'name the folder "audit" inside data_dir, or a copy of it';
      throw new CommandFailure(exitCode.failed, `nothing to verify at ${visible(found.file)}: ${visible(found.why)}`, hint);
    }
    throw new CommandFailure(exitCode.failed, `the audit log is not intact: ${visible(damageWords(found))}`);
  }
  if (approvals !== null && approvals.problem !== null) {
    const { seq, why } = approvals.problem;
    throw new CommandFailure(exitCode.failed, `an approval is not what it seems: event ${seq}: ${visible(why)}`);
  }
  if (recordings !== null) refuseChanged(terminal, recordings, options.json === true);
  if (options.json === true) return;
  terminal.out(`intact: ${found.events} events, the last with hash ${found.head}`);
  terminal.out(`signed up to event ${found.checkpointSeq}; keep elsewhere: --head ${found.events}:${found.head}`);
  if (known === undefined && options.checkpoints === undefined)
    terminal.out('compared with nothing that was kept elsewhere (--head, --checkpoints): a whole log put in its place would look the same');
  if (found.tornBytes > 0)
    terminal.out(`the last line is half written (${found.tornBytes} bytes): a write under way, or a crash that the next start repairs`);
  if (approvals !== null) for (const line of approvalLines(approvals)) terminal.out(line);
  if (recordings !== null) terminal.out(recordingsLine(recordings));
}

async function recordingsOf(dir: string, { recordings, since }: VerifyOptions): Promise<RecordingsFound | null> {
  const sinceMs = since === undefined ? -Infinity : Date.parse(since);
  if (Number.isNaN(sinceMs))
    throw new CommandFailure(exitCode.usage, `"${visible(since ?? '')}" is no time`, 'write it like 2026-11-21 or 2026-11-21T10:00:00Z');
  if (recordings === undefined) return null;
  const folder = recordings === true ? join(dirname(resolve(dir)), 'recordings') : recordings;
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true)
    throw new CommandFailure(exitCode.usage, `there is no folder ${visible(folder)}`, 'name the folder of recordings: --recordings DIR');
  return verifyRecordings(dir, folder, sinceMs);
}

/** Every file that is not as it was, before the words that the command ends with. */
function refuseChanged(terminal: Terminal, { changed, gone }: RecordingsFound, isJson: boolean): void {
  if (changed.length + gone.length === 0) return;
  if (!isJson)
    for (const { session, endedAt, why } of [...changed, ...gone])
      terminal.err(`session ${visible(session)}, ended ${endedAt}: ${visible(why)}`);
  if (changed.length > 0)
    throw new CommandFailure(exitCode.failed, `${changed.length} of the recordings were changed after their sessions ended`);
  throw new CommandFailure(
    exitCode.failed,
    `${gone.length} of the recordings are not there any more`,
    'where old ones were removed on purpose, check those since then: --since TIME',
  );
}

function recordingsLine({ intact, unsealed }: RecordingsFound): string {
  const rest = unsealed === 0 ? '' : `; of ${unsealed} ended sessions the log does not say (a gateway that was killed, an earlier version)`;
  return `${intact} recordings are as they were when their sessions ended${rest}`;
}

function headOf(text: string): Head {
  const [, seq, hash] = /^([1-9][0-9]{0,14}):([0-9a-f]{64})$/i.exec(text.trim()) ?? [];
  if (seq === undefined || hash === undefined)
    throw new CommandFailure(exitCode.usage, `"${visible(text)}" is no head`, 'write NUMBER:HASH, as `audit verify` has printed it');
  return { seq: Number(seq), hash: hash.toLowerCase() };
}

function approvalLines({ signed, codes, plain, keys }: ApprovalsFound): string[] {
  const approvals = (count: number) => `${count} approval${count === 1 ? '' : 's'}`;
  return [
    `${approvals(signed)} signed by a passkey, each over exactly the action that it let run, or the access that it gave`,
    `${approvals(codes)} with the code of an app and ${approvals(plain)} without second factor: for these the log is the only witness`,
    ...(keys.length === 0 ? [] : ['passkeys registered in this log; compare their fingerprints with their owners:']),
    ...keys.map(({ person, name, fingerprint, seq }) => `  ${visible(person)}: ${fingerprint} (${visible(name)}, event ${seq})`),
  ];
}
