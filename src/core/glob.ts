// Name patterns: `*` is any run of characters (dots too), `?` is one character, all else is itself. No regular expression is
// made of them: the search is by pieces between stars, each found leftmost, so no pattern can be made to run for long.

export type Glob = (text: string) => boolean;

const compiled = new Map<string, Glob>();
/** Patterns come from policy files; conditions may build some, so the memory of them is bounded. */
const compiledMax = 10_000;

/** The compiled pattern; the same pattern gives the same function. */
export function glob(pattern: string): Glob {
  let known = compiled.get(pattern);
  if (known === undefined) {
    if (compiled.size >= compiledMax) compiled.clear();
    known = compile(pattern);
    compiled.set(pattern, known);
  }
  return known;
}

function compile(pattern: string): Glob {
  if (!/[*?]/.test(pattern)) return (text) => text === pattern;
  if (/^\*+$/.test(pattern)) return () => true;
  const pieces = pattern.split(/\*+/);
  if (pieces.length === 1) return (text) => text.length === pattern.length && matchesAt(text, 0, pattern);
  const first = pieces[0]!;
  const last = pieces[pieces.length - 1]!;
  const middle = pieces.slice(1, -1);
  return (text) => {
    if (text.length < first.length + last.length) return false;
    if (!matchesAt(text, 0, first) || !matchesAt(text, text.length - last.length, last)) return false;
    let from = first.length;
    const end = text.length - last.length;
    for (const piece of middle) {
      const at = find(text, piece, from);
      if (at < 0) return false;
      from = at + piece.length;
    }
    return from <= end;
  };
}

function find(text: string, piece: string, from: number): number {
  if (!piece.includes('?')) return text.indexOf(piece, from);
  for (let at = from; at + piece.length <= text.length; at += 1) if (matchesAt(text, at, piece)) return at;
  return -1;
}

function matchesAt(text: string, at: number, piece: string): boolean {
  if (!piece.includes('?')) return text.startsWith(piece, at);
  if (at + piece.length > text.length) return false;
  for (let i = 0; i < piece.length; i += 1) if (piece[i] !== '?' && piece[i] !== text[at + i]) return false;
  return true;
}
