// The slash command: /sallyport request TARGET for 1h because …. https://docs.slack.dev/interactivity/implementing-slash-commands
// Slack wants an answer within three seconds, and shows it to nobody but the person who typed.

import type { ChatDesk } from '../core/chat-desk.ts';
import type { Matter } from './channel.ts';
import { commandHelp, parseChatCommand, usageOf } from './chat-command.ts';
import type { ChatCommand } from './chat-command.ts';
import { wordsOf } from './chat-words.ts';
import type { SlackApi } from './slack-api.ts';
import { escape, slackTextCharsMax } from './slack-blocks.ts';
import { slackRequestForm } from './slack-forms.ts';
import type { SlackReply, SlackRequest } from './slack-interaction.ts';
import type { SlackPeople } from './slack-people.ts';
import type { SlackSignatures } from './slack-signature.ts';
import { shortened, visibleText } from './visible.ts';

/** Slack gives up after three seconds. */
const answerTimeoutMs = 2_500;
const answerCharsMax = 3_000;

interface Parts {
  readonly api: SlackApi;
  readonly signatures: SlackSignatures;
  readonly people: SlackPeople;
  readonly matterOf: (id: string) => Matter | null;
}

export class SlackCommands {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Never rejects. */
  async handle(request: SlackRequest, desk: ChatDesk, signal: AbortSignal): Promise<SlackReply> {
    if (!this.#parts.signatures.check(request.timestamp, request.signature, request.body)) return { status: 401, body: null };
    const form = new URLSearchParams(request.body);
    const [user, name] = [form.get('user_id') ?? '', form.get('command') ?? '/sallyport'];
    if (user === '') return { status: 200, body: null }; // ssl_check
    const soon = AbortSignal.any([signal, AbortSignal.timeout(answerTimeoutMs)]);
    const command = parseChatCommand(unescaped(form.get('text') ?? ''));
    if (command.kind === 'help') return words(helpWords(name));
    if (command.kind === 'mistake') return words(mistakeWords(name, command));
    const who = await this.#parts.people.find(user, form.get('team_id'), soon);
    if (who.kind === 'nobody') return words(escape(who.why));
    if (command.kind === 'ask') return this.#openForm(form, desk, soon);
    const shown = { matterOf: this.#parts.matterOf, textCharsMax: slackTextCharsMax };
    return words(escape(await wordsOf(command, who.name, desk, shown)));
  }

  async #openForm(form: URLSearchParams, desk: ChatDesk, signal: AbortSignal): Promise<SlackReply> {
    const view = slackRequestForm(desk.targets(), form.get('channel_id'));
    const opened = await this.#parts.api.call('views.open', { trigger_id: form.get('trigger_id'), view }, signal, answerTimeoutMs);
    if (opened.kind === 'ok') return { status: 200, body: null };
    return words(escape(`the form could not be opened (${opened.why}); write: request TARGET for 1h because REASON`));
  }
}

function helpWords(name: string): string {
  const form = (usage: string) => (usage === usageOf.request ? '; without anything after it a form opens' : '');
  return commandHelp.map(([usage, what]) => `\`${name} ${usage}\`: ${what}${form(usage)}`).join('\n');
}

function mistakeWords(name: string, { why, usage }: Extract<ChatCommand, { kind: 'mistake' }>): string {
  return `${escape(visibleText(why))}\n\`${name} ${usage}\``;
}

/** Seen by nobody else. */
function words(text: string): SlackReply {
  return { status: 200, body: { response_type: 'ephemeral', text: shortened(text, answerCharsMax) } };
}

/** Slack escapes these three in what people type, and nothing else. */
function unescaped(text: string): string {
  return text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
}
