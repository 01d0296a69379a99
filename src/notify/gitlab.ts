// GitLab: a deployment to a protected environment waits until its request for access is answered here, and comments answer.
// https://docs.gitlab.com/user/project/integrations/webhook_events, https://docs.gitlab.com/ci/environments/deployment_approvals

import { timingSafeEqual } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import type { AccessRequestView } from '../api/contract.ts';
import type { ChatDesk } from '../core/chat-desk.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/driver.ts';
import type { Secret } from '../core/secret.ts';
import type { CodePlace, ForgeDeploymentStore } from '../store/forge-deployments.ts';
import type { AddressBook } from './address-book.ts';
import { resultOf } from './call.ts';
import type { Matter } from './channel.ts';
import { answerByComment, askForDeployment, digestOf, numberOf, parsed, replyText, textOf } from './forge.ts';
import type { AskFor, Asking, ForgeReply, WantedDeployment } from './forge.ts';
import type { GitlabApi } from './gitlab-api.ts';
import type { DeliveryQueue, SendResult } from './queue.ts';
import { recordOf } from './slack-api.ts';
import { told } from './words.ts';

const destination = 'gitlab';
const statusCharsMax = 1_000;
/** GitLab gives a webhook up after ten seconds. */
const lookTimeoutMs = 5_000;

export interface GitlabParts {
  /** How webhooks prove themselves: signed as Standard Webhooks prescribes, or by a secret that is sent along. */
  readonly proof: { readonly kind: 'signed' | 'token'; readonly secret: Secret };
  readonly api: GitlabApi;
  readonly deployments: readonly WantedDeployment[];
  /** Whether comments answer. */
  readonly comments: boolean;
  readonly store: ForgeDeploymentStore;
  readonly book: Pick<AddressBook, 'byForge'>;
  readonly matterOf: (id: string) => Matter | null;
  readonly queue: DeliveryQueue;
  readonly clock: Clock;
  readonly log: Pick<Log, 'warn'>;
  readonly ask: AskFor;
  /** A request belongs to a deployment now: comments can tell of it. */
  readonly onAsked: (requestId: string) => void;
}

export interface GitlabRequest {
  /** webhook-id, webhook-timestamp and webhook-signature, of versions that sign. */
  readonly id: string | undefined;
  readonly timestamp: string | undefined;
  readonly signature: string | undefined;
  /** X-Gitlab-Token. */
  readonly token: string | undefined;
  /** As it came, byte for byte. */
  readonly body: string;
}

interface Written {
  readonly repository: string;
  readonly deployment: number;
  readonly status: 'approved' | 'rejected';
  readonly comment: string;
}

type Payload = Readonly<Record<string, unknown>>;

export class Gitlab {
  readonly #parts: GitlabParts;

  constructor(parts: GitlabParts) {
    this.#parts = parts;
    parts.queue.add({
      name: destination,
      kind: 'channel',
      laneOf: (body) => `${(JSON.parse(body) as Written).repository} ${(JSON.parse(body) as Written).deployment}`,
      send: ({ body }, signal) => this.#send(JSON.parse(body) as Written, signal),
    });
  }

  /** A webhook of GitLab. */
  async handle(request: GitlabRequest, desk: ChatDesk): Promise<ForgeReply> {
    if (!this.#isProved(request)) return { status: 401, words: 'the signature or token is not good' };
    const payload = parsed(request.body);
    switch (payload['object_kind']) {
      case 'build':
        return this.#job(payload, digestOf(request.body));
      case 'note':
        return this.#comment(payload, digestOf(request.body), desk);
      default:
        return { status: 200, words: 'nothing to do for this event' };
    }
  }

  /** A request came to its end; nothing happens unless a deployment waits for it. */
  settled(request: AccessRequestView): void {
    const record = request.state === 'pending' ? undefined : this.#parts.store.ofRequest('gitlab', request.id);
    if (record === undefined) return;
    const { outcome } = told({ kind: 'access', id: request.id, request, grant: null }, 'settled', statusCharsMax);
    this.#post(record.repository, Number(record.callback), request.state === 'granted' ? 'approved' : 'rejected', outcome ?? '');
  }

  /** A job that deploys to a protected environment stands as "manual" until its deployment is approved. */
  async #job(payload: Payload, delivery: string): Promise<ForgeReply> {
    const { deployments, store, clock, api, ask, onAsked } = this.#parts;
    const project = recordOf(payload['project']);
    const repository = textOf(project['path_with_namespace']);
    const environment = textOf(recordOf(payload['environment'])['name']);
    const [job, sha] = [numberOf(payload['build_id']), textOf(payload['sha'])];
    if (payload['build_status'] !== 'manual' || environment === '' || job === null || !/^[0-9a-f]{40,64}$/.test(sha))
      return { status: 200, words: 'not a deployment that waits' };
    const wanted = deployments.find((it) => it.repository.toLowerCase() === repository.toLowerCase() && it.environment === environment);
    if (wanted === undefined) return { status: 422, words: `no channels.gitlab.deployments names ${repository} and ${environment}` };
    const soon = AbortSignal.timeout(lookTimeoutMs);
    const deployment = await api.blockedDeployment(repository, environment, job, soon);
    if (deployment === null) return { status: 200, words: 'no deployment of that job waits for an approval' };
    if (!store.isNew(`${repository} deployment ${deployment}`, clock.nowMs())) return { status: 200, words: 'it was asked for before' };
    const place: CodePlace = { repository, sha, change: await api.changeOf(repository, sha, soon), installation: 0 };
    const isPrivate = project['visibility_level'] === 0;
    store.add({ delivery, forge: 'gitlab', callback: String(deployment), environment, isPrivate, ...place, atMs: clock.nowMs() });
    const by = textOf(recordOf(payload['user'])['username']);
    const reason = `deployment of ${repository} (${textOf(payload['ref'])}) to ${environment}${by === '' ? '' : `, started by ${by}`}`;
    const asking: Asking = {
      ask,
      deployments: store,
      refused: (why) => this.#post(repository, deployment, 'rejected', why),
      settled: (request) => this.settled(request),
      waits: onAsked,
    };
    return askForDeployment(asking, delivery, wanted, reason.slice(0, statusCharsMax));
  }

