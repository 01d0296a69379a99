// What a statement is judged as once the server's read-only fence has stopped it: what it was before, and a change that its text
// did not show.

import type { Classification } from '../../src/core/classification.ts';
import type { EffectVerb } from '../../src/core/effect.ts';
import { classificationOf } from '../../src/core/summary.ts';
import { BodyReader } from './messages.ts';

/** read_only_sql_transaction: the server refused a write in a read-only transaction. */
export const readOnlyState = '25006';

/** The server's words, "cannot execute DELETE in a read-only transaction", by their first word. */
const verbs: Readonly<Record<string, EffectVerb>> = {
  INSERT: 'insert', UPDATE: 'update', DELETE: 'delete', MERGE: 'update', TRUNCATE: 'truncate', COPY: 'bulk-load', CREATE: 'create',
  ALTER: 'alter', DROP: 'drop', GRANT: 'privilege', REVOKE: 'privilege', SELECT: 'lock', REINDEX: 'maintenance', 'nextval()': 'sequence',
  'setval()': 'sequence',
}; // prettier-ignore

/** For people: what the server said, and where it was when it said so. */
export function attemptWords(error: Buffer): string {
  const fields = diagnosticFields(error);
  const where = fields['W']?.split('\n').map((line) => line.trim()).filter((line) => line !== '').join('; ') ?? ''; // prettier-ignore
  return `the database stopped a write that the text does not show: ${fields['M'] ?? ''}${where === '' ? '' : ` (${where})`}`.slice(
    0,
    wordsMax,
  );
}

/** Contexts hold whole statements of functions. */
const wordsMax = 500;

/** As an action that changes something: the verb that was stopped, and whatever comes behind it, which nobody knows. */
export function attempted(classification: Classification, error: Buffer): Classification {
  const said = /cannot execute (\S+)/.exec(diagnosticFields(error)['M'] ?? '')?.[1] ?? '';
  const verb = Object.hasOwn(verbs, said) ? verbs[said] : undefined;
  const why = attemptWords(error);
  const statements = classification.statements.map((statement) => ({
    ...statement,
    effects: [
      ...statement.effects,
      ...(verb === undefined ? [] : [{ verb, access: 'write', objectKind: 'other', object: null } as const]),
      { verb: 'unknown', access: 'unknown', objectKind: 'other', object: 'what the statement calls' } as const,
    ],
    risks: [...statement.risks, { ...statement.span, why }],
  }));
  return classificationOf(statements);
}

function diagnosticFields(bytes: Buffer): Record<string, string> {
  const reader = new BodyReader(bytes);
  const fields: Record<string, string> = {};
  for (let key = reader.byte(); key !== 0; key = reader.byte()) fields[String.fromCharCode(key)] = reader.cstring();
  return fields;
}
