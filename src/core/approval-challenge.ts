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
