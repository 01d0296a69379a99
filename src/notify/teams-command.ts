// What people write to the gateway in Microsoft Teams: "@Sallyport approve h-7K3M9Q". An outgoing webhook carries it here, signed,
// and shows the answer below the message, to everybody in that channel. Teams waits five seconds for it.

import type { ChatDesk } from '../core/chat-desk.ts';
import type { AddressBook } from './address-book.ts';
import type { Matter } from './channel.ts';
import { commandHelp, parseChatCommand, usageOf } from './chat-command.ts';
import { wordsOf } from './chat-words.ts';
import { parsed, textOf } from './forge.ts';
import { recordOf } from './slack-api.ts';
import type { TeamsSignatures } from './teams-signature.ts';
import { plainCard, teamsName, teamsTextCharsMax } from './teams.ts';
import { shortened, visibleText } from './visible.ts';

/** Teams gives up after five seconds, the way there and back included. */
const answerTimeoutMs = 4_000;
const answerCharsMax = 3_000;
/** A command is at most half as long: this leaves room for markup. */
const typedCharsMax = 8_000;

interface Parts {
  readonly signatures: TeamsSignatures;
  readonly book: Pick<AddressBook, 'byTeams'>;
  readonly matterOf: (id: string) => Matter | null;
  /** Without a slash at the end. */
  readonly publicUrl: () => string;
  readonly timeoutMs?: number;
}

export interface TeamsReply {
  readonly status: 200 | 401;
  /** JSON: a message. */
  readonly body: object;
}

export class TeamsCommands {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** A message to the webhook; `body` as it came, byte for byte. */
  async handle(request: { readonly authorization: string | undefined; readonly body: string }, desk: ChatDesk): Promise<TeamsReply> {
    const { signatures, publicUrl } = this.#parts;
    if (!signatures.check(request.authorization, request.body)) return refused('the signature is not good');
    // https://learn.microsoft.com/azure/bot-service/rest-api/bot-framework-rest-connector-api-reference#activity-object
    const activity = parsed(request.body);
    const conversation = textOf(recordOf(activity['conversation'])['id']);
    if (!signatures.isNew(conversation, textOf(activity['id']), textOf(activity['timestamp'])))
      return refused('it came before, or is not of the last five minutes');
    const isMessage = activity['type'] === 'message';
    const words = isMessage
      ? await this.#said(textOf(activity['text']), textOf(recordOf(activity['from'])['aadObjectId']), desk)
      : 'only new messages are read here';
    const lines = shortened(visibleText(words), answerCharsMax).split('\n');
    return { status: 200, body: plainCard(lines, pageOf(lines, publicUrl())) };
  }

  async #said(text: string, id: string, desk: ChatDesk): Promise<string> {
    if (text.length > typedCharsMax) return `that is longer than ${typedCharsMax} characters`;
    const command = parseChatCommand(typedIn(text));
    if (command.kind === 'help') return commandHelp.map(([usage, what]) => `${teamsName} ${usage}: ${what}`).join('\n');
    if (command.kind === 'mistake') return `${command.why}\n${teamsName} ${command.usage}`;
    const person = this.#parts.book.byTeams(id);
    if (person === null) return strangerWords(id);
    if (command.kind === 'ask') return `say for what:\n${teamsName} ${usageOf.request}`;
    const { matterOf, timeoutMs = answerTimeoutMs } = this.#parts;
    const late = 'this takes longer than Teams waits; what it came to stands in the console';
    return within(timeoutMs, wordsOf(command, person, desk, { matterOf, textCharsMax: teamsTextCharsMax }), late);
  }
}

/** The words of a message: without the mention that called the gateway, which may stand anywhere, and without markup. */
export function typedIn(text: string): string {
  return text
    .replace(/<at\b[^<>]*>[^<>]*<\/at>/i, ' ')
    .replace(/<br\s*\/?>/gi, '\n')
    .replace(/<\/?(at|p|div|span)\b[^<>]*>/gi, ' ')
    .replaceAll('&nbsp;', ' ')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&')
    .trim();
}

/** Teams shows none of this, only that the webhook failed; whoever looks for the reason reads it. */
function refused(why: string): TeamsReply {
  return { status: 401, body: plainCard([why], null) };
}

function strangerWords(id: string): string {
  if (!/^[0-9a-f-]{36}$/i.test(id)) return 'Teams did not say who you are: use the console';
  return `the gateway does not know who you are: an operator can add teams: ${id} to you, or use the console`;
}

/** The page of the one matter that the words are about. */
function pageOf([line = '', ...others]: readonly string[], publicUrl: string): string | null {
  const [id = '', letter] = /^([hr])-[0-9A-Z]{1,20}(?=: )/.exec(line) ?? [];
  return letter === undefined || others.length > 0 ? null : `${publicUrl}/${letter === 'h' ? 'holds' : 'access'}/${id}`;
}

/** What was begun goes on. */
async function within(timeoutMs: number, work: Promise<string>, late: string): Promise<string> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<string>((resolve) => {
    timer = setTimeout(resolve, timeoutMs, late);
  });
  try {
    return await Promise.race([work, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
