// What one statement was found to do, collected while its tree is walked.

import type { Problem, Risk, SessionChange } from '../../../src/core/classification.ts';
import { effectKey, type Access, type Effect, type EffectVerb, type ObjectKind } from '../../../src/core/effect.ts';

/** More distinct effects than this in one statement nobody can weigh: not understood. */
export const effectsMax = 2_000;
/** Places shown to an approver; the first ones are enough. */
export const risksMax = 40;
/** SETs and PREPAREs that one statement may announce. */
export const changesMax = 200;

export class Findings {
  readonly effects = new Map<string, Effect>();
  readonly risks: Risk[] = [];
  readonly changes: SessionChange[] = [];
  /** Names under which relations stand in FROM, with what they are; for telling columns from functions. */
  readonly aliases = new Map<string, string[]>();
  /** Dotted references that may be a column or a function call: [qualifier, name, byte offset]. */
  readonly ambiguous: { readonly qualifier: string | null; readonly name: string; readonly location: number | null }[] = [];
  missingWhere = false;
  problem: Problem | null = null;
  /** It names something that the open transaction has made or changed. */
  meetsChanged = false;
  /** The statement runs a prepared one, so that its meaning is this session's. */
  executes = false;

  effect(verb: EffectVerb, access: Access, objectKind: ObjectKind = 'none', object: string | null = null): void {
    this.add({ verb, access, objectKind, object });
  }

  add(effect: Effect): void {
    const key = effectKey(effect);
    if (this.effects.has(key)) return;
    if (this.effects.size >= effectsMax) {
      this.notUnderstood('too-large', `the statement has more than ${effectsMax} effects`);
      return;
    }
    this.effects.set(key, effect);
  }

  risk(start: number, end: number, why: string): void {
    if (this.risks.length >= risksMax || end <= start) return;
    if (this.risks.some((risk) => risk.start === start && risk.end === end)) return;
    this.risks.push({ start, end, why });
  }

  change(change: SessionChange): void {
    if (this.changes.length >= changesMax) {
      this.notUnderstood('too-large', `the statement changes more than ${changesMax} settings`);
      return;
    }
    this.changes.push(change);
  }

  notUnderstood(kind: Problem['kind'], message: string, offset: number | null = null): void {
    this.problem ??= { kind, message, offset };
  }
}
