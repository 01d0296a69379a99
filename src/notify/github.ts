// GitHub: custom deployment protection rules (a deployment of GitHub Actions waits until its request for access is answered here), and
// comments that answer. https://docs.github.com/en/actions/how-tos/deploy/configure-and-manage-deployments/create-custom-protection-rules

import { createHmac, timingSafeEqual } from 'node:crypto';
import type { AccessRequestView } from '../api/contract.ts';
import type { ChatDesk } from '../core/chat-desk.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/driver.ts';
import type { Secret } from '../core/secret.ts';
import type { CodePlace, ForgeDeployment, ForgeDeploymentStore } from '../store/forge-deployments.ts';
import type { AddressBook } from './address-book.ts';
import { resultOf } from './call.ts';
import type { Matter } from './channel.ts';
import { answerByComment, askForDeployment, digestOf, numberOf, parsed, replyText, textOf } from './forge.ts';
import type { AskFor, Asking, ForgeReply, WantedDeployment } from './forge.ts';
import type { GithubApp } from './github-app.ts';
import type { DeliveryQueue, SendResult } from './queue.ts';
import { recordOf } from './slack-api.ts';
import { told } from './words.ts';

const destination = 'github';
/** GitHub takes comments up to 1024 characters there. */
const statusCharsMax = 1_000;

export interface GithubParts {
  readonly webhookSecret: Secret;
  /** Without a slash at the end. */
  readonly apiUrl: string;
  readonly app: GithubApp;
  readonly deployments: readonly WantedDeployment[];
  /** Whether comments answer. */
  readonly comments: boolean;
  readonly store: ForgeDeploymentStore;
  readonly book: Pick<AddressBook, 'byForge'>;
  readonly matterOf: (id: string) => Matter | null;
  readonly queue: DeliveryQueue;
  readonly clock: Clock;
  readonly log: Pick<Log, 'warn'>;
  readonly pageOf: (requestId: string) => string;
  readonly ask: AskFor;
  /** A request belongs to a deployment now: comments can tell of it. */
  readonly onAsked: (requestId: string) => void;
}

export interface GithubRequest {
  readonly event: string | undefined;
  readonly signature: string | undefined;
  /** As it came, byte for byte. */
  readonly body: string;
}

/** What is written down of an answer to GitHub. `state` null: only words, while people think. */
interface Written {
  readonly callback: string;
  readonly environment: string;
  readonly installation: number;
  readonly state: 'approved' | 'rejected' | null;
  readonly comment: string;
}

type Payload = Readonly<Record<string, unknown>>;

export class Github {
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
  async handle({ event, signature, body }: GithubRequest, desk: ChatDesk): Promise<ForgeReply> {
    if (!this.#isSigned(signature, body)) return { status: 401, words: 'the signature is not good' };
    const payload = parsed(body);
    switch (event) {
      case 'deployment_protection_rule':
        return this.#deployment(payload, digestOf(body));
      case 'issue_comment':
      case 'commit_comment':
        return this.#comment(payload, digestOf(body), desk);
      default:
        return { status: 200, words: 'nothing to do for this event' };
    }
  }

  /** A request came to its end; nothing happens unless a deployment waits for it. */
  settled(request: AccessRequestView): void {
    const record = request.state === 'pending' ? undefined : this.#parts.store.ofRequest('github', request.id);
    if (record === undefined) return;
    const words = told({ kind: 'access', id: request.id, request, grant: null }, 'settled', statusCharsMax);
    this.#post(record, request.state === 'granted' ? 'approved' : 'rejected', `${words.outcome ?? ''} (${this.#parts.pageOf(request.id)})`);
  }

  async #deployment(payload: Payload, delivery: string): Promise<ForgeReply> {
    const { store, clock, ask, onAsked, pageOf } = this.#parts;
    const found = this.#deploymentOf(payload);
    if ('why' in found) return { status: 422, words: found.why };
    const atMs = clock.nowMs();
    if (!store.isNew(delivery, atMs)) return { status: 200, words: 'this delivery was taken before' };
    const { wanted, reason, ...place } = found;
    const record = { delivery, forge: 'github' as const, ...place, atMs };
    store.add(record);
    const asking: Asking = {
      ask,
      deployments: store,
      refused: (why) => this.#post(record, 'rejected', why),
      settled: (request) => this.settled(request),
      waits: (id) => {
        onAsked(id);
        this.#post(record, null, `Request ${id} waits for an answer: ${pageOf(id)}`);
      },
    };
    return askForDeployment(asking, delivery, wanted, reason);
  }

