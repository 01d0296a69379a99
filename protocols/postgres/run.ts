// A released action as it begins: what its ruling obliges the relay to.

import type { DeclaredCursors } from '../../src/core/masking.ts';
import type { Ruling } from '../../src/core/ruling.ts';
import { isFenced } from './fence.ts';
import { limitsOf } from './limits.ts';
import { RunMasks } from './masking.ts';
import type { Run } from './statements.ts';

/** `cursors`: those that this session has declared. */
export function runOf(ruling: Extract<Ruling, { kind: 'release' }>, text: string, cursors: DeclaredCursors): Run {
  const { permit, classification, obligations, masking } = ruling;
  masking?.declare(cursors);
  return {
    permit,
    classification,
    obligations,
    completed: 0,
    rows: null,
    error: null,
    fenced: isFenced(obligations, classification, text),
    limits: limitsOf(obligations),
    masks: masking === undefined ? null : new RunMasks(masking, cursors),
    shown: false,
  };
}
