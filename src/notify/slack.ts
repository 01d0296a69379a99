// The Slack channel: one message for each matter, changed in place as it goes on. The first hold of a session begins a thread;
// the others of that session stand in it and are shown in the channel as well.

import { createHash } from 'node:crypto';
import type { Clock } from '../core/clock.ts';
import type { ChannelMessageStore } from '../store/channel-messages.ts';
import { asks, isPending } from './channel.ts';
import type { Channel, Matter, MatterLinks, Message } from './channel.ts';
import type { SendResult } from './queue.ts';
import type { SlackApi } from './slack-api.ts';
import { slackMessage, slackReply } from './slack-blocks.ts';

export interface SlackChannelParts {
  readonly api: SlackApi;
  /** Id of the channel that is posted to. */
  readonly channel: string;
  readonly store: ChannelMessageStore;
  readonly clock: Clock;
  readonly links: (matter: Matter) => Pick<MatterLinks, 'console'>;
  /** Slack ids of those whose answer is wanted. */
  readonly mentions: (matter: Matter) => readonly string[];
}

const name = 'slack';
/** A reply below the message: Slack tells nobody of a message that is only changed. */
const reply = 'reply';

export function slackChannel(parts: SlackChannelParts): Channel {
  return {
    name,
    asksOnce: false,
    places: (moment) => (moment === 'escalated' || moment === 'review-due' ? ['', reply] : ['']),
    send: (message, signal) => (message.place === reply ? sendReply(parts, message, signal) : send(parts, message, signal)),
  };
}

async function sendReply({ api, store, mentions }: SlackChannelParts, message: Message, signal: AbortSignal): Promise<SendResult> {
  const { matter, moment } = message;
  if (moment === 'escalated' && !isPending(matter)) return { kind: 'taken', status: null, words: 'it had been answered before' };
  const before = store.get(name, matter.id);
  if (before === undefined) return { kind: 'failed', status: null, why: 'the message that it belongs to is not posted yet', again: true };
  const content = slackReply(matter, moment, mentions(matter));
  const where = { channel: before.place, thread_ts: before.message, reply_broadcast: true };
  const said = await api.call('chat.postMessage', { ...where, unfurl_links: false, unfurl_media: false, ...content }, signal);
  return said.kind === 'failed' ? said : { kind: 'taken', status: 200 };
}

async function send(
  { api, channel, store, clock, links, mentions }: SlackChannelParts,
  message: Message,
  signal: AbortSignal,
): Promise<SendResult> {
  const { matter, moment } = message;
  const content = slackMessage(matter, moment, links(matter), mentions(matter));
  const shown = createHash('sha256').update(JSON.stringify(content)).digest('base64url');
  const before = store.get(name, matter.id);
  if (before?.shown === shown) return { kind: 'taken', status: null, words: 'it shows this already' };
  if (before === undefined && !isPending(matter) && asks(moment)) {
    return { kind: 'taken', status: null, words: 'it had been answered before it could be posted' };
  }
  const now =
    before === undefined ? await post() : await api.call('chat.update', { channel: before.place, ts: before.message, ...content }, signal);
  if (now.kind === 'failed') return now;
  if (before !== undefined) store.put(name, matter.id, { ...before, shown });
  return { kind: 'taken', status: 200 };

  async function post() {
    const thread = matter.kind === 'hold' ? matter.hold.session_id : null;
    const first = thread === null ? undefined : store.first(name, thread);
    const inThread = first === undefined || first.place === '' ? {} : { thread_ts: first.message, reply_broadcast: true };
    const posted = await api.call(
      'chat.postMessage',
      { channel, unfurl_links: false, unfurl_media: false, ...inThread, ...content },
      signal,
    );
    if (posted.kind === 'failed') return posted;
    const { ts, channel: place } = posted.answer;
    if (typeof ts === 'string') {
      store.put(name, matter.id, {
        place: typeof place === 'string' ? place : channel,
        message: ts,
        thread,
        shown,
        postedAtMs: clock.nowMs(),
      });
    }
    return posted;
  }
}