  async #comment(payload: Payload, digest: string, desk: ChatDesk): Promise<ForgeReply> {
    const { comments, deployments, store, clock, book, matterOf } = this.#parts;
    const [project, note] = [recordOf(payload['project']), recordOf(payload['object_attributes'])];
    const repository = textOf(project['path_with_namespace']);
    const author = numberOf(recordOf(payload['user'])['id']);
    const action = note['action'] ?? 'create'; // missing before GitLab 16.11, which told of new ones only
    if (!comments || author === null || action !== 'create' || note['system'] === true || note['internal'] === true)
      return { status: 200, words: 'not a comment that answers' };
    if (author !== numberOf(note['author_id'])) return { status: 422, words: 'the comment is not by who sent it' };
    if (!deployments.some((it) => it.repository.toLowerCase() === repository.toLowerCase()))
      return { status: 422, words: `no channels.gitlab.deployments names ${repository}` };
    if (project['visibility_level'] !== 0) return { status: 200, words: 'comments answer in private projects only' };
    const text = textOf(note['note']);
    if (!text.includes('/sallyport')) return { status: 200, words: 'not a comment that answers' };
    if (!store.isNew(digest, clock.nowMs())) return { status: 200, words: 'this delivery was taken before' };
    const words = await answerByComment({ forge: 'gitlab', text, author }, book, matterOf, desk);
    if (words === null) return { status: 200, words: 'not a comment that answers' };
    const change = numberOf(recordOf(payload['merge_request'])['iid']);
    this.#reply({ repository, change, sha: textOf(note['commit_id']), installation: 0 }, words);
    return { status: 200, words };
  }

  /** Not awaited: GitLab is answered first, and the answer is given whether or not these words arrive. */
  #reply(place: CodePlace, words: string): void {
    const { api, log } = this.#parts;
    if (place.change === null && !/^[0-9a-f]{40,64}$/.test(place.sha)) return;
    void api.post(place, replyText(words), new AbortController().signal).then((said) => {
      if (said.kind === 'failed') log.warn({ why: said.why }, 'words for a person at GitLab could not be posted');
    });
  }

  #post(repository: string, deployment: number, status: Written['status'], comment: string): void {
    const written: Written = { repository, deployment, status, comment: comment.slice(0, statusCharsMax) };
    this.#parts.queue.post(destination, `deployment.${status}`, null, () => JSON.stringify(written));
  }

  /** https://docs.gitlab.com/api/deployments/#approve-or-reject-a-blocked-deployment */
  async #send({ repository, deployment, status, comment }: Written, signal: AbortSignal): Promise<SendResult> {
    return resultOf(await this.#parts.api.request(repository, 'POST', `deployments/${deployment}/approval`, { status, comment }, signal));
  }

  /** https://docs.gitlab.com/user/project/integrations/webhooks: a signature of versions that make one, else the secret itself. */
  #isProved({ id, timestamp, signature, token, body }: GitlabRequest): boolean {
    const { kind, secret } = this.#parts.proof;
    if (kind === 'token') {
      const [given, right] = [Buffer.from(token ?? ''), Buffer.from(secret.reveal().trim())];
      return given.length === right.length && timingSafeEqual(given, right);
    }
    if (id === undefined || timestamp === undefined || signature === undefined) return false;
    try {
      new Webhook(secret.reveal().trim()).verify(body, {
        'webhook-id': id,
        'webhook-timestamp': timestamp,
        'webhook-signature': signature,
      });
      return true;
    } catch {
      return false;
    }
  }
}
