// A text without the characters at its end. A pattern like /x+$/ looks for its end from every x anew: megabytes of them that end in
// something else, as anybody may send them, keep the thread busy for minutes.

/** `text` without the run of `character` at its end. */
export function withoutTrailing(text: string, character: string): string {
  let end = text.length;
  while (end > 0 && text[end - 1] === character) end -= 1;
  return text.slice(0, end);
}
