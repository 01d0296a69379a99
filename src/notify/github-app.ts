// Calls of GitHub's API as an app installed in a repository, and the comments that it writes there.
// https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app

import { sign } from 'node:crypto';
import type { Clock } from '../core/clock.ts';
import type { Secret } from '../core/secret.ts';
import type { CodePlace } from '../store/forge-deployments.ts';
import { call, resultOf } from './call.ts';
import type { Call, Called } from './call.ts';
import { parsed, textOf } from './forge.ts';
import type { CommentApi, Commented } from './forge.ts';
import type { SendResult } from './queue.ts';

/** Tokens of an app live for ten minutes at most, and clocks differ. */
const appTokenSeconds = 540;

export interface GithubAppParts {
  readonly appId: string;
  readonly privateKey: Secret;
  /** Without a slash at the end. */
  readonly apiUrl: string;
  readonly clock: Clock;
  readonly timeoutMs: number;
}

type Failed = Extract<SendResult, { kind: 'failed' }>;

export class GithubApp implements CommentApi {
  readonly #parts: GithubAppParts;

  constructor(parts: GithubAppParts) {
    this.#parts = parts;
  }

  /** Never rejects. `failed`: no token came. */
  async request(
    installation: number,
    { url, method, body }: { readonly url: string; readonly method: Call['method']; readonly body: object },
    signal: AbortSignal,
  ): Promise<Called | Failed> {
    const { apiUrl, timeoutMs } = this.#parts;
    const headers = { accept: 'application/vnd.github+json', 'x-github-api-version': '2022-11-28', 'content-type': 'application/json' };
    const asked = await call(
      {
        url: `${apiUrl}/app/installations/${installation}/access_tokens`,
        method: 'POST',
        headers: { ...headers, authorization: `Bearer ${this.#appToken()}` },
        body: '{}',
        timeoutMs,
      },
      signal,
    );
    const token = asked.kind === 'answered' && asked.status === 201 ? textOf(parsed(asked.body)['token']) : '';
    if (token === '') {
      const result = resultOf(asked);
      const why = result.kind === 'failed' ? result.why : 'no token came';
      return { kind: 'failed', status: result.status, why: `access token of the app: ${why}`, again: true };
    }
    return call({ url, method, headers: { ...headers, authorization: `Bearer ${token}` }, body: JSON.stringify(body), timeoutMs }, signal);
  }

  async post({ repository, change, sha, installation }: CodePlace, text: string, signal: AbortSignal): Promise<Commented> {
    const where = change === null ? `commits/${sha}/comments` : `issues/${change}/comments`;
    const url = `${this.#parts.apiUrl}/repos/${repository}/${where}`;
    const called = await this.request(installation, { url, method: 'POST', body: { body: text } }, signal);
    if (called.kind === 'failed') return called;
    const result = resultOf(called);
    if (result.kind === 'failed') return result;
    const { id } = parsed(called.kind === 'answered' ? called.body : '');
    return { kind: 'posted', id: String(id) };
  }

  async edit({ repository, change, installation }: CodePlace, id: string, text: string, signal: AbortSignal): Promise<SendResult> {
    const url = `${this.#parts.apiUrl}/repos/${repository}/${change === null ? 'comments' : 'issues/comments'}/${encodeURIComponent(id)}`;
    const called = await this.request(installation, { url, method: 'PATCH', body: { body: text } }, signal);
    return called.kind === 'failed' ? called : resultOf(called);
  }

  #appToken(): string {
    const { appId, privateKey, clock } = this.#parts;
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const seconds = Math.floor(clock.nowMs() / 1000);
    const signed = `${part({ alg: 'RS256', typ: 'JWT' })}.${part({ iat: seconds - 60, exp: seconds + appTokenSeconds, iss: appId })}`;
    return `${signed}.${sign('sha256', Buffer.from(signed), privateKey.reveal()).toString('base64url')}`;
  }
}
