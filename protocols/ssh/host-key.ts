// The gateway's own host key: made once, kept in a file that only the gateway reads, the same at every start, because people's
// known_hosts name it.

import { readFileSync, writeFileSync } from 'node:fs';
import { Fault, messageOf } from '../../src/core/errors.ts';
import { Secret } from '../../src/core/secret.ts';
import { newKeyPair } from './key-pair.ts';

/** Reads the key at `path`, or makes one there (Ed25519). Throws Fault config-invalid. */
export function openHostKey(path: string): Secret {
  try {
    return new Secret(readFileSync(path, 'utf8'));
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'ENOENT') throw new Fault('config-invalid', `${path}: ${messageOf(thrown)}`);
  }
  const pair = newKeyPair('sallyport');
  writeFileSync(path, pair.private, { mode: 0o600, flag: 'wx' });
  writeFileSync(`${path}.pub`, `${pair.public}\n`);
  return new Secret(pair.private);
}
