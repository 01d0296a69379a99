// Words that only bash reads: they were judged as bash reads them, and a plainer shell makes other commands of them. To dash
// `[[ a > b ]]` writes a file, `((rm + x))` removes one, `a+=/../x` runs one, and the quotes of `$'\''` end elsewhere. So a line before them ends dash, ash,
// zsh and ksh before they come to them; fish can't read the line, and runs nothing.

import { refusedStatus } from './refusal.ts';

/** `$((1 + 2))` and `[[:space:]]` are everybody's. */
const bashWords = /\[\[(?=[\s\\]|$)|(?<!\$\(*)\(\(|\$['[]|(?<![^\s;&|({])[A-Za-z_](?:\w|\\\n?)*\+(?:\\\n?)*=/;

const words = 'sallyport: the shell of this account is not bash, and would read this command in another way';
const check = `test -n "$BASH_VERSION" || { echo '${words}' >&2; exit ${refusedStatus}; }`;

/** What is sent to the target for a text that was judged; `around` is that text with what a wrapper adds. */
export function forBash(text: string, around: string = text): string {
  return bashWords.test(text) && bashWords.test(withoutQuotes(text) ?? text) ? `${check}\n${around}` : around;
}

/** The text without what stands in plain quotes, up to the first `$'`; null where quotes may begin or end elsewhere than it seems. */
function withoutQuotes(text: string): string | null {
  if (/<<|`|(?:^|[\s;&|()])#/.test(text)) return null;
  let plain = '';
  for (let at = 0; at < text.length; at++) {
    const letter = text[at] as string;
    if (letter === '\\') at += 1;
    if (letter !== "'" && letter !== '"') {
      plain += letter;
      continue;
    }
    plain += letter;
    if (plain.endsWith("$'")) return plain;
    const quoted = letter === "'" ? /[^']*'/y : /(?:[^"\\$]|\\[^]|\$(?![({]))*"/y;
    quoted.lastIndex = at + 1;
    const end = quoted.exec(text)?.[0].length;
    if (end === undefined) return null;
    at += end;
  }
  return plain;
}
