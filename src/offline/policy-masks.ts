// What masks would do to a statement's result, for `policy test` and `policy explain`: planned by the gateway's own planner, on the
// tables that the tests name. Without the tables of a statement nothing is said: the target knows its columns, nobody here does.

import { randomBytes } from 'node:crypto';
import type { OutliningMasker } from '../../policies/masking/masker.ts';
import type { MaskOutline } from '../../policies/masking/outline.ts';
import type { Action } from '../core/action.ts';
import type { Classification } from '../core/classification.ts';
import type { MaskRule } from '../core/masking.ts';
import type { Protocol } from '../core/target.ts';
import { schemaUsual, withTables } from './policy-tables.ts';
import type { Tables } from './policy-tables.ts';

/** What an outline is made of. */
export interface Outlined {
  readonly protocol: Protocol;
  readonly action: Action;
  readonly classification: Classification;
  readonly rules: readonly MaskRule[];
  readonly tables: Tables;
}

/** Makes the planner when the first one asks. */
export class MaskOutlines {
  #masker: OutliningMasker | null = null;

  async outline({ protocol, action, classification, rules, tables }: Outlined): Promise<MaskOutline> {
    const schema = schemaUsual(protocol, action);
    const full = (table: string): string => (table.includes('.') ? table : `${schema}.${table}`);
    const known = new Set(Object.keys(tables).map(full));
    if (!classification.summary.tables.every((table) => known.has(full(table)))) return { kind: 'unknown' };
    if (this.#masker === null) {
      const { createMasker } = await import('../../policies/masking/masker.ts');
      this.#masker = await createMasker(randomBytes);
    }
    return this.#masker.outline(protocol, withTables(protocol, action, tables), classification, rules);
  }

  close(): void {
    this.#masker?.close();
  }
}

/** "masked: email (partial); searched by detectors: note"; what is shown is left out. */
export function outlineWords(outline: MaskOutline, rules: readonly MaskRule[]): string {
  switch (outline.kind) {
    case 'refused':
      return `refused, because of masks: ${outline.message}`;
    case 'unknown': {
      const named = rules.map((rule) => `${rule.detector === null ? rule.columns.join(', ') : `any ${rule.detector}`} (${rule.with})`);
      return `masks ${named.join(', ')}; which columns come back can't be told here (tests can name the target's tables)`;
    }
    case 'columns': {
      const whole = outline.columns.filter((column) => column.with !== 'shown' && column.with !== 'searched');
      const searched = outline.columns.filter((column) => column.with === 'searched').map((column) => column.name);
      const words = [
        whole.length === 0 ? 'no column of the result is masked' : `masked: ${whole.map((it) => `${it.name} (${it.with})`).join(', ')}`,
        searched.length === 0 ? '' : `searched by detectors: ${searched.join(', ')}`,
      ];
      return words.filter((word) => word !== '').join('; ');
    }
  }
}
