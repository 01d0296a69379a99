// Texts that the parser would read differently from the server under the session's settings, or that it cannot be given.

import type { Problem } from '../../../src/core/classification.ts';
import { booleanOf, isSafeEncoding } from './settings.ts';

/** Major version of the parser's grammar. */
const grammarVersion = 18;
/** Server major version from which the vertical tab is white space, as it is for our parser. */
const verticalTabIsSpaceFrom = 16;

/** Why the text can't be judged by our parser in this mode; null when it can. */
export function problemOfMode(text: string, settings: Readonly<Record<string, string>>): Problem | null {
  const nul = text.indexOf('\0');
  if (nul >= 0) return { kind: 'encoding', message: 'the text contains a NUL character', offset: nul };
  if (!text.isWellFormed()) return { kind: 'encoding', message: 'the text is not valid Unicode', offset: null };
  const encoding = settings['client_encoding'];
  if (encoding !== undefined && !isSafeEncoding(encoding) && !isAscii(text)) {
    return { kind: 'encoding', message: `client_encoding is ${encoding} and the text is not plain ASCII`, offset: null };
  }
  const conforming = settings['standard_conforming_strings'];
  if (conforming !== undefined && booleanOf(conforming) !== true) {
    const backslash = text.indexOf('\\');
    if (backslash >= 0) {
      const message = 'standard_conforming_strings is off and the text contains a backslash';
      return { kind: 'ambiguous-mode', message, offset: backslash };
    }
  }
  const tab = text.indexOf('\v');
  if (tab >= 0 && !(majorVersion(settings) >= verticalTabIsSpaceFrom)) {
    return {
      kind: 'ambiguous-mode',
      message: 'the text contains a vertical tab, which this server may not read as white space',
      offset: tab,
    };
  }
  return null;
}

/** What a syntax error says besides, where the server may take what our parser can't read; else nothing. */
export function aboutGrammar(settings: Readonly<Record<string, string>>): string {
  const major = majorVersion(settings);
  if (!(major > grammarVersion)) return '';
  return ` (read by the grammar of PostgreSQL ${grammarVersion}: what only that of PostgreSQL ${major} has is not understood)`;
}

/** NaN when it is not known. */
function majorVersion(settings: Readonly<Record<string, string>>): number {
  return Number.parseInt(settings['server_version'] ?? '', 10);
}

function isAscii(text: string): boolean {
  for (let index = 0; index < text.length; index += 1) if (text.charCodeAt(index) > 127) return false;
  return true;
}
