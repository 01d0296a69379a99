// Lists of values, `a=(x y)`: subscripts in them are arithmetic, and what stands right behind the bracket is part of no value.

import type { ArrayValue, Assignment } from 'unbash';

/** `[3]=x`: nothing is evaluated that is not this number. */
const numberedElement = /^\[\d+\]\+?=/;
const blanks = /^(?:\s|\\\n|#[^\n]*\n)*$/;

/** Why a list is not only plain values, or null. */
export function listProblem(node: Assignment): string | null {
  const { value } = node;
  // With something behind its bracket it is read as a word.
  const isList = value.type === 'ArrayValue';
  if (isList ? !holdsOnlyElements(value, node) : value.text.replaceAll('\\\n', '').startsWith('('))
    return 'a list of values that cannot be read to its end';
  if (!isList) return null;
  for (const { text } of value.elements) {
    const start = text.replaceAll('\\\n', '');
    if (start.startsWith('[') && start.includes('=') && !numberedElement.test(start)) return 'a subscript is evaluated as arithmetic';
  }
  return null;
}

/** From bracket to bracket, and to the end of the assignment, stands nothing but the elements that were read. */
function holdsOnlyElements({ pos, end, elements }: ArrayValue, { text, pos: origin, end: last }: Assignment): boolean {
  const between = (from: number, to: number) => text.slice(from - origin, to - origin);
  let from = pos + 1;
  for (const element of elements) {
    if (!blanks.test(between(from, element.pos))) return false;
    from = element.end;
  }
  return (
    end === last && between(pos, pos + 1) === '(' && between(end - 1, end) === ')' && from < end && blanks.test(between(from, end - 1))
  );
}
