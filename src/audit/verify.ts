// Verifies a log offline: every event follows from the one before, and every signed checkpoint names an event that is there.
// It needs the folder only, changes nothing, reads in chunks, and can run beside the gateway that writes.

import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { KeyObject } from 'node:crypto';
import { Chain, emptyHead, type Head } from './chain.ts';
import { checkpointsName, publicKeyOf, readCheckpoint } from './checkpoints.ts';
import type { AuditLine } from './line.ts';
import { listSegments, readLines, type Segment } from './segments.ts';

export type Verification =
  | {
      readonly ok: true;
      readonly events: number;
      /** Hash of the last event. */
      readonly head: string;
      readonly logId: string;
      /** Number of the newest event that a signed checkpoint names; removal of later ones can't be seen from here. */
      readonly checkpointSeq: number;
      /** Bytes of a half-written last line: a write that was not over, or a crash that the next start repairs. */
      readonly tornBytes: number;
    }
  | { readonly ok: false; readonly seq: number; readonly file: string; readonly line: number; readonly why: string };

export type Broken = Extract<Verification, { ok: false }>;

export interface VerifyOptions {
  /** A head that was kept elsewhere: the log must still have that event with that hash. Finds a log rewritten as a whole. */
  readonly known?: Head | undefined;
  /** A copy of the checkpoints' file that was kept elsewhere: the same for every event that it names. */
  readonly keptCheckpoints?: string | undefined;
}

/** Where a log is damaged and how: "event 7 (000001.jsonl, line 7): …". */
export function damageWords({ seq, file, line, why }: Broken): string {
  const place = line > 0 ? `${file}, line ${line}` : file;
  return `${seq > 0 ? `event ${seq} (${place})` : place}: ${why}`;
}

interface Genesis {
  readonly logId: string;
  readonly key: KeyObject;
}

/** Finds any changed, removed, inserted or reordered event and names the first. */
export async function verifyAudit(dir: string, options: VerifyOptions = {}): Promise<Verification> {
  if (!existsSync(dir)) return broken(0, dir, 0, 'there is no such folder');
  // Checkpoints first: what a running gateway signs later than this may be of events that are read no more.
  const checkpointsPath = join(dir, checkpointsName);
  const checkpointsTo = existsSync(checkpointsPath) ? statSync(checkpointsPath).size : 0;
  const segments = listSegments(dir);
  const [first] = segments;
  if (first === undefined) return broken(0, dir, 0, 'there is no audit log in this folder');
  const genesis = await readGenesis(first);
  if ('ok' in genesis) return genesis;
  const marks = await readMarks(dir, genesis, checkpointsTo, options);
  if ('ok' in marks) return marks;

  const chain = new Chain(emptyHead);
  let tornBytes = 0;
  for (const segment of segments) {
    const result = await verifySegment(segment, chain, marks, segment === segments.at(-1));
    if (typeof result !== 'number') return result;
    tornBytes = result;
  }
  const missing = marks.after(chain.head.seq);
  if (missing !== null) {
    const last = segments.at(-1) as Segment;
    const why = `event ${chain.head.seq + 1} was removed: ${missing.source} says that the log reached event ${missing.seq}, and it ends at ${chain.head.seq}`;
    return broken(chain.head.seq + 1, last.name, 0, why);
  }
  return { ok: true, events: chain.head.seq, head: chain.head.hash, logId: genesis.logId, checkpointSeq: marks.lastSeq, tornBytes };
}

/** Bytes of a torn line at the end, or what is wrong. */
async function verifySegment(segment: Segment, chain: Chain, marks: Marks, isLast: boolean): Promise<number | Broken> {
  if (segment.firstSeq !== chain.head.seq + 1) {
    const seq = chain.head.seq + 1;
    return broken(
      seq,
      segment.name,
      1,
      `event ${seq} is missing: the next file begins with event ${segment.firstSeq} (a file was removed or renamed)`,
    );
  }
  let wrong: Broken | null = null;
  let lines = 0;
  const { tornBytes } = await readLines(segment.path, (bytes, { line }) => {
    lines = line;
    const found = chain.take(bytes);
    if (found !== null) wrong = broken(found.seq, segment.name, line, found.why);
    else {
      const source = marks.contradicting(chain.head);
      if (source !== null) {
        const why = `event ${chain.head.seq} is not the one that ${source} names: it was replaced, or the log was rewritten up to it`;
        wrong = broken(chain.head.seq, segment.name, line, why);
      }
    }
    return wrong === null;
  });
  if (wrong !== null) return wrong;
  if (tornBytes > 0 && !isLast) {
    return broken(chain.head.seq + 1, segment.name, lines + 1, `event ${chain.head.seq + 1} was changed: its line is cut off`);
  }
  return tornBytes;
}

