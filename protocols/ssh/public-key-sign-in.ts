// Whose key or certificate this is (RFC 4252, 7): keys that are registered for a person, and certificates of authorities that the
// configuration trusts. ssh2 hands over hardware keys and certificates as they came; what it changed is put back here.

import type { PublicKeyAuthContext } from 'ssh2';
import type { LocalDriverServices } from '../../src/core/driver.ts';
import type { Principal } from '../../src/core/principal.ts';
import { checkUserCertificate, isCertificateType, readCertificate } from './certificate.ts';
import type { Restrictions } from './certificate.ts';
import { parsePublicKey } from './host-keys.ts';
import { publicKeyOfBlob, publicKeyOfLine, verifySignature } from './public-key.ts';
import type { Revocations } from './revocations.ts';
import { wireString } from './ssh-wire.ts';

export interface KeyTrust {
  /** Public keys of authorities whose user certificates sign people in, as in .pub files. */
  readonly userAuthorities: readonly string[];
  readonly revocations: Revocations | null;
}

export type KeyFound =
  | {
      readonly kind: 'found';
      readonly principal: Principal;
      readonly method: 'public-key' | 'certificate';
      readonly restrictions: Restrictions | null;
    }
  | { readonly kind: 'refused'; readonly why: string };

const notTheirs: KeyFound = { kind: 'refused', why: 'the key is not registered' };

/** Without a signature: would this key do? With one: is it that person? */
export function byPublicKey(
  context: PublicKeyAuthContext,
  person: string,
  clientAddress: string,
  services: LocalDriverServices,
  trust: KeyTrust,
): KeyFound {
  const { principal, keys } = services.signIns.publicKeys(person);
  if (principal === null) return notTheirs;
  if (isCertificateType(context.key.algo) || readCertificate(context.key.data) !== null)
    return byCertificate(context, person, principal, clientAddress, services, trust);
  const { data } = context.key;
  if (trust.revocations?.hasKey(data) === true) return { kind: 'refused', why: 'the key is revoked' };
  const line = keys.find((it) => publicKeyOfLine(it)?.blob.equals(data) === true);
  const right = line !== undefined && (context.signature === undefined || isSigned(context, line));
  return right ? { kind: 'found', principal, method: 'public-key', restrictions: null } : notTheirs;
}

function byCertificate(
  context: PublicKeyAuthContext,
  person: string,
  principal: Principal,
  clientAddress: string,
  services: LocalDriverServices,
  { userAuthorities, revocations }: KeyTrust,
): KeyFound {
  const certificate = readCertificate(context.key.data);
  if (certificate === null) return { kind: 'refused', why: 'the certificate is not a good one' };
  const checked = checkUserCertificate(certificate, {
    authorities: userAuthorities.flatMap((line) => publicKeyOfLine(line)?.blob ?? []),
    isRevoked: (it) => revocations?.hasCertificate(it) === true,
    principal: person,
    clientAddress,
    nowMs: services.clock.nowMs(),
  });
  if (checked.kind === 'bad') return { kind: 'refused', why: `the certificate "${certificate.keyId}" is refused: ${checked.why}` };
  if (context.signature !== undefined) {
    const signed = context.blob === undefined ? null : verifySignature(certificate.key, context.blob, context.signature);
    if (signed === null || (checked.verifyRequired && !signed.userVerified)) return { kind: 'refused', why: 'the signature is wrong' };
  }
  return { kind: 'found', principal, method: 'certificate', restrictions: checked.restrictions };
}

function isSigned({ key, signature, blob, hashAlgo }: PublicKeyAuthContext, line: string): boolean {
  if (blob === undefined || signature === undefined) return false;
  const known = publicKeyOfBlob(key.data);
  if (known !== null && known.application !== null) {
    // ssh2 has taken off the algorithm and the length of the signature; flags and counter stand behind it.
    const at = signature.length - 5;
    if (at < 0) return false;
    const whole = Buffer.concat([wireString(known.type), wireString(signature.subarray(0, at)), signature.subarray(at)]);
    return verifySignature(known, blob, whole) !== null;
  }
  const parsed = parsePublicKey(line);
  if (parsed === null || (parsed.type === 'ssh-rsa' && hashAlgo !== 'sha256' && hashAlgo !== 'sha512')) return false; // SHA-1
  return parsed.verify(blob, signature, hashAlgo) === true;
}
