// What an agent keeps between runs, in a folder of its own: its private key, which never leaves it, and the credential that the
// gateway gave last.

import { createPrivateKey, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { messageOf } from '../src/core/errors.ts';
import { makeFolder } from '../src/core/make-folder.ts';
import { join } from 'node:path';

export interface AgentState {
  /** SPKI, base64. */
  readonly publicKey: string;
  /** Null until the gateway has enrolled this agent. */
  readonly credential: string | null;
  sign(bytes: Buffer): Buffer;
  /** Keeps a newer credential; on disk when it returns. */
  keep(credential: string): void;
  /** A new key in the same place, not enrolled. What is on disk stays until the gateway has enrolled it. */
  anew(): AgentState;
}

const keyFile = 'agent.key';
const credentialFile = 'credential';

/** Opens the folder, and makes it and the key when they are not there. Throws an Error in words. */
export function openState(dir: string): AgentState {
  try {
    makeFolder(dir);
  } catch (thrown) {
    throw new Error(`--state ${dir}: no folder can be made there: ${messageOf(thrown)}`, { cause: thrown });
  }
  const key = readOrMakeKey(join(dir, keyFile));
  const file = join(dir, credentialFile);
  let credential = existsSync(file) ? readFileSync(file, 'utf8').trim() : null;
  return {
    ...signing(key),
    get credential() {
      return credential;
    },
    keep: (newer) => {
      writeWhole(file, `${newer}\n`);
      credential = newer;
    },
    anew: () => newKeyIn(dir),
  };
}

function newKeyIn(dir: string): AgentState {
  const key = generateKeyPairSync('ed25519').privateKey;
  let kept: AgentState | null = null;
  return {
    ...signing(key),
    get credential() {
      return kept?.credential ?? null;
    },
    keep: (first) => {
      if (kept === null) {
        // In this order: the new key beside the old credential would be refused after a crash in between.
        rmSync(join(dir, credentialFile), { force: true });
        writeWhole(join(dir, keyFile), pemOf(key));
        kept = openState(dir);
      }
      kept.keep(first);
    },
    anew: () => newKeyIn(dir),
  };
}

/** State that ends with the process: for tests, and for agents that enrol anew at each start. */
export function memoryState(): AgentState {
  let credential: string | null = null;
  return {
    ...signing(generateKeyPairSync('ed25519').privateKey),
    get credential() {
      return credential;
    },
    keep: (newer) => void (credential = newer),
    anew: memoryState,
  };
}

function signing(key: KeyObject): Pick<AgentState, 'publicKey' | 'sign'> {
  const publicKey = createPublicKey(key).export({ format: 'der', type: 'spki' }).toString('base64');
  return { publicKey, sign: (bytes) => sign(null, bytes, key) };
}

function readOrMakeKey(file: string): KeyObject {
  if (!existsSync(file)) {
    const key = generateKeyPairSync('ed25519').privateKey;
    writeWhole(file, pemOf(key));
    return key;
  }
  if ((statSync(file).mode & 0o077) !== 0)
    throw new Error(`${file} can be read by others: chmod 600 it, or revoke this agent and enrol it anew`);
  try {
    const key = createPrivateKey(readFileSync(file));
    if (key.asymmetricKeyType === 'ed25519') return key;
  } catch {
    // Told below: the parser's own words may quote the key.
  }
  throw new Error(`${file} is not an Ed25519 key: remove it and enrol this agent anew`);
}

function pemOf(key: KeyObject): string {
  return key.export({ format: 'pem', type: 'pkcs8' }).toString();
}

/** All or nothing, and for this user only. */
function writeWhole(file: string, text: string): void {
  const temporary = `${file}.new`;
  const handle = openSync(temporary, 'w', 0o600);
  try {
    writeSync(handle, text);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  renameSync(temporary, file);
}
