// What reading a text comes to.

import type { RawStatement } from './tree.ts';

export type Parsed =
  | { readonly kind: 'statements'; readonly statements: readonly RawStatement[]; readonly byteLength: number }
  /** The parser's own words; position counts characters from 1, 0 when there is none. */
  | { readonly kind: 'syntax-error'; readonly message: string; readonly position: number }
  | { readonly kind: 'gave-up'; readonly message: string };