/** The hashes that events must have: from checkpoints, and from a head kept elsewhere. */
class Marks {
  readonly #marks: { readonly seq: number; readonly hash: string; readonly source: string }[] = [];
  #next = 0;
  lastSeq = 0;

  add(head: Head, source: string): void {
    this.#marks.push({ seq: head.seq, hash: head.hash, source });
  }

  /** Those of another copy; `lastSeq` stays what the log's own say. */
  addAll(others: Marks): void {
    this.#marks.push(...others.#marks);
  }

  /** To be called once all are in, before they are asked. */
  sort(): void {
    this.#marks.sort((a, b) => a.seq - b.seq);
  }

  /** Who names another hash for this event, or null. Asked with ascending events. */
  contradicting(head: Head): string | null {
    let source: string | null = null;
    for (let mark = this.#marks[this.#next]; mark !== undefined && mark.seq <= head.seq; mark = this.#marks[this.#next]) {
      this.#next += 1;
      if (mark.seq === head.seq && mark.hash !== head.hash) source ??= mark.source;
    }
    return source;
  }

  /** The last mark of an event after `seq`, or null. */
  after(seq: number): { readonly seq: number; readonly source: string } | null {
    const last = this.#marks.at(-1);
    return last !== undefined && last.seq > seq ? last : null;
  }
}

async function readMarks(dir: string, genesis: Genesis, to: number, { known, keptCheckpoints }: VerifyOptions): Promise<Marks | Broken> {
  const marks = new Marks();
  const own =
    to === 0 ? null : await takeCheckpoints(join(dir, checkpointsName), checkpointsName, to, genesis, marks, 'a signed checkpoint');
  if (own !== null) return own;
  if (marks.lastSeq === 0) return broken(0, checkpointsName, 0, 'the signed checkpoints were removed');
  if (keptCheckpoints !== undefined) {
    const kept = new Marks();
    const wrong = await takeCheckpoints(keptCheckpoints, keptCheckpoints, Infinity, genesis, kept, 'a checkpoint that you kept');
    if (wrong !== null) return { ...wrong, why: `${wrong.why} (in the copy that you kept: this is another log, or the copy was changed)` };
    if (kept.lastSeq === 0) return broken(0, keptCheckpoints, 0, 'there is no checkpoint in it');
    marks.addAll(kept);
  }
  if (known !== undefined) marks.add(known, 'the head that you gave');
  marks.sort();
  return marks;
}

/** Takes the checkpoints of a file in, up to that byte; null, or what is wrong with one. */
async function takeCheckpoints(
  path: string,
  name: string,
  to: number,
  genesis: Genesis,
  marks: Marks,
  source: string,
): Promise<Broken | null> {
  let wrong: Broken | null = null;
  await readLines(
    path,
    (bytes, { line }) => {
      const found = readCheckpoint(bytes.toString('utf8'), genesis.key);
      if ('why' in found) wrong = broken(0, name, line, found.why);
      else if (found.logId !== genesis.logId) wrong = broken(found.seq, name, line, 'a checkpoint is of another log');
      else {
        marks.add(found, source);
        marks.lastSeq = Math.max(marks.lastSeq, found.seq);
      }
      return wrong === null;
    },
    { to },
  );
  return wrong;
}

/** The first event of a log: who it is, and the public key of its checkpoints. */
export async function readGenesis(first: Segment): Promise<Genesis | Broken> {
  let genesis: Genesis | null = null;
  await readLines(first.path, (bytes) => {
    genesis = genesisOf(bytes);
    return false;
  });
  return genesis ?? broken(1, first.name, 1, 'event 1 was changed or removed: the log does not begin with its birth');
}

function genesisOf(bytes: Buffer): Genesis | null {
  try {
    const { seq, type, detail } = JSON.parse(bytes.toString('utf8')) as AuditLine;
    if (seq !== 1 || type !== 'log.created') return null;
    return { logId: String(detail['log_id']), key: publicKeyOf(String(detail['public_key'])) };
  } catch {
    return null;
  }
}

function broken(seq: number, file: string, line: number, why: string): Broken {
  return { ok: false, seq, file, line, why };
}
