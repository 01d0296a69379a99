// Reads an SSH command with a shell parser and says what it would do. Understood means: every program in it is known, in this
// form, and nothing that it runs depends on what the machine holds. Shell grammar is bash's; a target whose login shell reads
// the same text differently must not be put behind it.

import type { Action } from '../../../src/core/action.ts';
import type { Classification } from '../../../src/core/classification.ts';
import type { Classifier } from '../../../src/core/policy.ts';
import { notUnderstood } from '../../../src/core/summary.ts';
import { shapeOfShell } from './shape.ts';
import { Walker } from './walker.ts';
import type { Surroundings } from './walker.ts';

/** Longer texts are not understood: the parser's time grows faster than the text. */
export const textCharsMax = 64 * 1024;
/** Classifications kept, and the longest text that is. */
const cachedMax = 4096;
const cachedCharsMax = 4096;

/** The setting of a reading mode that says whether the command gets a terminal. */
export const terminalSetting = 'terminal';

export function createShellClassifier(): Classifier {
  const cache = new Map<string, Classification>();
  return {
    classify(action: Action): Classification {
      const { text, mode } = action;
      const terminal = mode.settings[terminalSetting] === 'on';
      const key = `${terminal ? 't' : '-'}${text}`;
      const known = cache.get(key);
      if (known !== undefined) return known;
      const classification = classifyShell(text, terminal);
      if (text.length <= cachedCharsMax) {
        if (cache.size >= cachedMax) cache.delete(cache.keys().next().value ?? '');
        cache.set(key, classification);
      }
      return classification;
    },
    shapeOf: shapeOfShell,
  };
}

/** What one text would do. Never throws. */
export function classifyShell(text: string, terminal: boolean): Classification {
  if (text.length > textCharsMax) return notUnderstood('too-large', `a command of more than ${textCharsMax / 1024} kB is not read`);
  const wrong = /[\0\uFFFD]|[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/.exec(text);
  if (wrong !== null) return notUnderstood('encoding', 'the command holds a NUL or bytes that are not UTF-8', wrong.index);
  const plain = read(text, { terminal });
  if (isFree(plain) || !/\bfor\b/.test(text)) return plain;
  const unrolled = read(text, { terminal, unrolls: true });
  return isFree(unrolled) ? unrolled : plain;
}

function read(text: string, surroundings: Surroundings): Classification {
  const walker = new Walker(surroundings);
  try {
    walker.script(text, null);
    if (surroundings.unrolls === true && !walker.loops.held)
      return notUnderstood('unknown-construct', 'a loop that is not over plain words');
    return walker.classification();
  } catch {
    return notUnderstood('parser-gave-up', 'the command could not be read');
  }
}

function isFree({ understood, summary }: Classification): boolean {
  return understood && (summary.access === 'read' || summary.access === 'session');
}
