// The shape of sallyport.yaml, as zod: strict keys, words for people. Only what can be said about one value stands here;
// what concerns several values or the file system is checked in checks.ts and load.ts. The JSON Schema for editors
// (config.schema.json) is made from this.

import { z } from 'zod';
import { busyPollUsMax } from '../core/busy-poll.ts';
import { channelsSection, contactKeys } from './channels-schema.ts';
import { onCallSection } from './on-call-schema.ts';
import { policiesSection } from './policies-schema.ts';
import { signInSection } from './sign-in-schema.ts';
import { parseDuration, parseSize } from './units.ts';
import type { Parsed } from './units.ts';
import { webhookEvents, webhookEventsDefault } from './webhook-events.ts';

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

/** Key types that the gateway verifies; never with SHA-1. */
const publicKey = z
  .string()
  .regex(
    /^(?:ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521)|sk-(?:ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com) AAAA[A-Za-z0-9+/]{16,}={0,2}(?: [^\r\n]{0,200})?$/,
    'write a public key as in a .pub file: "ssh-ed25519 AAAA…" (ed25519, ecdsa, rsa, or sk- of a hardware key)',
  );

/** `name` in the text after the colon is the thing that is missing or doubled. */
export const personSchema = z.strictObject({
  name,
  display_name: z.string().min(1).max(200).optional(),
  kind: z.enum(['person', 'machine', 'ai-agent']).default('person'),
  groups: z.array(group).max(1_000).default([]),
  ssh_keys: z.array(publicKey).max(100).default([]).describe('Public keys that sign this person in over SSH, as in a .pub file.'),
  ...contactKeys,
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

const field = z.string().min(1).max(255);
/** Which fields of a secret are what. */
const fields = {
  password_field: field
    .optional()
    .describe('Field of the secret that is the password. Default: password, unless private_key_field is set.'),
  private_key_field: field.optional().describe('SSH: field of the secret that is the private key.'),
  user_field: field.optional().describe("Field of the secret that is the account; without it the target's user."),
};
const mount = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._/-]{0,200}$/, 'write the path of a mount, as in "secret"');
const secretPath = z.string().regex(/^[^\s?#%]{1,500}$/, 'write a path, as in "databases/orders"');

/** Where the credential is when it is neither in a file nor in a variable. */
const targetCredential = z.union(
  [
    z.literal('stored').describe('In the gateway, encrypted: sallyport credentials set TARGET.'),
    z.strictObject({ vault_kv: secretPath.describe('Path of a secret in a KV engine, version 2.'), mount: mount.optional(), ...fields }),
    z.strictObject({ vault_database: field.describe('Role of a database engine: an account for each session.'), mount: mount.optional() }),
    z.strictObject({ aws_secret: field.describe('Name or ARN of a secret in AWS Secrets Manager.'), ...fields }),
  ],
  'must be stored, { vault_kv: PATH }, { vault_database: ROLE } or { aws_secret: NAME }, with the keys of docs/credentials.md',
);

const shellMode = z.enum(['none', 'recorded', 'guarded', 'mediated']);

export const targetSchema = z.strictObject({
  name,
  protocol: z.enum(['postgres', 'mysql', 'ssh']),
  host: host.describe('Host name, address, or the folder of a Unix socket when it begins with a slash.'),
  port: port.min(1, 'a target has a port from 1 to 65535').optional().describe('Default: 5432, 3306, 22.'),
  user: z.string().min(1).max(255).describe('The account that the gateway uses at the target.'),
  password_env: envName.optional().describe('Environment variable that holds the password of that account.'),
  password_file: path.optional().describe('File that holds the password of that account.'),
  credential: targetCredential
    .optional()
    .describe('Where the credential is read otherwise, when a session signs in (docs/credentials.md).'),
  database: z.string().min(1).max(255).optional(),
  roles: z
    .array(
      z
        .string()
        .min(1)
        .max(63)
        .regex(/^(?!(?:none|default|all)$)[^\p{Cc}]+$/iu, 'none, default and all are no names of roles'),
    )
    .min(1)
    .max(100)
    .optional()
    .describe('Databases: roles that access may be asked for as; sessions run as the role then (docs/access.md).'),
  server_version: z
    .string()
    .regex(/^[ -~]{1,60}$/, 'write the version as SELECT VERSION() shows it')
    .optional()
    .describe('MySQL: the version that clients are shown before they have named a target. Default: learnt from the target.'),
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
  host_authorities: z
    .array(publicKey)
    .min(1)
    .max(20)
    .optional()
    .describe('SSH: public keys of authorities whose host certificates name the host, as @cert-authority in known_hosts.'),
  private_key_file: path.optional().describe('SSH: file of the private key that the gateway signs in with.'),
  certificate: z
    .strictObject({ lifetime: duration('5m').optional() })
    .optional()
    .describe('SSH: sign in with a short-lived certificate of the gateway’s own authority, which the target trusts (TrustedUserCAKeys).'),
  shell: z
    .union(
      [shellMode, z.array(shellMode).min(1).max(4)],
      'must be mediated, guarded, recorded or none, or a list of them in the order of preference',
    )
    .optional()
    .describe(
      'SSH: what an interactive shell is; of a list the first that no policy denies. Default: mediated, every line judged before it runs.',
    ),
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
    .array(z.enum(webhookEvents))
    .min(1, 'a webhook without events never fires: name some, or leave the key out for all but session.closed')
    .default([...webhookEventsDefault]),
  answers_as: name.optional().describe('Person for whom the links in this webhook answer without a sign-in.'),
});

export const agentsSchema = z.strictObject({
  credential_lifetime: duration('7d').optional().describe('How long an agent may be away before it has to be enrolled again.'),
  links: count.optional().describe('Agents linked at the same time.'),
});

const masterKey = z.union(
  [
    z.strictObject({ file: path.describe('File with 32 bytes as base64: openssl rand -base64 32.') }),
    z.strictObject({ env: envName.describe('Environment variable with the same.') }),
    z.strictObject({ vault_transit: field.describe("Key of Vault's transit engine."), mount: mount.optional() }),
    z.strictObject({ aws_kms: field.describe('Id or ARN of a symmetric key in AWS KMS.') }),
  ],
  'must be { file: PATH }, { env: NAME }, { vault_transit: KEY } or { aws_kms: KEY }',
);

export const credentialsSchema = z.strictObject({
  master_key: masterKey.optional().describe('What encrypts credentials that are stored in the gateway.'),
  former_master_keys: z.array(masterKey).max(10).default([]).describe('Keys from before, until `sallyport credentials rewrap` was run.'),
  cache: duration('60s').optional().describe('How long a value from Vault, AWS or the store may be used again.'),
  vault: z
    .strictObject({
      address: z.string().min(1).max(2_048).describe('https://vault.example.com:8200'),
      namespace: z.string().min(1).max(255).optional(),
      ca: path.optional(),
      token_env: envName.optional(),
      token_file: path.optional().describe("Read at every use: Vault's agent may keep it fresh."),
      role_id: field.optional().describe('AppRole, with secret_id_file or secret_id_env.'),
      secret_id_env: envName.optional(),
      secret_id_file: path.optional(),
      approle_mount: mount.optional(),
    })
    .optional(),
  aws: z
    .strictObject({
      region: z.string().regex(/^[a-z0-9-]{3,40}$/, 'write a region, as in eu-central-1'),
      access_key_id_env: envName.default('AWS_ACCESS_KEY_ID'),
      secret_access_key_env: envName.default('AWS_SECRET_ACCESS_KEY'),
      session_token_env: envName.default('AWS_SESSION_TOKEN'),
      endpoint: z.string().min(1).max(2_048).optional(),
      ca: path.optional(),
    })
    .optional(),
});

export const limitsSchema = z.strictObject({
  connections: count.optional(),
  connections_per_address: count.optional(),
  handshake_timeout: duration('15s').optional(),
  statement_bytes: size('16MiB').optional(),
  held_bytes: size('1MiB').optional(),
  reading_bytes: size('256MiB').optional(),
  reading_bytes_per_person: size('128MiB').optional(),
  dial_timeout: duration('10s').optional(),
  holds: count.optional(),
  holds_per_person: count.optional(),
  holds_bytes: size('128MiB').optional(),
  holds_bytes_per_person: size('32MiB').optional(),
  token_lifetime: duration('30d').optional(),
  webhook_timeout: duration('10s').optional(),
  webhook_queue: count.optional(),
});

/** More than any machine gains from: each has a parser and a heap of its own. */
const relayThreadsMax = 64;

export const sections = {
  data_dir: path.describe('Folder for everything the gateway keeps: store, audit log, recordings, keys.'),
  public_url: z.string().max(2_048).optional().describe('How browsers reach the console; links in notices begin with it.'),
  listen: z
    .strictObject({
      http: address
        .extend({
          port: port.default(8080),
          behind_proxy: z.boolean().default(false).describe('A reverse proxy on this machine appends its clients to X-Forwarded-For.'),
        })
        .default({ host: '127.0.0.1', port: 8080, behind_proxy: false }),
      postgres: address.optional(),
      mysql: address
        .extend({
          own_certificate: z
            .boolean()
            .optional()
            .describe("Without tls: MariaDB's clients get one that the gateway makes for itself. Default: true."),
        })
        .optional(),
      ssh: address.optional(),
      metrics: address.optional().describe('Figures for monitoring: plain HTTP without a sign-in, numbers only.'),
    })
    .default({ http: { host: '127.0.0.1', port: 8080, behind_proxy: false } }),
  tls: z.strictObject({ certificate: path, key: path }).optional().describe("PEM files of the gateway's own certificate and key."),
  allow_plaintext: z.boolean().default(false).describe('Let database clients on other machines sign in without TLS.'),
  relay_threads: z
    .union([z.literal('auto'), z.int().min(0).max(relayThreadsMax)])
    .default('auto')
    .describe('Threads that relay databases; 0: the main thread does. auto: by the number of processors.'),
  busy_poll_us: z
    .int()
    .min(0)
    .max(busyPollUsMax)
    .optional()
    .describe('How long a thread with one busy session waits for its next bytes without sleeping, in microseconds; 0: it sleeps.'),
  people: z.array(personSchema).max(listMax).default([]),
  rights: z
    .strictObject({ approve: z.array(group).default([]), audit: z.array(group).default([]), operate: z.array(group).default([]) })
    .default({ approve: [], audit: [], operate: [] }),
  on_call: onCallSection({ name, group }).describe('Groups whose member changes by the clock (docs/approvals.md).'),
  sign_in: signInSection({ name, group, path, envName, minutes: duration('15m').optional() }),
  targets: z.array(targetSchema).max(listMax).default([]),
  ssh: z
    .strictObject({
      user_authorities: z
        .array(publicKey)
        .max(20)
        .default([])
        .describe('Public keys of authorities whose user certificates sign people in.'),
      revoked_keys: path
        .optional()
        .describe('File of keys and certificates that are not accepted any more: a KRL, or public keys, one a line.'),
      idle_timeout: duration('1h').optional().describe('A session in which no byte passed for this long ends.'),
      session_timeout: duration('12h').optional().describe('A session ends after this long, whatever it does.'),
      rekey_after: size('1GiB').optional().describe('New keys after this much in both directions; and after an hour.'),
    })
    .default({ user_authorities: [] }),
  policies: policiesSection({ path, envName, poll: duration('30s') }),
  audit: z.strictObject({ durability: z.enum(['kernel', 'fsync']).default('kernel') }).default({ durability: 'kernel' }),
  webhooks: z.array(webhookSchema).max(100).default([]),
  channels: channelsSection({ name, path, envName, host, port, duration: duration('1h') }),
  agents: agentsSchema.default({}),
  credentials: credentialsSchema
    .default({ former_master_keys: [] })
    .describe('Where credentials of targets are kept (docs/credentials.md).'),
  limits: limitsSchema.default({}),
  log: z.strictObject({ level: z.enum(['debug', 'info', 'warn', 'error']).default('info') }).default({ level: 'info' }),
} as const;

export const documentSchema = z.strictObject(sections).meta({ title: 'sallyport.yaml' });

/** The JSON Schema that editors use for completion (`# yaml-language-server: $schema=…`). */
export function jsonSchema(): object {
  return z.toJSONSchema(documentSchema, { io: 'input', target: 'draft-2020-12' });
}
