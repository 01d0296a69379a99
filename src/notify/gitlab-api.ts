// Calls of GitLab's API with a token of the project or group, and the comments that it writes there. https://docs.gitlab.com/api/rest

import type { Secret } from '../core/secret.ts';
import type { CodePlace } from '../store/forge-deployments.ts';
import { call, resultOf } from './call.ts';
import type { Call, Called } from './call.ts';
import { numberOf, parsed, textOf } from './forge.ts';
import type { CommentApi, Commented } from './forge.ts';
import type { SendResult } from './queue.ts';
import { recordOf } from './slack-api.ts';

export interface GitlabApiParts {
  /** Without a slash at the end. */
  readonly url: string;
  readonly token: Secret;
  readonly timeoutMs: number;
}

export class GitlabApi implements CommentApi {
  readonly #parts: GitlabApiParts;

  constructor(parts: GitlabApiParts) {
    this.#parts = parts;
  }

  /** `path` below the project. Never rejects. */
  request(repository: string, method: Call['method'], path: string, body: object | null, signal: AbortSignal): Promise<Called> {
    const { url, token, timeoutMs } = this.#parts;
    const headers = { 'private-token': token.reveal().trim(), ...(body === null ? {} : { 'content-type': 'application/json' }) };
    const whole = `${url}/api/v4/projects/${encodeURIComponent(repository)}/${path}`;
    return call({ url: whole, method, headers, timeoutMs, ...(body === null ? {} : { body: JSON.stringify(body) }) }, signal);
  }

  /** A commit's comments can be changed only as notes of a discussion: its id and the note's are kept together. */
  async post({ repository, change, sha }: CodePlace, text: string, signal: AbortSignal): Promise<Commented> {
    const path = change === null ? `repository/commits/${sha}/discussions` : `merge_requests/${change}/notes`;
    const called = await this.request(repository, 'POST', path, { body: text }, signal);
    const result = resultOf(called);
    if (result.kind === 'failed') return result;
    const posted = parsed(called.kind === 'answered' ? called.body : '');
    if (change !== null) return { kind: 'posted', id: String(posted['id']) };
    const [note] = Array.isArray(posted['notes']) ? posted['notes'] : [];
    return { kind: 'posted', id: `${textOf(posted['id'])}/notes/${String(recordOf(note)['id'])}` };
  }

  async edit({ repository, change, sha }: CodePlace, id: string, text: string, signal: AbortSignal): Promise<SendResult> {
    const path = change === null ? `repository/commits/${sha}/discussions/${id}` : `merge_requests/${change}/notes/${id}`;
    return resultOf(await this.request(repository, 'PUT', path, { body: text }, signal));
  }

  /** The deployment of a job that waits for an approval; null: there is none, or it can't be read. */
  async blockedDeployment(repository: string, environment: string, job: number, signal: AbortSignal): Promise<number | null> {
    const query = `deployments?status=blocked&order_by=id&sort=desc&per_page=50&environment=${encodeURIComponent(environment)}`;
    const found = (await this.#list(repository, query, signal)).find((it) => recordOf(it['deployable'])['id'] === job);
    return found === undefined ? null : numberOf(found['id']);
  }

  /** The merge request that a commit came by; null: none. */
  async changeOf(repository: string, sha: string, signal: AbortSignal): Promise<number | null> {
    const [found] = await this.#list(repository, `repository/commits/${sha}/merge_requests`, signal);
    return found === undefined ? null : numberOf(found['iid']);
  }

  async #list(repository: string, path: string, signal: AbortSignal): Promise<Readonly<Record<string, unknown>>[]> {
    const called = await this.request(repository, 'GET', path, null, signal);
    if (called.kind !== 'answered' || called.status !== 200) return [];
    try {
      const list: unknown = JSON.parse(called.body);
      return Array.isArray(list) ? list.map(recordOf) : [];
    } catch {
      return [];
    }
  }
}
