// What GitHub and GitLab have in common: deployments that wait for a request for access here, what is told of them in a comment
// beside the code and changed there in place, and comments that answer. https://docs.github.com/en/rest/issues/comments,
// https://docs.gitlab.com/api/notes

import { createHash } from 'node:crypto';
import type { AccessRequestView } from '../api/contract.ts';
import type { ChatDesk } from '../core/chat-desk.ts';
import type { Clock } from '../core/clock.ts';
import type { ChannelMessageStore } from '../store/channel-messages.ts';
import type { CodePlace, Forge, ForgeDeploymentStore } from '../store/forge-deployments.ts';
import type { AddressBook } from './address-book.ts';
import { isPending } from './channel.ts';
import type { Channel, Matter, MatterLinks, Message, Moment } from './channel.ts';
import { parseChatCommand } from './chat-command.ts';
import type { SendResult } from './queue.ts';
import { recordOf } from './slack-api.ts';
import { visibleText } from './visible.ts';
import { consoleOnlyWords, expiresAtMs, isApprovable, told } from './words.ts';

export interface WantedDeployment {
  readonly repository: string;
  readonly environment: string;
  readonly person: string;
  readonly target: string;
  readonly durationMs: number;
  readonly readOnly: boolean;
}

/** Asks for access in the name of that machine; the request as it is then, or why it can't be asked for. */
export type AskFor = (wanted: WantedDeployment, reason: string) => Promise<AccessRequestView | { readonly why: string }>;

/** What is shown beside the delivery of a webhook. */
export interface ForgeReply {
  readonly status: 200 | 202 | 401 | 422;
  readonly words: string;
}

export type Commented = { readonly kind: 'posted'; readonly id: string } | Extract<SendResult, { kind: 'failed' }>;

/** Writes comments. Never rejects. */
export interface CommentApi {
  post(place: CodePlace, text: string, signal: AbortSignal): Promise<Commented>;
  edit(place: CodePlace, id: string, text: string, signal: AbortSignal): Promise<SendResult>;
}

/** What a forge is told of a deployment's request. */
export interface Asking {
  readonly ask: AskFor;
  readonly deployments: Pick<ForgeDeploymentStore, 'asked'>;
  /** It can't be asked for. */
  readonly refused: (why: string) => void;
  /** The policies answered at once, before anybody could wait for it. */
  readonly settled: (request: AccessRequestView) => void;
  /** People are asked. */
  readonly waits: (requestId: string) => void;
}

/** Asks for a deployment's access and tells the forge what came of it. `delivery` names the deployment in the store. */
export async function askForDeployment(parts: Asking, delivery: string, wanted: WantedDeployment, reason: string): Promise<ForgeReply> {
  const asked = await parts.ask(wanted, reason);
  if ('why' in asked) {
    parts.refused(asked.why);
    return { status: 202, words: asked.why };
  }
  parts.deployments.asked(delivery, asked.id);
  if (asked.state === 'pending') parts.waits(asked.id);
  else parts.settled(asked);
  return { status: 202, words: `asked as ${asked.id}` };
}

/** Comments take 64 K characters and more; nobody reads so much in one. */
const textCharsMax = 20_000;

interface CommentParts {
  readonly forge: Forge;
  readonly api: CommentApi;
  readonly deployments: ForgeDeploymentStore;
  readonly wanted: readonly WantedDeployment[];
  readonly messages: ChannelMessageStore;
  readonly clock: Clock;
  readonly links: (matter: Matter) => Pick<MatterLinks, 'console'>;
  /** Whether the access that a request came to is in force. */
  readonly isInForce: (requestId: string) => boolean;
}

/** One comment for each matter that belongs to a deployment: its request for access, and what its job waits for afterwards. */
export function commentChannel(parts: CommentParts): Channel {
  const name = `${parts.forge}-comments`;
  return {
    name,
    asksOnce: false,
    places: (_moment, matter) => (placeOf(parts, matter) === null ? [] : ['']),
    send: (message, signal) => send(parts, name, message, signal),
  };
}

async function send(parts: CommentParts, name: string, { matter, moment }: Message, signal: AbortSignal): Promise<SendResult> {
  const { api, messages, clock, links } = parts;
  const place = placeOf(parts, matter);
  if (place === null) return { kind: 'failed', status: null, why: 'it belongs to no deployment any more', again: false };
  const text = commentText(matter, moment, links(matter).console);
  const shown = createHash('sha256').update(text).digest('base64url');
  const before = messages.get(name, matter.id);
  if (before?.shown === shown) return { kind: 'taken', status: null, words: 'it shows this already' };
  if (before !== undefined) {
    const edited = await api.edit(place, before.message, text, signal);
    if (edited.kind === 'taken') messages.put(name, matter.id, { ...before, shown });
    return edited;
  }
  const posted = await api.post(place, text, signal);
  if (posted.kind === 'failed') return posted;
  messages.put(name, matter.id, { place: place.repository, message: posted.id, thread: null, shown, postedAtMs: clock.nowMs() });
  return { kind: 'taken', status: 201 };
}

