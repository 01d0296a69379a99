// The Slack channel: one message for each matter, changed in place as it goes on. The first hold of a session begins a thread;
// the others of that session stand in it and are shown in the channel as well.

import { createHash } from 'node:crypto';
import type { Clock } from '../core/clock.ts';
import type { ChannelMessageStore } from '../store/channel-messages.ts';
import { isPending } from './channel.ts';
import type { Channel, Matter, MatterLinks, Message } from './channel.ts';
import type { SendResult } from './queue.ts';
import type { SlackApi } from './slack-api.ts';
import { slackMessage } from './slack-blocks.ts';

export interface SlackChannelParts {
  readonly api: SlackApi;
  /** Id of the channel that is posted to. */
  readonly channel: string;
  readonly store: ChannelMessageStore;
  readonly clock: Clock;
  readonly links: (matter: Matter) => Pick<MatterLinks, 'console'>;
}

const name = 'slack';

export function slackChannel(parts: SlackChannelParts): Channel {
  return { name, places: () => [''], send: (message, signal) => send(parts, message, signal) };
}

async function send({ api, channel, store, clock, links }: SlackChannelParts, message: Message, signal: AbortSignal): Promise<SendResult> {
  const { matter, moment } = message;
  const content = slackMessage(matter, moment, links(matter));
  const shown = createHash('sha256').update(JSON.stringify(content)).digest('base64url');
  const before = store.get(name, matter.id);
  if (before?.shown === shown) return { kind: 'taken', status: null, words: 'it shows this already' };
  if (before === undefined && !isPending(matter) && moment === 'placed') {
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
