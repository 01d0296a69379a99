// Signed statements "the log reached event N with hash H", in a file of their own, made when N is on disk.
// What they find: a tail cut off below the newest checkpoint, and a log rewritten with fresh hashes by somebody who can
// write the segments but not read the key. What they do not find: events cut off that are newer than the last checkpoint
// (at most checkpointEvents events or checkpointIntervalMs), and anything done by somebody who has the key, which lies in
// the same folder: against that, keep a head (`sallyport audit verify` prints it) or the checkpoints somewhere else.

import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify, type KeyObject } from 'node:crypto';
import { closeSync, existsSync, fstatSync, openSync, readFileSync, readSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault } from '../core/errors.ts';
import type { Head } from './chain.ts';

export const checkpointEvents = 10_000;
export const checkpointIntervalMs = 10_000;
export const checkpointsName = 'checkpoints.jsonl';
const keyName = 'checkpoint-key.pem';
/** A checkpoint line is about 300 bytes; the last one is looked for in this many from the end. */
const tailBytes = 4096;

export interface Checkpoint extends Head {
  readonly logId: string;
  readonly atMs: number;
}

function signedBytes(it: Checkpoint): Buffer {
  return Buffer.from(`sallyport audit checkpoint\n${it.logId}\n${it.seq}\n${it.hash}\n${it.atMs}\n`);
}

/** Reads the signing key of a log, or makes it when the log is new. */
export function checkpointKey(dir: string, isNew: boolean): KeyObject {
  const path = join(dir, keyName);
  if (!existsSync(path)) {
    if (!isNew) {
      throw new Fault('audit-chain-broken', `the key of the audit log's checkpoints is missing: ${path}`, {
        hint: 'Put it back from a backup, or move the whole audit folder away to begin a new log.',
      });
    }
    const pem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' });
    writeFileSync(path, pem, { mode: 0o600, flag: 'wx', flush: true });
  }
  return createPrivateKey(readFileSync(path));
}

/** The public half, as the first event of a log carries it. */
export function publicKeyText(key: KeyObject): string {
  return createPublicKey(key).export({ type: 'spki', format: 'der' }).toString('base64');
}

export function publicKeyOf(text: string): KeyObject {
  return createPublicKey({ key: Buffer.from(text, 'base64'), type: 'spki', format: 'der' });
}

/** Appends a signed checkpoint and waits for the disk. A write that fails half-way is taken back. */
export async function writeCheckpoint(dir: string, key: KeyObject, checkpoint: Checkpoint): Promise<void> {
  const { logId: log, seq, hash, atMs: at_ms } = checkpoint;
  const signature = sign(null, signedBytes(checkpoint), key).toString('base64');
  const file = await open(join(dir, checkpointsName), 'a', 0o600);
  try {
    const { size } = await file.stat();
    try {
      await file.writeFile(`${JSON.stringify({ log, seq, hash, at_ms, signature })}\n`);
      await file.datasync();
    } catch (thrown) {
      await file.truncate(size);
      throw thrown;
    }
  } finally {
    await file.close();
  }
}

/** Cuts off half a line that a crash left, so that the next one is not glued to it. */
export function repairCheckpoints(dir: string): void {
  const path = join(dir, checkpointsName);
  if (!existsSync(path)) return;
  const text = tailOf(path);
  const torn = text.length - (text.lastIndexOf('\n') + 1);
  if (torn > 0) truncateSync(path, statSync(path).size - Buffer.byteLength(text.slice(text.length - torn)));
}

/** A line of the checkpoints file: the checkpoint if its signature holds, else why not. */
export function readCheckpoint(line: string, key: KeyObject): Checkpoint | { readonly why: string } {
  let value: Record<string, unknown>;
  try {
    value = JSON.parse(line) as Record<string, unknown>;
  } catch {
    return { why: 'a checkpoint was changed: it is not JSON' };
  }
  const { log: logId, seq, hash, at_ms: atMs, signature } = value;
  if (typeof logId !== 'string' || typeof seq !== 'number' || typeof hash !== 'string')
    return { why: 'a checkpoint was changed: fields are missing' };
  if (typeof atMs !== 'number' || typeof signature !== 'string') return { why: 'a checkpoint was changed: fields are missing' };
  const checkpoint = { logId, seq, hash, atMs };
  const genuine = verify(null, signedBytes(checkpoint), key, Buffer.from(signature, 'base64'));
  return genuine ? checkpoint : { why: `the checkpoint of event ${seq} was changed: its signature is wrong` };
}

/** The newest checkpoint, or null when there is none. Throws Fault audit-chain-broken when it is not genuine. */
export function lastCheckpoint(dir: string, key: KeyObject): Checkpoint | null {
  const path = join(dir, checkpointsName);
  if (!existsSync(path)) return null;
  const line = tailOf(path).trimEnd().split('\n').pop() ?? '';
  if (line === '') return null;
  const found = readCheckpoint(line, key);
  if ('why' in found) throw new Fault('audit-chain-broken', `${path}: ${found.why}`);
  return found;
}

function tailOf(path: string): string {
  const fd = openSync(path, 'r');
  try {
    const size = fstatSync(fd).size;
    const bytes = Buffer.alloc(Math.min(tailBytes, size));
    readSync(fd, bytes, 0, bytes.length, size - bytes.length);
    return bytes.toString('utf8');
  } finally {
    closeSync(fd);
  }
}
