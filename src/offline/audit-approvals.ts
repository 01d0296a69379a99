// `sallyport audit verify DIR --approvals`: checks every passkey's signature under an approval from the log alone, of holds and of
// requests for access. The public keys are in the log as events of their registration.

import type { SecondFactorProof } from '../core/decision.ts';
import type { AuditLine } from '../audit/line.ts';
import { listSegments, readLines } from '../audit/segments.ts';
import { AccessInLog } from './audit-access.ts';
import { PasskeysInLog } from './audit-passkeys.ts';
import type { KeyListed } from './audit-passkeys.ts';

export interface ApprovalsFound {
  /** Approvals whose signature is good. */
  readonly signed: number;
  /** Approvals given with the code of an app: the log's word only. */
  readonly codes: number;
  /** Approvals of rules that ask for no second factor. */
  readonly plain: number;
  /** The first that is not good: its event and why. */
  readonly problem: { readonly seq: number; readonly why: string } | null;
  readonly keys: readonly KeyListed[];
}

interface Held {
  readonly digest: string;
  readonly requester: string;
  readonly target: string;
  readonly factor: string | null;
  readonly needed: number;
  readonly good: Set<string>;
}

/** Reads a log that verifies (the chain is checked before). What is open at the end is counted as well. */
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
  return ['"passkey.', '"action.held"', '"hold.', '"access.'].some((type) => bytes.includes(type));
}

class Reader {
  problem: ApprovalsFound['problem'] = null;
  readonly #keys = new PasskeysInLog();
  readonly #holds = new Map<string, Held>();
  readonly #access = new AccessInLog(this.#keys);
  #signed = 0;
  #codes = 0;
  #plain = 0;

  found(): ApprovalsFound {
    const { signed, codes, plain } = this.#access;
    return {
      signed: this.#signed + signed,
      codes: this.#codes + codes,
      plain: this.#plain + plain,
      problem: this.problem,
      keys: this.#keys.listed,
    };
  }

  async take(line: AuditLine): Promise<void> {
    const { type, detail, holdId, principal } = fields(line);
    switch (type) {
      case 'passkey.registered':
        return this.#keys.register(detail, line.seq);
      case 'passkey.removed':
        return this.#keys.remove(detail);
      case 'action.held':
        return this.#hold(line, detail);
      case 'hold.changed':
        return this.#change(holdId, detail);
      case 'hold.approval-given':
        return this.#approval(line, detail);
      case 'hold.approval-taken-back':
        return void this.#holds.get(holdId)?.good.delete(principal);
      case 'hold.approved':
        return this.#approved(line, holdId);
      case 'hold.denied':
      case 'hold.changes-requested':
      case 'hold.expired':
      case 'hold.withdrawn':
        return void this.#holds.delete(holdId);
      default:
        if (type.startsWith('access.')) await this.#access.take(line, (why) => this.#wrong(line, why));
    }
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
    const subject = { holdId, digest: held.digest, requester: held.requester, target: held.target, approver };
    const why = await this.#keys.problem(proof, subject);
    if (why !== null) return this.#wrong(line, why);
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

type Detail = Readonly<Record<string, unknown>>;

function fields(line: AuditLine): { type: string; detail: Detail; holdId: string; principal: string; target: string } {
  const { type, detail } = line;
  return { type, detail, holdId: String(line.hold), principal: String(line.principal), target: String(line.target) };
}
