// Whether a long text, or a form of texts, may have come before, by a mark of a few of its characters: what comes once is not worth
// keeping, and most long texts that are compared with nothing known come once. A mark decides only what is remembered, never what a
// text means: two texts with one mark are remembered a little early, and of one whose place was taken the next is judged again.

import type { Literal } from './known-forms.ts';

/** A quarter of a megabyte. */
const placesTotal = 65_536;
/** Characters of a text that go into its mark. */
const samplesMax = 64;
/** In forms, every so many. */
const sampleUnits = 32;

export class SeenMarks {
  readonly #marks = new Uint32Array(placesTotal);

  has(mark: number): boolean {
    return this.#marks[mark & (placesTotal - 1)] === mark;
  }

  /** True when it was noted before. */
  note(mark: number): boolean {
    if (this.has(mark)) return true;
    this.#marks[mark & (placesTotal - 1)] = mark;
    return false;
  }
}

/** Of a text as it is. */
export function markOfText(text: string): number {
  const step = Math.max(1, Math.floor(text.length / samplesMax));
  return finished(sampled(text, 0, text.length, step, text.length));
}

/** Of a text but for its literals: the same for all texts of a form. */
export function markOfForm(text: string, literals: readonly Literal[]): number {
  let mark = literals.length;
  let from = 0;
  for (const { start, end, placeholder } of literals) {
    mark = sampled(text, from, start, sampleUnits, Math.imul(mark, 31) + placeholder.length + start - from);
    from = end;
  }
  return finished(sampled(text, from, text.length, sampleUnits, mark));
}

function sampled(text: string, from: number, end: number, step: number, mark: number): number {
  let mixed = mark;
  for (let at = from; at < end; at += step) mixed = Math.imul(mixed ^ text.charCodeAt(at), 0x01000193);
  return end > from ? Math.imul(mixed ^ text.charCodeAt(end - 1), 0x01000193) : mixed;
}

/** 32 bits without a sign, as they are kept; never 0, which is an empty place. */
function finished(mark: number): number {
  const mixed = (mark ^ (mark >>> 15)) >>> 0;
  return mixed === 0 ? 1 : mixed;
}
