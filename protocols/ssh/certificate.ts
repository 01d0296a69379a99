// OpenSSH certificates (PROTOCOL.certkeys): read and checked when people sign in, and made for the gateway's own sign-in to targets.

import { randomBytes, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { BlockList, isIP } from 'node:net';
import { publicKeyOfBlob, readPublicKey, verifySignature } from './public-key.ts';
import type { PublicKey } from './public-key.ts';
import { WireReader, wireString, wireUint32, wireUint64 } from './ssh-wire.ts';

const suffix = '-cert-v01@openssh.com';
const userType = 1;
const hostType = 2;
const certificateBytesMax = 32 * 1024;
const forever = 0xffff_ffff_ffff_ffffn;

export interface Certificate {
  readonly blob: Buffer;
  /** The key that it certifies. */
  readonly key: PublicKey;
  readonly serial: bigint;
  readonly keyId: string;
  readonly principals: readonly string[];
  /** Seconds since 1970. */
  readonly validAfter: bigint;
  readonly validBefore: bigint;
  readonly kind: 'user' | 'host';
  readonly criticalOptions: ReadonlyMap<string, Buffer>;
  readonly extensions: ReadonlySet<string>;
  readonly authority: PublicKey;
}

/** What the holder of a certificate may do, beyond what policies say. */
export interface Restrictions {
  /** Runs instead of whatever is asked for. */
  readonly forcedCommand: string | null;
  readonly terminal: boolean;
  readonly portForwarding: boolean;
  readonly agentForwarding: boolean;
  readonly x11Forwarding: boolean;
}

export function isCertificateType(type: string): boolean {
  return type.endsWith(suffix);
}

/** The certificate in a blob, with its authority's signature checked. Null when it is none, or the signature is wrong. */
export function readCertificate(blob: Buffer): Certificate | null {
  if (blob.length > certificateBytesMax) return null;
  try {
    const reader = new WireReader(blob);
    const certType = reader.text();
    if (!isCertificateType(certType)) return null;
    const bare = certType.slice(0, -suffix.length);
    const type = bare.startsWith('sk-') ? `${bare}@openssh.com` : bare;
    reader.string(); // nonce
    const from = reader.at;
    readPublicKey(type, reader, blob);
    const keyBlob = Buffer.concat([wireString(type), blob.subarray(from, reader.at)]);
    const key = publicKeyOfBlob(keyBlob);
    const serial = reader.uint64();
    const kind = ({ [userType]: 'user', [hostType]: 'host' } as const)[reader.uint32()];
    const keyId = reader.text();
    const principals = strings(reader.string());
    const validAfter = reader.uint64();
    const validBefore = reader.uint64();
    const criticalOptions = options(reader.string());
    const extensions = new Set(options(reader.string()).keys());
    reader.string(); // reserved
    const authority = publicKeyOfBlob(reader.string());
    const signed = blob.subarray(0, reader.at);
    const signature = reader.string();
    if (key === null || kind === undefined || authority === null || reader.rest > 0) return null;
    if (verifySignature(authority, signed, signature) === null) return null;
    return { blob, key, serial, keyId, principals, validAfter, validBefore, kind, criticalOptions, extensions, authority };
  } catch {
    return null;
  }
}

export interface Use {
  /** Blobs of the authorities that are trusted. */
  readonly authorities: readonly Buffer[];
  readonly isRevoked: (certificate: Certificate) => boolean;
  readonly principal: string;
  readonly clientAddress: string;
  readonly nowMs: number;
}

export type Checked =
  | { readonly kind: 'good'; readonly restrictions: Restrictions; readonly verifyRequired: boolean }
  | { readonly kind: 'bad'; readonly why: string };

/** May this certificate sign that person in? A critical option that is not known refuses, as the format demands. */
export function checkUserCertificate(certificate: Certificate, use: Use): Checked {
  const bad = (why: string): Checked => ({ kind: 'bad', why });
  if (certificate.kind !== 'user') return bad('it is a certificate for hosts');
  if (!use.authorities.some((blob) => blob.equals(certificate.authority.blob))) return bad('its authority is not trusted');
  if (use.isRevoked(certificate)) return bad('it is revoked');
  const now = BigInt(Math.floor(use.nowMs / 1000));
  if (now < certificate.validAfter) return bad('it is not valid yet');
  if (certificate.validBefore !== forever && now >= certificate.validBefore) return bad('it has expired');
  if (!certificate.principals.includes(use.principal)) return bad(`it does not name ${use.principal} as a principal`);
  let forcedCommand: string | null = null;
  let verifyRequired = false;
  for (const [name, value] of certificate.criticalOptions) {
    if (name === 'force-command') forcedCommand = new WireReader(value).text();
    else if (name === 'verify-required') verifyRequired = true;
    else if (name === 'source-address') {
      if (!addressIn(use.clientAddress, new WireReader(value).text())) return bad('it is not for this address');
    } else return bad(`its critical option ${name} is not known`);
  }
  const may = (name: string) => certificate.extensions.has(name);
  const restrictions = {
    forcedCommand,
    terminal: may('permit-pty'),
    portForwarding: may('permit-port-forwarding'),
    agentForwarding: may('permit-agent-forwarding'),
    x11Forwarding: may('permit-X11-forwarding'),
  };
  return { kind: 'good', restrictions, verifyRequired };
}

export interface Wish {
  /** Raw Ed25519 public key of the holder. */
  readonly holder: Buffer;
  readonly authority: { readonly privateKey: KeyObject; readonly blob: Buffer };
  readonly serial: bigint;
  readonly keyId: string;
  readonly principals: readonly string[];
  readonly validAfterMs: number;
  readonly validBeforeMs: number;
}

export const ed25519CertificateType = `ssh-ed25519${suffix}`;

/** Makes a user certificate by an Ed25519 authority, with everything permitted but the account's own rc file. */
export function makeUserCertificate(wish: Wish): Buffer {
  const permits = ['permit-X11-forwarding', 'permit-agent-forwarding', 'permit-port-forwarding', 'permit-pty'];
  const seconds = (ms: number) => wireUint64(BigInt(Math.floor(ms / 1000)));
  const body = Buffer.concat([
    wireString(ed25519CertificateType),
    wireString(randomBytes(32)),
    wireString(wish.holder),
    wireUint64(wish.serial),
    wireUint32(userType),
    wireString(wish.keyId),
    wireString(Buffer.concat(wish.principals.map(wireString))),
    seconds(wish.validAfterMs),
    seconds(wish.validBeforeMs),
    wireString(''),
    wireString(Buffer.concat(permits.flatMap((name) => [wireString(name), wireString('')]))),
    wireString(''),
    wireString(wish.authority.blob),
  ]);
  const signature = Buffer.concat([wireString('ssh-ed25519'), wireString(sign(null, body, wish.authority.privateKey))]);
  return Buffer.concat([body, wireString(signature)]);
}

function strings(bytes: Buffer): string[] {
  const reader = new WireReader(bytes);
  const found: string[] = [];
  while (reader.rest > 0) found.push(reader.text());
  return found;
}

function options(bytes: Buffer): Map<string, Buffer> {
  const reader = new WireReader(bytes);
  const found = new Map<string, Buffer>();
  while (reader.rest > 0) {
    const name = reader.text();
    if (found.has(name)) throw new Error('an option twice');
    found.set(name, reader.string());
  }
  return found;
}

/** `list` is addresses and networks between commas; what is neither matches nothing. */
function addressIn(address: string, list: string): boolean {
  const bare = address.replace(/^::ffff:(?=\d+\.)/i, '');
  const blocks = new BlockList();
  for (const entry of list.split(',')) {
    const [network = '', bits] = entry.trim().split('/');
    const version = isIP(network);
    if (version === 0) continue;
    const family = version === 4 ? 'ipv4' : 'ipv6';
    if (bits === undefined) blocks.addAddress(network, family);
    else if (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128)) blocks.addSubnet(network, Number(bits), family);
  }
  const version = isIP(bare);
  return version !== 0 && blocks.check(bare, version === 4 ? 'ipv4' : 'ipv6');
}
