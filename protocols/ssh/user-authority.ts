// The gateway's own authority for user certificates: targets that trust it need no key of the gateway. Each sign-in has a key pair
// made for it, and a certificate that names who is behind it and lives for minutes.

import { createPrivateKey, randomBytes, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import ssh2 from 'ssh2';
import type { Secret } from '../../src/core/secret.ts';
import { ed25519CertificateType, makeUserCertificate } from './certificate.ts';
import { parsePublicKey } from './host-keys.ts';
import { newKeyPair } from './key-pair.ts';
import type { PresentedCertificate } from './ssh2-internals.ts';
import { wireString } from './ssh-wire.ts';

/** Clocks of targets may be behind by this much. */
const clockSkewMs = 60_000;

export interface CertificateWish {
  /** The account at the target. */
  readonly login: string;
  /** Who is behind it, in the target's log. */
  readonly keyId: string;
  readonly nowMs: number;
  readonly lifetimeMs: number;
}

export interface Presented extends PresentedCertificate {
  /** The key that it certifies, in OpenSSH's form, for ssh2. */
  readonly privateKey: string;
}

export class UserAuthority {
  readonly #privateKey: KeyObject;
  readonly #blob: Buffer;

  /** `key` is an Ed25519 private key in OpenSSH's form, as openHostKey makes it. */
  constructor(key: Secret) {
    const parsed = ssh2.utils.parseKey(key.reveal());
    if (parsed instanceof Error || parsed.type !== 'ssh-ed25519') throw new Error('the authority for user certificates has an Ed25519 key');
    this.#blob = parsed.getPublicSSH();
    this.#privateKey = createPrivateKey(parsed.getPrivatePEM());
  }

  /** A fresh key with a certificate for one sign-in. */
  certify({ login, keyId, nowMs, lifetimeMs }: CertificateWish): Presented {
    const pair = newKeyPair();
    const holder = parsePublicKey(pair.public)?.getPublicSSH().subarray(-32) ?? Buffer.alloc(0);
    const parsed = ssh2.utils.parseKey(pair.private);
    if (parsed instanceof Error) throw parsed;
    const privateKey = createPrivateKey(parsed.getPrivatePEM());
    const blob = makeUserCertificate({
      holder,
      authority: { privateKey: this.#privateKey, blob: this.#blob },
      serial: randomBytes(8).readBigUInt64BE() >> 1n,
      keyId,
      principals: [login],
      validAfterMs: nowMs - clockSkewMs,
      validBeforeMs: nowMs + lifetimeMs,
    });
    return {
      privateKey: pair.private,
      algorithm: ed25519CertificateType,
      blob,
      sign: (data) => Buffer.concat([wireString('ssh-ed25519'), wireString(sign(null, data, privateKey))]),
    };
  }
}
