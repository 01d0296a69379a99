// A matter as Slack's Block Kit: https://docs.slack.dev/reference/block-kit/blocks. The statement goes into a preformatted
// element, whose text Slack does not interpret; everything else that people wrote is escaped as mrkdwn asks for.

import { isEmergency, isPending } from './channel.ts';
import type { Matter, MatterLinks, Moment } from './channel.ts';
import { shortened } from './visible.ts';
import { consoleOnlyWords, escalatedWords, expiresAtMs, isApprovable, told } from './words.ts';
import type { Told } from './words.ts';

/** A block's text ends at 3000 characters. */
export const slackTextCharsMax = 2_900;
/** A section's text ends at 3000 characters, also after escaping, which makes it longer. */
const sectionCharsMax = 2_900;
const titleCharsMax = 150;

export type Block = Readonly<Record<string, unknown>>;

export interface SlackMessage {
  /** For notifications and clients that show no blocks. */
  readonly text: string;
  readonly blocks: readonly Block[];
}

/** Buttons and forms as they come back. */
export const slackActions = {
  approve: 'sallyport.approve',
  approveWithReason: 'sallyport.approve-with-reason',
  deny: 'sallyport.deny',
  denyWithReason: 'sallyport.deny-with-reason',
  approveShape: 'sallyport.shape',
  open: 'sallyport.open',
} as const;

/** `mentions`: Slack ids of those whose answer is wanted. */
export function slackMessage(
  matter: Matter,
  moment: Moment,
  links: Pick<MatterLinks, 'console'>,
  mentions: readonly string[] = [],
): SlackMessage {
  const words = told(matter, moment, slackTextCharsMax);
  const title = `${emojiOf(matter, words)} *${escape(shortened(words.title, titleCharsMax))}*`;
  const blocks: Block[] = [section(title)];
  if (words.text !== null && words.text !== '') blocks.push(preformatted(words.text));
  if (words.parameters !== null) blocks.push(preformatted(words.parameters));
  if (words.risks.length > 0) blocks.push(section(words.risks.map((risk) => `:warning: ${escape(risk)}`).join('\n')));
  const facts = words.facts.filter(([, value]) => value !== '').map(([label, value]) => `*${label}* ${escape(value)}`);
  blocks.push(context(facts.join('\n')));
  if (words.outcome !== null) blocks.push(section(`*${escape(words.outcome)}*`));
  const only = consoleOnlyWords(matter, words);
  if (only !== null) blocks.push(section(escape(only)));
  if (isPending(matter)) {
    if (mentions.length > 0) blocks.push(section(mentionWords('Asked', mentions)));
    const seconds = Math.floor(expiresAtMs(matter) / 1000);
    const fallback = new Date(seconds * 1000).toISOString();
    blocks.push(context(`${escape(matter.id)} · expires <!date^${seconds}^{date_short_pretty} {time_secs}|${fallback}>`));
    blocks.push({ type: 'actions', block_id: 'answer', elements: buttons(matter, isApprovable(matter, words), links.console) });
  } else {
    if (isEmergency(matter) && mentions.length > 0) blocks.push(section(mentionWords('Told', mentions)));
    blocks.push(context(`${escape(matter.id)} · <${links.console}|in the console>`));
  }
  return { text: escape(`${words.title} (${matter.id})${words.outcome === null ? '' : `: ${words.outcome}`}`), blocks };
}

/** What is said below the message when it is not enough to change it. */
export function slackReply(matter: Matter, moment: Moment, mentions: readonly string[]): SlackMessage {
  const { title } = told(matter, moment, slackTextCharsMax);
  const plain = escape(shortened(moment === 'escalated' ? `${matter.id}: ${escalatedWords}` : `${title} (${matter.id})`, titleCharsMax));
  const calls = mentions.length === 0 ? '' : ` ${mentionWords('Asked', mentions)}`;
  return { text: plain, blocks: [section(`${plain}${calls}`)] };
}

function emojiOf(matter: Matter, { outcome, isGood }: Told): string {
  if (isEmergency(matter)) return ':rotating_light:';
  return outcome === null ? ':hourglass_flowing_sand:' : isGood ? ':white_check_mark:' : ':no_entry:';
}

function mentionWords(what: 'Asked' | 'Told', ids: readonly string[]): string {
  return `${what}: ${ids.map((id) => `<@${id}>`).join(' ')}`;
}

function buttons(matter: Matter, approvable: boolean, url: string): Block[] {
  const needsReason = (matter.kind === 'hold' ? matter.hold : matter.request).reason_required;
  const approveId = needsReason ? slackActions.approveWithReason : slackActions.approve;
  return [
    ...(approvable ? [button(approveId, needsReason ? 'Approve…' : 'Approve', matter.id, 'primary')] : []),
    ...(approvable && hasShape(matter) ? [button(slackActions.approveShape, 'Approve for a while…', matter.id)] : []),
    button(slackActions.deny, 'Deny', matter.id, 'danger'),
    button(slackActions.denyWithReason, 'Deny with a reason…', matter.id),
    { ...button(slackActions.open, 'Open', matter.id), url },
  ];
}

function hasShape(matter: Matter): boolean {
  return matter.kind === 'hold' && matter.shape !== null;
}

function button(actionId: string, text: string, value: string, style?: 'primary' | 'danger'): Block {
  const label = { type: 'plain_text', text, emoji: false };
  return { type: 'button', action_id: actionId, text: label, value, ...(style === undefined ? {} : { style }) };
}

export function section(text: string): Block {
  return { type: 'section', text: mrkdwn(text) };
}

function context(text: string): Block {
  return { type: 'context', elements: [mrkdwn(text)] };
}

/** Verbatim: addresses and names of channels that people wrote become no links. */
function mrkdwn(text: string): Block {
  return { type: 'mrkdwn', text: shortened(text, sectionCharsMax), verbatim: true };
}

export function preformatted(text: string): Block {
  return { type: 'rich_text', elements: [{ type: 'rich_text_preformatted', elements: [{ type: 'text', text }] }] };
}

/** Slack's own escaping, and the characters that format: a name like "*a*" or "<!channel>" stays itself. */
export function escape(text: string): string {
  const plain = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  // A word joiner in front keeps mrkdwn from seeing a pair of them; an underscore inside a word formats nothing.
  const unformatted = plain.replace(/[*~`]|(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])/gu, '\u2060$&');
  // ":white_check_mark:" would be a picture, and ours say what became of it.
  return unformatted.replace(/:([\w+'\u2060-]+)(?=:)/g, (whole, name: string) => (/[a-z]/i.test(name) ? `:\u2060${name}` : whole));
}
