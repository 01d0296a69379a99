// The section `channels` as zod: where holds and requests for access are told, and from where answers come in.

import { z } from 'zod';

interface Words {
  readonly name: z.ZodType<string>;
  readonly path: z.ZodType<string>;
  readonly envName: z.ZodType<string>;
  readonly host: z.ZodType<string>;
  readonly port: z.ZodType<number>;
  readonly duration: z.ZodType<number>;
}

const url = z.string().min(1).max(2_048);
const slackId = (letters: string, example: string) =>
  z.string().regex(new RegExp(`^[${letters}][A-Z0-9]{2,20}$`), `write the id as Slack shows it, as in "${example}"`);

/** A person's own address and Slack id, in the section `people`. */
export const contactKeys = {
  email: z
    .string()
    .max(254)
    .regex(/^[^\s@<>"(),:;[\]\\]+@[^\s@<>"(),:;[\]\\]+$/, 'write one e-mail address, without a name')
    .optional()
    .describe('Where mail for this person goes; by it chat systems also find the person. Default: the name, if it is an address.'),
  slack: slackId('UW', 'U012ABCDEF').optional().describe("The person's member id in Slack: what they press there they answer here."),
  teams: z
    .string()
    .regex(/^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/, 'write the object id of the user in Microsoft Entra')
    .optional()
    .describe("The person's object id in Microsoft Entra: what they write to the gateway in Teams they ask and answer here."),
  github: z
    .int()
    .positive()
    .optional()
    .describe("The person's id at GitHub, a number (api.github.com/users/LOGIN): what they write in comments there they answer here."),
  gitlab: z.int().positive().optional().describe("The person's id at GitLab, a number (on their profile): the same."),
};

/** What a deployment asks for. */
const deploymentKeys = (name: z.ZodType<string>, duration: z.ZodType<number>) => ({
  environment: z.string().min(1).max(255),
  person: name.describe('The machine that the job signs in as; it is who asks.'),
  target: name,
  for: duration,
  read_only: z.boolean().default(false),
});

export const channelsSection = ({ name, path, envName, host, port, duration }: Words) =>
  z
    .strictObject({
      slack: z
        .strictObject({
          bot_token_file: path.optional().describe('File with the bot token (xoxb-…).'),
          bot_token_env: envName.optional(),
          signing_secret_file: path.optional().describe("File with the app's signing secret."),
          signing_secret_env: envName.optional(),
          channel: slackId('CG', 'C012ABCDEF').describe('Id of the channel that holds are posted to.'),
          team: slackId('TE', 'T012ABCDEF').optional().describe('Id of the workspace: people of others are refused.'),
          people_by_email: z.boolean().default(false).describe('Also take people by the address that Slack has confirmed. Needs `team`.'),
          api_url: url.default('https://slack.com/api').describe("Slack's Web API."),
        })
        .optional(),
      mail: z
        .strictObject({
          host: host.describe('SMTP server that takes mail.'),
          port: port.optional().describe('Default: 587; 465 with tls: implicit.'),
          tls: z
            .enum(['starttls', 'implicit', 'none'])
            .default('starttls')
            .describe('Required, never tried and given up; none is for a server on this machine.'),
          ca: path.optional().describe("PEM file of the authorities to trust; without it the system's."),
          user: z.string().min(1).max(255).optional(),
          password_file: path.optional(),
          password_env: envName.optional(),
          from: z.string().min(3).max(320).describe('Sender: "Sallyport <gateway@example.com>".'),
          links: z
            .enum(['answer', 'sign_in'])
            .default('answer')
            .describe('answer: the link in a mail answers once for whom the mail was sent to; sign_in: they have to sign in too.'),
        })
        .optional(),
      teams: z
        .strictObject({
          url_file: path.optional().describe('File with the address of the Workflows webhook, which is a secret.'),
          url_env: envName.optional(),
          security_token_file: path
            .optional()
            .describe('File with the security token of an outgoing webhook in Teams: people then ask and answer there by commands.'),
          security_token_env: envName.optional(),
        })
        .optional(),
      push: z
        .strictObject({
          contact: z
            .string()
            .regex(/^(mailto:[^\s@]+@[^\s@]+|https:\/\/\S+)$/, 'write mailto:ADDRESS or an https address')
            .describe('Whom push services write to when something is wrong (VAPID subject).'),
          services: z
            .array(z.string().regex(/^(\*\.)?[A-Za-z0-9.:-]+$/, 'write a host name, or *.name for all below it'))
            .min(1)
            .max(50)
            .optional()
            .describe('Hosts of push services that browsers may name. Default: those of Chrome, Firefox, Safari and Edge.'),
        })
        .optional(),
      github: z
        .strictObject({
          webhook_secret_file: path.optional(),
          webhook_secret_env: envName.optional(),
          app_id: z.string().regex(/^[A-Za-z0-9._-]{1,60}$/, 'write the app’s id or client id, in quotes'),
          private_key_file: path.describe('PEM file of the key of the GitHub App.'),
          api_url: url.default('https://api.github.com'),
          comments: z
            .boolean()
            .default(false)
            .describe('Tell what waits in a comment on the pull request or commit too, and take answers there; private repositories only.'),
          deployments: z
            .array(
              z.strictObject({ repository: z.string().regex(/^[\w.-]+\/[\w.-]+$/, 'write owner/name'), ...deploymentKeys(name, duration) }),
            )
            .min(1)
            .max(1_000)
            .describe('Which deployment asks for which access.'),
        })
        .optional(),
      gitlab: z
        .strictObject({
          url: url.default('https://gitlab.com'),
          token_file: path
            .optional()
            .describe('File with an access token of the project or group, scope api, that may approve deployments.'),
          token_env: envName.optional(),
          signing_token_file: path.optional().describe("File with the webhook's signing token (whsec_…)."),
          signing_token_env: envName.optional(),
          secret_token_file: path.optional().describe("File with the webhook's secret token, for versions that do not sign."),
          secret_token_env: envName.optional(),
          comments: z
            .boolean()
            .default(false)
            .describe('Tell what waits in a comment on the merge request or commit too, and take answers there; private projects only.'),
          deployments: z
            .array(
              z.strictObject({ project: z.string().regex(/^[\w.-]+(\/[\w.-]+)+$/, 'write group/name'), ...deploymentKeys(name, duration) }),
            )
            .min(1)
            .max(1_000)
            .describe('Which deployment asks for which access.'),
        })
        .optional(),
      inbound: z
        .array(
          z.strictObject({
            name,
            secret_file: path.optional(),
            secret_env: envName.optional(),
            answers_as: name.describe('Who answers by it, and is judged like anybody.'),
          }),
        )
        .max(100)
        .default([])
        .describe('Systems that post signed answers.'),
    })
    .default({ inbound: [] })
    .describe('Where holds are told and answered besides the console (docs/channels.md).');

export type WrittenChannels = z.output<ReturnType<typeof channelsSection>>;
