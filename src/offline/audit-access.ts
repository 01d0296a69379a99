// Requests for access in an audit log: that each signed yes is over exactly what was asked, and that nothing whose rule asks for a
// passkey or a code was given or lengthened without the yeses that prove it.

import { yesesMissing } from '../core/quorum.ts';
import type { AuditLine } from '../audit/line.ts';
import { accessDigest } from '../core/approval-challenge.ts';
import type { SecondFactorProof } from '../core/decision.ts';
import type { ApproverSet } from '../core/quorum.ts';
import type { PasskeysInLog } from './audit-passkeys.ts';

interface Asked {
  readonly digest: string;
  readonly requester: string;
  readonly target: string;
  factor: string | null;
  approvers: readonly ApproverSet[];
  /** The yeses with what the rule asks for, and the groups of those who gave them. */
  readonly good: Map<string, readonly string[]>;
}

type Detail = Readonly<Record<string, unknown>>;

export class AccessInLog {
  readonly #keys: PasskeysInLog;
  readonly #requests = new Map<string, Asked>();
  signed = 0;
  codes = 0;
  plain = 0;

  constructor(keys: PasskeysInLog) {
    this.#keys = keys;
  }

  /** Takes an event of its kind, in the order of the log. */
  async take(line: AuditLine, wrong: (why: string) => void): Promise<void> {
    const { detail } = line;
    const id = String(detail['request']);
    switch (line.type) {
      case 'access.requested':
        return this.#asked(line, id);
      case 'access.changed':
        return this.#changed(id, detail);
      case 'access.approval-given':
        return this.#approval(line, id, wrong);
      case 'access.granted':
      case 'access.extended':
        return this.#given(id, wrong);
      case 'access.denied':
      case 'access.expired':
      case 'access.withdrawn':
        this.#requests.delete(id);
    }
  }

  #asked({ detail, target }: AuditLine, id: string): void {
    const tables = detail['tables'];
    const subject = {
      request: id,
      target: String(target),
      role: textOrNull(detail['role']),
      readOnly: detail['read_only'] === true,
      tables: Array.isArray(tables) ? tables.map(String) : null,
      durationMs: Number(detail['duration_ms']),
      isBreakGlass: detail['break_glass'] === true,
      reason: String(detail['reason']),
      extendsGrant: textOrNull(detail['extends']),
    };
    const requester = String(detail['requester']);
    this.#requests.set(id, { digest: accessDigest(subject), requester, target: subject.target, ...termsOf(detail), good: new Map() });
  }

  #changed(id: string, detail: Detail): void {
    const asked = this.#requests.get(id);
    if (asked === undefined) return;
    Object.assign(asked, termsOf(detail));
    for (const person of (detail['approvals_no_longer_counted'] ?? []) as readonly string[]) asked.good.delete(person);
  }

  async #approval({ detail, principal }: AuditLine, id: string, wrong: (why: string) => void): Promise<void> {
    const approver = String(principal);
    const asked = this.#requests.get(id);
    if (asked === undefined) return wrong(`there is no request ${id} before this approval`);
    const proof = detail['second_factor'] as SecondFactorProof | undefined;
    const groups = (detail['groups'] ?? []) as readonly string[];
    if (proof === undefined) {
      this.plain += 1;
      if (asked.factor === null) asked.good.set(approver, groups);
      return;
    }
    if (proof.kind === 'totp') {
      this.codes += 1;
      if (asked.factor !== 'passkey') asked.good.set(approver, groups);
      return;
    }
    const { digest, requester, target } = asked;
    const why = await this.#keys.problem(proof, { holdId: id, digest, requester, target, approver });
    if (why !== null) return wrong(why);
    this.signed += 1;
    asked.good.set(approver, groups);
  }

  #given(id: string, wrong: (why: string) => void): void {
    const asked = this.#requests.get(id);
    this.#requests.delete(id);
    if (asked === undefined) return wrong(`there is no request ${id} before it was given`);
    if (asked.factor === null) return;
    if (asked.good.has(asked.requester)) return wrong(`${id} counts a yes of ${asked.requester}, who asked for it`);
    const missing = yesesMissing(
      asked.approvers,
      [...asked.good].map(([by, groups]) => ({ by, groups })),
    );
    if (missing > 0) wrong(`${id} asks for a ${asked.factor} with every yes and was given with ${missing} too few`);
  }
}

function termsOf(detail: Detail): Pick<Asked, 'factor' | 'approvers'> {
  return { factor: textOrNull(detail['second_factor']), approvers: (detail['approvers'] ?? []) as readonly ApproverSet[] };
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}
