// The messages that bring a link up, and what an agent signs. The gateway begins with a challenge; the agent answers with a
// hello and a signature over both and over the channel they came through, so that neither can be used anywhere else, and
// nobody in between can take versions away. Fields that are not known are skipped: later versions may add some.

import { createHash } from 'node:crypto';
import { z } from 'zod';
import { ProtocolError } from './frames.ts';

/** Versions of the link that this end speaks. An end of the version before is always understood. */
export const linkVersions = { min: 1, max: 2 } as const;

export interface VersionRange {
  readonly min: number;
  readonly max: number;
}

export const linkPath = '/api/v1/agents/link';
/** RFC 6455, 1.9: both ends name the protocol. */
export const subprotocol = 'sallyport-agent';
export const exporterLabel = 'EXPORTER-sallyport-agent-link';
export const exporterBytes = 32;

const versions = z.object({ min: z.int().min(0).max(1000), max: z.int().min(0).max(1000) });
const word = z.string().max(200);

/** `binding`: "exporter" when both ends hold the keys of one TLS session; "origin" when something between ends TLS. */
const challenge = z.object({
  kind: z.literal('challenge'),
  nonce: z.string().min(22).max(100),
  versions,
  binding: z.enum(['exporter', 'origin']),
});

const proof = z.union([
  z.object({ enrolment_token: z.string().min(1).max(200), public_key: z.string().min(1).max(200) }),
  z.object({ credential: z.string().min(1).max(2000) }),
]);

const hello = z.object({
  kind: z.literal('hello'),
  versions,
  /** The agent's own release. */
  software: word,
  /** The gateway as the agent knows it: scheme, host and port. */
  origin: word,
  /** For people: the host it runs on. */
  hostname: word,
  /** What it will dial, for people and for choosing among agents; the agent alone enforces it. */
  allow: z.array(word).max(100),
  proof,
});

const signedHello = z.object({ hello: z.string(), signature: z.string().max(200) });

const answer = z.union([
  z.object({
    kind: z.literal('welcome'),
    version: z.int(),
    name: word,
    credential: z.string().max(2000),
    ping_interval_ms: z.int().min(50).max(600_000),
    dead_after_ms: z.int().min(100).max(3_600_000),
  }),
  z.object({
    kind: z.literal('refused'),
    code: z.enum(['version', 'credential', 'revoked', 'limit', 'fault']),
    message: z.string().max(1000),
  }),
]);

export type Challenge = z.output<typeof challenge>;
export type Hello = z.output<typeof hello>;
export type Answer = z.output<typeof answer>;
export type RefusalCode = Extract<Answer, { kind: 'refused' }>['code'];

export const readChallenge = (text: string): Challenge => read(challenge, text, 'challenge');
export const readSignedHello = (text: string): z.output<typeof signedHello> => read(signedHello, text, 'hello');
export const readHello = (text: string): Hello => read(hello, text, 'hello');
export const readAnswer = (text: string): Answer => read(answer, text, 'answer');

/** The highest version that both speak, or null. */
export function commonVersion(ours: VersionRange, theirs: VersionRange): number | null {
  const version = Math.min(ours.max, theirs.max);
  return version >= Math.max(ours.min, theirs.min) ? version : null;
}

/** The bytes under an agent's signature. `channel` is the exported key, or empty with binding "origin" (the hello names the origin). */
export function signedBytes(challengeText: string, helloText: string, channel: Buffer): Buffer {
  const hash = (bytes: string | Buffer) => createHash('sha256').update(bytes).digest();
  return Buffer.concat([Buffer.from('sallyport agent link\0'), hash(challengeText), hash(helloText), hash(channel)]);
}

function read<T>(schema: z.ZodType<T>, text: string, what: string): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new ProtocolError(`the ${what} is not JSON`);
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new ProtocolError(`the ${what} is not one: ${result.error.issues[0]?.path.join('.') ?? ''} is wrong`);
}
