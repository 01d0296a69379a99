// The shape of sallyport.yaml, as zod: strict keys, words for people. Only what can be said about one value stands here;
// what concerns several values or the file system is checked in checks.ts and load.ts. The JSON Schema for editors
// (config.schema.json) is made from this.

import { z } from 'zod';
import { parseDuration, parseSize } from './units.ts';
import type { Parsed } from './units.ts';

const listMax = 10_000;

/** Person, target and webhook names are typed at prompts (`alice:orders`), so no colon, slash, blank or look-alikes. */
const name = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._@+-]{0,62}$/, 'use 1 to 63 letters, digits and . _ @ + -, beginning with a letter or digit')
  .describe('Letters, digits and . _ @ + -, at most 63.');

const group = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,127}$/, 'use 1 to 128 letters, digits and . _ : / @ + -, beginning with a letter or digit');

const path = z.string().min(1, 'write a path').max(4_096).describe('A path; a relative one starts at the folder of this file.');
const envName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'write the name of an environment variable, without $');
const port = z.int('write a port number').min(0, 'ports are 0 to 65535').max(65_535, 'ports are 0 to 65535');
const host = z.string().min(1, 'write a host name or address').max(255);

function withUnit(parse: (text: string) => Parsed, example: string) {
  return z
    .string(`write a text with a unit, as in "${example}"`)
    .meta({ description: `With its unit, as in "${example}".`, examples: [example] })
    .transform((text, context) => {
      const parsed = parse(text);
      if (parsed.ok && parsed.value > 0) return parsed.value;
      context.addIssue({ code: 'custom', message: parsed.ok ? 'must be more than nothing' : parsed.why });
      return z.NEVER;
    });
}

const duration = (example: string) => withUnit(parseDuration, example);
const size = (example: string) => withUnit(parseSize, example);
const count = z.int('write a whole number').min(1, 'must be 1 or more').max(1_000_000);

const address = z.strictObject({
  host: host.default('127.0.0.1').describe('Address to listen on; 0.0.0.0 or :: for all.'),
  port: port.describe('0 takes any free port.'),
});

/** Key types that the gateway verifies; no SHA-1, no hardware keys yet. */
const publicKey = z
  .string()
  .regex(
    /^(?:ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521)) AAAA[A-Za-z0-9+/]{16,}={0,2}(?: [^\r\n]{0,200})?$/,
    'write a public key as in a .pub file: "ssh-ed25519 AAAA…" (ed25519, ecdsa or rsa)',
  );

/** `name` in the text after the colon is the thing that is missing or doubled. */
export const personSchema = z.strictObject({
  name,
  display_name: z.string().min(1).max(200).optional(),
  kind: z.enum(['person', 'machine', 'ai-agent']).default('person'),
  groups: z.array(group).max(1_000).default([]),
  ssh_keys: z.array(publicKey).max(100).default([]).describe('Public keys that sign this person in over SSH, as in a .pub file.'),
  disabled: z.boolean().default(false),
});

const targetTls = z.strictObject({
  mode: z
    .enum(['disable', 'prefer', 'require', 'verify-ca', 'verify-full'])
    .optional()
    .describe("libpq's sslmode. Default: verify-full; prefer on loopback; disable on a Unix socket."),
  ca: path.optional().describe("PEM file of the authorities to trust; without it the system's."),
  certificate: path.optional().describe('PEM file of the client certificate.'),
  key: path.optional().describe('PEM file of its key.'),
  server_name: host.optional().describe('Name to expect in the certificate when it differs from host.'),
});

const labels = z.record(z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$/), z.string('labels are text: put it in quotes').max(255));
const agentName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/);

