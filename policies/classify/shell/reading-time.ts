// Texts that would keep the thread busy, which all sessions share. The parser looks for the end of each substitution and
// here-document from its beginning on, so that thousands of them within each other, in 60 kB that anybody may send, take seconds.

/** What is looked for to its end: $( $(( <( >( (( << and backquotes. */
const opener = /\$\(|[<>]\(|\(\(|<<|`/g;
/** Openers times characters: about a tenth of a second. A text of 64 kB may have 250 of them, one of 4 kB as many as fit. */
const looksMax = 16_000_000;

/** Whether the parser may be given this text. */
export function isReadSoon(text: string): boolean {
  const openers = text.match(opener)?.length ?? 0;
  return openers * text.length <= looksMax;
}
