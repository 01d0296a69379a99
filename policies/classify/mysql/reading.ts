// One reading of one text: its tokens and what is needed to make sense of them. Shared by the files that look at statements.

import type { PreparedStatement } from '../../../src/core/action.ts';
import type { Problem, StatementFacts } from '../../../src/core/classification.ts';
import type { Token } from './lexer.ts';
import type { Objects } from './objects.ts';
import type { SqlMode } from './reading-mode.ts';

export interface Reading {
  readonly tokens: readonly Token[];
  readonly mode: SqlMode;
  readonly objects: Objects;
  /** Looks up a name of SQL EXECUTE. */
  readonly prepared: (name: string) => PreparedStatement | undefined;
  /** Classifies the text of PREPARE or EXECUTE IMMEDIATE; null when it isn't one understood statement. */
  readonly inner: (text: string) => StatementFacts | null;
}

export type Judged =
  | { readonly kind: 'facts'; readonly facts: StatementFacts; readonly changesReading: boolean }
  | { readonly kind: 'problem'; readonly problem: Problem };

export function wordAt(tokens: readonly Token[], at: number, to: number = tokens.length): string | null {
  const token = at < to ? tokens[at] : undefined;
  return token?.kind === 'word' ? token.text : null;
}

export function opAt(tokens: readonly Token[], at: number, to: number = tokens.length): string | null {
  const token = at < to ? tokens[at] : undefined;
  return token?.kind === 'op' ? token.text : null;
}

export function unknownStatement(message: string, offset: number | null): Judged {
  return { kind: 'problem', problem: { kind: 'unknown-statement', message, offset } };
}
