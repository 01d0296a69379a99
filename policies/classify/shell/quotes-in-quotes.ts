// Single quotes in an expansion in double quotes or in a here-document ("${x:-'…'}"): there a shell may take them for themselves,
// so that what stands between them is no plain text and a command in it runs.

import type { Span } from '../../../src/core/classification.ts';
import type { SyntaxNode } from 'unbash';
import { forEachChild } from 'unbash';

/** Between quotes these mean something when the quotes mean nothing. */
const meaningful = /[$`\\"}]/;

/** The first such quote below a text in double quotes or a here-document, or null. Texts of other commands are read by themselves. */
export function doubtfulQuote(text: SyntaxNode): Span | null {
  return search(text, false);
}

function search(node: SyntaxNode, inExpansion: boolean): Span | null {
  let found: Span | null = null;
  forEachChild(node, (child) => {
    if (found !== null) return;
    switch (child.type) {
      case 'SingleQuoted':
      case 'AnsiCQuoted':
        if (inExpansion && meaningful.test(child.text.slice(child.type === 'AnsiCQuoted' ? 2 : 1, -1)))
          found = { start: child.pos, end: child.end };
        return;
      case 'CommandExpansion':
      case 'ProcessSubstitution':
      case 'DoubleQuoted':
        return;
      default:
        found = search(child, inExpansion || child.type === 'ParameterExpansion');
    }
  });
  return found;
}
