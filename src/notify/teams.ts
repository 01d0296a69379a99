// The Microsoft Teams channel: an adaptive card by a Workflows webhook ("When a Teams webhook request is received"). Such a
// webhook takes messages and gives nothing back: cards can't be changed afterwards, and buttons can't be signed, so they are
// links to the page where somebody who is signed in confirms. The end is told by a second, short card. What people write back
// comes by another webhook (teams-command.ts).

import type { Secret } from '../core/secret.ts';
import { call, resultOf } from './call.ts';
import { asks, isPending } from './channel.ts';
import type { Channel, Matter, MatterLinks, Moment } from './channel.ts';
import { consoleOnlyWords, escalatedWords, expiresAtMs, isApprovable, told } from './words.ts';

/** Teams takes cards of 28 KB with everything in them, and text takes up to four bytes a character, or six escaped. */
export const teamsTextCharsMax = 3_000;
/** What people are told to call the outgoing webhook. */
export const teamsName = '@Sallyport';

export interface TeamsParts {
  /** The webhook's address; whoever knows it can post. */
  readonly url: Secret;
  /** Links that ask whoever opens them to sign in. */
  readonly links: (matter: Matter) => MatterLinks;
  /** Whether commands are taken in Teams: cards then say how to write them. */
  readonly takesCommands: boolean;
  readonly timeoutMs: number;
}

export function teamsChannel({ url, links, takesCommands, timeoutMs }: TeamsParts): Channel {
  return {
    name: 'teams',
    asksOnce: false,
    places: (moment) => (moment === 'progress' ? [] : ['']),
    send: async ({ moment, matter }, signal) => {
      if (asks(moment) && !isPending(matter)) {
        return { kind: 'taken', status: null, words: 'it had been answered before it could be posted' };
      }
      const body = JSON.stringify(teamsMessage(matter, moment, links(matter), takesCommands));
      const headers = { 'content-type': 'application/json; charset=utf-8' };
      return resultOf(await call({ url: url.reveal().trim(), method: 'POST', headers, body, timeoutMs }, signal));
    },
  };
}

/** https://adaptivecards.io/explorer, version 1.4, in the envelope that Workflows asks for. */
export function teamsMessage(matter: Matter, moment: Moment, links: MatterLinks, takesCommands: boolean): object {
  const words = told(matter, moment, teamsTextCharsMax);
  const isOver = words.outcome !== null;
  const yes = `${teamsName} approve ${matter.id}`;
  const only = consoleOnlyWords(matter, words);
  const facts = words.facts.filter(([, value]) => value !== '').map(([title, value]) => ({ title, value: escapeMarkdown(value) }));
  const body = [
    { type: 'TextBlock', size: 'medium', weight: 'bolder', wrap: true, text: escapeMarkdown(`${words.title} (${matter.id})`) },
    ...(isOver
      ? [{ type: 'TextBlock', wrap: true, color: words.isGood ? 'good' : 'attention', text: escapeMarkdown(words.outcome ?? '') }]
      : []),
    ...(moment === 'escalated' && !isOver ? [{ type: 'TextBlock', wrap: true, weight: 'bolder', text: escalatedWords }] : []),
    ...(isOver ? [] : [...literal(words.text), ...literal(words.parameters)]),
    ...(isOver ? [] : words.risks.map((risk) => ({ type: 'TextBlock', wrap: true, color: 'warning', text: `⚠ ${escapeMarkdown(risk)}` }))),
    ...(isOver ? [] : [{ type: 'FactSet', facts }]),
    ...(only === null ? [] : [{ type: 'TextBlock', wrap: true, text: only }]),
    ...(isOver || !takesCommands ? [] : literal(`${isApprovable(matter, words) ? `${yes}   ` : ''}${teamsName} deny ${matter.id} REASON`)),
    ...(isOver ? [] : [{ type: 'TextBlock', isSubtle: true, wrap: true, text: `Expires ${new Date(expiresAtMs(matter)).toUTCString()}` }]),
  ];
  const actions = [
    ...(isApprovable(matter, words) ? openUrl('Approve…', links.approve) : []),
    ...(isOver ? [] : openUrl('Deny…', links.deny)),
    ...openUrl('In the console', links.console),
  ];
  return cardMessage(body, actions);
}

/** Words as they are, a block for each line, with a link to a page of the console. */
export function plainCard(lines: readonly string[], page: string | null): object {
  const body = lines.flatMap((line) => (line === '' ? [] : [{ type: 'RichTextBlock', inlines: [{ type: 'TextRun', text: line }] }]));
  return cardMessage(body, openUrl('In the console', page));
}

function openUrl(title: string, url: string | null): object[] {
  return url === null ? [] : [{ type: 'Action.OpenUrl', title, url }];
}

function cardMessage(body: readonly object[], actions: readonly object[]): object {
  const content = {
    $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
    type: 'AdaptiveCard',
    version: '1.4',
    msteams: { width: 'Full' },
    body,
    actions,
  };
  return { type: 'message', attachments: [{ contentType: 'application/vnd.microsoft.card.adaptive', contentUrl: null, content }] };
}

/** Runs of a RichTextBlock are not read as Markdown. */
function literal(text: string | null): object[] {
  if (text === null || text === '') return [];
  return [{ type: 'RichTextBlock', inlines: [{ type: 'TextRun', fontType: 'monospace', text }] }];
}

function escapeMarkdown(text: string): string {
  return text.replace(/[\\*_[\]()#`~|<>!]/g, '\\$&');
}
