// Finds text in what a terminal showed: control sequences are taken out, what was typed letter by letter is one line again.
// It reads lines as they came, not the screen: what a full-screen program draws by moving the cursor is found as it was sent.

import { castLines, isEvent } from './cast-index.ts';

/** Places given; more are counted up to the end of the file only as "more". */
export const hitsMax = 500;
/** Characters of a line that are searched; a longer one is searched in pieces. */
const lineCharsMax = 4_000;
const shownCharsMax = 200;

export interface CastHit {
  readonly atMs: number;
  /** The line it stands in, cut. */
  readonly line: string;
}

export interface CastSearch {
  readonly hits: readonly CastHit[];
  readonly more: boolean;
}

/** CSI, OSC (also DCS, APC, PM, SOS) and two-character sequences, ECMA-48. */
// oxlint-disable-next-line no-control-regex
const sequences = /\u001b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\u0007\u001b]*(?:\u0007|\u001b\\)|[ -/]*[0-OQ-WYZ\\`-~])/g;
// oxlint-disable-next-line no-control-regex
const controls = /[\u0000-\u0007\u000b-\u000c\u000e-\u001f\u007f]/g;
/** An escape sequence that goes on in the next event. */
// oxlint-disable-next-line no-control-regex
const unfinished = /\u001b[^\u001b]{0,200}$/;

/** Letters count the same in upper and lower case. */
export async function searchCast(path: string, text: string): Promise<CastSearch> {
  const wanted = text.toLowerCase();
  const hits: CastHit[] = [];
  if (wanted === '') return { hits, more: false };
  let atMs = 0;
  let line = '';
  let lineAtMs = 0;
  let carried = '';
  /** True when there are enough. */
  const judge = (): boolean => {
    if (line.toLowerCase().includes(wanted)) {
      if (hits.length >= hitsMax) return true;
      hits.push({ atMs: lineAtMs, line: around(line, wanted) });
    }
    line = '';
    return false;
  };
  const see = (data: string): boolean => {
    const plain = (carried + data).replaceAll(sequences, '');
    carried = unfinished.exec(plain)?.[0] ?? '';
    const parts = plain
      .slice(0, plain.length - carried.length)
      .replaceAll(controls, '')
      .split('\n');
    for (const [number, part] of parts.entries()) {
      if (number > 0 && judge()) return true;
      line = rubbedOut(line, part);
      // The moment at which the line was last added to: when its text stands there.
      if (part.replaceAll('\r', '') !== '') lineAtMs = atMs;
      if (line.length > lineCharsMax && judge()) return true;
    }
    return false;
  };
  for await (const lines of castLines(path)) {
    for (const { line: event } of lines) {
      if (!isEvent(event)) continue;
      atMs += Math.round(event[0] * 1000);
      if (event[1] === 'o' && see(event[2])) return { hits, more: true };
    }
  }
  return { hits, more: judge() };
}

/** Backspace takes a letter back; a carriage return alone begins the line again only where something follows it. */
function rubbedOut(line: string, part: string): string {
  if (!part.includes('\b') && !part.includes('\r')) return line + part;
  let text = line;
  for (const letter of part) {
    if (letter === '\b') text = text.slice(0, -1);
    else if (letter === '\r') text = text.endsWith(' ') || text === '' ? text : `${text} `;
    else text += letter;
  }
  return text;
}

function around(line: string, wanted: string): string {
  const at = line.toLowerCase().indexOf(wanted);
  const start = Math.max(0, Math.min(at - shownCharsMax / 4, line.length - shownCharsMax));
  return `${start > 0 ? '…' : ''}${line.slice(start, start + shownCharsMax).trim()}${start + shownCharsMax < line.length ? '…' : ''}`;
}
