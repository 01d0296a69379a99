// What rules can tell of an understood action, besides its text: two texts with the same signature get the same answer from
// every rule whose condition reads neither time, text, parameters nor approvals. That makes a text that was never seen before
// (a new number in a known query) a look-up instead of a round through all rules.

import type { Classification, ClassificationSummary, ColumnsTouched } from '../../src/core/classification.ts';
import type { Decision } from '../../src/core/decision.ts';
import type { ObjectKind } from '../../src/core/effect.ts';

/** Statements with more effects are rare, and their signatures long. */
const signedEffectsMax = 64;
/** Likewise columns. */
const signedColumnsMax = 256;
/** Signatures remembered for one kind of action in one session. */
const signaturesMax = 1_000;

/**
 * Everything of a classification that a rule or a steady condition reads; null when it is not understood or too long. Verbs,
 * access, tables and functions of the summary are made of the effects. Names have their length before them, so that no
 * hostile name can read like two.
 */
export function signatureOf({ understood, statements, summary }: Classification): string | null {
  const { kinds, effects, missingWhere, columns } = summary;
  if (!understood || effects.length > signedEffectsMax) return null;
  if (columns !== undefined && columns.read.length + columns.written.length > signedColumnsMax) return null;
  let signature = `${statements.length} ${missingWhere ? 1 : 0} ${summary.access} ${kinds.length}`;
  for (const kind of kinds) signature += ` ${kind.length}:${kind}`;
  for (const { verb, access, objectKind, object, through } of effects) {
    signature += `\n${verb} ${access} ${signedObject(objectKind, object)}`;
    if (through !== undefined) signature += ` through ${signedObject(through.objectKind, through.object)}`;
  }
  return columns === undefined ? signature : signature + signedColumns(columns);
}

function signedObject(kind: ObjectKind, name: string | null): string {
  return name === null ? kind : `${kind} ${name.length}:${name}`;
}

function signedColumns({ read, asked, written }: ColumnsTouched): string {
  let signature = '';
  for (const names of [read, asked, written]) {
    signature += `\n${names.length}`;
    for (const name of names) signature += ` ${name.length}:${name}`;
  }
  return signature;
}

/** What is allowed of one summary, in texts of so many statements. */
interface Allowed {
  readonly statements: number;
  readonly decision: Decision;
}

/** Decisions by signature. Only what is allowed: denials and holds have words that name the text. */
export class SignedDecisions {
  readonly #known = new Map<string, Decision>();
  /** The same for a summary that was met before: texts that differ in literals only share one, and have classifications of their own. */
  readonly #bySummary = new WeakMap<ClassificationSummary, Allowed>();

  /** Without a signature; undefined when that has to be made. */
  alike({ understood, statements, summary }: Classification): Decision | undefined {
    const allowed = this.#bySummary.get(summary);
    return understood && allowed?.statements === statements.length ? allowed.decision : undefined;
  }

  get(signature: string, classification: Classification): Decision | undefined {
    const decision = this.#known.get(signature);
    if (decision !== undefined) this.#keep(classification, decision);
    return decision;
  }

  set(signature: string, classification: Classification, decision: Decision): void {
    if (decision.kind !== 'allow') return;
    if (this.#known.size >= signaturesMax) this.#known.clear();
    this.#known.set(signature, decision);
    this.#keep(classification, decision);
  }

  #keep({ statements, summary }: Classification, decision: Decision): void {
    this.#bySummary.set(summary, { statements: statements.length, decision });
  }
}
