// What the index knows of a block of neighbouring lines: which names and which texts occur in it. Lines of one session repeat
// themselves, so parts of lines that were seen in the block already are not looked at again; a line that isn't as the log writes
// them is read as JSON, and one that isn't JSON counts as unreadable. Texts here have one character for each byte of the log.

import { Fault } from '../core/errors.ts';
import { unreadableLine, type AuditLine } from './line.ts';
import { longDetailChars, NewWords } from './new-words.ts';

export const nameFields = ['type', 'principal', 'target', 'session', 'hold'] as const;
export type NameField = (typeof nameFields)[number];

/** A block ends at this many events or bytes: small enough to read whole for one hit, large enough that there are few. */
export const blockEventsMax = 512;
export const blockBytesMax = 512 * 1024;

/** ,"prev":"…, up to the quote, and ,"hash":"…"} at the end of a line. */
const prevChars = 73;
const tailChars = 75;
/** What a session did last is remembered in as many places, told apart by the end of its id. */
const lastPlaces = 64;
export interface Block {
  readonly firstSeq: number;
  readonly lastSeq: number;
  /** Earliest and latest wall-clock time in it. */
  readonly fromMs: number;
  readonly toMs: number;
  /** First event of the segment, and where in it the block's bytes are. */
  readonly segment: number;
  readonly offset: number;
  readonly lengthBytes: number;
}

export interface BlockContent {
  readonly block: Block;
  readonly hash: string;
  readonly names: ReadonlyMap<NameField, ReadonlySet<string>>;
  readonly words: string;
}

type Names = Pick<AuditLine, 'principal' | 'target' | 'session'>;

export class BlockBuilder {
  readonly #segment: number;
  readonly #offset: number;
  readonly #firstSeq: number;
  readonly #names = new Map<NameField, Set<string>>(nameFields.map((field) => [field, new Set<string>()]));
  readonly #texts = new Set<string>();
  /** Parts of lines that were taken in already; and the last of them, because comparing costs less than looking up. */
  readonly #seen = new Set<string>();
  readonly #lastNames: string[] = [];
  readonly #lastDetails: string[] = [];
  readonly #newWords = new NewWords();
  #lastTime = '';
  /** Statements have two types in turn. */
  #lastTypes: readonly [string, string] = ['', ''];
  #events = 0;
  #lengthBytes = 0;
  #fromMs = Infinity;
  #toMs = -Infinity;
  #hash = '';

  constructor(segment: number, offset: number, firstSeq: number) {
    this.#segment = segment;
    this.#offset = offset;
    this.#firstSeq = firstSeq;
  }

  get isFull(): boolean {
    return this.#events >= blockEventsMax || this.#lengthBytes >= blockBytesMax;
  }

  get nextSeq(): number {
    return this.#firstSeq + this.#events;
  }

