// What the guard in the target's bash says, taken out of the terminal's output wherever the network cuts it. The rest of the
// output passes unchanged. Anybody on the terminal can print such a message; who reads one decides what that can do.

import { guardEnd, guardPrefix } from './guard-script.ts';

export type GuardMessage =
  /** May this line be taken, may this command run? The shell waits for `answer`. */
  | { readonly kind: 'line' | 'command'; readonly nonce: string; readonly folder: string; readonly text: string }
  /** The answer has been read; `swallowed` is what was typed before it and read with it. */
  | { readonly kind: 'answered'; readonly nonce: string; readonly swallowed: string }
  /** A whole command was read and begins to run. */
  | { readonly kind: 'runs' }
  /** A line was taken that is not a whole command: the shell reads another one. */
  | { readonly kind: 'continues' }
  | { readonly kind: 'prompt'; readonly status: number; readonly folder: string }
  /** A command in the background wanted to ask, and was refused: it can't read the answer. */
  | { readonly kind: 'background'; readonly text: string }
  | { readonly kind: 'unfit'; readonly version: string };

export type GuardPart = { readonly kind: 'output'; readonly bytes: Buffer } | { readonly kind: 'message'; readonly message: GuardMessage };

/** A longer message ends the shell: a line of 64 kB, quoted, is shorter. */
export const messageBytesMax = 512 * 1024;

/**
 * The answer to a question, as the guard reads it. `all`: it asks for nothing more until the next prompt. `unfinished`: the line may be
 * read, but is no command that may run.
 */
export function answerTo(nonce: string, answer: 'yes' | 'all' | 'unfinished' | 'no'): string {
  return `${nonce}:${answer.charAt(0)};`;
}

export class GuardReader {
  readonly #begin: Buffer;
  readonly #end = Buffer.from(guardEnd);
  #kept: Buffer = Buffer.alloc(0);

  constructor(token: string) {
    this.#begin = Buffer.from(`${guardPrefix}${token};`);
  }

  /** Output and messages in order. Throws when a message is longer than any that the guard makes. */
  take(chunk: Buffer): GuardPart[] {
    const parts: GuardPart[] = [];
    let rest = this.#kept.length === 0 ? chunk : Buffer.concat([this.#kept, chunk]);
    const output = (bytes: Buffer) => {
      if (bytes.length > 0) parts.push({ kind: 'output', bytes });
    };
    for (let at = rest.indexOf(this.#begin); at !== -1; at = rest.indexOf(this.#begin)) {
      output(rest.subarray(0, at));
      const end = rest.indexOf(this.#end, at + this.#begin.length);
      if (end === -1) {
        this.#kept = Buffer.from(rest.subarray(at));
        if (this.#kept.length > messageBytesMax) throw new Error('a message of the guard is too long');
        return parts;
      }
      const message = read(rest.subarray(at + this.#begin.length, end).toString('utf8'));
      if (message !== null) parts.push({ kind: 'message', message });
      rest = rest.subarray(end + 1);
    }
    const keep = this.#beginning(rest);
    output(rest.subarray(0, rest.length - keep));
    this.#kept = Buffer.from(rest.subarray(rest.length - keep));
    return parts;
  }

  /** How many bytes at the end may be the beginning of a message. */
  #beginning(bytes: Buffer): number {
    const from = bytes.lastIndexOf(0x1b);
    if (from === -1 || bytes.length - from >= this.#begin.length) return 0;
    return this.#begin.subarray(0, bytes.length - from).equals(bytes.subarray(from)) ? bytes.length - from : 0;
  }
}

function read(text: string): GuardMessage | null {
  const fields = fieldsOf(text);
  const [kind, second = '', third = '', fourth = ''] = fields;
  switch (kind) {
    case 'L':
    case 'D':
      if (fields.length !== 4) return null;
      return { kind: kind === 'L' ? 'line' : 'command', nonce: second, folder: third, text: fourth };
    case 'A':
      return { kind: 'answered', nonce: second, swallowed: third };
    case 'X':
      return { kind: 'runs' };
    case 'C':
      return { kind: 'continues' };
    case 'P':
      return { kind: 'prompt', status: Number(second) & 0xff, folder: third };
    case 'B':
      return { kind: 'background', text: second };
    case 'V':
      return { kind: 'unfit', version: second };
    default:
      return null;
  }
}

/** Fields between semicolons; each is plain or as bash's `${x@Q}` quotes: 'a'\''b' or $'a\nb'. Empty when it is neither. */
function fieldsOf(text: string): string[] {
  const fields: string[] = [''];
  const part = /;|\$'((?:[^'\\]|\\[^])*)'|'([^']*)'|\\([^])|[^;'$\\]+|[^]/gy;
  for (let found = part.exec(text); found !== null; found = part.exec(text)) {
    const [whole, ansi, plain, single] = found;
    if (whole === ';') fields.push('');
    else fields[fields.length - 1] += ansi === undefined ? (plain ?? single ?? whole) : unescaped(ansi);
  }
  return fields;
}

const letters: Readonly<Record<string, number>> = { a: 7, b: 8, e: 27, E: 27, f: 12, n: 10, r: 13, t: 9, v: 11 };

/** ANSI-C quoting: letters, octal bytes; anything else stands for itself. */
function unescaped(text: string): string {
  const bytes: Buffer[] = [];
  const part = /\\([0-7]{1,3})|\\([^])|[^\\]+/g;
  for (let found = part.exec(text); found !== null; found = part.exec(text)) {
    const [whole, octal, letter] = found;
    if (octal !== undefined) bytes.push(Buffer.from([Number.parseInt(octal, 8) & 0xff]));
    else if (letter !== undefined) bytes.push(letters[letter] === undefined ? Buffer.from(letter) : Buffer.from([letters[letter]]));
    else bytes.push(Buffer.from(whole));
  }
  return Buffer.concat(bytes).toString('utf8');
}
