// Custom deployment protection rules of GitHub Actions: a deployment waits until its request for access is answered here.
// https://docs.github.com/en/actions/how-tos/deploy/configure-and-manage-deployments/create-custom-protection-rules

import { createHmac, sign, timingSafeEqual } from 'node:crypto';
import type { AccessRequestView } from '../api/contract.ts';
import type { Clock } from '../core/clock.ts';
import type { Secret } from '../core/secret.ts';
import type { GithubDeploymentRecord, GithubDeploymentStore } from '../store/github-deployments.ts';
import { call, resultOf } from './call.ts';
import type { DeliveryQueue, SendResult } from './queue.ts';
import { recordOf } from './slack-api.ts';
import { told } from './words.ts';

const destination = 'github';
/** GitHub takes comments up to 1024 characters there. */
const commentCharsMax = 1_000;
/** Tokens of an app live for ten minutes at most, and clocks differ. */
const appTokenSeconds = 540;

export interface WantedDeployment {
  readonly repository: string;
  readonly environment: string;
  readonly person: string;
  readonly target: string;
  readonly durationMs: number;
  readonly readOnly: boolean;
}

export interface GithubParts {
  readonly webhookSecret: Secret;
  readonly appId: string;
  readonly privateKey: Secret;
  /** Without a slash at the end. */
  readonly apiUrl: string;
  readonly deployments: readonly WantedDeployment[];
  readonly store: GithubDeploymentStore;
  readonly queue: DeliveryQueue;
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly pageOf: (requestId: string) => string;
  /** Asks for access in the name of that machine; the request as it is then, or why it can't be asked for. */
  readonly ask: (wanted: WantedDeployment, reason: string) => Promise<AccessRequestView | { readonly why: string }>;
}

export interface GithubRequest {
  readonly event: string | undefined;
  readonly delivery: string | undefined;
  readonly signature: string | undefined;
  /** As it came, byte for byte. */
  readonly body: string;
}

export interface GithubReply {
  readonly status: 200 | 202 | 401 | 422;
  /** GitHub shows them beside the delivery. */
  readonly words: string;
}

/** What is written down of an answer to GitHub. `state` null: only words, while people think. */
interface Written {
  readonly callback: string;
  readonly environment: string;
  readonly installation: number;
  readonly state: 'approved' | 'rejected' | null;
  readonly comment: string;
}

export class GithubDeployments {
  readonly #parts: GithubParts;

  constructor(parts: GithubParts) {
    this.#parts = parts;
    parts.queue.add({
      name: destination,
      kind: 'channel',
      laneOf: (body) => (JSON.parse(body) as Written).callback,
      send: ({ body }, signal) => this.#send(JSON.parse(body) as Written, signal),
    });
  }

  /** A webhook of GitHub. */
  async handle({ event, delivery, signature, body }: GithubRequest): Promise<GithubReply> {
    if (delivery === undefined || !this.#isSigned(signature, body)) return { status: 401, words: 'the signature is not good' };
    if (event !== 'deployment_protection_rule') return { status: 200, words: 'nothing to do for this event' };
    const found = this.#deploymentOf(body);
    if ('why' in found) return { status: 422, words: found.why };
    const { wanted, reason, ...record } = found;
    if (!this.#parts.store.take({ delivery, ...record, atMs: this.#parts.clock.nowMs() })) {
      return { status: 200, words: 'this delivery was taken before' };
    }
    const asked = await this.#parts.ask(wanted, reason);
    if ('why' in asked) {
      this.#post(record, 'rejected', asked.why);
      return { status: 202, words: asked.why };
    }
    this.#parts.store.asked(delivery, asked.id);
    if (asked.state !== 'pending')
      this.settled(asked); // the policies gave it at once, before anybody could wait for it
    else this.#post(record, null, `Request ${asked.id} waits for an answer: ${this.#parts.pageOf(asked.id)}`);
    return { status: 202, words: `asked as ${asked.id}` };
  }

  /** A request came to its end; nothing happens unless a deployment waits for it. */
  settled(request: AccessRequestView): void {
    const record = request.state === 'pending' ? undefined : this.#parts.store.ofRequest(request.id);
    if (record === undefined) return;
    const words = told({ kind: 'access', id: request.id, request, grant: null }, 'settled', commentCharsMax);
    this.#post(record, request.state === 'granted' ? 'approved' : 'rejected', `${words.outcome ?? ''} (${this.#parts.pageOf(request.id)})`);
  }

  #post(
    { callback, environment, installation }: Omit<GithubDeploymentRecord, 'delivery' | 'request' | 'atMs'>,
    state: Written['state'],
    comment: string,
  ): void {
    const written: Written = { callback, environment, installation, state, comment: comment.slice(0, commentCharsMax) };
    this.#parts.queue.post(destination, `deployment.${state ?? 'waiting'}`, null, () => JSON.stringify(written));
  }

