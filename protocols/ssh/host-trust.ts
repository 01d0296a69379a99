// Whether the machine that answers is the target: its key is pinned, or a certificate for hosts by a configured authority names the
// host that was dialled (PROTOCOL.certkeys). Nothing is learnt, and what is neither is refused in words.

import type { TargetSsh } from '../../src/core/target.ts';
import { hostKeyAlgorithms } from './algorithms.ts';
import { isCertificateType, readCertificate } from './certificate.ts';
import type { Certificate } from './certificate.ts';
import { parsePublicKey } from './host-keys.ts';
import { publicKeyOfLine } from './public-key.ts';
import type { Revocations } from './revocations.ts';
import { WireReader } from './ssh-wire.ts';
import { hostCertificateAlgorithms } from './ssh2-internals.ts';

const forever = 0xffff_ffff_ffff_ffffn;

export class HostTrust {
  readonly #host: string;
  readonly #pinned: readonly { readonly type: string; readonly blob: Buffer }[];
  readonly #authorities: readonly Buffer[];
  readonly #revocations: Revocations | null;
  /** What was believed in this connection: new keys of the session show it again, and it may have expired by then. */
  #believed: Buffer | null = null;

  /** `host` is the name or address as the configuration has it. */
  constructor(host: string, ssh: TargetSsh | undefined, revocations: Revocations | null) {
    this.#host = host;
    this.#pinned = (ssh?.hostKeys ?? []).flatMap((line) => {
      const key = parsePublicKey(line);
      return key === null ? [] : [{ type: key.type, blob: key.getPublicSSH() }];
    });
    this.#authorities = (ssh?.hostAuthorities ?? []).flatMap((line) => publicKeyOfLine(line)?.blob ?? []);
    this.#revocations = revocations;
  }

  /** Nothing would ever be believed. */
  get isEmpty(): boolean {
    return this.#pinned.length === 0 && this.#authorities.length === 0;
  }

  get takesCertificates(): boolean {
    return this.#authorities.length > 0;
  }

  /** What to ask the target for: certificates first, and plain keys only of the types that are pinned. */
  get algorithms(): string[] {
    const plain = hostKeyAlgorithms(this.#pinned.map(({ type }) => type));
    return [...(this.takesCertificates ? hostCertificateAlgorithms : []), ...plain];
  }

  /** Why the target's key or certificate (a blob as on the wire) is refused; null: it is the target. */
  refusalOf(blob: Buffer, nowMs: number): string | null {
    if (this.#believed?.equals(blob) === true) return null;
    const why = isCertificate(blob) ? this.#certificateRefusal(blob, nowMs) : this.#keyRefusal(blob);
    if (why === null) this.#believed = blob;
    return why;
  }

  /** The same for a target that has nothing of what was asked for. */
  get nothingInCommon(): string {
    if (!this.takesCertificates) return 'it has no host key of a type that is pinned';
    return this.#pinned.length === 0
      ? 'it has no host certificate (host_authorities), and no host key is pinned (host_keys)'
      : 'it has neither a host certificate (host_authorities) nor a host key of a type that is pinned (host_keys)';
  }

  #keyRefusal(blob: Buffer): string | null {
    return this.#isPinned(blob) ? null : 'its host key is not the pinned one';
  }

  #certificateRefusal(blob: Buffer, nowMs: number): string | null {
    const certificate = readCertificate(blob);
    if (certificate === null) return 'its host certificate is not a good one';
    const refused = (why: string) => `its host certificate "${certificate.keyId}" is refused: ${why}`;
    if (this.#revocations?.hasCertificate(certificate) === true) return refused('it is revoked');
    if (this.#isPinned(certificate.key.blob)) return null; // known without any authority
    const why = this.#weakness(certificate, nowMs);
    return why === null ? null : refused(why);
  }

  #weakness({ kind, authority, validAfter, validBefore, principals, criticalOptions }: Certificate, nowMs: number): string | null {
    if (kind !== 'host') return 'it is a certificate for users';
    if (!this.#authorities.some((it) => it.equals(authority.blob))) return 'its authority is not one of host_authorities';
    const now = BigInt(Math.floor(nowMs / 1000));
    if (now < validAfter) return 'it is not valid yet';
    if (validBefore !== forever && now >= validBefore) return 'it has expired';
    if (!principals.some((it) => matches(it, this.#host))) return `it does not name ${this.#host} as a principal`;
    for (const name of criticalOptions.keys()) return `its critical option ${name} is not known`;
    return null;
  }

  #isPinned(blob: Buffer): boolean {
    return this.#pinned.some((it) => it.blob.equals(blob));
  }
}

function isCertificate(blob: Buffer): boolean {
  try {
    return isCertificateType(new WireReader(blob).text());
  } catch {
    return false;
  }
}

/** OpenSSH's patterns: `*` and `?`; names of hosts know no case. After a mismatch only the last `*` takes one more: never slow. */
function matches(pattern: string, host: string): boolean {
  const [wanted, name] = [pattern.toLowerCase(), host.toLowerCase()];
  let at = 0;
  let star = -1;
  let resume = 0;
  for (let here = 0; here < name.length;) {
    if (wanted[at] === '*') {
      star = at++;
      resume = here;
    } else if (at < wanted.length && (wanted[at] === '?' || wanted[at] === name[here])) {
      at += 1;
      here += 1;
    } else if (star >= 0) {
      at = star + 1;
      here = ++resume;
    } else return false;
  }
  return /^\**$/.test(wanted.slice(at));
}
