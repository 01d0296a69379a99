// Words that only bash reads as bash does: a plainer shell makes other commands of them. To dash `[[ a > b ]]` writes a file, `((rm + x))`
// removes one, `a+=/../x` runs one, and the quotes of `$'\''` end elsewhere.

/** `$((1 + 2))` and `[[:space:]]` are everybody's. */
const bashWords = /\[\[(?=[\s\\]|$)|(?<!\$\(*)\(\(|\$['[]|(?<![^\s;&|({])[A-Za-z_](?:\w|\\\n?)*\+(?:\\\n?)*=/;

/** True for a text that bash alone surely reads as it stands there. */
export function isForBash(text: string): boolean {
  return bashWords.test(text) && bashWords.test(withoutQuotes(text) ?? text);
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
