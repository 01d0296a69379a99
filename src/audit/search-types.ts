// A type of events that is asked for and that no event has. One that the gateway writes just has not happened yet; any other is a
// slip of whoever asks, who would take an empty page for the truth.

import { auditEventTypes } from '../core/audit.ts';
import { Fault } from '../core/errors.ts';
import { nearest } from '../core/nearest.ts';
import type { BlockContent } from './search-block.ts';
import type { SearchStore } from './search-store.ts';

const known: readonly string[] = auditEventTypes;

/** Throws Fault invalid-request for a type that is not written, and is not in this log of perhaps another version either. */
export function assertType(type: string, store: SearchStore, rest: BlockContent | null): void {
  if (known.includes(type) || rest?.names.get('type')?.has(type) === true || store.hasName('type', type)) return;
  throw new Fault('invalid-request', `there are no events of type "${type.slice(0, 64)}"${suggestion(type)}`);
}

/** The type that is closest, else those about the same thing. */
function suggestion(type: string): string {
  const close = nearest(type, known);
  if (close !== null) return `; did you mean "${close}"?`;
  const thing = nearest(thingOf(type), [...new Set(known.map(thingOf))]);
  if (thing === null) return '; types are written as in hold.approved';
  return `; there are ${known.filter((it) => thingOf(it) === thing).join(', ')}`;
}

function thingOf(type: string): string {
  return type.split('.')[0] ?? '';
}
