// The access token that a command runs with: a CI job exchanges the OIDC token of its system (RFC 8693), a person's saved
// sign-in makes a short one for this command alone.

import { readFileSync } from 'node:fs';
import { apiBase } from '../api/contract.ts';
import type { Problem, TokenExchanged, TokenIssued } from '../api/contract.ts';
import { Client } from './client.ts';
import { checkServer, defaultServer, findCredentials, namedServer } from './credentials.ts';
import type { CredentialOptions, Environment } from './credentials.ts';
import { durationMs } from './duration.ts';
import { CommandFailure, exitCode } from './exit-code.ts';
import { visible } from './visible.ts';

const timeoutMs = 30_000;

export interface AccessOptions extends CredentialOptions {
  readonly idTokenFile?: string | undefined;
  readonly audience: string;
  readonly ttl: string;
}

export interface ExecAccess {
  readonly server: string;
  readonly person: string;
  readonly token: string;
  readonly tokenId: string;
  /** Gives the token back when the command is over. */
  readonly end: () => Promise<void>;
}

/** Throws CommandFailure in words. */
export async function execAccess(target: string, options: AccessOptions, environment: Environment): Promise<ExecAccess> {
  const jobToken = await jobTokenOf(options, environment);
  if (jobToken === null) return ownAccess(target, options, environment);
  const server = checkServer(namedServer(options, environment) ?? defaultServer);
  const exchanged = await exchange(server, jobToken);
  const access = { server, person: exchanged.person, token: exchanged.access_token, tokenId: exchanged.token_id };
  return { ...access, end: () => revoke(server, access.token, access.tokenId) };
}

async function ownAccess(target: string, options: AccessOptions, environment: Environment): Promise<ExecAccess> {
  const credentials = findCredentials(options, environment);
  const client = new Client(credentials);
  const issued = await client.post<TokenIssued>('/tokens', { name: `exec ${target}`.slice(0, 100), ttl_ms: durationMs(options.ttl) });
  const { server } = credentials;
  return { server, person: issued.person, token: issued.token, tokenId: issued.id, end: () => revoke(server, issued.token, issued.id) };
}

/** The job's own token: from a file, from SALLYPORT_ID_TOKEN (GitLab's id_tokens), or asked of GitHub's runner; null: no job. */
async function jobTokenOf(options: AccessOptions, environment: Environment): Promise<string | null> {
  if (options.token !== undefined || (environment['SALLYPORT_TOKEN'] ?? '') !== '') return null;
  if (options.idTokenFile !== undefined) return readFileSync(options.idTokenFile, 'utf8').trim();
  const given = environment['SALLYPORT_ID_TOKEN'];
  if (given !== undefined && given !== '') return given;
  const [url, bearer] = [environment['ACTIONS_ID_TOKEN_REQUEST_URL'], environment['ACTIONS_ID_TOKEN_REQUEST_TOKEN']];
  if (url === undefined || bearer === undefined) return null;
  const asked = new URL(url);
  asked.searchParams.set('audience', options.audience);
  const response = await reach(asked.href, { headers: { authorization: `Bearer ${bearer}` } }, 'the runner');
  const { value } = (await response.json().catch(() => ({}))) as { value?: unknown };
  if (response.ok && typeof value === 'string') return value;
  throw new CommandFailure(
    exitCode.notAllowed,
    `the runner gave no ID token (${response.status})`,
    'give the job the permission id-token: write',
  );
}

async function exchange(server: string, jobToken: string): Promise<TokenExchanged> {
  const body = JSON.stringify({
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token: jobToken,
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
  });
  const init = { method: 'POST', headers: { 'content-type': 'application/json', accept: 'application/json' }, body };
  const response = await reach(`${server}${apiBase}/token-exchange`, init, server);
  const answer = (await response.json().catch(() => ({}))) as TokenExchanged & Partial<Problem>;
  if (response.ok) return answer;
  throw new CommandFailure(exitCode.notAllowed, `the job was not let in: ${visible(answer.detail ?? String(response.status))}`);
}

async function reach(url: string, init: RequestInit, who: string): Promise<Response> {
  try {
    return await fetch(url, { ...init, redirect: 'error', signal: AbortSignal.timeout(timeoutMs) });
  } catch (thrown) {
    const why = thrown instanceof Error && thrown.cause instanceof Error ? thrown.cause.message : String(thrown);
    throw new CommandFailure(exitCode.unreachable, `${who} can't be reached: ${visible(why)}`);
  }
}

/** Best effort: it ends by itself within minutes. */
async function revoke(server: string, token: string, tokenId: string): Promise<void> {
  await new Client({ server, token }).delete(`/tokens/${encodeURIComponent(tokenId)}`).catch(() => undefined);
}
