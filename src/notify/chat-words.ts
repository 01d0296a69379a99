// What a command of a chat comes to, in words for whoever wrote it; each chat escapes them for itself.

import type { ChatDesk } from '../core/chat-desk.ts';
import type { Matter } from './channel.ts';
import type { ChatCommand } from './chat-command.ts';
import { visibleLine, visibleText } from './visible.ts';
import { consoleOnlyWords, told } from './words.ts';

/** Of an entry in a list: a reason is this long at most, and names beside it. */
const lineCharsMax = 1_300;

/** Commands that do something; `ask` opens a form, where a chat has forms. */
export type ChatDeed = Exclude<ChatCommand, { readonly kind: 'help' | 'mistake' | 'ask' }>;

interface Shown {
  readonly matterOf: (id: string) => Matter | null;
  /** How much of a text that chat shows, in UTF-16 units. */
  readonly textCharsMax: number;
}

/** Does it in the name of that person; the words have no hidden character. What has no button there is not approved by a command either: nobody approves what was not shown. */
export async function wordsOf(command: ChatDeed, person: string, desk: ChatDesk, shown: Shown): Promise<string> {
  return visibleText(await rawWordsOf(command, person, desk, shown));
}

async function rawWordsOf(command: ChatDeed, person: string, desk: ChatDesk, { matterOf, textCharsMax }: Shown): Promise<string> {
  switch (command.kind) {
    case 'request':
      return (await desk.request(person, command.wish)).words;
    case 'extend':
      return (await desk.extend(person, command.grant, command.durationMs, command.reason)).words;
    case 'withdraw':
      return (await desk.withdraw(person, command.request)).words;
    case 'review':
      return (await desk.review(person, command.grant, command.words)).words;
    case 'answer': {
      const matter = command.answer === 'deny' ? null : matterOf(command.matter);
      const only = matter === null ? null : consoleOnlyWords(matter, told(matter, 'placed', textCharsMax));
      return `${command.matter}: ${only ?? (await desk.answer(person, command.matter, command.answer, command.reason)).words}`;
    }
    case 'own':
      return listed(desk.own(person), 'you have asked for nothing');
    case 'waiting':
      return listed(desk.waiting(person), 'nothing waits for your answer');
  }
}

function listed(lines: readonly string[], nothing: string): string {
  // One line each: a name with a line end in it would make an entry that is none.
  return lines.length === 0 ? nothing : lines.map((line) => visibleLine(line, lineCharsMax)).join('\n');
}