  #isSigned(signature: string | undefined, body: string): boolean {
    const right = Buffer.from(`sha256=${createHmac('sha256', this.#parts.webhookSecret.reveal().trim()).update(body).digest('hex')}`);
    const given = Buffer.from(signature ?? '');
    return given.length === right.length && timingSafeEqual(given, right);
  }

  #deploymentOf(body: string) {
    const payload = parsed(body);
    const repository = textOf(recordOf(payload['repository'])['full_name']);
    const environment = textOf(payload['environment']);
    const installation = recordOf(payload['installation'])['id'];
    const callback = textOf(payload['deployment_callback_url']);
    if (payload['action'] !== 'requested' || typeof installation !== 'number') return { why: 'not a deployment that asks' };
    const wanted = this.#parts.deployments.find(
      (it) => it.repository.toLowerCase() === repository.toLowerCase() && it.environment === environment,
    );
    if (wanted === undefined) return { why: `no channels.github.deployments names ${repository} and ${environment}` };
    // The token goes there: nowhere but to the run of this very repository at the configured API.
    const expected = `${this.#parts.apiUrl}/repos/${repository}/actions/runs/`;
    const rest = callback.startsWith(expected) ? callback.slice(expected.length) : '';
    if (!/^\d{1,20}\/deployment_protection_rule$/.test(rest)) return { why: 'the callback is not an address of that repository' };
    const deployment = recordOf(payload['deployment']);
    const by = textOf(recordOf(payload['sender'])['login']) || textOf(recordOf(deployment['creator'])['login']);
    const reason = `deployment of ${repository} (${textOf(deployment['ref'])}) to ${environment}${by === '' ? '' : `, started by ${by}`}`;
    return { wanted, environment, installation, callback, reason: reason.slice(0, commentCharsMax) };
  }

  async #send({ callback, environment, installation, state, comment }: Written, signal: AbortSignal): Promise<SendResult> {
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
    const body = JSON.stringify({ environment_name: environment, comment, ...(state === null ? {} : { state }) });
    return resultOf(
      await call({ url: callback, method: 'POST', headers: { ...headers, authorization: `Bearer ${token}` }, body, timeoutMs }, signal),
    );
  }

  /** https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-json-web-token-jwt-for-a-github-app */
  #appToken(): string {
    const { appId, privateKey, clock } = this.#parts;
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const seconds = Math.floor(clock.nowMs() / 1000);
    const signed = `${part({ alg: 'RS256', typ: 'JWT' })}.${part({ iat: seconds - 60, exp: seconds + appTokenSeconds, iss: appId })}`;
    return `${signed}.${sign('sha256', Buffer.from(signed), privateKey.reveal()).toString('base64url')}`;
  }
}

function parsed(text: string): Readonly<Record<string, unknown>> {
  try {
    return recordOf(JSON.parse(text));
  } catch {
    return {};
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