  /** The next line, which is in `text` from there to there (without its newline). */
  take(text: string, from: number, to: number): void {
    if (!this.#takeParts(text, from, to)) this.#takeLine(lineOf(utf8Of(text.slice(from, to)), this.nextSeq));
    this.#events += 1;
    this.#lengthBytes += to - from + 1;
  }

  /** Null when nothing was taken. */
  content(): BlockContent | null {
    if (this.#events === 0) return null;
    const block = {
      firstSeq: this.#firstSeq,
      lastSeq: this.#firstSeq + this.#events - 1,
      fromMs: this.#fromMs,
      toMs: this.#toMs,
      segment: this.#segment,
      offset: this.#offset,
      lengthBytes: this.#lengthBytes,
    };
    return { block, hash: this.#hash, names: this.#names, words: [...this.#texts].join('\n') };
  }

  /**
   * Takes a line apart where the log's own writer put the members. What stands in a string has its quotes escaped, so the first
   * `,"action":` behind the head is the member and nothing that a client wrote.
   */
  #takeParts(text: string, from: number, to: number): boolean {
    const prev = endOfNumber(text, from + 7, this.nextSeq);
    const type = prev + prevChars;
    if (prev < 0 || text.slice(type, type + 10) !== '","type":"') return false;
    const at = text.indexOf('","at_ms":', type + 10);
    const who = text.indexOf(',"principal":', at);
    const action = text.indexOf(',"action":', who);
    const hold = text.indexOf(',"hold":', action);
    const detail = text.indexOf(',"detail":{', hold);
    const end = to - tailChars;
    if (at < 0 || who < 0 || action < 0 || hold < 0 || detail < 0 || end < detail) return false;
    if (text.slice(end, end + 9) !== ',"hash":"') return false;
    if (!this.#takeTime(text.slice(at + 10, who))) return false;
    this.#hash = text.slice(end + 9, end + 73);
    try {
      this.#takeType(text.slice(type + 10, at));
      const place = (31 * text.charCodeAt(action - 2) + text.charCodeAt(action - 3)) % lastPlaces;
      const names = text.slice(who + 1, action);
      if (this.#isNew(names, this.#lastNames, place)) this.#addNames(JSON.parse(`{${utf8Of(names)}}`) as Names);
      const held = text.slice(hold + 8, detail);
      if (held !== 'null') this.#add('hold', JSON.parse(utf8Of(held)) as string);
      if (isPlainOutcome(text, detail, end)) return true;
      const rest = text.slice(detail + 10, end);
      if (rest.length >= longDetailChars) this.#takeLong(rest);
      else if (this.#isNew(rest, this.#lastDetails, place)) this.#addTexts(JSON.parse(utf8Of(rest)) as AuditLine['detail']);
      return true;
    } catch {
      return false;
    }
  }

  #takeType(type: string): void {
    if (type === this.#lastTypes[0] || type === this.#lastTypes[1]) return;
    this.#names.get('type')?.add(type);
    this.#lastTypes = [type, this.#lastTypes[0]];
  }

  #takeTime(time: string): boolean {
    if (time === this.#lastTime) return true;
    const atMs = Number(time);
    if (!Number.isFinite(atMs)) return false;
    this.#lastTime = time;
    this.#time(atMs);
    return true;
  }

  #isNew(part: string, last: string[], place: number): boolean {
    if (last[place] === part) return false;
    last[place] = part;
    if (this.#seen.has(part)) return false;
    this.#seen.add(part);
    return true;
  }

  #takeLong(detail: string): void {
    const words = this.#newWords.of(detail);
    if (words === null) {
      this.#addTexts(JSON.parse(utf8Of(detail)) as AuditLine['detail']);
      this.#newWords.note(detail);
    } else if (words !== '') this.#texts.add(words);
  }

  #takeLine(line: AuditLine): void {
    if (line.seq !== this.nextSeq)
      throw new Fault('audit-chain-broken', `the audit log has event ${line.seq} where event ${this.nextSeq} belongs`);
    this.#time(line.at_ms);
    this.#hash = line.hash;
    this.#add('type', line.type);
    this.#add('hold', line.hold);
    this.#addNames(line);
    this.#addTexts(line.detail);
  }

  #time(atMs: number): void {
    this.#fromMs = Math.min(this.#fromMs, atMs);
    this.#toMs = Math.max(this.#toMs, atMs);
  }

  #addNames({ principal, target, session }: Names): void {
    this.#add('principal', principal);
    this.#add('target', target);
    this.#add('session', session);
  }

  #add(field: NameField, name: string | null): void {
    if (name !== null) this.#names.get(field)?.add(name);
  }

  #addTexts(detail: AuditLine['detail']): void {
    for (const text of textsOf(detail)) this.#texts.add(text);
  }
}

/** The outcome of nearly every action has no words worth finding. */
function isPlainOutcome(text: string, start: number, end: number): boolean {
  const numbers = start + completedStart.length;
  if (text.slice(start, numbers) !== completedStart) return false;
  plainNumbers.lastIndex = numbers;
  return plainNumbers.test(text) && plainNumbers.lastIndex === end;
}

const completedStart = ',"detail":{"outcome":"completed","rows":';
const plainNumbers = /(?:null|\d+),"duration_ms":[\d.e+-]+\}/y;

/** Where the digits of that number end; -1 when it is another. */
function endOfNumber(text: string, start: number, expected: number): number {
  let value = 0;
  let at = start;
  for (; at < text.length; at += 1) {
    const digit = text.charCodeAt(at) - 0x30;
    if (digit < 0 || digit > 9) break;
    value = value * 10 + digit;
  }
  return value === expected && at > start ? at : -1;
}

function utf8Of(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

/** A line that somebody damaged is shown as such; verification says more. */
export function lineOf(text: string, seq: number): AuditLine {
  try {
    return JSON.parse(text) as AuditLine;
  } catch {
    return unreadableLine(seq);
  }
}

/** What full-text search looks through: every text of the detail, and lists of texts. */
export function textsOf(detail: AuditLine['detail']): string[] {
  const texts: string[] = [];
  for (const value of Object.values(detail)) {
    if (typeof value === 'string') texts.push(value);
    else if (Array.isArray(value)) for (const it of value) if (typeof it === 'string') texts.push(it);
  }
  return texts;
}
