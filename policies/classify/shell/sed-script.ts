// Reads a sed script as far as it takes to know that it writes no file and runs nothing: addresses, and the commands that only
// edit what passes through. Everything else (w, W, e, r, R, a file after a substitution) counts as not harmless.

export function sedIsHarmless(script: string): boolean {
  let at = 0;
  const skip = (pattern: RegExp): boolean => {
    pattern.lastIndex = at;
    const found = pattern.exec(script);
    if (found === null) return false;
    at += found[0].length;
    return true;
  };
  /** Up to an unescaped delimiter; inside a set (`[…]`) none ends it for some seds and one does for others: refuse those. */
  const delimited = (delimiter: string): boolean => {
    for (; at < script.length; at++) {
      const letter = script[at] as string;
      if (letter === '\\') at += 1;
      else if (letter === '\n') return false;
      else if (letter === delimiter) {
        at += 1;
        return true;
      } else if (letter === '[') {
        const set = plainSet(script, at);
        if (set === null || set.includes(delimiter)) return false;
        at += set.length - 1;
      }
    }
    return false;
  };
  const address = (): boolean => {
    if (skip(/\d+(?:~\d+)?|\$/y)) return true;
    const mark = at;
    if (script[at] === '/') at += 1;
    else if (script[at] === '\\' && at + 1 < script.length) at += 2;
    else return false;
    const delimiter = script[at - 1] as string;
    if (delimiter !== '\n' && delimited(delimiter) && skip(/[IM]*/y)) return true;
    at = mark;
    return false;
  };
  while (at < script.length) {
    skip(/[\s;]*/y);
    if (at >= script.length) break;
    if (script[at] === '#') {
      skip(/[^\n]*/y);
      continue;
    }
    if (script[at] === '}' || script[at] === '{') {
      at += 1;
      continue;
    }
    if (address() && skip(/ *, */y) && !skip(/[+~]\d+/y) && !address()) return false;
    skip(/[\s!]*/y);
    const command = script[at] ?? '';
    at += 1;
    if (command === '{') continue;
    if (command === 's' || command === 'y') {
      const delimiter = script[at] ?? '';
      at += 1;
      if (delimiter === '' || delimiter === '\\' || delimiter === '\n' || !delimited(delimiter) || !delimited(delimiter)) return false;
      if (command === 's') skip(/[gpiI0-9]*/y);
    } else if (command === ':') {
      if (!skip(/ *\w+/y)) return false;
    } else if (/^[btT]$/.test(command)) skip(/ *\w*/y);
    else if (!/^[pPdDqQ=nNgGhHxlz]$/.test(command)) return false;
    else skip(/ *\d*/y);
    if (!skip(/[ \t]*(?:;|\n|\}|$)/y)) return false;
  }
  return true;
}

/** A set that every sed ends at the same bracket, with classes (`[:alpha:]`) whole; null when this is none. */
function plainSet(script: string, from: number): string | null {
  // A bracket right behind the first is one of the set.
  const pattern = /\[(?:\^?\]|(?!\^?\]))(?:\[:[a-z]+:\]|\[(?![:.=])|\\[^\]\n]|[^\]\\[\n])*\]/y;
  pattern.lastIndex = from;
  return pattern.exec(script)?.[0] ?? null;
}
