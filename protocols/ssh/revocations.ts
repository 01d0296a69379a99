// Keys and certificates that are not accepted any more: OpenSSH's key revocation list (PROTOCOL.krl), or a text file with a public key
// or a fingerprint on each line. The file is read again when it changes; while it can't be read, every key counts as revoked.

import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import type { Certificate } from './certificate.ts';
import { publicKeyOfLine } from './public-key.ts';
import { WireReader } from './ssh-wire.ts';

const magic = Buffer.from('SSHKRL\n\0');
const fileBytesMax = 64 * 1024 * 1024;

interface Revoked {
  /** SHA-256 and SHA-1 of blobs, in hex. */
  readonly hashes: ReadonlySet<string>;
  readonly certificates: readonly RevokedCertificates[];
}

interface RevokedCertificates {
  /** Null: of every authority. */
  readonly authority: Buffer | null;
  readonly has: (serial: bigint, keyId: string) => boolean;
}

export class Revocations {
  readonly #path: string;
  #stamp = '';
  #revoked: Revoked | null = null;

  constructor(path: string) {
    this.#path = path;
  }

  /** Reads the file. Throws when it can't be read, for the start of the gateway. */
  check(): void {
    this.#revoked = readRevocations(readFileSync(this.#path));
  }

  hasKey(blob: Buffer): boolean {
    const revoked = this.#current();
    return revoked === null || revoked.hashes.has(hash('sha256', blob)) || revoked.hashes.has(hash('sha1', blob));
  }

  hasCertificate({ key, authority, serial, keyId, blob }: Certificate): boolean {
    if (this.hasKey(key.blob) || this.hasKey(authority.blob) || this.hasKey(blob)) return true;
    const certificates = this.#current()?.certificates ?? [];
    return certificates.some((it) => (it.authority === null || it.authority.equals(authority.blob)) && it.has(serial, keyId));
  }

  #current(): Revoked | null {
    try {
      const { mtimeMs, size, ino } = statSync(this.#path);
      const stamp = `${mtimeMs} ${size} ${ino}`;
      if (stamp === this.#stamp) return this.#revoked;
      this.#revoked = null;
      this.#stamp = stamp;
      if (size <= fileBytesMax) this.#revoked = readRevocations(readFileSync(this.#path));
    } catch {
      this.#revoked = null; // every key counts as revoked
    }
    return this.#revoked;
  }
}

/** Throws when it is neither form. */
export function readRevocations(bytes: Buffer): Revoked {
  return bytes.subarray(0, magic.length).equals(magic) ? readList(bytes) : readText(bytes.toString('utf8'));
}

function readText(text: string): Revoked {
  const hashes = new Set<string>();
  for (const line of text.split('\n').map((it) => it.trim())) {
    if (line === '' || line.startsWith('#')) continue;
    const fingerprint = /^(?:hash:\s*)?SHA256:([A-Za-z0-9+/]{43})=?$/.exec(line)?.[1];
    const key = publicKeyOfLine(line);
    if (fingerprint !== undefined) hashes.add(Buffer.from(fingerprint, 'base64').toString('hex'));
    else if (key !== null) hashes.add(hash('sha256', key.blob));
    else throw new Error(`"${line.slice(0, 40)}" is neither a public key nor a fingerprint`);
  }
  return { hashes, certificates: [] };
}

function readList(bytes: Buffer): Revoked {
  const reader = new WireReader(bytes.subarray(magic.length));
  if (reader.uint32() !== 1) throw new Error('a revocation list of another version');
  for (let fields = 0; fields < 3; fields += 1) reader.uint64(); // version of the list, date, flags
  reader.string(); // reserved
  reader.string(); // comment
  const hashes = new Set<string>();
  const certificates: RevokedCertificates[] = [];
  while (reader.rest > 0) {
    const type = reader.byte();
    const section = reader.string();
    const items = new WireReader(section);
    if (type === 1) certificates.push(...readCertificates(items));
    else if (type === 2) while (items.rest > 0) hashes.add(hash('sha256', items.string()));
    else if (type === 3 || type === 5) while (items.rest > 0) hashes.add(items.string().toString('hex'));
    else if (type === 255) refuseCritical(items);
    else if (type !== 4) throw new Error(`section ${type} of a revocation list is not known`);
    else reader.string(); // the signature of an older form, behind its key
  }
  return { hashes, certificates };
}

function readCertificates(reader: WireReader): RevokedCertificates[] {
  const authorityBlob = reader.string();
  reader.string(); // reserved
  const authority = authorityBlob.length === 0 ? null : authorityBlob;
  const found: RevokedCertificates[] = [];
  const add = (has: RevokedCertificates['has']) => found.push({ authority, has });
  while (reader.rest > 0) {
    const type = reader.byte();
    const items = new WireReader(reader.string());
    switch (type) {
      case 0x20: {
        const serials = new Set<bigint>();
        while (items.rest > 0) serials.add(items.uint64());
        add((serial) => serials.has(serial));
        break;
      }
      case 0x21: {
        const [from, to] = [items.uint64(), items.uint64()];
        add((serial) => serial >= from && serial <= to);
        break;
      }
      case 0x22: {
        const offset = items.uint64();
        const bits = items.string(); // an mpint: the first byte is the highest
        add((serial) => {
          const at = serial - offset;
          if (at < 0n || at >= BigInt(bits.length) * 8n) return false;
          const byte = bits[bits.length - 1 - Number(at / 8n)] ?? 0;
          return ((byte >> Number(at % 8n)) & 1) === 1;
        });
        break;
      }
      case 0x23: {
        const ids = new Set<string>();
        while (items.rest > 0) ids.add(items.text());
        add((_serial, keyId) => ids.has(keyId));
        break;
      }
      case 0x39:
        refuseCritical(items);
        break;
      default:
        throw new Error(`section ${type} of revoked certificates is not known`);
    }
  }
  return found;
}

function refuseCritical(reader: WireReader): void {
  const name = reader.text();
  if (reader.byte() !== 0) throw new Error(`the extension ${name} of a revocation list is critical and not known`);
}

function hash(algorithm: 'sha1' | 'sha256', bytes: Buffer): string {
  return createHash(algorithm).update(bytes).digest('hex');
}
