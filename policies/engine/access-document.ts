// The shape of `access` in a policy file: who may ask for access to which targets, for how long, and who says yes.

import * as z from 'zod';
import { durationPattern } from './duration.ts';
import * as limits from './limits.ts';

/** The parts of other rules that access rules share. */
export interface SharedSchemas<Principals extends z.ZodType, Targets extends z.ZodType> {
  readonly id: z.ZodString;
  readonly sentence: z.ZodString;
  readonly condition: z.ZodString;
  readonly name: z.ZodString;
  readonly principals: Principals;
  readonly targets: Targets;
}

export function accessRuleSchema<Principals extends z.ZodType, Targets extends z.ZodType>(shared: SharedSchemas<Principals, Targets>) {
  const { id, sentence, condition, name, principals, targets } = shared;
  const duration = z.string().regex(durationPattern);
  const names = z.array(name).min(1).max(limits.listEntriesMax);
  const approvers = z.strictObject({
    groups: names.describe('Members of any of these groups may approve; never the person who asks.'),
    count: z.int().min(1).max(limits.approvalsMax).optional().describe('How many different people must say yes. Default: 1.'),
  });
  return z.strictObject({
    id: id.describe('The name of the rule, unique in its policy.'),
    title: sentence.optional().describe('One sentence for people: what this access is for.'),
    principals: principals.optional().describe('Who may ask. Every key must match. Default: everybody.'),
    targets: targets.optional().describe('For which targets, within applies_to. Every key must match.'),
    when: condition.optional().describe('A condition in CEL over principal, target and time. It must be true for the rule to serve.'),
    longest: duration.describe('The longest time that a grant may last, extensions included.'),
    read_only: z.boolean().optional().describe('Only read-only access may be asked for. Default: false.'),
    roles: names
      .optional()
      .describe('Roles that may be asked for; on SSH targets, accounts. One of them must be named. Default: no role may be named.'),
    tables: names.optional().describe('Only these tables and views may be asked for, by name. Default: any, or none in particular.'),
    automatic: z.boolean().optional().describe('Given at once, without asking anybody. Instead of approvers.'),
    approvers: z
      .union([approvers, z.array(approvers).min(1).max(limits.approverSetsMax)])
      .optional()
      .describe('Who says yes: one set of groups, or several that must all be satisfied by different people.'),
    second_factor: z
      .enum(['passkey', 'totp'])
      .optional()
      .describe('What each approver must prove with a yes: passkey signs exactly this request; totp is a code (or a passkey).'),
    reason_required: z.boolean().optional().describe('A yes needs a reason. Default: false. Who asks must always give one.'),
    expires: duration.optional().describe('How long a request waits for an answer. Default: 24h.'),
    idle: duration.optional().describe('A grant ends when no session was open for so long. Default: never.'),
    break_glass: z.boolean().optional().describe('For emergencies: everybody is told, everything is recorded, and a review is owed.'),
    reviewers: z
      .strictObject({ groups: names })
      .optional()
      .describe('With break_glass, required: who looks at it afterwards; never the person who used it.'),
  });
}
