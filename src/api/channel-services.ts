// What the API needs of channels: how each is doing, and what comes in by them.

import type { ChannelView } from './contract.ts';

/** Gives one person's answer to a hold or a request for access; `words` say what came of it. */
export type GiveAnswer = (
  person: string,
  matter: string,
  answer: 'approve' | 'deny',
  reason: string | null,
) => Promise<{ readonly isTaken: boolean; readonly words: string }>;

export interface ApiChannels {
  /** Webhooks and channels with what became of the newest delivery of each. */
  list(): readonly ChannelView[];
  /** Null: not configured. */
  readonly slack: ApiSlack | null;
  readonly inbound: ApiInbound;
  /** Null: not configured. */
  readonly push: ApiPush | null;
  /** Null: not configured. */
  readonly github: ApiGithub | null;
}

export interface ApiGithub {
  /** A webhook, checked by its signature; `words` are shown beside the delivery. */
  handle(request: {
    readonly event: string | undefined;
    readonly delivery: string | undefined;
    readonly signature: string | undefined;
    readonly body: string;
  }): Promise<{ readonly status: number; readonly words: string }>;
}

export interface ApiPush {
  /** What browsers subscribe with. */
  readonly publicKey: string;
  /** Throws Faults invalid-request and limit-reached. */
  subscribe(
    person: string,
    wanted: { readonly name: string; readonly endpoint: string; readonly p256dh: string; readonly auth: string },
  ): unknown;
  subscriptions(person: string): readonly { readonly id: string; readonly name: string; readonly createdAtMs: number }[];
  /** False when this person has none of that id. */
  unsubscribe(person: string, id: string): boolean;
}

export interface ApiSlack {
  /** A button press or a form, checked by its signature. Never rejects. */
  handle(
    request: { readonly timestamp: string | undefined; readonly signature: string | undefined; readonly body: string },
    give: GiveAnswer,
    signal: AbortSignal,
  ): Promise<{ readonly status: 200 | 401; readonly body: object | null }>;
}

export interface ApiInbound {
  /** Who answers by this signed request; null: there is no such system, or the signature is not good, too old, or was seen before. */
  personOf(
    name: string,
    headers: { readonly id: string | undefined; readonly timestamp: string | undefined; readonly signature: string | undefined },
    body: string,
  ): string | null;
}
