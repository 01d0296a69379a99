// The passkeys that were registered in an audit log, and whether a signature kept in it is one of theirs. Whose a key really is the
// log can't know: its fingerprint is what people compare.

import { createHash } from 'node:crypto';
import { verifyAuthenticationResponse } from '@simplewebauthn/server';
import { approvalChallenge } from '../core/approval-challenge.ts';
import type { ApprovalSubject } from '../core/approval-challenge.ts';
import type { SecondFactorProof } from '../core/decision.ts';

export interface KeyListed {
  readonly person: string;
  readonly name: string;
  readonly fingerprint: string;
  /** The event that registered it. */
  readonly seq: number;
}

interface Key {
  readonly person: string;
  readonly rpId: string;
  readonly publicKey: Buffer;
}

type PasskeyProof = Extract<SecondFactorProof, { kind: 'passkey' }>;

export class PasskeysInLog {
  readonly #keys = new Map<string, Key>();
  readonly listed: KeyListed[] = [];

  /** By the detail of `passkey.registered`. */
  register(detail: Readonly<Record<string, unknown>>, seq: number): void {
    const publicKey = Buffer.from(String(detail['public_key']), 'base64url');
    const person = String(detail['person']);
    this.#keys.set(String(detail['credential_id']), { person, rpId: String(detail['rp_id']), publicKey });
    const hex = createHash('sha256').update(publicKey).digest('hex').slice(0, 32);
    this.listed.push({ person, name: String(detail['name']), fingerprint: hex.match(/.{4}/g)?.join(' ') ?? hex, seq });
  }

  /** By the detail of `passkey.removed`: what it signs from now on is not good. */
  remove(detail: Readonly<Record<string, unknown>>): void {
    this.#keys.delete(String(detail['credential_id']));
  }

  /** Why the signature under an approval is not good, in words; null when it is. */
  async problem(proof: PasskeyProof, subject: ApprovalSubject): Promise<string | null> {
    const { approver, holdId } = subject;
    const key = this.#keys.get(proof.credentialId);
    if (key === undefined) return `the passkey under ${approver}'s approval of ${holdId} was not registered (or was removed)`;
    if (key.person !== approver) return `the passkey under ${approver}'s approval of ${holdId} is of ${key.person}`;
    const why = await signatureProblem(proof, key, approvalChallenge(subject));
    return why === null ? null : `the signature under ${approver}'s approval of ${holdId} is not good: ${why}`;
  }
}

async function signatureProblem(proof: PasskeyProof, key: Key, challenge: string): Promise<string | null> {
  const { credentialId: id, clientDataJson, authenticatorData, signature } = proof;
  try {
    // The page is the key's own host or below it; port and scheme are the browser's business.
    const { origin } = JSON.parse(Buffer.from(clientDataJson, 'base64url').toString('utf8')) as { origin: string };
    const { hostname } = new URL(origin);
    if (hostname !== key.rpId && !hostname.endsWith(`.${key.rpId}`)) return `it was made on ${hostname}`;
    const { verified } = await verifyAuthenticationResponse({
      response: {
        id,
        rawId: id,
        type: 'public-key',
        clientExtensionResults: {},
        response: { clientDataJSON: clientDataJson, authenticatorData, signature },
      },
      expectedChallenge: challenge,
      expectedOrigin: origin,
      expectedRPID: key.rpId,
      credential: { id, publicKey: new Uint8Array(key.publicKey), counter: 0 },
      requireUserVerification: true,
    });
    return verified ? null : 'it was not made by the registered key over this action';
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown);
  }
}
