// Actions as a session makes them of statements, for what judges them.

import type { Action, ReadingMode } from '../../src/core/action.ts';

/** Nothing is known of the session's settings or the target's objects. */
const plainMode: ReadingMode = { key: '', settings: {}, catalogue: null };

/** `prepared` looks a prepared statement of the session up. */
export function statementOf(text: string, mode: ReadingMode = plainMode, prepared: Action['prepared'] = null): Action {
  return {
    id: 'a1' as Action['id'],
    kind: 'statement',
    text,
    parameters: null,
    digest: () => '',
    mode,
    transaction: 'none',
    classified: null,
    prepared,
  };
}
