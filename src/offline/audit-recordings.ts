// `sallyport audit verify DIR --recordings`: holds the files of recordings against what the log says that they held when their sessions
// ended. What the log does not say (sessions that still run, were killed with their gateway, or are of an earlier version) is counted.

import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { join } from 'node:path';
import type { AuditLine } from '../audit/line.ts';
import { listSegments, readLines } from '../audit/segments.ts';
import type { FileSeal, RecordingSeal } from '../core/recording.ts';
import { sealOfAll } from '../recordings/terminals.ts';

export interface RecordingsFound {
  /** Sessions whose files are as they were. */
  readonly intact: number;
  /** Ended sessions of which the log does not say what was recorded. */
  readonly unsealed: number;
  readonly changed: readonly RecordingProblem[];
  /** Files that are not there. */
  readonly gone: readonly RecordingProblem[];
}

export interface RecordingProblem {
  readonly session: string;
  readonly endedAt: string;
  readonly why: string;
}

/** The other ones are counted: a folder that is gone would be thousands. */
const problemsMax = 100;
/** As recordings are named; anything else would lead out of the folder. */
const sessionIdPattern = /^[A-Za-z0-9][A-Za-z0-9-]{0,63}$/;

/** Reads a log that verifies (the chain is checked before); sessions that ended before `sinceMs` are left out. */
export async function verifyRecordings(dir: string, folder: string, sinceMs: number): Promise<RecordingsFound> {
  const found = { intact: 0, unsealed: 0, changed: [] as RecordingProblem[], gone: [] as RecordingProblem[] };
  for (const segment of listSegments(dir)) {
    const ends: AuditLine[] = [];
    await readLines(segment.path, (bytes) => {
      if (bytes.includes('"type":"session.closed"')) ends.push(JSON.parse(bytes.toString('utf8')) as AuditLine);
      return true;
    });
    for (const { type, at_ms: atMs, session, detail } of ends) {
      if (type !== 'session.closed' || atMs < sinceMs) continue;
      const seal = sealIn(detail);
      if (seal === null || session === null || !sessionIdPattern.test(session)) {
        found.unsealed += 1;
        continue;
      }
      const problem = await problemOf(folder, session, seal);
      if (problem === null) found.intact += 1;
      else if (found[problem.kind].length < problemsMax)
        found[problem.kind].push({ session, endedAt: new Date(atMs).toISOString(), why: problem.why });
    }
  }
  return found;
}

type Problem = { readonly kind: 'changed' | 'gone'; readonly why: string };

async function problemOf(folder: string, session: string, seal: RecordingSeal): Promise<Problem | null> {
  const statements = await problemIn(join(folder, `${session}.jsonl`), seal);
  if (statements !== null || seal.terminals === null) return statements;
  const read: FileSeal[] = [];
  const { count, sha256 } = seal.terminals ?? { count: 0, sha256: sealOfAll([]) };
  const castOf = (terminal: number) => join(folder, `${session}.${terminal}.cast`);
  for (let terminal = 0; terminal < count; terminal += 1) {
    const file = castOf(terminal);
    const held = await sealOf(file);
    if (held === null) return { kind: 'gone', why: `${file} is not there` };
    read.push(held);
  }
  if (existsSync(castOf(count))) return { kind: 'changed', why: `${castOf(count)} was not recorded` };
  if (sealOfAll(read) === sha256) return null;
  return { kind: 'changed', why: `its terminals (${join(folder, `${session}.*.cast`)}) are not as they were recorded` };
}

async function problemIn(file: string, { bytes, sha256 }: FileSeal): Promise<Problem | null> {
  const held = await sealOf(file);
  if (held === null) return { kind: 'gone', why: `${file} is not there` };
  if (held.sha256 === sha256) return null;
  const size = held.bytes === bytes ? '' : `: ${held.bytes} bytes, and it was ${bytes}`;
  return { kind: 'changed', why: `${file} is not as it was recorded${size}` };
}

/** Null: there is no such file. */
async function sealOf(file: string): Promise<FileSeal | null> {
  const sha256 = createHash('sha256');
  let bytes = 0;
  try {
    for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
      sha256.update(chunk);
      bytes += chunk.length;
    }
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw thrown;
  }
  return { bytes, sha256: sha256.digest('hex') };
}

function sealIn(detail: AuditLine['detail']): RecordingSeal | null {
  const recording = detail['recording'] as Partial<RecordingSeal> | undefined;
  return typeof recording?.sha256 === 'string' && typeof recording.bytes === 'number' ? (recording as RecordingSeal) : null;
}
