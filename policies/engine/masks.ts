// What a rule masks in results, read. Where several rules allow one action their masks add up, and of two that meet in one column the
// stricter counts.

import type { Obligations } from '../../src/core/decision.ts';
import type { MaskRule } from '../../src/core/masking.ts';
import { columnPattern } from './columns.ts';
import type { MaskDocument } from './mask-document.ts';
import type { Expand } from './matchers.ts';
import type { Path, Source } from './source.ts';

/** Notes what the schema can't see. */
export function checkMasks(source: Source, masks: MaskDocument, at: readonly (string | number)[]): void {
  masks.forEach((mask, index) => {
    const path = [...at, index];
    if ((mask.columns === undefined) === (mask.detector === undefined)) {
      source.problem(path, 'say what is masked: either "columns" or "detector"');
    }
    if (mask.detector !== undefined && mask.predicates !== undefined && mask.predicates !== 'allow') {
      source.problemAtKey(path, 'predicates', '"predicates" is for columns: what a detector would find is not known before it runs');
    }
    mask.columns?.forEach((pattern, column) => {
      if (pattern.startsWith('$') || columnPattern.test(pattern)) return;
      source.problem([...path, 'columns', column], `"${pattern}" is not a column: write column, table.column or schema.table.column`);
    });
  });
}

/** What the planner of masks goes by. Those that wait for people are asked before: what they let through is masked, and may ask. */
export function masksOf(masks: MaskDocument, at: Path, expand: Expand): readonly MaskRule[] {
  return masks.map((mask, index) => ({
    columns: expand(mask.columns ?? [], [...at, index, 'columns']),
    detector: mask.detector ?? null,
    with: mask.with ?? 'partial',
    predicates: mask.predicates === 'deny' ? 'deny' : 'allow',
  }));
}

/** Does asking about a column of these wait for people? */
export function holdsPredicates(masks: MaskDocument | undefined): boolean {
  return masks?.some(({ predicates }) => predicates === 'hold') === true;
}

/** The columns that are asked about only after people have said yes. */
export function heldColumns(masks: MaskDocument, at: Path, expand: Expand): readonly string[] {
  return masks.flatMap((mask, index) => (mask.predicates === 'hold' ? expand(mask.columns ?? [], [...at, index, 'columns']) : []));
}

/** All of them; the planner takes the stricter where two meet. */
export function uniteMasks(all: readonly Obligations[]): Pick<Obligations, 'mask'> {
  const masks = all.flatMap(({ mask = [] }) => mask);
  return masks.length === 0 ? {} : { mask: [...new Map(masks.map((mask) => [JSON.stringify(mask), mask])).values()] };
}
