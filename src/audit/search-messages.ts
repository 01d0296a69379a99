// What the search thread is asked and answers.

import type { AuditQuery } from '../core/audit-query.ts';
import type { FaultCode } from '../core/errors.ts';

export const auditPageMax = 500;
export type SearchRequest =
  | { readonly id: number; readonly kind: 'query'; readonly query: AuditQuery; readonly headSeq: number }
  | { readonly id: number; readonly kind: 'since'; readonly seq: number; readonly limit: number; readonly headSeq: number }
  | { readonly id: number; readonly kind: 'lost-ends'; readonly sessions: readonly string[] }
  | { readonly id: number; readonly kind: 'ends-of-holds'; readonly holds: readonly string[]; readonly headSeq: number }
  | {
      readonly id: number;
      readonly kind: 'newest';
      readonly types: readonly string[];
      readonly fromMs: number;
      readonly containing: string;
    }
  | { readonly id: number; readonly kind: 'verify' }
  | { readonly id: number; readonly kind: 'share'; readonly memory: SharedArrayBuffer }
  | { readonly id: number; readonly kind: 'close' };

export type SearchAnswer =
  | { readonly id: number; readonly ok: true; readonly value: unknown }
  | { readonly id: number; readonly ok: false; readonly code: FaultCode; readonly message: string };

export interface SearchWorkerData {
  readonly dir: string;
  /** Of the shared chain, when there is one. */
  readonly memory: SharedArrayBuffer | null;
}
