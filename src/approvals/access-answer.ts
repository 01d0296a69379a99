// Who may answer a request for access, and which words they get when they may not.

import type { SecondFactorProof } from '../core/decision.ts';
import type { AccessProblem, AccessRefusal } from '../core/grant.ts';
import type { Principal } from '../core/principal.ts';
import type { AccessRequestRecord } from '../store/access-requests.ts';
import type { GrantRecord } from '../store/grants.ts';
import { approverSetWords } from '../core/quorum.ts';

export function refused(because: AccessProblem, why: string): AccessRefusal {
  return { kind: 'refused', because, why };
}

/** Null when the person may answer; else why not, one sentence. */
export function mayNotAnswer(request: AccessRequestRecord, person: Principal): AccessRefusal | null {
  if (person.name === request.principal) return refused('requester', 'you asked for this yourself; somebody else must answer it');
  if (person.kind === 'ai-agent') return refused('not-allowed', 'an AI agent cannot give access; a person must');
  if (!request.approvers.some(({ groups }) => groups.some((group) => person.groups.includes(group)))) {
    return refused('not-allowed', `only members of ${approverSetWords(request.approvers)} may answer this request`);
  }
  return null;
}

/** Whoever has the access, those who may give it, and those who have to review what was done with it. Operators may besides. */
export function mayEnd(grant: Pick<GrantRecord, 'principal' | 'approverGroups' | 'reviewers'>, person: Principal): boolean {
  if (person.name === grant.principal) return true;
  return person.kind !== 'ai-agent' && [...grant.approverGroups, ...grant.reviewers].some((group) => person.groups.includes(group));
}

/** Whether a yes given before still counts; null: the person may not sign in any more. */
export function stillApproves(person: Principal | null, request: AccessRequestRecord): boolean {
  return person !== null && mayNotAnswer(request, person) === null;
}

/** Whether a yes came with the proof that the rule asks for; null when it did. A no needs none. */
export function accessProofProblem({ ruleId, secondFactor }: AccessRequestRecord, proof: SecondFactorProof | null): AccessRefusal | null {
  if (secondFactor === undefined || proof?.kind === 'passkey' || (secondFactor === 'totp' && proof?.kind === 'totp')) return null;
  const how =
    secondFactor === 'passkey'
      ? 'a passkey with every yes: approve it in the console, where your passkey signs exactly this request'
      : 'a second factor with every yes: approve it in the console, or send the code of your authenticator (sallyport approve r-… --code)';
  return refused('second-factor-missing', `rule ${ruleId} asks for ${how}`);
}
