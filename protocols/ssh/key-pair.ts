// New Ed25519 key pairs in OpenSSH's form. ssh2 drops the first byte of a public key when it is zero, which makes one pair in 256 a
// pair that nothing reads; such a pair is thrown away here.

import ssh2 from 'ssh2';

export interface KeyPair {
  /** The private key, as OpenSSH writes it. */
  readonly private: string;
  /** The public key, one line as in authorized_keys, without a line end. */
  readonly public: string;
}

/** Bytes of a public key (RFC 8709, section 4): the lengths and contents of "ssh-ed25519" and of 32 bytes. */
const publicKeyBytes = 4 + 'ssh-ed25519'.length + 4 + 32;

/** More bad pairs in a row than chance gives. */
const triesMax = 32;

export function newKeyPair(comment = ''): KeyPair {
  for (let tries = 0; tries < triesMax; tries++) {
    const pair = ssh2.utils.generateKeyPairSync('ed25519', { comment });
    if (isWhole(pair.public)) return pair;
  }
  throw new Error('no whole Ed25519 key pair could be made');
}

/** Whether a line of authorized_keys has all bytes of an Ed25519 key. */
export function isWhole(publicKey: string): boolean {
  return Buffer.from(publicKey.split(' ')[1] ?? '', 'base64').length === publicKeyBytes;
}
