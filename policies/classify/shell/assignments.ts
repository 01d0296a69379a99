// Variables that change what later programs are or do. Only names that are known to be harmless go without a word: a name in
// small letters, which no program reads unless it is exported, and a few of the environment.

import type { Assignment } from 'unbash';
import type { Span } from '../../../src/core/classification.ts';
import type { ProgramFindings } from './findings.ts';
import { listProblem } from './value-lists.ts';

const harmlessEnvironment = new Set(
  'LANG LANGUAGE LC_ALL LC_COLLATE LC_CTYPE LC_MESSAGES LC_MONETARY LC_NUMERIC LC_TIME TZ TERM COLUMNS LINES NO_COLOR CLICOLOR GIT_OPTIONAL_LOCKS SYSTEMD_COLORS DEBIAN_FRONTEND'.split(
    ' ',
  ),
);
/** Small-letter names that some shell gives a meaning (zsh's path, csh's prompt). */
const meaningful = new Set([
  'path',
  'fpath',
  'cdpath',
  'manpath',
  'prompt',
  'histchars',
  'auto_resume',
  'module_path',
  'fignore',
  'precmd_functions',
]);

export interface AssignmentPlace {
  readonly found: ProgramFindings;
  readonly span: Span;
  readonly opaque: (span: Span, why: string) => void;
}

/** How long it lasts and who sees it: the shell alone, or the programs that it starts. */
export type AssignmentUse = 'plain' | 'for a program' | 'exported';

/** A name that only the shell itself sees and that means nothing to it. */
export function isOwnVariable(name: string): boolean {
  return /^[a-z_][a-z0-9_]*$/.test(name) && !meaningful.has(name);
}

/**
 * In some character sets a backslash or a bar is the second byte of a letter: a shell that reads the rest of the text by one of them
 * sees other quotes than the ones judged. These are UTF-8, plain ASCII, or a country's old default (but for Chinese).
 */
const safeLocale = /^(?:|C|POSIX|[A-Za-z_@]{1,30}\.(?:utf-?8|UTF-?8)(?:@[a-z]{1,20})?|(?!zh_)[a-z]{2}_[A-Z]{2})$/;

function isHarmless(name: string, value: string | null): boolean {
  if (!harmlessEnvironment.has(name)) return false;
  // Of a path, programs would take their words from there, and print by them.
  if (name === 'LANGUAGE') return value !== null && /^[\w:@.-]*$/.test(value);
  return !/^(?:LANG|LC_[A-Z]+)$/.test(name) || (value !== null && safeLocale.test(value));
}

/** Judges one assignment. `node` is null where there is none (loops, `read`, `env`); `value` is null where it is not known. */
export function assign(name: string, node: Assignment | null, place: AssignmentPlace, use: AssignmentUse, value: string | null): void {
  const { found, span } = place;
  if (node?.index !== undefined) return place.opaque(span, 'a subscript is evaluated as arithmetic');
  const problem = node === null ? null : listProblem(node);
  if (problem !== null) return place.opaque(span, problem);
  const own = use === 'plain' && isOwnVariable(name);
  if (own || (node?.append !== true && isHarmless(name, value))) return found.effect('environment', 'session', 'setting', name);
  found.effect('environment', 'unknown', 'setting', name);
  found.risk(span, `${name} may change what programs do or which ones run`);
}
