// What a passkey signs when it approves: a hash of exactly this action and this answer. The gateway makes it to ask for the
// signature, and anybody with the audit log makes it again to check one.

import { createHash } from 'node:crypto';

export interface ApprovalSubject {
  readonly holdId: string;
  /** Hex SHA-256 over the exact text and parameters. */
  readonly digest: string;
  readonly requester: string;
  readonly target: string;
  readonly approver: string;
}

/** SHA-256, base64url as WebAuthn writes challenges. JSON keeps the parts apart whatever characters they have. */
export function approvalChallenge({ holdId, digest, requester, target, approver }: ApprovalSubject): string {
  const signed = JSON.stringify(['sallyport-approval-1', 'approve', holdId, digest, requester, target, approver]);
  return createHash('sha256').update(signed).digest('base64url');
}

/** What a yes to a request for access gives. */
export interface AccessSubject {
  readonly request: string;
  readonly target: string;
  readonly role: string | null;
  readonly readOnly: boolean;
  readonly tables: readonly string[] | null;
  readonly durationMs: number;
  readonly isBreakGlass: boolean;
  readonly reason: string;
  /** The grant that it lengthens; null: it makes a new one. */
  readonly extendsGrant: string | null;
}

/** Hex SHA-256 over it: the digest that an approver's passkey signs for a request. */
export function accessDigest(subject: AccessSubject): string {
  const { request, target, role, readOnly, tables, durationMs, isBreakGlass, reason, extendsGrant } = subject;
  const given = ['sallyport-access-1', request, target, role, readOnly, tables, durationMs, isBreakGlass, reason, extendsGrant];
  return createHash('sha256').update(JSON.stringify(given)).digest('hex');
}
