// What a shape's hash is over, the same for every protocol: the tree without its literals, what it would do, and all that says
// what its names mean. And which actions have no shape at all, because a literal of theirs is code or opens another door.

import { createHash } from 'node:crypto';
import type { Action, Parameter } from './action.ts';
import type { Classification, Span, StatementFacts } from './classification.ts';
import type { EffectVerb } from './effect.ts';
import type { Hole, HoleKind, NoShape, Shape } from './shape.ts';

/** Longer texts are not approved by shape: nobody reads them whole. */
const textUnitsMax = 16 * 1024;
/** A form with more literals than these is filled in blindly. */
const holesMax = 200;
/** Drivers show longer parameters cut, and a cut one can't be compared. */
const parameterCharsMax = 4096;

/** Where a literal may be code, an address, a file, or change what the session's later statements mean. */
const neverByShape: ReadonlySet<EffectVerb> = new Set<EffectVerb>([
  ...(['code', 'unknown', 'server-file', 'server-program', 'network', 'large-object', 'replication', 'privilege'] as const),
  ...(['guard', 'session', 'prepare', 'cursor', 'transaction', 'shell', 'environment', 'forward', 'bulk-load', 'export'] as const),
]);

/** What the gateway knows about a session that neither names nor literals depend on. */
const meaningless: ReadonlySet<string> = new Set(['sallyport.reason', 'application_name']);

/** How characters are sent: names in plain ASCII are the same in each that the gateway reads. */
const encodings: ReadonlySet<string> = new Set(['client_encoding', 'character_set_client']);

export function none(why: string): NoShape {
  return { why };
}

/** The one statement of the text, or why it has no shape. */
export function onlyStatement(action: Action, classification: Classification): StatementFacts | NoShape {
  const [statement, ...others] = classification.statements;
  if (!classification.understood || statement === undefined) return none('it was not understood');
  if (others.length > 0) return none('it is more than one statement');
  if (action.text.length > textUnitsMax) return none(`it is longer than ${textUnitsMax} characters`);
  const { effects } = classification.summary;
  const door = effects.find(({ verb }) => neverByShape.has(verb));
  if (door !== undefined) return none(`a shape can't be approved of what does "${door.verb}"`);
  return statement;
}

/** Strings that a function is given may be code or names to it: they stay as they are. */
export function callsMore({ summary }: Classification): boolean {
  return summary.effects.some(({ verb, access }) => verb === 'call' && access !== 'read');
}

/** "8" and "08" are one number to a server, and only one way of writing is compared. */
export function numberKind(text: string): HoleKind | null {
  if (/^-?(0|[1-9]\d*)$/.test(text)) {
    const value = BigInt(text);
    return value >= -2147483648n && value <= 2147483647n ? 'integer' : 'large-integer';
  }
  return /^-?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i.test(text) ? 'decimal' : null;
}

/** A bound parameter as a hole, or why it can't be one. */
export function parameterHole(parameter: Parameter | undefined, span: Span): Hole | NoShape {
  if (parameter === undefined) return none('a parameter has no value');
  const { text, type } = parameter;
  if (text === null) return none('a parameter is NULL');
  if (text.length > parameterCharsMax) return none('a parameter is too long to be compared');
  if (text.startsWith('\\x') && type !== 'bytea') return none('a parameter came in a form that the gateway does not read');
  return { kind: 'parameter', value: text, span };
}

/** The shape made of a tree's text and its holes, in the order of the text; `tree` names each hole by its place and kind. */
export function shapeFrom(action: Action, classification: Classification, tree: string, holes: readonly Hole[]): Shape | NoShape {
  const statement = onlyStatement(action, classification);
  if ('why' in statement) return statement;
  if (holes.length > holesMax) return none(`it has more than ${holesMax} literals`);
  const { mode, parameters } = action;
  const isAscii = /^[\x20-\x7e]*$/.test(tree.replaceAll(/[‹›]/g, ''));
  const settings = Object.entries(mode.settings).filter(([name]) => !meaningless.has(name) && !(isAscii && encodings.has(name)));
  const effects = classification.summary.effects.map(({ verb, access, objectKind, object }) => [verb, access, objectKind, object]);
  const hashed = [
    ...['sallyport-shape-1', action.kind, statement.kind, statement.missingWhere, tree],
    effects.map((effect) => JSON.stringify(effect)).sort(),
    settings.sort(([a], [b]) => (a < b ? -1 : 1)),
    mode.catalogue?.version ?? null,
    parameters?.map(({ type, text }) => [type, text === null]) ?? null,
    ...(statement.columns === undefined ? [] : [statement.columns]),
  ];
  const hash = createHash('sha256').update(JSON.stringify(hashed)).digest('hex');
  return { hash, words: withHoles(action.text, holes), holes };
}

function withHoles(text: string, holes: readonly Hole[]): string {
  let words = '';
  let at = 0;
  holes.forEach(({ span }, index) => {
    words += `${text.slice(at, span.start)}‹${index + 1}›`;
    at = span.end;
  });
  return words + text.slice(at);
}