export const targetSchema = z.strictObject({
  name,
  protocol: z.enum(['postgres', 'mysql', 'ssh']),
  host: host.describe('Host name, address, or the folder of a Unix socket when it begins with a slash.'),
  port: port.min(1, 'a target has a port from 1 to 65535').optional().describe('Default: 5432, 3306, 22.'),
  user: z.string().min(1).max(255).describe('The account that the gateway uses at the target.'),
  password_env: envName.optional().describe('Environment variable that holds the password of that account.'),
  password_file: path.optional().describe('File that holds the password of that account.'),
  database: z.string().min(1).max(255).optional(),
  labels: z
    .record(z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$/), z.string('labels are text: put it in quotes').max(255))
    .default({}),
  tls: targetTls.optional(),
  agent: z
    .union([agentName, labels], 'must be the name of an agent, or labels that it has, as in { region: eu }')
    .optional()
    .describe('The agent that reaches host and port: its name, or labels.'),
  host_keys: z
    .array(publicKey)
    .min(1)
    .max(20)
    .optional()
    .describe("SSH: the target's own public keys, as ssh-keyscan prints them without the name."),
  private_key_file: path.optional().describe('SSH: file of the private key that the gateway signs in with.'),
  shell: z
    .enum(['none', 'recorded', 'mediated'])
    .optional()
    .describe('SSH: what an interactive shell is. Default: mediated, where every line is judged before it runs.'),
  logins: z
    .array(z.string().regex(/^[a-z_][a-z0-9_.-]{0,31}$/i))
    .max(100)
    .optional()
    .describe('SSH: other accounts that person:account%target may ask for.'),
});

export const webhookSchema = z.strictObject({
  name,
  url: z.string().min(1).max(2_048),
  secret_env: envName.optional(),
  secret_file: path.optional(),
  events: z
    .array(z.enum(['hold.created', 'hold.settled']))
    .min(1, 'a webhook without events never fires: name some, or leave the key out for all')
    .default(['hold.created', 'hold.settled']),
  answers_as: name.optional().describe('Person for whom the links in this webhook answer without a sign-in.'),
});

export const agentsSchema = z.strictObject({
  credential_lifetime: duration('7d').optional().describe('How long an agent may be away before it has to be enrolled again.'),
  links: count.optional().describe('Agents linked at the same time.'),
});

export const limitsSchema = z.strictObject({
  connections: count.optional(),
  connections_per_address: count.optional(),
  handshake_timeout: duration('15s').optional(),
  statement_bytes: size('16MiB').optional(),
  held_bytes: size('1MiB').optional(),
  dial_timeout: duration('10s').optional(),
  holds: count.optional(),
  holds_per_person: count.optional(),
  token_lifetime: duration('30d').optional(),
  webhook_timeout: duration('10s').optional(),
  webhook_queue: count.optional(),
});

export const sections = {
  data_dir: path.describe('Folder for everything the gateway keeps: store, audit log, recordings, keys.'),
  public_url: z.string().max(2_048).optional().describe('How browsers reach the console; links in notices begin with it.'),
  listen: z
    .strictObject({
      http: address.extend({ port: port.default(8080) }).default({ host: '127.0.0.1', port: 8080 }),
      postgres: address.optional(),
      mysql: address.optional(),
      ssh: address.optional(),
    })
    .default({ http: { host: '127.0.0.1', port: 8080 } }),
  tls: z.strictObject({ certificate: path, key: path }).optional().describe("PEM files of the gateway's own certificate and key."),
  allow_plaintext: z.boolean().default(false).describe('Let database clients on other machines sign in without TLS.'),
  people: z.array(personSchema).max(listMax).default([]),
  rights: z
    .strictObject({ approve: z.array(group).default([]), audit: z.array(group).default([]), operate: z.array(group).default([]) })
    .default({ approve: [], audit: [], operate: [] }),
  targets: z.array(targetSchema).max(listMax).default([]),
  policies: z.strictObject({ dir: path }),
  audit: z.strictObject({ durability: z.enum(['kernel', 'fsync']).default('kernel') }).default({ durability: 'kernel' }),
  webhooks: z.array(webhookSchema).max(100).default([]),
  agents: agentsSchema.default({}),
  limits: limitsSchema.default({}),
  log: z.strictObject({ level: z.enum(['debug', 'info', 'warn', 'error']).default('info') }).default({ level: 'info' }),
} as const;

export const documentSchema = z.strictObject(sections).meta({ title: 'sallyport.yaml' });

/** The JSON Schema that editors use for completion (`# yaml-language-server: $schema=…`). */
export function jsonSchema(): object {
  return z.toJSONSchema(documentSchema, { io: 'input', target: 'draft-2020-12' });
}
