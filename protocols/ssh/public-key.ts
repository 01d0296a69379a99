// Public keys of every type that signs people in, hardware keys (sk-…) included, and the check of a signature by one. ssh2 knows no
// hardware keys and no certificates, so this reads the blobs itself.

import { createHash, createPublicKey, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { WireReader } from './ssh-wire.ts';

export interface PublicKey {
  /** "ssh-ed25519", "sk-ssh-ed25519@openssh.com", … */
  readonly type: string;
  /** As on the wire. */
  readonly blob: Buffer;
  readonly key: KeyObject;
  /** Hardware keys sign for an application ("ssh:"). */
  readonly application: string | null;
}

const curves: Readonly<Record<string, { readonly name: string; readonly bytes: number; readonly hash: string }>> = {
  nistp256: { name: 'P-256', bytes: 32, hash: 'sha256' },
  nistp384: { name: 'P-384', bytes: 48, hash: 'sha384' },
  nistp521: { name: 'P-521', bytes: 66, hash: 'sha512' },
};
const rsaBitsMin = 2048;
/** What a hardware key says of a signature: somebody touched it; it asked for a PIN. */
const touched = 0x01;
const verified = 0x04;

/** A line of a .pub file; null when it is no key of a known type. */
export function publicKeyOfLine(line: string): PublicKey | null {
  const [type = '', base64 = ''] = line.trim().split(/\s+/);
  const key = publicKeyOfBlob(Buffer.from(base64, 'base64'));
  return key?.type === type ? key : null;
}

export function publicKeyOfBlob(blob: Buffer): PublicKey | null {
  try {
    const reader = new WireReader(blob);
    const key = readPublicKey(reader.text(), reader, blob);
    return reader.rest === 0 ? key : null;
  } catch {
    return null;
  }
}

/** The fields of a key after its type, as they stand in a key and in a certificate. Throws. */
export function readPublicKey(type: string, reader: WireReader, blob: Buffer): PublicKey {
  switch (type) {
    case 'ssh-ed25519':
      return { type, blob, key: ed25519(reader.string()), application: null };
    case 'sk-ssh-ed25519@openssh.com': {
      const key = ed25519(reader.string());
      return { type, blob, key, application: reader.text() };
    }
    case 'ecdsa-sha2-nistp256':
    case 'ecdsa-sha2-nistp384':
    case 'ecdsa-sha2-nistp521':
      return { type, blob, key: elliptic(type.slice('ecdsa-sha2-'.length), reader), application: null };
    case 'sk-ecdsa-sha2-nistp256@openssh.com': {
      const key = elliptic('nistp256', reader);
      return { type, blob, key, application: reader.text() };
    }
    case 'ssh-rsa': {
      const e = reader.string();
      const n = unsigned(reader.string());
      if (n.length * 8 < rsaBitsMin) throw new Error('the RSA key is too short');
      return { type, blob, key: fromJwk({ kty: 'RSA', e: base64url(unsigned(e)), n: base64url(n) }), application: null };
    }
    default:
      throw new Error(`keys of type ${type} are not known`);
  }
}

/** What stands in a signature besides the proof. */
export interface Signed {
  /** Only hardware keys say so, and only if they are set to ask. */
  readonly userVerified: boolean;
}

/** Checks a signature as it stands on the wire (string algorithm, string signature, …). Null when it is wrong; SHA-1 is wrong. */
export function verifySignature({ type, key, application }: PublicKey, data: Buffer, signature: Buffer): Signed | null {
  try {
    const reader = new WireReader(signature);
    const algorithm = reader.text();
    const bytes = reader.string();
    const right = (good: boolean) => (good && reader.rest === 0 ? { userVerified: false } : null);
    if (type === 'ssh-rsa') {
      const hash = { 'rsa-sha2-256': 'sha256', 'rsa-sha2-512': 'sha512' }[algorithm];
      return hash === undefined ? null : right(verify(hash, data, key, bytes));
    }
    if (algorithm !== type) return null;
    if (type === 'ssh-ed25519') return right(verify(null, data, key, bytes));
    if (application === null) {
      const curve = curves[type.slice('ecdsa-sha2-'.length)];
      return curve === undefined
        ? null
        : right(verify(curve.hash, data, { key, dsaEncoding: 'ieee-p1363' }, fixedWidth(bytes, curve.bytes)));
    }
    const flags = reader.byte();
    const counter = Buffer.alloc(4);
    counter.writeUInt32BE(reader.uint32());
    const hash = (value: string | Buffer) => createHash('sha256').update(value).digest();
    const signed = Buffer.concat([hash(application), Buffer.from([flags]), counter, hash(data)]);
    const good = type.startsWith('sk-ecdsa')
      ? verify('sha256', signed, { key, dsaEncoding: 'ieee-p1363' }, fixedWidth(bytes, 32))
      : verify(null, signed, key, bytes);
    if (!good || reader.rest > 0 || (flags & touched) === 0) return null;
    return { userVerified: (flags & verified) !== 0 };
  } catch {
    return null;
  }
}

function ed25519(raw: Buffer): KeyObject {
  if (raw.length !== 32) throw new Error('an Ed25519 key has 32 bytes');
  return fromJwk({ kty: 'OKP', crv: 'Ed25519', x: base64url(raw) });
}

function elliptic(name: string, reader: WireReader): KeyObject {
  const curve = curves[name];
  const said = reader.text();
  const point = reader.string();
  if (curve === undefined || said !== name || point.length !== 1 + 2 * curve.bytes || point[0] !== 4)
    throw new Error('not a point of the curve');
  const half = 1 + curve.bytes;
  return fromJwk({ kty: 'EC', crv: curve.name, x: base64url(point.subarray(1, half)), y: base64url(point.subarray(half)) });
}

/** Two mpints (RFC 5656, 3.1.2) side by side. */
function fixedWidth(signature: Buffer, bytes: number): Buffer {
  const reader = new WireReader(signature);
  const parts = [unsigned(reader.string()), unsigned(reader.string())];
  return Buffer.concat(parts.map((it) => Buffer.concat([Buffer.alloc(Math.max(0, bytes - it.length)), it])));
}

function unsigned(mpint: Buffer): Buffer {
  let at = 0;
  while (at < mpint.length - 1 && mpint[at] === 0) at += 1;
  return mpint.subarray(at);
}

function fromJwk(jwk: Record<string, string>): KeyObject {
  return createPublicKey({ key: jwk, format: 'jwk' });
}

function base64url(bytes: Buffer): string {
  return bytes.toString('base64url');
}
