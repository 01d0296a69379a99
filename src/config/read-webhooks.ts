// Webhooks from their written form. The receivers are the operator's choice alone, and what they get is confidential:
// so https, except to this machine, and a secret long enough to sign with.

import type { PersonName } from '../core/ids.ts';
import type { WebhookConfig } from './config.ts';
import type { ConfigDocument, ValuePath } from './document.ts';
import type { ConfigFiles } from './files.ts';
import { isLoopback } from '../core/loopback.ts';
import { readFollowedSecret } from './read-secret.ts';
import { didYouMean } from './validate.ts';
import type { Parts } from './validate.ts';

/** Standard Webhooks, "Signature scheme": between 24 and 64 bytes. */
const secretBytesMin = 24;
const secretBytesMax = 64;

export function readWebhooks(document: ConfigDocument, files: ConfigFiles, parts: Parts): WebhookConfig[] {
  return parts.webhooks.flatMap(({ path, value }) => {
    checkUrl(document, [...path, 'url'], value.url);
    if (value.answers_as !== undefined) checkPerson(document, [...path, 'answers_as'], value.answers_as, parts);
    if (value.secret_env === undefined && value.secret_file === undefined) {
      document.problem([...path, 'secret_file'], 'is missing: every delivery is signed; use secret_file or secret_env');
      return [];
    }
    const named = { env: value.secret_env, file: value.secret_file };
    const secret = readFollowedSecret({ document, files }, path, 'secret', named, signingSecretProblem);
    if (secret === null) return [];
    const answersAs = value.answers_as === undefined ? null : (value.answers_as as PersonName);
    return [{ name: value.name, url: value.url, secret, events: [...new Set(value.events)], answersAs }];
  });
}

/** Why this is no secret of Standard Webhooks, long enough to sign with. */
export function signingSecretProblem(secret: string): string | null {
  const bytes = Buffer.from(secret.replace(/^whsec_/, ''), 'base64').length;
  if (bytes >= secretBytesMin && bytes <= secretBytesMax && /^(whsec_)?[A-Za-z0-9+/]+=*$/.test(secret)) return null;
  return `must hold ${secretBytesMin} to ${secretBytesMax} random bytes in base64 (make one with: openssl rand -base64 32)`;
}

/** `others` are names beside those of the people in the file. */
export function checkPerson(document: ConfigDocument, at: ValuePath, name: string, parts: Parts, others: readonly string[] = []): void {
  const known = [...parts.people.filter(({ value }) => !value.disabled).map(({ value }) => value.name), ...others];
  if (known.includes(name) || document.hasProblemIn('people')) return;
  document.problem(at, `there is no person with the name "${name}"${didYouMean(name, known)}`);
}

function checkUrl(document: ConfigDocument, at: ValuePath, text: string): void {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    document.problem(at, 'must be a whole address, as in "https://hooks.example.com/sallyport"');
    return;
  }
  if (url.username !== '' || url.password !== '') document.problem(at, 'must not carry a user name or password');
  if (url.hash !== '') document.problem(at, 'must not have a part after #: it is never sent');
  if (url.protocol === 'http:' && !isLoopback(url.hostname)) document.problem(at, 'must begin with https:// beyond this machine');
}
