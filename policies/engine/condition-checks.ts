// What the type checker can't know: functions that are not offered, loops that could run long, words that no fact can ever
// equal, and which facts a condition reads (decisions are remembered only when it reads nothing that changes).

import type { ASTNode } from '@marcbachmann/cel-js';
import { cidrProblem } from './cidr.ts';
import { columnCalls, columnPattern } from './columns.ts';
import { factTypes, factVariables } from './fact-types.ts';
import { patternCharsMax } from './limits.ts';
import { didYouMean } from './nearest.ts';
import {
  accesses,
  actionKinds,
  effectVerbs,
  objectKinds,
  principalKinds,
  protocols,
  signInMethods,
  textProblems,
  weekdays,
} from './vocabulary.ts';

export interface ConditionFault {
  readonly offset: number;
  readonly message: string;
}

export interface ConditionReading {
  /** "principal.groups", "action.text", …; a variable alone when it is used as a whole. */
  readonly reads: ReadonlySet<string>;
  readonly faults: readonly ConditionFault[];
  /** What asks every table, column or function of the action, and so is true where there is none: "action.tables_written.all(…)". */
  readonly askedOfEvery: readonly string[];
}

/** Calls that name a variable for what follows. */
export const loops: ReadonlySet<string> = new Set(['exists', 'all', 'exists_one', 'filter', 'map']);
/** Lists that an action may leave empty and do harm all the same: DROP ROLE writes no table, DELETE no column. */
const maybeEmpty = new Set(['tables', 'tables_written', 'functions', 'columns', 'columns_read', 'columns_asked', 'columns_written']);
/** An allow list: CEL's `matches` runs a backtracking regular expression, `dyn` and `json` get around the type checker. */
const offered = new Set([
  ...loops,
  ...['has', 'size', 'startsWith', 'endsWith', 'contains', 'lowerAscii', 'upperAscii', 'trim', 'indexOf', 'lastIndexOf', 'substring'],
  ...['int', 'double', 'string', 'glob', 'cidr'],
  ...Object.keys(columnCalls),
]);

/** Facts that hold one of a closed list of words. A list of them has the same words. */
const closedWords: Readonly<Record<string, readonly string[]>> = {
  'Principal.kind': principalKinds,
  'Target.protocol': protocols,
  'Session.method': signInMethods,
  'Action.problem': ['', ...textProblems],
  'Action.kind': actionKinds,
  'Action.verbs': effectVerbs,
  'Action.access': accesses,
  'Effect.verb': effectVerbs,
  'Effect.access': accesses,
  'Effect.object_kind': objectKinds,
  'Time.weekday': weekdays,
};

const wholeDate = /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$/;
/** Years and months order as well. */
const beginsDate = /^\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?$/;

/** What a name stands for inside a loop. */
interface Bound {
  readonly type: string | null;
  readonly words: readonly string[] | null;
}

type Scope = ReadonlyMap<string, Bound>;

