// The line editor of the mediated shell: keys in, whole lines and what to show out. It is the gateway's own, so what a line is
// was decided here and nowhere else: no history expansion, no bound keys, no macros. Pure: no channel, no clock.

import { StringDecoder } from 'node:string_decoder';

export type EditorEvent = { readonly kind: 'line'; readonly text: string } | { readonly kind: 'interrupt' } | { readonly kind: 'end' };

export interface EditorStep {
  readonly events: readonly EditorEvent[];
  /** To be written to the person's terminal. */
  readonly show: string;
}

/** A longer line is cut: the classifier reads 64 kB. */
export const lineCharsMax = 32 * 1024;
const historyMax = 500;
const colsDefault = 80;
const sequenceCharsMax = 24;
const escape = '\u001b';

export class LineEditor {
  readonly #decoder = new StringDecoder('utf8');
  readonly #history: string[] = [];
  #cols: number;
  #prompt = '';
  #text: string[] = [];
  #cursor = 0;
  #pending = '';
  #historyAt: number | null = null;
  #lastWasCr = false;
  /** In an escape sequence that is longer than any that means something. */
  #swallowing = false;

  /** Some clients do not know their width, and say 0. */
  constructor(cols: number) {
    this.#cols = cols === 0 ? colsDefault : cols;
  }

  resize(cols: number): void {
    this.#cols = cols === 0 ? colsDefault : cols;
  }

  /** Begins a line. What was typed since the last one stays. */
  begin(prompt: string): string {
    this.#prompt = prompt;
    return this.#drawn();
  }

  remember(line: string): void {
    if (line.trim() === '' || this.#history.at(-1) === line) return;
    this.#history.push(line);
    if (this.#history.length > historyMax) this.#history.shift();
  }

  /** Takes bytes up to the first event; the rest is given back, because it may belong to the next line. */
  feed(bytes: Buffer): EditorStep & { readonly rest: Buffer } {
    const text = this.#pending + this.#decoder.write(bytes);
    this.#pending = '';
    let show = '';
    const keys = [...text];
    for (let at = 0; at < keys.length; at++) {
      const key = keys[at] as string;
      if (this.#swallowing) {
        this.#swallowing = !/[A-Za-z~\r\n]/.test(key);
        continue;
      }
      if (key === escape) {
        const sequence = /^\u001b(?:\[[0-9;?]*[A-Za-z~]|O[A-Za-z]|[^[O])/u.exec(keys.slice(at, at + sequenceCharsMax).join(''))?.[0];
        if (sequence === undefined) {
          if (keys.length - at < sequenceCharsMax) {
            this.#pending = keys.slice(at).join('');
            break;
          }
          this.#swallowing = true;
          at += sequenceCharsMax - 1;
          continue;
        }
        this.#sequence(sequence);
        at += [...sequence].length - 1;
        show += this.#drawn();
        continue;
      }
      const afterCr = this.#lastWasCr;
      this.#lastWasCr = key === '\r';
      if (key === '\n' && afterCr) continue;
      const event = this.#key(key);
      if (event === null) {
        show += this.#drawn();
        continue;
      }
      show += event.kind === 'interrupt' ? '^C\r\n' : '\r\n';
      return { events: [event], show, rest: Buffer.from(keys.slice(at + 1).join('')) };
    }
    return { events: [], show, rest: Buffer.alloc(0) };
  }

  #key(key: string): EditorEvent | null {
    switch (key) {
      case '\r':
      case '\n':
        return { kind: 'line', text: this.#taken() };
      case '\u0003':
        this.#taken();
        return { kind: 'interrupt' };
      case '\u0004':
        if (this.#text.length === 0) return { kind: 'end' };
        this.#text.splice(this.#cursor, 1);
        return null;
      case '\u007f':
      case '\b':
        if (this.#cursor > 0) this.#text.splice(--this.#cursor, 1);
        return null;
      case '\u0001':
        this.#cursor = 0;
        return null;
      case '\u0005':
        this.#cursor = this.#text.length;
        return null;
      case '\u0015':
        this.#text.splice(0, this.#cursor);
        this.#cursor = 0;
        return null;
      case '\u000b':
        this.#text.length = this.#cursor;
        return null;
      case '\u0017':
        this.#removeWord();
        return null;
      default:
        // Other control characters have no meaning here, and a tab is a blank.
        if (key === '\t') return this.#insert(' ');
        return key < ' ' || /[\u007f-\u009f]/u.test(key) ? null : this.#insert(key);
    }
  }

  #insert(key: string): null {
    if (this.#text.length < lineCharsMax) this.#text.splice(this.#cursor++, 0, key);
    return null;
  }

  #sequence(sequence: string): void {
    switch (sequence) {
      case `${escape}[D`:
      case `${escape}OD`:
        this.#cursor = Math.max(0, this.#cursor - 1);
        return;
      case `${escape}[C`:
      case `${escape}OC`:
        this.#cursor = Math.min(this.#text.length, this.#cursor + 1);
        return;
      case `${escape}[A`:
      case `${escape}OA`:
        return this.#recall(-1);
      case `${escape}[B`:
      case `${escape}OB`:
        return this.#recall(1);
      case `${escape}[H`:
      case `${escape}[1~`:
        this.#cursor = 0;
        return;
      case `${escape}[F`:
      case `${escape}[4~`:
        this.#cursor = this.#text.length;
        return;
      case `${escape}[3~`:
        this.#text.splice(this.#cursor, 1);
        return;
      default: // no meaning
    }
  }

  #recall(step: number): void {
    const at = (this.#historyAt ?? this.#history.length) + step;
    if (at < 0 || at > this.#history.length) return;
    this.#historyAt = at;
    this.#text = [...(this.#history[at] ?? '')];
    this.#cursor = this.#text.length;
  }

  #removeWord(): void {
    let from = this.#cursor;
    while (from > 0 && this.#text[from - 1] === ' ') from -= 1;
    while (from > 0 && this.#text[from - 1] !== ' ') from -= 1;
    this.#text.splice(from, this.#cursor - from);
    this.#cursor = from;
  }

  #taken(): string {
    const line = this.#text.join('');
    this.#text = [];
    this.#cursor = 0;
    this.#historyAt = null;
    return line;
  }

  /** The line as it stands, one row: a longer text moves under the prompt. */
  #drawn(): string {
    const room = Math.max(10, this.#cols - [...this.#prompt].length - 1);
    const from = Math.max(0, this.#cursor - room);
    const shown = this.#text.slice(from, from + room).join('');
    const back = Math.min(this.#text.length - from, room) - (this.#cursor - from);
    return `\r${escape}[K${this.#prompt}${shown}${back > 0 ? `${escape}[${back}D` : ''}`;
  }
}
