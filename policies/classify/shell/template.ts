// Templates of SSH commands, compared by the shell's parse tree: one simple command, each word literal and equal but for the
// places, where one plain word stands. Assignments, redirections, pipes, lists, expansions and quotes make it another command.

import { parse } from 'unbash';
import type { Action } from '../../../src/core/action.ts';
import type { ReadableTemplate, TemplateReader, TemplateReading, TemplateValue } from '../../../src/core/template.ts';
import { templateTextUnitsMax } from '../../../src/core/template.ts';

/** Characters that no shell expands, splits or reads as anything but themselves. */
const plainWord = /^[A-Za-z0-9_.,:@%+=/-]+$/;
const placeWord = /^:([a-z][a-z0-9_]*)$/;

export const shellTemplates: TemplateReader = { read: readTemplate };

function readTemplate(text: string): TemplateReading {
  if (text.length > templateTextUnitsMax) return problem(`a template has at most ${templateTextUnitsMax} characters`);
  const words = plainWords(text);
  if (words === null) return problem('a template is one simple command of plain words, without quotes, expansions, pipes or redirections');
  if (placeWord.test(words[0]!)) return problem('the program of a template is named, not a place');
  const places = [...new Set(words.flatMap((word) => placeWord.exec(word)?.[1] ?? []))];
  const template: ReadableTemplate = { places, match: (action) => matchAction(words, action) };
  return { kind: 'template', template };
}

function matchAction(words: readonly string[], action: Action): Map<string, TemplateValue> | null {
  if (action.kind !== 'command' || action.text.length > templateTextUnitsMax) return null;
  const given = plainWords(action.text);
  if (given === null || given.length !== words.length) return null;
  const values = new Map<string, TemplateValue>();
  for (const [index, word] of words.entries()) {
    const value = given[index]!;
    const place = placeWord.exec(word)?.[1];
    if (place === undefined) {
      if (value !== word) return null;
      continue;
    }
    // A word that begins with a dash would be an option.
    if (value.startsWith('-')) return null;
    if ((values.get(place)?.text ?? value) !== value) return null;
    values.set(place, { text: value, form: 'word' });
  }
  return values;
}

/** The words of a text that is one simple command of plain words; else null. */
function plainWords(text: string): string[] | null {
  const script = readScript(text);
  const [statement] = script?.commands ?? [];
  if (script === null || (script.errors ?? []).length > 0 || script.commands.length !== 1 || statement?.type !== 'Statement') return null;
  const { command } = statement;
  if (statement.background === true || command.type !== 'Command' || command.name === undefined || command.prefix.length > 0) return null;
  const words: string[] = [];
  for (const word of [command.name, ...command.suffix]) {
    if (word.type !== 'Word' || word.parts !== undefined || word.text !== word.value || !plainWord.test(word.text)) return null;
    words.push(word.text);
  }
  return words;
}

function readScript(text: string): ReturnType<typeof parse> | null {
  try {
    return parse(text);
  } catch {
    return null;
  }
}

function problem(message: string): TemplateReading {
  return { kind: 'problem', message, offset: null };
}
