// bash opens a connection when the name of a redirection turns out as /dev/tcp/HOST/PORT, also when a variable gave it that name.
// So a name that is not literal may stand there only when what it begins with is known from this text.

import type { SyntaxNode, Word, WordPart } from 'unbash';
import { forEachChild } from 'unbash';
import { argumentOf } from './words.ts';

const devices = ['/dev/tcp/', '/dev/udp/'];
/** Nothing but an assignment changes these, and one of these is never free. */
const ofTheLogin = new Set(['HOME', 'USER', 'LOGNAME', 'HOSTNAME', 'TMPDIR']);
const nowhere = { start: 0, end: 0 };

export class NetworkPaths {
  /** Names to which this text gives values that surely begin otherwise, and names that it gives any other. */
  readonly #harmless = new Set<string>();
  readonly #doubtful = new Set<string>();

  /** Notes what a text gives to its variables, wherever it stands. */
  collect(node: SyntaxNode): void {
    if (node.type === 'Assignment') {
      const { value } = node;
      this.#note(node.name, node.append !== true && node.index === undefined && value.type === 'Word' && !mayBegin(value));
    }
    if (node.type === 'For' || node.type === 'Select')
      this.#note(node.name.text, node.type === 'For' && node.wordlist?.every((word) => !mayBegin(word)) === true);
    if (node.type === 'ParameterExpansion' && node.operation?.type === 'Default') this.taint(node.parameter);
    forEachChild(node, (child) => this.collect(child));
  }

  /** Something else gives it a value (`read`). */
  taint(name: string): void {
    this.#doubtful.add(name);
  }

  /** True when reading from this name may open a connection. */
  mayConnect(target: Word): boolean {
    const name = variableOf(leading(target));
    if (name === null) return mayBegin(target);
    if (ofTheLogin.has(name)) return false;
    return this.#doubtful.has(name) || !this.#harmless.has(name);
  }

  #note(name: string, harmless: boolean): void {
    (harmless ? this.#harmless : this.#doubtful).add(name);
  }
}

/** True when the word may begin as a device of the network does. A pattern becomes names of files, and these are none. */
function mayBegin(word: Word): boolean {
  const { text, prefix } = argumentOf(word, nowhere);
  if (text === null && prefix === '' && leading(word)?.type === 'Glob') return false;
  if (leading(word)?.type === 'ProcessSubstitution' || prefix === '~') return /^~[-+]/.test(word.text);
  return devices.some(
    (device) => prefix.startsWith(device) || (text === null && device.startsWith(prefix)) || device.startsWith(`${text}/`),
  );
}

/** The part that the word begins with; of a quoted part the first in it. */
function leading(word: Word): WordPart | undefined {
  const first = word.parts?.[0];
  return first?.type === 'DoubleQuoted' ? (first.parts[0] as WordPart | undefined) : first;
}

/** The variable that a part is the plain value of, else null. */
function variableOf(part: WordPart | undefined): string | null {
  if (part?.type === 'SimpleExpansion') return /^\$([A-Za-z_]\w*)$/.exec(part.text)?.[1] ?? null;
  if (part?.type !== 'ParameterExpansion') return null;
  return part.prefix === undefined && part.index === undefined && part.operation === undefined ? part.parameter : null;
}
