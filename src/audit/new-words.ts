// What is new of a long detail beside one that begins like it: texts of one form differ in a few literals, and reading, escaping and
// indexing all of their words again is most of the work of the index. It answers only with whole words of the text itself, so that
// nothing is found less; whatever is not as the gate writes it is read whole.

/** Shorter details cost less to look up than to compare. */
export const longDetailChars = 256;
/** Details are compared with the last one that has the same first characters. */
const beginningChars = 96;
const comparedAtOnce = 64;

/** How the detail of a statement or command begins. Behind it stands the text, as JSON. */
const textStart = /^\{"kind":"[a-z-]+","text":"/;
/**
 * Characters that are no part of a word, nor of an escape, nor end a string: on both sides of one, JSON and words are read the same
 * whatever stands on the other side.
 */
const between = new Uint8Array(256);
for (const character of " !#$%&'()*+,-.:;<=>?@[]^`{|}~") between[character.charCodeAt(0)] = 1;
const quote = 0x22;
const backslash = 0x5c;

/** A detail that was taken in, and where in it its text begins and ends. */
interface Taken {
  readonly detail: string;
  readonly from: number;
  readonly to: number;
  /** So many characters were the same at both ends when it was compared: likely they are again. */
  readonly sameStart: number;
  readonly sameEnd: number;
}

/** Details have one character for each byte of the log, as everywhere in the index. */
export class NewWords {
  readonly #taken = new Map<string, Taken>();

  /** A part of the text that has all words which the details before have not; null: the detail has to be taken in whole. */
  of(detail: string): string | null {
    const beginning = detail.slice(0, beginningChars);
    const before = this.#taken.get(beginning);
    if (before === undefined) return null;
    if (before.detail === detail) return '';
    const moved = detail.length - before.detail.length;
    const from = wordsStart(detail, commonStart(before, detail), before.from);
    const to = wordsEnd(detail, before, from, moved);
    const words = to < 0 ? null : decoded(detail.slice(from, to));
    if (words === null) return null;
    const same = { sameStart: from, sameEnd: detail.length - to };
    this.#taken.set(beginning, { detail, from: before.from, to: before.to + moved, ...same });
    return words;
  }

  /** All of a detail has been taken in. */
  note(detail: string): void {
    const from = textStart.exec(detail)?.[0].length ?? 0;
    const to = from === 0 || from > beginningChars ? -1 : stringEnd(detail, from);
    if (to >= 0) this.#taken.set(detail.slice(0, beginningChars), { detail, from, to, sameStart: 0, sameEnd: 0 });
  }
}

/** What the inside of a string says; null when it is not the inside of one string. */
function decoded(json: string): string | null {
  try {
    return JSON.parse(`"${Buffer.from(json, 'latin1').toString('utf8')}"`) as string;
  } catch {
    return null;
  }
}

function commonStart({ detail: before, sameStart }: Taken, detail: string): number {
  const most = Math.min(before.length, detail.length);
  let at = sameStart <= most && before.slice(0, sameStart) === detail.slice(0, sameStart) ? sameStart : 0;
  while (at + comparedAtOnce <= most && before.slice(at, at + comparedAtOnce) === detail.slice(at, at + comparedAtOnce))
    at += comparedAtOnce;
  while (at < most && before.charCodeAt(at) === detail.charCodeAt(at)) at += 1;
  return at;
}

/** How many characters at both ends are the same; at most so many. */
function commonEnd({ detail: before, sameEnd }: Taken, detail: string, most: number): number {
  const beforeEnd = before.length;
  const end = detail.length;
  const isLikely = sameEnd <= most && before.slice(beforeEnd - sameEnd) === detail.slice(end - sameEnd);
  let count = isLikely ? sameEnd : 0;
  for (; count + comparedAtOnce <= most; count += comparedAtOnce) {
    const more = count + comparedAtOnce;
    if (before.slice(beforeEnd - more, beforeEnd - count) !== detail.slice(end - more, end - count)) break;
  }
  while (count < most && before.charCodeAt(beforeEnd - count - 1) === detail.charCodeAt(end - count - 1)) count += 1;
  return count;
}

/** Behind the last character between words that stands before `same`; the beginning of the text when there is none. */
function wordsStart(detail: string, same: number, textFrom: number): number {
  let at = same;
  while (at > textFrom && between[detail.charCodeAt(at - 1)] !== 1) at -= 1;
  return at;
}

/** The first character between words, or the text's closing quote, from which on both are the same; -1 when none stands in the text. */
function wordsEnd(detail: string, before: Taken, from: number, moved: number): number {
  const same = commonEnd(before, detail, Math.min(before.detail.length, detail.length) - from);
  const textEnd = before.to + moved;
  for (let at = detail.length - same; at <= textEnd; at += 1) {
    const code = detail.charCodeAt(at);
    if (between[code] === 1 || (code === quote && at === textEnd)) return at;
  }
  return -1;
}

/** Where the string ends that begins there: its closing quote; -1 when it has none. */
function stringEnd(json: string, from: number): number {
  for (let at = json.indexOf('"', from); at >= 0; at = json.indexOf('"', at + 1)) {
    let escapes = 0;
    while (at - escapes > from && json.charCodeAt(at - escapes - 1) === backslash) escapes += 1;
    if (escapes % 2 === 0) return at;
  }
  return -1;
}
