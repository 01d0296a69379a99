// Cuts a statement into lines of pieces: colour, risk and hidden characters come from three lists of ranges over the same
// text; a piece is a run of text over which none of them changes.

import type { Risk } from '../api/contract.ts';
import type { Token } from './highlight.ts';
import { rightToLeftRuns } from './right-to-left.ts';
import { oddCharacters } from './visible.ts';
import type { Oddity } from './visible.ts';

export interface Piece {
  readonly start: number;
  readonly text: string;
  readonly scope: string | null;
  /** Indexes into the risks that cover this piece. */
  readonly risks: readonly number[];
  /** Set when the piece is one hidden character; `text` is its escape then. */
  readonly oddity: Oddity | null;
  /** It runs from right to left, and must not take its neighbours along. */
  readonly rightToLeft: boolean;
}

export interface StatementLines {
  readonly lines: readonly (readonly Piece[])[];
  readonly oddities: readonly Oddity[];
}

/** Cuts `text` (offsets of tokens and risks count in it) into lines of pieces. */
export function statementLines(text: string, tokens: readonly Token[], risks: readonly Risk[]): StatementLines {
  const odd = oddCharacters(text);
  const cuts = new Set<number>([0, text.length]);
  const cut = (range: { readonly start: number; readonly end: number }): void => {
    cuts.add(Math.min(Math.max(range.start, 0), text.length));
    cuts.add(Math.min(Math.max(range.end, 0), text.length));
  };
  tokens.forEach(cut);
  risks.forEach(cut);
  odd.forEach(cut);
  const leftwards = rightToLeftRuns(text);
  leftwards.forEach(cut);
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) cut({ start: at, end: at + 1 });
  const edges = [...cuts].sort((a, b) => a - b);

  const lines: Piece[][] = [[]];
  let token = 0;
  let oddAt = 0;
  let runAt = 0;
  for (let at = 0; at + 1 < edges.length; at += 1) {
    const start = edges[at] as number;
    const end = edges[at + 1] as number;
    const raw = text.slice(start, end);
    if (raw === '\n') {
      lines.push([]);
      continue;
    }
    while (token < tokens.length && (tokens[token] as Token).end <= start) token += 1;
    while (oddAt < odd.length && (odd[oddAt]?.end ?? 0) <= start) oddAt += 1;
    while (runAt < leftwards.length && (leftwards[runAt]?.end ?? 0) <= start) runAt += 1;
    const covering = tokens[token];
    const oddity = odd[oddAt];
    const isOdd = oddity !== undefined && oddity.start === start;
    lines.at(-1)?.push({
      start,
      text: isOdd ? oddity.escaped : raw,
      scope: covering !== undefined && covering.start <= start ? covering.scope : null,
      risks: risks.flatMap((risk, index) => (risk.start <= start && start < risk.end ? [index] : [])),
      oddity: isOdd ? oddity.oddity : null,
      rightToLeft: !isOdd && (leftwards[runAt]?.start ?? Infinity) <= start,
    });
  }
  return { lines, oddities: [...new Set(odd.map((character) => character.oddity))] };
}

export interface Preview {
  readonly before: string;
  readonly risk: string;
  readonly after: string;
}

/** How much of a statement a list shows, and how much of it may stand before the first risk. */
const previewCharactersMax = 240;
const previewLeadMax = 60;

/**
 * The part of a statement for a list: it starts so that the first risk is in it, or padding could push it out of sight. Where a text
 * was sought that does not stand in that part, it is the part around the place that was found.
 */
export function preview(text: string, risks: readonly Risk[], sought = ''): Preview {
  const first = risks.reduce<Risk | null>((best, risk) => (best === null || risk.start < best.start ? risk : best), null);
  const part =
    first === null ? { before: text.slice(0, previewCharactersMax), risk: '', after: '' } : partAround(text, first.start, first.end);
  const found = text.toLowerCase().indexOf(sought.toLowerCase());
  const isShown = Object.values(part).join('').toLowerCase().includes(sought.toLowerCase());
  if (isShown || found === -1) return part;
  const { before, risk, after } = partAround(text, found, found + sought.length);
  return { before: before + risk + after, risk: '', after: '' };
}

function partAround(text: string, start: number, end: number): Preview {
  const lead = text.slice(0, start).replace(/\s+/gu, ' ');
  const before = lead.length > previewLeadMax ? `… ${lead.slice(-previewLeadMax)}` : lead;
  return {
    before,
    risk: text.slice(start, Math.min(end, start + previewCharactersMax)),
    after: text.slice(end, end + previewCharactersMax),
  };
}
