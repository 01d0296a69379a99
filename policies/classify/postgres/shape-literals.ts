// Where a literal ends in the text, so that people see the shape with a hole exactly there. The parser gives only its beginning.

/** The offset behind the literal or parameter that begins at `start`; null when it is written in an unusual way. */
export function literalEnd(text: string, start: number): number | null {
  const rest = text.slice(start);
  const simple = /^(?:\$\d+(?![\w$])|-?\s*(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?(?![\w.]))/i.exec(rest);
  if (simple !== null) return start + simple[0].length;
  const quoted = /^(?:'(?:[^']|'')*'|e'(?:[^'\\]|\\[^]|'')*')(?!\s*')/i.exec(rest);
  if (quoted !== null) return start + quoted[0].length;
  const tag = /^\$(?:[a-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/i.exec(rest)?.[0];
  if (tag === undefined) return null;
  const end = rest.indexOf(tag, tag.length);
  return end < 0 ? null : start + end + tag.length;
}
