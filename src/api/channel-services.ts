// What the API needs of channels: how each is doing, and what comes in by them.

import type { ChatDesk } from '../core/chat-desk.ts';
import type { ChannelView } from './contract.ts';

export interface ApiChannels {
  /** Webhooks and channels with what became of the newest delivery of each. */
  list(): readonly ChannelView[];
  /** Null: not configured. */
  readonly slack: ApiSlack | null;
  /** Null: takes no commands. */
  readonly teams: ApiTeams | null;
  readonly inbound: ApiInbound;
  /** Null: not configured. */
  readonly push: ApiPush | null;
  /** Null: not configured. */
  readonly github: ApiGithub | null;
  /** Null: not configured. */
  readonly gitlab: ApiGitlab | null;
}

/** What is shown beside the delivery of a webhook. */
interface ForgeReply {
  readonly status: number;
  readonly words: string;
}

export interface ApiGithub {
  /** A webhook, checked by its signature. */
  handle(
    request: { readonly event: string | undefined; readonly signature: string | undefined; readonly body: string },
    desk: ChatDesk,
  ): Promise<ForgeReply>;
}

export interface ApiGitlab {
  /** A webhook, checked by its signature or the token that it carries. */
  handle(
    request: {
      readonly id: string | undefined;
      readonly timestamp: string | undefined;
      readonly signature: string | undefined;
      readonly token: string | undefined;
      readonly body: string;
    },
    desk: ChatDesk,
  ): Promise<ForgeReply>;
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

interface SlackRequest {
  readonly timestamp: string | undefined;
  readonly signature: string | undefined;
  readonly body: string;
}

interface SlackReply {
  readonly status: 200 | 401;
  /** JSON; null: nothing to say. */
  readonly body: object | null;
}

export interface ApiSlack {
  /** A button press or a form, checked by its signature. Never rejects. */
  handle(request: SlackRequest, desk: ChatDesk, signal: AbortSignal): Promise<SlackReply>;
  /** A slash command, the same way. */
  command(request: SlackRequest, desk: ChatDesk, signal: AbortSignal): Promise<SlackReply>;
}

export interface ApiTeams {
  /** A message of an outgoing webhook, checked by its signature. */
  handle(
    request: { readonly authorization: string | undefined; readonly body: string },
    desk: ChatDesk,
  ): Promise<{ readonly status: 200 | 401; readonly body: object }>;
}

export interface ApiInbound {
  /** Who answers by this signed request; null: there is no such system, or the signature is not good, too old, or was seen before. */
  personOf(
    name: string,
    headers: { readonly id: string | undefined; readonly timestamp: string | undefined; readonly signature: string | undefined },
    body: string,
  ): string | null;
}
