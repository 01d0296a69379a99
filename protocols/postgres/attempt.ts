// What a statement is judged as once the server's read-only fence has stopped it: what it was before, and a change that its text
// did not show.

import { attempted as asAttempted, attemptSentence } from '../../src/core/attempted.ts';
import type { Classification } from '../../src/core/classification.ts';
import type { EffectVerb } from '../../src/core/effect.ts';
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
  return attemptSentence(`${fields['M'] ?? ''}${where === '' ? '' : ` (${where})`}`);
}

/** As an action that changes something. */
export function attempted(classification: Classification, error: Buffer): Classification {
  const said = /cannot execute (\S+)/.exec(diagnosticFields(error)['M'] ?? '')?.[1] ?? '';
  return asAttempted(classification, (Object.hasOwn(verbs, said) ? verbs[said] : undefined) ?? null, attemptWords(error));
}

function diagnosticFields(bytes: Buffer): Record<string, string> {
  const reader = new BodyReader(bytes);
  const fields: Record<string, string> = {};
  for (let key = reader.byte(); key !== 0; key = reader.byte()) fields[String.fromCharCode(key)] = reader.cstring();
  return fields;
}