  async #comment(payload: Payload, digest: string, desk: ChatDesk): Promise<ForgeReply> {
    const { store, clock, book, matterOf, comments, deployments } = this.#parts;
    const repository = recordOf(payload['repository']);
    const comment = recordOf(payload['comment']);
    const sender = recordOf(payload['sender']);
    const [author, installation] = [numberOf(recordOf(comment['user'])['id']), numberOf(recordOf(payload['installation'])['id'])];
    const name = textOf(repository['full_name']);
    // An edited comment is not what people read when they answered it.
    if (!comments || payload['action'] !== 'created' || author === null || installation === null || sender['type'] !== 'User')
      return { status: 200, words: 'not a comment that answers' };
    // A program with somebody's token writes in that person's name, but not with their eyes.
    if (recordOf(comment['performed_via_github_app'])['id'] !== undefined)
      return { status: 200, words: 'comments that an app writes for somebody answer nothing' };
    if (author !== numberOf(sender['id'])) return { status: 422, words: 'the comment is not by who sent it' };
    if (!deployments.some((it) => it.repository.toLowerCase() === name.toLowerCase()))
      return { status: 422, words: `no channels.github.deployments names ${name}` };
    if (repository['private'] !== true) return { status: 200, words: 'comments in public repositories answer nothing' };
    const text = textOf(comment['body']);
    if (!text.includes('/sallyport')) return { status: 200, words: 'not a comment that answers' };
    if (!store.isNew(digest, clock.nowMs())) return { status: 200, words: 'this delivery was taken before' };
    const words = await answerByComment({ forge: 'github', text, author }, book, matterOf, desk);
    if (words === null) return { status: 200, words: 'not a comment that answers' };
    const change = numberOf(recordOf(payload['issue'])['number']);
    this.#reply({ repository: name, change, sha: textOf(comment['commit_id']), installation }, words);
    return { status: 200, words };
  }

  /** Not awaited: GitHub is answered first, and the answer is given whether or not these words arrive. */
  #reply(place: CodePlace, words: string): void {
    const { app, log } = this.#parts;
    if (place.change === null && !/^[0-9a-f]{40,64}$/.test(place.sha)) return;
    void app.post(place, replyText(words), new AbortController().signal).then((said) => {
      if (said.kind === 'failed') log.warn({ why: said.why }, 'words for a person at GitHub could not be posted');
    });
  }

  #post({ callback, environment, installation }: Omit<ForgeDeployment, 'request'>, state: Written['state'], comment: string): void {
    const written: Written = { callback, environment, installation, state, comment: comment.slice(0, statusCharsMax) };
    this.#parts.queue.post(destination, `deployment.${state ?? 'waiting'}`, null, () => JSON.stringify(written));
  }

  /** https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries */
  #isSigned(signature: string | undefined, body: string): boolean {
    const right = Buffer.from(`sha256=${createHmac('sha256', this.#parts.webhookSecret.reveal().trim()).update(body).digest('hex')}`);
    const given = Buffer.from(signature ?? '');
    return given.length === right.length && timingSafeEqual(given, right);
  }

  #deploymentOf(payload: Payload) {
    const source = recordOf(payload['repository']);
    const repository = textOf(source['full_name']);
    const environment = textOf(payload['environment']);
    const installation = numberOf(recordOf(payload['installation'])['id']);
    const callback = textOf(payload['deployment_callback_url']);
    if (payload['action'] !== 'requested' || installation === null) return { why: 'not a deployment that asks' };
    const wanted = this.#parts.deployments.find(
      (it) => it.repository.toLowerCase() === repository.toLowerCase() && it.environment === environment,
    );
    if (wanted === undefined) return { why: `no channels.github.deployments names ${repository} and ${environment}` };
    // The token goes there: nowhere but to the run of this very repository at the configured API.
    const expected = `${this.#parts.apiUrl}/repos/${repository}/actions/runs/`;
    const rest = callback.startsWith(expected) ? callback.slice(expected.length) : '';
    if (!/^\d{1,20}\/deployment_protection_rule$/.test(rest)) return { why: 'the callback is not an address of that repository' };
    const deployment = recordOf(payload['deployment']);
    const sha = textOf(deployment['sha']);
    const [pull] = Array.isArray(payload['pull_requests']) ? payload['pull_requests'] : [];
    const by = textOf(recordOf(payload['sender'])['login']) || textOf(recordOf(deployment['creator'])['login']);
    const reason = `deployment of ${repository} (${textOf(deployment['ref'])}) to ${environment}${by === '' ? '' : `, started by ${by}`}`;
    return {
      wanted,
      environment,
      installation,
      callback,
      repository,
      sha,
      change: numberOf(recordOf(pull)['number']),
      isPrivate: source['private'] === true && /^[0-9a-f]{40,64}$/.test(sha),
      reason: reason.slice(0, statusCharsMax),
    };
  }

  async #send({ callback, environment, installation, state, comment }: Written, signal: AbortSignal): Promise<SendResult> {
    const body = { environment_name: environment, comment, ...(state === null ? {} : { state }) };
    const called = await this.#parts.app.request(installation, { url: callback, method: 'POST', body }, signal);
    return called.kind === 'failed' ? called : resultOf(called);
  }
}
