// `sallyport audit verify DIR --approvals`: checks every passkey's signature under an approval from the log alone. The public
// keys are in the log as events of their registration; whom they belong to is what their fingerprints are compared for.

import { createHash } from 'node:crypto';
import { verifyAuthenticationResponse } from '@simplewebauthn/server';
import { approvalChallenge } from '../core/approval-challenge.ts';
import type { SecondFactorProof } from '../core/decision.ts';
import type { AuditLine } from '../audit/line.ts';
import { listSegments, readLines } from '../audit/segments.ts';

export interface ApprovalsFound {
  /** Approvals whose signature is good. */
  readonly signed: number;
  /** Approvals given with the code of an app: the log's word only. */
  readonly codes: number;
  /** Approvals of rules that ask for no second factor. */
  readonly plain: number;
  /** The first that is not good: its event and why. */
  readonly problem: { readonly seq: number; readonly why: string } | null;
  readonly keys: readonly { readonly person: string; readonly name: string; readonly fingerprint: string; readonly seq: number }[];
}

interface Key {
  readonly person: string;
  readonly rpId: string;
  readonly publicKey: Buffer;
}

interface Held {
  readonly digest: string;
  readonly requester: string;
  readonly target: string;
  readonly factor: string | null;
  readonly needed: number;
  readonly good: Set<string>;
}

/** Reads a log that verifies (the chain is checked before). Holds that are open at the end are counted as well. */
export async function verifyApprovals(dir: string): Promise<ApprovalsFound> {
  const reader = new Reader();
  for (const segment of listSegments(dir)) {
    const lines: AuditLine[] = [];
    await readLines(segment.path, (bytes) => {
      if (interesting(bytes)) lines.push(JSON.parse(bytes.toString('utf8')) as AuditLine);
      return true;
    });
    for (const line of lines) {
      await reader.take(line);
      if (reader.problem !== null) return reader.found();
    }
  }
  return reader.found();
}

/** A look at the bytes first: most events of a log are of statements. */
function interesting(bytes: Buffer): boolean {
  return bytes.includes('"passkey.') || bytes.includes('"action.held"') || bytes.includes('"hold.');
}

class Reader {
  problem: ApprovalsFound['problem'] = null;
  readonly #keys = new Map<string, Key>();
  readonly #listed: ApprovalsFound['keys'][number][] = [];
  readonly #holds = new Map<string, Held>();
  #signed = 0;
  #codes = 0;
  #plain = 0;

  found(): ApprovalsFound {
    return { signed: this.#signed, codes: this.#codes, plain: this.#plain, problem: this.problem, keys: this.#listed };
  }

  async take(line: AuditLine): Promise<void> {
    const { type, detail, holdId } = fields(line);
    switch (type) {
      case 'passkey.registered':
        return this.#register(line, detail);
      case 'passkey.removed':
        return void this.#keys.delete(String(detail['credential_id']));
      case 'action.held':
        return this.#hold(line, detail);
      case 'hold.changed':
        return this.#change(holdId, detail);
      case 'hold.approval-given':
        return this.#approval(line, detail);
      case 'hold.approved':
        return this.#approved(line, holdId);
      case 'hold.denied':
      case 'hold.expired':
      case 'hold.withdrawn':
        return void this.#holds.delete(holdId);
    }
  }

  #register(line: AuditLine, detail: Detail): void {
    const publicKey = Buffer.from(String(detail['public_key']), 'base64url');
    const person = String(detail['person']);
    this.#keys.set(String(detail['credential_id']), { person, rpId: String(detail['rp_id']), publicKey });
    const hex = createHash('sha256').update(publicKey).digest('hex').slice(0, 32);
    this.#listed.push({ person, name: String(detail['name']), fingerprint: hex.match(/.{4}/g)?.join(' ') ?? hex, seq: line.seq });
  }

  #hold(line: AuditLine, detail: Detail): void {
    const { holdId, principal, target } = fields(line);
    const factor = typeof detail['second_factor'] === 'string' ? detail['second_factor'] : null;
    const needed = Number(detail['approvals_needed']);
    this.#holds.set(holdId, { digest: String(detail['digest']), requester: principal, target, factor, needed, good: new Set() });
  }

  #change(holdId: string, detail: Detail): void {
    const held = this.#holds.get(holdId);
    if (held === undefined) return;
    const dropped = (detail['approvals_no_longer_counted'] ?? []) as readonly string[];
    for (const person of dropped) held.good.delete(person);
    const factor = typeof detail['second_factor'] === 'string' ? detail['second_factor'] : null;
    this.#holds.set(holdId, { ...held, factor, needed: Number(detail['approvals_needed'] ?? held.needed) });
  }

  async #approval(line: AuditLine, detail: Detail): Promise<void> {
    const { holdId, principal: approver } = fields(line);
    const held = this.#holds.get(holdId);
    const proof = detail['second_factor'] as SecondFactorProof | undefined;
    if (held === undefined) return this.#wrong(line, `there is no hold ${holdId} before this approval`);
    if (proof === undefined) {
      this.#plain += 1;
      if (held.factor === null) held.good.add(approver);
      return;
    }
    if (proof.kind === 'totp') {
      this.#codes += 1;
      if (held.factor !== 'passkey') held.good.add(approver);
      return;
    }
    const key = this.#keys.get(proof.credentialId);
    if (key === undefined)
      return this.#wrong(line, `the passkey under ${approver}'s approval of ${holdId} was not registered (or was removed)`);
    if (key.person !== approver) return this.#wrong(line, `the passkey under ${approver}'s approval of ${holdId} is of ${key.person}`);
    const subject = { holdId, digest: held.digest, requester: held.requester, target: held.target, approver };
    const why = await signatureProblem(proof, key, approvalChallenge(subject));
    if (why !== null) return this.#wrong(line, `the signature under ${approver}'s approval of ${holdId} is not good: ${why}`);
    this.#signed += 1;
    held.good.add(approver);
  }

  #approved(line: AuditLine, holdId: string): void {
    const held = this.#holds.get(holdId);
    this.#holds.delete(holdId);
    if (held === undefined) return this.#wrong(line, `there is no hold ${holdId} before this end`);
    if (held.factor === null || held.good.size >= held.needed) return;
    this.#wrong(line, `${holdId} asks for ${held.needed} with a ${held.factor} and ran with ${held.good.size}`);
  }

  #wrong(line: AuditLine, why: string): void {
    this.problem ??= { seq: line.seq, why };
  }
}

async function signatureProblem(
  proof: Extract<SecondFactorProof, { kind: 'passkey' }>,
  key: Key,
  challenge: string,
): Promise<string | null> {
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

type Detail = Readonly<Record<string, unknown>>;

function fields(line: AuditLine): { type: string; detail: Detail; holdId: string; principal: string; target: string } {
  const { type, detail } = line;
  return { type, detail, holdId: String(line.hold), principal: String(line.principal), target: String(line.target) };
}
