// The shape of a policy file, as a zod schema. Strict keys everywhere: an unknown key is an error, never ignored. The JSON
// Schema for editors is generated from this, so the descriptions are written for the person who edits a policy.

import * as z from 'zod';
import { accessRuleSchema } from './access-document.ts';
import { calendarSchema, clockPattern } from './calendars.ts';
import { durationPattern } from './duration.ts';
import * as limits from './limits.ts';
import { obligationKeys } from './obligation-document.ts';
import { placeSchema } from './place-document.ts';
import { accesses, actionKinds, effectVerbs, objectKinds, principalKinds, protocols } from './vocabulary.ts';

const idPattern = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;
const namePattern = /^(\$[a-z][a-z0-9_]*|[A-Za-z0-9_][A-Za-z0-9_.@:-]*)$/;
const listNamePattern = /^(?!constructor$)[a-z][a-z0-9_]*$/;

/** Words for what a pattern asks, because a regular expression is no error message. */
export const patternWords: ReadonlyMap<string, string> = new Map([
  [String(idPattern), 'lower-case words joined by "-", such as hold-destructive'],
  [String(namePattern), 'a name, or $list for a list under "lists"'],
  [String(listNamePattern), 'lower-case letters, digits and "_", starting with a letter'],
  [String(durationPattern), 'a duration such as 90s, 15m, 2h or 1h30m'],
  [clockPattern, 'a time of the day such as "08:00", in quotes'],
]);

const id = z.string().regex(idPattern);
const name = z.string().regex(namePattern);
const namePatternEntry = z.string().min(1).max(limits.patternCharsMax);
const list = <Entry extends z.ZodType>(entry: Entry) => z.array(entry).min(1).max(limits.listEntriesMax);
const condition = z.string().min(1).max(limits.conditionCharsMax);
const duration = z.string().regex(durationPattern);
const sentence = z.string().min(1).max(limits.messageCharsMax);

const record = z
  .strictObject({
    parameters: z.boolean().optional().describe('Write bound parameters into the recording. Default: false.'),
    results: z.boolean().optional().describe('Write result rows into the recording, bounded. Default: false.'),
  })
  .describe('What is recorded besides the statement itself. Of several matching rules, the one that records more counts.');

const targets = z.strictObject({
  names: list(namePatternEntry).optional().describe('Names of targets; * and ? are wildcards. Any of them.'),
  protocols: list(z.enum(protocols)).optional().describe('Any of them.'),
  labels: z
    .record(z.string().min(1), z.union([z.string(), list(z.string())]))
    .optional()
    .describe('Labels that the target must all have, each with this value or one of these values.'),
});

const principals = z
  .strictObject({
    groups: list(name).optional().describe('Members of any of these groups.'),
    people: list(name).optional().describe('Any of these people, by their names.'),
    kinds: list(z.enum(principalKinds)).optional().describe('Any of: person, machine, ai-agent.'),
  })
  .refine(
    (said) => Object.keys(said).length > 0,
    'nobody is named: say groups, people or kinds (a rule about everybody has no "principals")',
  );

const effects = z.strictObject({
  verbs: list(z.enum(effectVerbs)).optional().describe('What is done. Any of them.'),
  access: list(z.enum(accesses)).optional().describe('How harmless it is. Any of them.'),
  tables: list(namePatternEntry).optional().describe('Tables and views, schema first: "public.orders", "public.*".'),
  functions: list(namePatternEntry).optional().describe('Functions and procedures.'),
  objects: list(namePatternEntry).optional().describe('Objects of any kind, by name.'),
  object_kinds: list(z.enum(objectKinds)).optional().describe('Any of them.'),
});

const approvers = z.strictObject({
  groups: list(name).describe('Members of any of these groups may approve; never the person who asks.'),
  count: z.int().min(1).max(limits.approvalsMax).optional().describe('How many different people must say yes. Default: 1.'),
  and: list(
    z.strictObject({
      groups: list(name).describe('Members of any of these groups.'),
      count: z.int().min(1).max(limits.approvalsMax).optional().describe('How many of them. Default: 1.'),
    }),
  )
    .optional()
    .describe('Further people who must say yes as well, others than those above: two of the DBAs and one of security.'),
  second_factor: z
    .enum(['passkey', 'totp'])
    .optional()
    .describe('What each approver must prove with the approval: passkey signs exactly this action; totp is a code (or a passkey).'),
  escalate: z
    .strictObject({
      after: duration.describe('How long nobody has ended it.'),
      to: list(name).describe('Groups whose members may then approve as well.'),
    })
    .optional()
    .describe('Who may approve as well when it waits for long. Where several hold rules win at once, each widens who satisfies that rule.'),
  shape: z
    .strictObject({ longest: duration.describe('The longest time for which a shape may be approved: 1m to 24h.') })
    .optional()
    .describe('Lets an approver say yes to every statement of the same shape by this person on this target, for a while. Default: not.'),
});