/** Null where it belongs to no deployment, to several at once, or its repository is public. */
function placeOf({ forge, deployments, wanted, isInForce }: CommentParts, matter: Matter): CodePlace | null {
  if (matter.kind === 'access') {
    const record = deployments.ofRequest(forge, matter.request.id);
    return record?.isPrivate === true ? record : null;
  }
  const { principal, target } = matter.hold;
  const inForce = wanted
    .filter((it) => it.person === principal && it.target === target)
    .flatMap(({ repository, environment }) => deployments.ofEnvironment(forge, repository, environment))
    .filter(({ request }) => request !== null && isInForce(request));
  const [first, ...others] = inForce;
  // A statement is shown to nobody whose deployment it may not be of.
  return first?.isPrivate === true && others.every((it) => it.repository === first.repository && it.sha === first.sha) ? first : null;
}

/** GitHub's and GitLab's Markdown. Nothing that people wrote is formatting, a mention or a link. */
export function commentText(matter: Matter, moment: Moment, page: string): string {
  const words = told(matter, moment, textCharsMax);
  const only = consoleOnlyWords(matter, words);
  const facts = words.facts.filter(([, value]) => value !== '').map(([label, value]) => `- **${label}**: ${plain(value)}`);
  const how = isApprovable(matter, words) ? `\`/sallyport approve ${matter.id}\` or ` : '';
  return [
    `**${plain(words.title)}** (${matter.id})`,
    ...(words.outcome === null ? [] : [`**${plain(words.outcome)}**`]),
    ...[words.text, words.parameters].flatMap((text) => (text === null || text === '' ? [] : [fenced(text)])),
    ...(words.risks.length === 0 ? [] : [words.risks.map((risk) => `⚠ ${plain(risk)}`).join('\n')]),
    ...(facts.length === 0 ? [] : [facts.join('\n')]),
    ...(only === null ? [] : [plain(only)]),
    ...(isPending(matter)
      ? [
          `Answer with ${how}\`/sallyport deny ${matter.id} REASON\` in a comment, or [in the console](${page}). Expires ${new Date(expiresAtMs(matter)).toUTCString()}.`,
        ]
      : [`[In the console](${page})`]),
  ].join('\n\n');
}

/** As code, in a fence that is longer than any within. */
function fenced(text: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}\n${text}\n${fence}`;
}

/**
 * Every character that Markdown or HTML is made of, as an entity. Mentions and references are found in what was rendered: a word
 * joiner keeps them from being one, and addresses from becoming links.
 */
function plain(text: string): string {
  return text
    .replace(
      /[^\p{L}\p{N} .,;:?()'"=/%+-]/gu,
      (character) => `&#${character.codePointAt(0) ?? 0};${/[@#!~&$%]/.test(character) ? '\u2060' : ''}`,
    )
    .replace(/(https?:|www\.)/gi, '$1\u2060');
}

export interface Comment {
  readonly forge: Forge;
  readonly text: string;
  /** The author's number. */
  readonly author: number;
}

/** What a comment came to, in words for its author; null: it is not for the gateway. */
export async function answerByComment(
  { forge, text, author }: Comment,
  book: Pick<AddressBook, 'byForge'>,
  matterOf: (id: string) => Matter | null,
  desk: ChatDesk,
): Promise<string | null> {
  const line = /^\/sallyport(?:[ \t]+(.*))?$/m.exec(said(text));
  if (line === null) return null;
  const command = parseChatCommand(line[1] ?? '');
  if (command.kind === 'mistake') return `${visibleText(command.why)}; write: /sallyport ${command.usage}`;
  if (command.kind !== 'answer') return 'comments answer what waits: /sallyport approve ID [REASON], /sallyport deny ID [REASON]';
  const { matter: id, answer, reason } = command;
  const person = book.byForge(forge, author);
  if (person === null)
    return `the gateway does not know who you are: an operator can add ${forge}: ${author} to you, or answer in the console`;
  const matter = matterOf(id);
  const only = matter === null || answer === 'deny' ? null : consoleOnlyWords(matter, told(matter, 'placed', textCharsMax));
  return `${id}: ${only ?? (await desk.answer(person, id, answer, reason)).words}`;
}

/** What a comment says itself: no code, which shows a command, and no HTML comment, which nobody sees. Quotations begin with ">". */
function said(text: string): string {
  return withoutFences(text.replaceAll('\r\n', '\n')).replace(/<!--[^]*?(?:-->|$(?![^]))/g, '');
}

/**
 * Without fenced code (CommonMark 0.31, 4.5): up to a line with the same run or a longer one, else up to the end. Line by line: comments
 * have up to a million characters, and anybody who may write them may write nothing but backticks.
 */
function withoutFences(text: string): string {
  const kept: string[] = [];
  let opened: string | null = null;
  for (const line of text.split('\n')) {
    const [, run = '', rest = ''] = /^ {0,3}(`{3,}|~{3,})([^]*)$/.exec(line) ?? [];
    if (opened === null && run === '') kept.push(line);
    else if (opened === null) opened = run;
    else if (run.startsWith(opened) && rest.trim() === '') opened = null;
  }
  return kept.join('\n');
}

/** Words below somebody's comment. */
export function replyText(words: string): string {
  return plain(visibleText(words));
}

/** What a webhook is known by: its signature covers nothing else. */
export function digestOf(body: string): string {
  return createHash('sha256').update(body).digest('hex');
}

export function parsed(text: string): Readonly<Record<string, unknown>> {
  try {
    return recordOf(JSON.parse(text));
  } catch {
    return {};
  }
}

export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

export function numberOf(value: unknown): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : null;
}
