// Gathers what one statement does while its parts are looked at: effects without duplicates, risks, changes.

import type { ColumnsTouched, Risk, SessionChange, Span, StatementFacts } from '../../../src/core/classification.ts';
import { effectKey, type Access, type Effect, type EffectVerb, type ObjectKind } from '../../../src/core/effect.ts';
import { anyColumns } from '../../../src/core/summary.ts';

/** Effects of one statement; a text that names more objects is held anyway and would only fill memory. */
const effectsMax = 1_000;

export class FactsBuilder {
  kind: string;
  missingWhere = false;
  readonly #effects = new Map<string, Effect>();
  readonly #risks: Risk[] = [];
  readonly #changes: SessionChange[] = [];
  /** Those of a statement that was prepared, or any; what the text itself names is found when all of it was read. */
  #columns: ColumnsTouched | undefined;

  constructor(kind: string) {
    this.kind = kind;
  }

  effect(verb: EffectVerb, access: Access, objectKind: ObjectKind = 'none', object: string | null = null): void {
    this.add({ verb, access, objectKind, object });
  }

  add(effect: Effect): void {
    if (this.#effects.size >= effectsMax) {
      this.#effects.set('overflow', { verb: 'unknown', access: 'unknown', objectKind: 'none', object: null });
      return;
    }
    this.#effects.set(effectKey(effect), effect);
  }

  /** Everything that an inner statement does. */
  absorb(inner: StatementFacts): void {
    for (const it of inner.effects) this.add(it);
    this.#risks.push(...inner.risks);
    this.#changes.push(...inner.changes);
    this.missingWhere ||= inner.missingWhere;
    this.#columns ??= inner.columns;
  }

  /** What rows it gives back can't be told from its words. */
  readsAnyColumn(): void {
    this.#columns = { ...anyColumns, written: [] };
  }

  risk(span: Span, why: string): void {
    this.#risks.push({ start: span.start, end: span.end, why });
  }

  change(change: SessionChange): void {
    this.#changes.push(change);
  }

  done(span: Span): StatementFacts {
    const effects = [...this.#effects.values()];
    if (effects.length === 0) effects.push({ verb: 'read', access: 'read', objectKind: 'none', object: null });
    return {
      kind: this.kind,
      span: { start: span.start, end: span.end },
      effects,
      missingWhere: this.missingWhere,
      risks: this.#risks,
      ...(this.#columns === undefined ? {} : { columns: this.#columns }),
      changes: this.#changes,
    };
  }
}
