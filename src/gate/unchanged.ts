// What people said yes to has to be what runs: while a text waits, a view may be replaced or a table renamed, and then the same words mean
// something else. So it is read again by the target's own objects as they are now.

import type { Action, Catalogue, ReadingMode } from '../core/action.ts';
import type { Classification } from '../core/classification.ts';
import { effectKey } from '../core/effect.ts';
import type { Classifier } from '../core/policy.ts';
import type { GateLane } from './submission.ts';

/** What an action would do, for comparing: equal when policies and approvers can tell no difference. */
export function meaningOf({ understood, summary }: Classification): string {
  const { effects, missingWhere, columns } = summary;
  const named = columns === undefined ? [] : [columns.read, columns.asked, columns.written].map((it) => [...it].sort());
  return JSON.stringify([understood, missingWhere, effects.map(effectKey).sort(), named]);
}

/** Rejects when it can't be told. */
export async function isUnchanged(action: Action, before: Classification, lane: GateLane, classifier: Classifier): Promise<boolean> {
  if (lane.isUnchanged !== undefined) return lane.isUnchanged();
  // What a driver has classified itself is not in the words, or was doubted already: it ran into the fence.
  if (lane.catalogueNow === undefined || action.classified !== null) return true;
  const catalogue = await lane.catalogueNow();
  if (catalogue === action.mode.catalogue) return true;
  const again = await classifier.classify({ ...action, mode: withCatalogue(action.mode, catalogue) }, lane.signal);
  return meaningOf(again) === meaningOf(before);
}

/** A mode's key begins with the version of the catalogue. */
function withCatalogue({ key, settings }: ReadingMode, catalogue: Catalogue | null): ReadingMode {
  return { key: `${catalogue?.version ?? '-'}${key.slice(key.indexOf('|'))}`, settings, catalogue };
}
