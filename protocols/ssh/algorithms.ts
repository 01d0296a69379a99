// What the gateway speaks, towards clients and targets: nothing with SHA-1, no CBC, and no group exchange (ssh2 offers it and
// fails in it). The lists are explicit, so that a new version of the library changes nothing in silence.

import type { Algorithms, ServerHostKeyAlgorithm } from 'ssh2';

export const algorithms: Algorithms = {
  kex: [
    // The old name of the same first: ssh2 loses a packet that a client (dropbear) sends on a right guess of the first
    // algorithm; by RFC 4253, 7.1, this makes the guess a wrong one, and the client sends again.
    'curve25519-sha256@libssh.org',
    'curve25519-sha256',
    'ecdh-sha2-nistp256',
    'ecdh-sha2-nistp384',
    'ecdh-sha2-nistp521',
    'diffie-hellman-group16-sha512',
    'diffie-hellman-group18-sha512',
    'diffie-hellman-group14-sha256',
  ],
  cipher: ['aes128-gcm@openssh.com', 'aes256-gcm@openssh.com', 'chacha20-poly1305@openssh.com', 'aes128-ctr', 'aes192-ctr', 'aes256-ctr'],
  hmac: ['hmac-sha2-256-etm@openssh.com', 'hmac-sha2-512-etm@openssh.com', 'hmac-sha2-256', 'hmac-sha2-512'],
  compress: ['none', 'zlib@openssh.com'],
};

/** Signature algorithms of a public key's type; RSA only with SHA-2. */
export function hostKeyAlgorithms(keyTypes: readonly string[]): ServerHostKeyAlgorithm[] {
  return [
    ...new Set(keyTypes.flatMap((type) => (type === 'ssh-rsa' ? ['rsa-sha2-512', 'rsa-sha2-256'] : [type]))),
  ] as ServerHostKeyAlgorithm[];
}