const rule = z.strictObject({
  id: id.describe('The name of the rule, unique in its policy. It stands in the audit log.'),
  title: sentence.optional().describe('One sentence for people: what the rule is about. Shown while an action waits.'),
  actions: list(z.enum(actionKinds)).optional().describe('Which actions are judged by this rule. Default: [statement].'),
  principals: principals.optional().describe('Who acts. Every key must match. Default: everybody.'),
  targets: targets.optional().describe('On which targets, within applies_to. Every key must match.'),
  effects: effects
    .optional()
    .describe('What the action would do. Deny and hold match when any effect does; allow covers the effects that match.'),
  understood: z
    .union([z.boolean(), z.literal('any')])
    .optional()
    .describe('Whether the text could be read. Default: true; for deny: any. An allow rule never matches what was not understood.'),
  when: condition.optional().describe('A condition in CEL. It must be true for the rule to match.'),
  needs: z
    .union([z.literal('grant'), z.strictObject({ roles: list(name) })])
    .optional()
    .describe(
      'On allow and hold: match only while the person has access for a while (a grant) to the target; allow covers only what the grant reaches. { roles: [...] } asks for a grant with one of these roles.',
    ),
  otherwise: z
    .boolean()
    .optional()
    .describe('On hold and deny: judge only what no allow rule covers. This is how "everything else waits" is said.'),
  decision: z.enum(['allow', 'hold', 'deny']),
  message: sentence
    .optional()
    .describe('On deny: words for the person. {problem}, {effect}, {target}, {principal} and {ask} (how to ask for access) are filled in.'),
  approvers: approvers.optional().describe('On hold, and on allow with masks that say `predicates: hold`: who may approve.'),
  expires: duration.optional().describe('On hold: how long it may wait. Default: 15m.'),
  expires_in_transaction: duration.optional().describe('On hold: the same while a transaction is open. Default: 60s.'),
  reason_required: z.boolean().optional().describe('On hold: an approval needs a reason. Default: false.'),
  wait: z
    .enum(['live', 'error'])
    .optional()
    .describe(
      'On hold: live (default) lets the client wait in its session; error refuses at once with the number of the hold, and lets the same person run exactly the same once after approval.',
    ),
  ...obligationKeys,
  record: record.optional(),
});

const template = z.strictObject({
  id: id.describe('The name of the template, unique in its policy. It stands in the audit log.'),
  title: sentence.optional().describe('One sentence for people: what it is for.'),
  protocol: z.enum(protocols).describe('The language of the statement: postgres, mysql, or ssh for commands.'),
  statement: z
    .string()
    .min(1)
    .max(limits.templateTextMax)
    .describe('One statement or command. :name stands for a value, which "parameters" describes.'),
  parameters: z.record(z.string().regex(listNamePattern), placeSchema).optional().describe('What may stand in each named place.'),
  database: z
    .union([z.string().min(1), list(z.string().min(1))])
    .optional()
    .describe('Only in this database, or one of these. Required for mysql.'),
  principals: principals.describe('Who may run it without asking. Every key must match.'),
  targets: targets.optional().describe('On which targets, within applies_to. Every key must match.'),
  when: condition.optional().describe('A condition in CEL. It must be true as well.'),
  fence: obligationKeys.fence,
  max_rows: obligationKeys.max_rows,
  statement_timeout: obligationKeys.statement_timeout,
  require_reason: obligationKeys.require_reason,
  require_second_factor: obligationKeys.require_second_factor,
  record: record.optional(),
});

const accessRule = accessRuleSchema({ id, sentence, condition, name, principals, targets });

/** One policy file. */
export const policyDocument = z
  .strictObject({
    policy: id.describe('The name of the policy, unique in the folder.'),
    description: z.string().max(4_000).optional(),
    time_zone: z.string().min(1).max(64).optional().describe('The zone of the facts under "time", such as Europe/Berlin. Default: UTC.'),
    applies_to: targets.optional().describe('The targets this policy speaks of. Default: all.'),
    record: record.optional(),
    lists: z
      .record(z.string().regex(listNamePattern), list(z.string().min(1).max(limits.patternCharsMax)))
      .optional()
      .describe('Named lists. "$name" as an entry of any list stands for its entries; conditions read lists.name.'),
    conditions: z
      .record(z.string().regex(listNamePattern), condition)
      .optional()
      .describe('Named conditions in CEL. Other conditions read them as conditions.name.'),
    calendars: z
      .record(z.string().regex(listNamePattern), calendarSchema)
      .optional()
      .describe('Named days and times: holidays, freezes, office hours. Conditions read calendars.name.'),
    rules: list(rule),
    templates: list(template)
      .optional()
      .describe('Statements and commands that run without a hold when the text is exactly this and the values fit. Deny rules still win.'),
    access: list(accessRule)
      .optional()
      .describe('Who may ask for access for a while, and who says yes. Rules with "needs: grant" read it.'),
  })
  .describe('A Sallyport policy. Any matching deny wins, then hold, then allow; what nothing allows is denied.');

export type PolicyDocument = z.infer<typeof policyDocument>;
export type AccessRuleDocument = z.infer<typeof accessRule>;
export type RuleDocument = z.infer<typeof rule>;
export type TemplateDocument = z.infer<typeof template>;
export type EffectsDocument = z.infer<typeof effects>;
export type TargetsDocument = z.infer<typeof targets>;
export type PrincipalsDocument = z.infer<typeof principals>;
export type RecordDocument = z.infer<typeof record>;
