// The shape of one simple command: its text as it was typed, with a mark in place of each quoted argument. Words without quotes
// stay as they are; whoever wants to give something else writes it in quotes, and the approver sees where.

import type { Word } from 'unbash';
import { parse } from 'unbash';
import type { Action } from '../../../src/core/action.ts';
import type { Classification } from '../../../src/core/classification.ts';
import type { Hole, NoShape, Shape } from '../../../src/core/shape.ts';
import { none, onlyStatement, shapeFrom } from '../../../src/core/shape-key.ts';

export function shapeOfShell(action: Action, classification: Classification): Shape | NoShape {
  const statement = onlyStatement(action, classification);
  if ('why' in statement) return statement;
  // In a raw terminal (the guarded shell) a relative path or an alias says something else from one line to the next.
  if (action.kind !== 'command' || action.mode.settings['terminal'] !== 'off') {
    return none('only commands that are run by themselves, without a terminal, have a shape');
  }
  const script = parse(action.text);
  const [only, ...more] = script.commands;
  if (more.length > 0 || only?.command.type !== 'Command' || (script.errors ?? []).length > 0) return none('it is not one simple command');
  const holes = only.command.suffix.flatMap((word) => (word.type === 'Word' ? (quoted(word) ?? []) : []));
  let tree = '';
  let at = 0;
  holes.forEach(({ span }, index) => {
    tree += `${JSON.stringify(action.text.slice(at, span.start))}‹${index + 1}:quoted›`;
    at = span.end;
  });
  return shapeFrom(action, classification, tree + JSON.stringify(action.text.slice(at)), holes);
}

/** A word that is one pair of quotes with nothing in it that the shell would replace. */
function quoted(word: Word): Hole | null {
  const [part, ...others] = word.parts ?? [];
  if (part === undefined || others.length > 0) return null;
  const isPlain = part.type === 'SingleQuoted' || (part.type === 'DoubleQuoted' && part.parts.every(({ type }) => type === 'Literal'));
  if (!isPlain || word.value.startsWith('-')) return null;
  return { kind: 'quoted', value: word.value, span: { start: word.pos, end: word.end } };
}
