// Every type error of a condition that can be told by itself. The type checker stops at the first; so the parts of what it refuses
// are checked one by one, and an expression is at fault itself only when all of its parts are good.

import { serialize } from '@marcbachmann/cel-js';
import type { ASTNode, Environment, ParseError, TypeError as CelTypeError } from '@marcbachmann/cel-js';
import { childrenOf, loops } from './condition-checks.ts';

export type TypeFault = CelTypeError | ParseError;

export interface PlacedFault {
  /** Where in the text of the condition. */
  readonly offset: number;
  readonly error: TypeFault;
  /** The type of what a name was looked for in; null when it was no such thing. */
  readonly within: string | null;
}

/** Told of one condition at most; whoever has more reads these first. */
const faultsMax = 20;

/** In the order of the text, never none. `first` is what the checker said of the whole. */
export function typeErrors(environment: Environment, ast: ASTNode, first: TypeFault): readonly PlacedFault[] {
  const found = faultsOf(environment, ast, first).slice(0, faultsMax);
  // The checker knows best where its own finding stands.
  const offset = first.range?.start ?? 0;
  return found.length === 1 ? [{ ...found[0]!, offset, error: first }] : found;
}

function faultsOf(environment: Environment, node: ASTNode, error: TypeFault): PlacedFault[] {
  const inner = partsOf(environment, node).flatMap(({ scope, part }) => {
    const wrong = faultOf(scope, part);
    return wrong === null ? [] : faultsOf(scope, part, wrong);
  });
  if (inner.length > 0) return inner;
  const within = node.op === '.' ? (checkedPart(environment, node.args[0])?.type ?? null) : null;
  return [{ offset: offsetOf(node), error, within }];
}

/** A misspelt name is pointed at itself, as the checker does. */
function offsetOf(node: ASTNode): number {
  return node.op === '.' ? node.range.end - node.args[1].length : node.range.start;
}

/** What is checked by itself; a name that a loop brings is known in the loop's body only. */
function partsOf(environment: Environment, node: ASTNode): { scope: Environment; part: ASTNode }[] {
  if (node.op === 'rcall' && loops.has(node.args[0]) && node.args[2][0]?.op === 'id') {
    const [, receiver, [variable, ...body]] = node.args;
    const scope = loopScope(environment, receiver, variable.args as string);
    const over = { scope: environment, part: receiver };
    return scope === null ? [over] : [over, ...body.map((part) => ({ scope, part }))];
  }
  return childrenOf(node).map((part) => ({ scope: environment, part }));
}

/** Null when it can't be told what the loop goes over. */
function loopScope(environment: Environment, receiver: ASTNode, variable: string): Environment | null {
  const over = checkedPart(environment, receiver);
  const element = /^(?:list<(.+)>|map<([^,]+),.*)$/.exec(over?.valid === true ? (over.type ?? '') : '');
  const type = element?.[1] ?? element?.[2];
  return type === undefined ? null : environment.clone().registerVariable(variable, type);
}

function faultOf(environment: Environment, node: ASTNode): TypeFault | null {
  const checked = checkedPart(environment, node);
  return checked === null || checked.valid ? null : (checked.error as TypeFault);
}

/** Null when it can't be told of the part alone: the fault is then told of what it is part of. */
function checkedPart(environment: Environment, node: ASTNode): ReturnType<Environment['check']> | null {
  try {
    return environment.parse(serialize(node)).check();
  } catch {
    return null;
  }
}
