// PREPARE, EXECUTE and DEALLOCATE: what is prepared under which name, and what running it does, as far as its text is known.

import type { FactsBuilder } from './facts-builder.ts';
import { unknownStatement, wordAt, type Judged, type Reading } from './reading.ts';

/** What is wrong with the statement; null: its effects are in the facts, but for those of the expressions behind `restAt`. */
export interface PreparedReading {
  readonly problem: Judged | null;
  readonly restAt: number;
}

/** PREPARE name FROM text; `at` is the verb. */
export function readPrepare({ tokens, inner }: Reading, at: number, to: number, facts: FactsBuilder): PreparedReading {
  const name = tokens[at + 1];
  if (name === undefined || wordAt(tokens, at + 2, to) !== 'FROM') {
    return { problem: unknownStatement('PREPARE without FROM', tokens[at]?.start ?? 0), restAt: at };
  }
  facts.effect('prepare', 'session', 'none', name.raw);
  const text = tokens[at + 3];
  const known = text?.kind === 'string' && at + 4 === to ? inner(text.text) : null;
  if (known !== null) facts.change({ kind: 'prepare', name: name.raw.toLowerCase(), inner: known });
  else facts.change({ kind: 'deallocate', name: name.raw.toLowerCase() });
  return { problem: null, restAt: at + 3 };
}

/** EXECUTE name and EXECUTE IMMEDIATE text, with USING or without; `at` is the verb. */
export function readExecute(reading: Reading, at: number, to: number, facts: FactsBuilder): PreparedReading {
  const { tokens, inner, prepared } = reading;
  const name = tokens[at + 1];
  if (name === undefined) return { problem: unknownStatement('EXECUTE without a name', tokens[at]?.start ?? 0), restAt: at };
  if (wordAt(tokens, at + 1, to) === 'IMMEDIATE') {
    const text = tokens[at + 2];
    const only = at + 3 === to || wordAt(tokens, at + 3, to) === 'USING';
    const known = text?.kind === 'string' && only ? inner(text.text) : null;
    if (known === null) return unseenCode(reading, at, to, facts, 'its text is not known here');
    facts.absorb(known);
    return { problem: null, restAt: at + 2 };
  }
  const known = prepared(name.raw.toLowerCase());
  const statement = known?.classification.statements[0];
  if (known?.classification.understood !== true || statement === undefined)
    return unseenCode(reading, at, to, facts, `what was prepared as ${name.raw} is not known here`);
  facts.absorb(statement);
  return { problem: null, restAt: at + 2 };
}

function unseenCode({ tokens }: Reading, at: number, to: number, facts: FactsBuilder, why: string): PreparedReading {
  facts.effect('code', 'unknown');
  facts.risk({ start: tokens[at]?.start ?? 0, end: tokens[to - 1]?.end ?? 0 }, why);
  return { problem: null, restAt: at + 1 };
}

/** DEALLOCATE PREPARE name, DROP PREPARE name; `at` is the verb. */
export function readDeallocate({ tokens }: Reading, at: number, facts: FactsBuilder): void {
  const name = tokens[at + 2];
  facts.kind = 'deallocate';
  facts.effect('prepare', 'session', 'none', name?.raw ?? null);
  facts.change({ kind: 'deallocate', name: name?.raw.toLowerCase() ?? null });
}