export function readCondition(ast: ASTNode): ConditionReading {
  const reads = new Set<string>();
  const faults: ConditionFault[] = [];
  const askedOfEvery: string[] = [];
  /** `!x.all(…)` is never true of nothing. */
  const negated = new Set<ASTNode>();
  const fault = (node: ASTNode, message: string) => void faults.push({ offset: node.range.start, message });

  function visit(node: ASTNode, scope: Scope, insideLoopOverAction: boolean): void {
    switch (node.op) {
      case 'value':
        return;
      case 'id':
        if (!scope.has(node.args)) reads.add(node.args);
        return;
      case '.':
        if (node.args[0].op === 'id' && !scope.has(node.args[0].args)) reads.add(`${node.args[0].args}.${node.args[1]}`);
        else visit(node.args[0], scope, insideLoopOverAction);
        return;
      case 'call':
        checkCall(node, node.args[0], node.args[1]);
        for (const part of node.args[1]) visit(part, scope, insideLoopOverAction);
        return;
      case 'rcall':
        visitMethod(node, scope, insideLoopOverAction);
        return;
      case '!_':
        negated.add(node.args);
        break;
      case '<':
      case '<=':
      case '>':
      case '>=':
        checkDate(node.args[0], node.args[1], scope, beginsDate);
        checkDate(node.args[1], node.args[0], scope, beginsDate);
        break;
      case '==':
      case '!=':
      case 'in':
        checkWord(node.args[0], node.args[1], scope);
        checkWord(node.args[1], node.args[0], scope);
        checkDate(node.args[0], node.args[1], scope, wholeDate);
        checkDate(node.args[1], node.args[0], scope, wholeDate);
        break;
      default:
        break;
    }
    for (const child of childrenOf(node)) visit(child, scope, insideLoopOverAction);
  }

  function visitMethod(node: ASTNode & { op: 'rcall' }, scope: Scope, insideLoopOverAction: boolean): void {
    const [method, receiver, parts] = node.args;
    checkCall(node, method, parts);
    if (!negated.has(node)) noteAskedOfEvery(method, receiver, scope);
    if (Object.hasOwn(columnCalls, method)) {
      checkColumns(parts[0]);
      // Of the whole action it reads the columns only, and those are as steady as the text.
      if (receiver.op === 'id' && receiver.args === 'action' && !scope.has('action')) reads.add('action.columns');
      else visit(receiver, scope, insideLoopOverAction);
    } else visit(receiver, scope, insideLoopOverAction);
    const variable = parts[0];
    if (!loops.has(method) || variable?.op !== 'id') {
      for (const part of parts) visit(part, scope, insideLoopOverAction);
      return;
    }
    // The text decides how long lists of the action are; a loop inside a loop over them would take their product.
    const overAction = !isFixedList(receiver, scope);
    if (overAction && insideLoopOverAction) fault(node, 'a loop over facts of the action inside another one could take very long');
    const inner = new Map(scope).set(variable.args, { type: elementType(receiver), words: wordsOf(receiver, scope) });
    for (const part of parts.slice(1)) visit(part, inner, insideLoopOverAction || overAction);
  }

  function noteAskedOfEvery(method: string, receiver: ASTNode, scope: Scope): void {
    const isAction = (of: ASTNode): boolean => of.op === 'id' && of.args === 'action' && !scope.has('action');
    if (method === 'all' && receiver.op === '.' && isAction(receiver.args[0]) && maybeEmpty.has(receiver.args[1]))
      askedOfEvery.push(`action.${receiver.args[1]}.all(…)`);
    if ((method === 'reads_only' || method === 'writes_only') && isAction(receiver)) askedOfEvery.push(`action.${method}(…)`);
  }

  function checkCall(node: ASTNode, called: string, parts: readonly ASTNode[]): void {
    if (!offered.has(called)) {
      const instead = called === 'matches' ? '; use glob(text, "pattern")' : didYouMean(called, offered);
      fault(node, `the function ${called}() is not offered in policies${instead}`);
    }
    const literal = parts[1]?.op === 'value' && typeof parts[1].args === 'string' ? parts[1].args : null;
    if (called === 'cidr' && literal !== null) {
      const problem = cidrProblem(literal);
      if (problem !== null) fault(parts[1]!, problem);
    }
    if (called === 'glob' && literal !== null && literal.length > patternCharsMax)
      fault(parts[1]!, `a pattern has at most ${patternCharsMax} characters`);
  }

  /** Patterns that can mean no column. */
  function checkColumns(part: ASTNode | undefined): void {
    for (const literal of part?.op === 'list' ? part.args : part === undefined ? [] : [part]) {
      if (literal.op !== 'value' || typeof literal.args !== 'string') continue;
      if (literal.args.length > patternCharsMax) fault(literal, `a pattern has at most ${patternCharsMax} characters`);
      if (!columnPattern.test(literal.args)) {
        fault(literal, `"${literal.args}" is not a column: write column, table.column or schema.table.column`);
      }
    }
  }

  /** `action.verbs` and "dorp", `time.weekday` and "munday": a comparison that no fact can satisfy. */
  function checkWord(fact: ASTNode, other: ASTNode, scope: Scope): void {
    const words = wordsOf(fact, scope);
    if (words === null) return;
    for (const literal of other.op === 'list' ? other.args : [other]) {
      if (literal.op !== 'value' || typeof literal.args !== 'string' || words.includes(literal.args)) continue;
      fault(literal, `"${literal.args}" is never the case here${didYouMean(literal.args, words) || ` (known here: ${words.join(', ')})`}`);
    }
  }

  /** `time.date < "1.3.2027"` would compare the letters of texts, and be true of every day. */
  function checkDate(fact: ASTNode, other: ASTNode, scope: Scope, form: RegExp): void {
    if (fact.op !== '.' || fact.args[1] !== 'date' || fact.args[0].op !== 'id' || fact.args[0].args !== 'time' || scope.has('time')) return;
    for (const literal of other.op === 'list' ? other.args : [other]) {
      if (literal.op === 'value' && typeof literal.args === 'string' && !form.test(literal.args))
        fault(literal, `"${literal.args}" is not a date as time.date is one: write it as "2026-12-20"`);
    }
  }

  visit(ast, new Map(), false);
  return { reads, faults, askedOfEvery };
}

function wordsOf(node: ASTNode, scope: Scope): readonly string[] | null {
  if (node.op === 'id') return scope.get(node.args)?.words ?? null;
  if (node.op !== '.' || node.args[0].op !== 'id') return null;
  const type = scope.get(node.args[0].args)?.type ?? factVariables[node.args[0].args];
  return closedWords[`${type}.${node.args[1]}`] ?? null;
}

/** The type of the elements of `action.effects` and `approvals`; null for all others. */
function elementType(node: ASTNode): string | null {
  if (node.op === 'id' && node.args === 'approvals') return 'Approval';
  if (node.op !== '.' || node.args[0].op !== 'id') return null;
  const declared = factTypes[factVariables[node.args[0].args] ?? '']?.fields[node.args[1]]?.type;
  return /^list<([A-Z]\w*)>$/.exec(declared ?? '')?.[1] ?? null;
}

/** Lists whose length does not come from the person who asks. */
function isFixedList(node: ASTNode, scope: Scope): boolean {
  if (node.op === 'list') return true;
  if (node.op === 'id') return node.args === 'approvals' && !scope.has(node.args);
  return node.op === '.' && node.args[0].op === 'id' && ['lists', 'principal', 'target'].includes(node.args[0].args);
}

/** The parts of an expression, in order. */
export function childrenOf(node: ASTNode): ASTNode[] {
  const parts: readonly unknown[] = Array.isArray(node.args) ? node.args.flat() : [node.args];
  return parts.filter((part): part is ASTNode => typeof part === 'object' && part !== null && 'op' in part);
}
