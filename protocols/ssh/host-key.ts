// The gateway's own host keys: one made once, kept in a file that only the gateway reads, the same at every start, because people's
// known_hosts name it; and one that an operator may lay beside it.

import { readFileSync, writeFileSync } from 'node:fs';
import ssh2 from 'ssh2';
import { Fault, messageOf } from '../../src/core/errors.ts';
import { Secret } from '../../src/core/secret.ts';
import { newKeyPair } from './key-pair.ts';

/** Reads the key at `path`, or makes one there (Ed25519). Throws Fault config-invalid. */
export function openHostKey(path: string): Secret {
  const kept = read(path);
  if (kept !== null) return new Secret(kept);
  const pair = newKeyPair('sallyport');
  writeFileSync(path, pair.private, { mode: 0o600, flag: 'wx' });
  writeFileSync(`${path}.pub`, `${pair.public}\n`);
  return new Secret(pair.private);
}

/**
 * An ECDSA key for clients that know no Ed25519, if an operator has made one. Not made unasked: Go's clients would take it before the
 * other one, and find a host that their known_hosts does not name. Throws Fault config-invalid.
 */
export function ecdsaHostKey(path: string): Secret | null {
  const kept = read(path);
  if (kept === null) return null;
  const parsed = ssh2.utils.parseKey(kept);
  if (parsed instanceof Error) throw new Fault('config-invalid', `${path}: ${parsed.message}`);
  if (!parsed.type.startsWith('ecdsa-') || !parsed.isPrivateKey())
    throw new Fault('config-invalid', `${path}: not a private ECDSA key (ssh-keygen -t ecdsa -N '' makes one)`);
  return new Secret(kept);
}

function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new Fault('config-invalid', `${path}: ${messageOf(thrown)}`);
  }
}
