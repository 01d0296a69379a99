// What opening a log does before the first append: check the end of the chain against itself and the last checkpoint, cut off
// the half line that a crash left, and begin the log when there is none.

import { createPublicKey, randomBytes, type KeyObject } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventWithoutSession } from '../core/audit.ts';
import { Fault } from '../core/errors.ts';
import { Chain, emptyHead, type Head } from './chain.ts';
import { checkpointKey, checkpointsName, lastCheckpoint, publicKeyText, repairCheckpoints, writeCheckpoint } from './checkpoints.ts';
import { chainLine } from './line.ts';
import { listSegments, readLines, segmentOf, type Segment } from './segments.ts';
import { readGenesis } from './verify.ts';

/** So much of the end is verified at every start: whole files, at least the last one. `verifyAudit` reads everything. */
export const verifiedAtStartBytes = 64 * 1024 * 1024;

const newline = 0x0a;

export interface Tail {
  readonly logId: string;
  readonly key: KeyObject;
  readonly head: Head;
  /** The file to append to. */
  readonly segment: Segment;
  readonly segmentBytes: number;
  readonly checkpointSeq: number;
  /** Bytes of a half-written event that were cut off. */
  readonly tornBytes: number;
  /** False when the last run did not close the log. */
  readonly closedCleanly: boolean;
}

/** Finds the end of the log in `dir`, or begins one. Throws Fault audit-chain-broken. */
export async function openTail(dir: string, nowMs: number): Promise<Tail> {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  repairCheckpoints(dir);
  const segments = listSegments(dir);
  const [first] = segments;
  if (first === undefined) return begin(dir, nowMs);
  const key = checkpointKey(dir, false);
  const genesis = await readGenesis(first);
  if ('ok' in genesis) throw chainBroken(genesis.file, genesis.why);
  // Checkpoints by another key would be good for no reader of the log, and hide what those before them say.
  if (!createPublicKey(key).equals(genesis.key))
    throw chainBroken(dir, 'the key of the checkpoints is not the one that the log began with');
  const checkpoint = lastCheckpoint(dir, key);
  if (checkpoint === null) throw chainBroken(checkpointsName, 'the signed checkpoints were removed');
  if (checkpoint.logId !== genesis.logId) throw chainBroken(checkpointsName, 'the last checkpoint is of another log');

  const { head, tornBytes } = await verifyEnd(dir, segments, checkpoint);
  if (head.seq < checkpoint.seq) {
    const why = `event ${head.seq + 1} was removed: a signed checkpoint says that the log reached event ${checkpoint.seq}`;
    throw chainBroken((segments.at(-1) as Segment).name, why);
  }
  const segment = segments.at(-1) as Segment;
  if (tornBytes > 0) cutOff(segment, tornBytes);
  return {
    logId: genesis.logId,
    key,
    head,
    segment,
    segmentBytes: statSync(segment.path).size,
    checkpointSeq: checkpoint.seq,
    tornBytes,
    closedCleanly: tornBytes === 0 && checkpoint.seq === head.seq,
  };
}

async function verifyEnd(dir: string, segments: readonly Segment[], checkpoint: Head): Promise<{ head: Head; tornBytes: number }> {
  let from = segments.length - 1;
  let bytes = sizeOf(segments[from]);
  while (from > 0 && bytes + sizeOf(segments[from - 1]) <= verifiedAtStartBytes) {
    from -= 1;
    bytes += sizeOf(segments[from]);
  }
  const chain = new Chain(from === 0 ? emptyHead : null);
  let tornBytes = 0;
  let before: Segment | null = null;
  for (const segment of segments.slice(from)) {
    // It was on disk before the next file was begun: no kill and no power cut does this.
    if (before !== null && tornBytes > 0) throw chainBroken(before.name, tornBefore(sizeOf(before) - tornBytes, segment));
    before = segment;
    let expectsFirst = true;
    const read = await readLines(segment.path, (line, place) => {
      const wrong = chain.take(line);
      if (wrong !== null) throw chainBroken(`${segment.name}:${place.line}`, wrong.why);
      if (expectsFirst && chain.head.seq !== segment.firstSeq) {
        throw chainBroken(segment.name, `it begins with event ${chain.head.seq}: it was renamed or its beginning was removed`);
      }
      expectsFirst = false;
      if (chain.head.seq === checkpoint.seq && chain.head.hash !== checkpoint.hash) {
        throw chainBroken(`${segment.name}:${place.line}`, `event ${chain.head.seq} is not the one that a signed checkpoint names`);
      }
      return true;
    });
    tornBytes = read.tornBytes;
  }
  // A crash right after a new file was made leaves it empty; the numbers go on from its name.
  const last = segments.at(-1) as Segment;
  if (chain.head.seq === 0 && last.firstSeq > 1 && from > 0) return verifyEndBefore(dir, segments, checkpoint, tornBytes);
  return { head: chain.head, tornBytes };
}

/** The last file has no whole line: the head is in the file before it. */
async function verifyEndBefore(
  dir: string,
  segments: readonly Segment[],
  checkpoint: Head,
  tornBytes: number,
): Promise<{ head: Head; tornBytes: number }> {
  const { head } = await verifyEnd(dir, segments.slice(0, -1), checkpoint);
  return { head, tornBytes };
}

/**
 * Begins a log. The first file appears by rename after its checkpoint is there, so a crash in between leaves no log rather
 * than one without checkpoint.
 */
async function begin(dir: string, nowMs: number): Promise<Tail> {
  const key = checkpointKey(dir, true);
  const older = lastCheckpoint(dir, key);
  if (older !== null && older.seq > 1) {
    throw chainBroken(dir, `every file of the log was removed: a signed checkpoint says that it reached event ${older.seq}`);
  }
  rmSync(join(dir, checkpointsName), { force: true });
  const logId = randomBytes(16).toString('hex');
  const segment = segmentOf(dir, 1);
  const created = eventWithoutSession('log.created', nowMs, null, { log_id: logId, format: 1, public_key: publicKeyText(key) });
  const { line, hash } = chainLine(1, emptyHead.hash, created);
  const head = { seq: 1, hash };
  writeFileSync(`${segment.path}.new`, line, { mode: 0o600, flush: true });
  await writeCheckpoint(dir, key, { logId, ...head, atMs: nowMs });
  renameSync(`${segment.path}.new`, segment.path);
  return { logId, key, head, segment, segmentBytes: Buffer.byteLength(line), checkpointSeq: 1, tornBytes: 0, closedCleanly: true };
}

/** Half a line is nothing. Whole lines behind a gap may be what somebody looks for: they are kept beside the log. */
function cutOff({ path }: Segment, tornBytes: number): void {
  const from = statSync(path).size - tornBytes;
  const torn = readFileSync(path).subarray(from);
  if (torn.includes(newline)) writeFileSync(`${path}.cut-at-${from}`, torn, { mode: 0o600, flush: true });
  truncateSync(path, from);
}

function sizeOf(segment: Segment | undefined): number {
  return segment === undefined || !existsSync(segment.path) ? 0 : statSync(segment.path).size;
}

function tornBefore(wholeBytes: number, next: Segment): string {
  return `it has no whole lines from byte ${wholeBytes} on, and ${next.name} was begun when all of it was on disk: it was changed, or the disk lost it`;
}

function chainBroken(where: string, why: string): Fault {
  return new Fault('audit-chain-broken', `the audit log is not whole (${where}): ${why}`, {
    hint: 'Keep the folder as evidence, find out who changed it, and move it away to begin a new log.',
  });
}
