// Makes submissions of texts and portals, with what is known of the session at that moment: how the text is read, whether a
// transaction is open, and what the server has confirmed under names.

import { isUtf8 } from 'node:buffer';
import type { Parameter, ReadingMode, TransactionState } from '../../src/core/action.ts';
import type { Classification } from '../../src/core/classification.ts';
import { withParameterTypes } from '../../src/core/parameter-types.ts';
import type { Submission } from '../../src/core/session.ts';
import { classificationOf } from '../../src/core/summary.ts';
import { namedCall } from './function-calls.ts';
import { readFunctionCall } from './messages.ts';
import type { Settings } from './settings.ts';
import type { Portal, Statement, Statements } from './statements.ts';
import { madeUnder } from './statements.ts';
import { digestOf, functionCallFacts, notReadAgain } from './submissions.ts';

export interface SubmissionMakerParts {
  readonly settings: Settings;
  readonly statements: Statements;
  readonly transaction: () => TransactionState;
  readonly reason: () => string | null;
  /** Null when it can't be had at once. */
  readonly classify: (submission: Submission) => Classification | null;
}

export class SubmissionMaker {
  readonly #parts: SubmissionMakerParts;

  constructor(parts: SubmissionMakerParts) {
    this.#parts = parts;
  }

  /** Decodes a text. Bytes that are not valid in the client's encoding make a mode in which nothing is understood. */
  read(raw: Buffer): { text: string; mode: ReadingMode } {
    const { mode } = this.#parts.settings;
    const encoding = (mode.settings['client_encoding'] ?? 'UTF8').toUpperCase();
    if (encoding === 'UTF8' || encoding === 'UNICODE') {
      if (isUtf8(raw)) return { text: raw.toString('utf8'), mode };
      const settings = { ...mode.settings, client_encoding: 'INVALID' };
      return { text: raw.toString('latin1'), mode: { key: `${mode.key}|invalid`, settings, catalogue: mode.catalogue } };
    }
    return { text: raw.toString('latin1'), mode };
  }

  of(given: { text: string; mode?: ReadingMode; parameters: readonly Parameter[] | null; digest: () => string }): Submission {
    return {
      kind: 'statement',
      text: given.text,
      parameters: given.parameters,
      digest: given.digest,
      mode: given.mode ?? this.#parts.settings.mode,
      transaction: this.#parts.transaction(),
      reason: this.#parts.reason(),
      classified: null,
      prepared: this.#prepared,
    };
  }

  /** Of a whole Query message. */
  ofQuery(bytes: Buffer): Submission {
    const { text, mode } = this.read(bytes.subarray(5, bytes.length - 1));
    return this.of({ text, mode, parameters: null, digest: digestOf(bytes) });
  }

  /** Of a FunctionCall message: as the statement that would do the same, where the function is known by its number. */
  ofFunctionCall(bytes: Buffer): Submission {
    const call = namedCall(bytes);
    if (call !== null) return { ...this.of({ ...call, digest: digestOf(bytes) }), kind: 'function-call' };
    const text = `function call of oid ${readFunctionCall(bytes).oid} by protocol message`;
    const submission = this.of({ text, parameters: null, digest: digestOf(bytes) });
    return { ...submission, kind: 'function-call', classified: functionCallFacts(text) };
  }

  /** A statement is classified again under the mode of now; SQL PREPARE by the inner facts of its whole text. */
  ofPortal(portal: Portal): Submission {
    const { text, parameters, digest, statement } = portal;
    const mode = withParameterTypes(this.#parts.settings.mode, statement?.types ?? []);
    const submission = this.of({ text, mode, parameters, digest });
    if (statement === null || !statement.bySql) return submission;
    return { ...submission, classified: this.#inner(statement) };
  }

  readonly #prepared = (name: string): Statement | undefined => {
    const statement = this.#parts.statements.get(name);
    if (statement === undefined || madeUnder(statement, this.#parts.settings.mode)) return statement;
    if (statement.bySql) return { ...statement, classification: this.#inner(statement) };
    const again = this.#classifyNow(statement.text, statement.types);
    return again === null ? undefined : { ...statement, classification: again };
  };

  #inner(statement: Statement): Classification {
    if (madeUnder(statement, this.#parts.settings.mode)) return statement.classification;
    const change = this.#classifyNow(statement.text)?.statements[0]?.changes.find((it) => it.kind === 'prepare');
    return change === undefined ? notReadAgain : classificationOf([change.inner]);
  }

  /** Null when it can't be had at once. */
  #classifyNow(text: string, types: readonly number[] = []): Classification | null {
    const mode = withParameterTypes(this.#parts.settings.mode, types);
    const classification = this.#parts.classify({ ...this.of({ text, mode, parameters: null, digest: () => '' }), prepared: null });
    return classification;
  }
}
