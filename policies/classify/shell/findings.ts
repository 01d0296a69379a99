// What was found in one text: a record for each program that it would run, and why it was not understood, if it was not.
// Everything found stays, also when something else could not be understood: a rule that denies must still see it.

import type { Classification, Problem, Risk, Span, StatementFacts } from '../../../src/core/classification.ts';
import type { Access, Effect, EffectVerb, ObjectKind } from '../../../src/core/effect.ts';
import { classificationOf, notUnderstood } from '../../../src/core/summary.ts';

/** Programs in one text, those in texts within it included. */
export const programsMax = 500;

/** Effects and risks of one program. */
export class ProgramFindings {
  kind: string;
  readonly span: Span;
  readonly effects: Effect[] = [];
  readonly risks: Risk[] = [];

  constructor(kind: string, span: Span) {
    this.kind = kind;
    this.span = span;
  }

  effect(verb: EffectVerb, access: Access, objectKind: ObjectKind = 'none', object: string | null = null): void {
    this.effects.push({ verb, access, objectKind, object });
  }

  risk(span: Span, why: string): void {
    this.risks.push({ ...span, why });
  }

  /** Readable, but what it does cannot be known: never harmless. */
  unknown(span: Span, why: string): void {
    this.effect('unknown', 'unknown');
    this.risk(span, why);
  }
}

export class Findings {
  readonly #programs: ProgramFindings[] = [];
  #problem: Problem | null = null;

  program(kind: string, span: Span): ProgramFindings {
    const found = new ProgramFindings(kind, span);
    if (this.#programs.length < programsMax) this.#programs.push(found);
    else this.problem('too-large', `it runs more than ${programsMax} programs`, span.start);
    return found;
  }

  /** The first one counts: it is the one that a person reads. Mistakes in the syntax come before everything else. */
  problem(kind: Problem['kind'], message: string, offset: number | null): void {
    if (this.#problem === null || (kind === 'syntax' && this.#problem.kind !== 'syntax')) this.#problem = { kind, message, offset };
  }

  classification(): Classification {
    const statements: StatementFacts[] = this.#programs.map(({ kind, span, effects, risks }) => ({
      kind,
      span,
      effects,
      missingWhere: false,
      risks,
      changes: [],
    }));
    const problem = this.#problem;
    if (problem === null) return classificationOf(statements);
    const bare = notUnderstood(problem.kind, problem.message, problem.offset);
    if (statements.length === 0) return bare;
    const offset = problem.offset ?? 0;
    const doubt: StatementFacts = {
      kind: 'not understood',
      span: { start: offset, end: offset },
      effects: bare.summary.effects,
      missingWhere: false,
      risks: [],
      changes: [],
    };
    return { ...classificationOf([...statements, doubt]), understood: false, problem };
  }
}
