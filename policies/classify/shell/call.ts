// One program about to be run, as the readers of programs see it: its words, what comes in, and what they may say or ask.

import type { Span } from '../../../src/core/classification.ts';
import type { ProgramFindings } from './findings.ts';
import type { Argument } from './words.ts';

/** What the program reads: the client or nothing, another program or a file, or a text that stands in the command. */
export type Input = { readonly kind: 'client' } | { readonly kind: 'data' } | { readonly kind: 'text'; readonly text: string | null };

export interface Call {
  /** As it was written, and its last part when it is one of the system's own ("/bin/ls" is "ls"). */
  readonly name: string;
  readonly span: Span;
  readonly args: readonly Argument[];
  readonly input: Input;
  /** It has a terminal: pagers and programs that take keys can start others. */
  readonly terminal: boolean;
  readonly found: ProgramFindings;
  /** Judges a command made of these words (a wrapper's). */
  command(args: readonly Argument[], input?: Input): void;
  /** Judges a text that a shell will read. */
  script(text: string, span: Span): void;
  /** Not understood: nobody can know what it would run. */
  opaque(span: Span, why: string): void;
  /** Names that may hold a number only, for arithmetic. */
  assigns(name: string): void;
}

export type Reader = (call: Call) => void;

/** The program only reads. */
export function reads(call: Call): void {
  call.found.effect('run', 'read', 'program', call.name);
}

/** The program changes something, and it is known what. */
export function writes(call: Call): void {
  call.found.effect('run', 'write', 'program', call.name);
}

/** The program is not known, or not in this form. */
export function unsure(call: Call, span: Span, why: string): void {
  call.found.effect('run', 'unknown', 'program', call.name);
  call.found.risk(span, why);
}

export function readsFiles(call: Call, files: readonly Argument[]): void {
  for (const { text } of files) if (text !== '-') call.found.effect('file-read', 'read', 'file', text);
}

export function writesFiles(call: Call, files: readonly Argument[]): void {
  for (const { text, span } of files) {
    if (text !== null && harmlessFiles.has(text)) continue;
    call.found.effect('file-write', 'write', 'file', text);
    call.found.risk(span, 'writes a file');
  }
}

/** Writing there changes nothing. */
export const harmlessFiles: ReadonlySet<string> = new Set(['/dev/null', '/dev/stdout', '/dev/stderr', '/dev/tty']);
