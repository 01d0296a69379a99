// Arithmetic runs commands: a variable's content is evaluated again, and `a[$(rm x)]` in it is a command. So a name may stand
// in arithmetic only when this text gives it nothing but plain numbers, or counts.

import type { ArithmeticExpression, SyntaxNode, Word } from 'unbash';
import { forEachChild } from 'unbash';
import { isOwnVariable } from './assignments.ts';
import { givesCount, isCount } from './counts.ts';

const plainNumber = /^[+-]?(?:0[xX][0-9a-fA-F]+|\d+)$/;
const plainName = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** The shell's own numbers. */
const ownNumbers = new Set(['$#', '$?', '$$', '$!', 'RANDOM', 'SECONDS', 'LINENO', 'EPOCHSECONDS', 'UID', 'EUID', 'PPID']);

/** What `assign` lets go without a word: a name in small letters. */
function isOwnName(expression: ArithmeticExpression): boolean {
  return expression.type === 'ArithmeticWord' && isOwnVariable(expression.value);
}

export class Numbers {
  readonly #assigned = new Set<string>();
  readonly #tainted = new Set<string>();
  readonly #used = new Set<string>();
  readonly #counted = new Set<string>();
  /** A function may stand in the place of the program that counts. */
  #definesFunctions = false;

  /** Notes what a text gives to its variables, wherever it stands. */
  collect(node: SyntaxNode): void {
    if (node.type === 'Assignment') {
      const text = node.value.type === 'Word' ? node.value.text : '';
      const counted = node.value.type === 'Word' && isCount(node.value);
      if (counted) this.#counted.add(node.name);
      if (node.index === undefined && (plainNumber.test(text) || counted)) this.#assigned.add(node.name);
      else this.#tainted.add(node.name);
    }
    if (node.type === 'Function') this.#definesFunctions = true;
    if (node.type === 'For' || node.type === 'Select') {
      const numbers = node.type === 'For' && node.wordlist?.every((word) => /^(?:-?\d+|\{-?\d+\.\.-?\d+\})$/.test(word.text)) === true;
      if (numbers) this.#assigned.add(node.name.text);
      else this.#tainted.add(node.name.text);
    }
    if (node.type === 'ArithmeticBinary' && node.operator === '=') this.#target(node.left);
    if (node.type === 'ParameterExpansion' && node.operation?.type === 'Default' && node.operation.operator.endsWith('='))
      this.#tainted.add(node.parameter);
    forEachChild(node, (child) => this.collect(child));
  }

  /** Something else gives it a value (`read`, `printf -v`). */
  taint(name: string): void {
    this.#tainted.add(name);
  }

  isNumber(name: string): boolean {
    return ownNumbers.has(name) || (this.#assigned.has(name) && !this.#tainted.has(name));
  }

  /** True for a word that is a count; it is remembered, as one that arithmetic uses is. */
  count(word: Word): boolean {
    if (!isCount(word)) return false;
    this.#used.add(word.text);
    this.#counted.add(word.text);
    return true;
  }

  /** A name that arithmetic used and that something read later gives another value: a loop comes back to it. Null when none. */
  betrayed(): string | null {
    return [...this.#used].find((name) => this.#tainted.has(name) || (this.#definesFunctions && this.#counted.has(name))) ?? null;
  }

  /** Why an expression is not harmless, or null. */
  problemOf(expression: ArithmeticExpression | undefined): string | null {
    if (expression === undefined) return null;
    switch (expression.type) {
      case 'ArithmeticBinary':
        if (/^(?:[-+*/%&|^]|<<|>>)?=$/.test(expression.operator) && !isOwnName(expression.left))
          return 'arithmetic gives a value to a variable that programs may read';
        return this.problemOf(expression.left) ?? this.problemOf(expression.right);
      case 'ArithmeticUnary':
        return this.problemOf(expression.operand);
      case 'ArithmeticTernary':
        return this.problemOf(expression.test) ?? this.problemOf(expression.consequent) ?? this.problemOf(expression.alternate);
      case 'ArithmeticGroup':
        return this.problemOf(expression.expression);
      case 'ArithmeticCommandExpansion':
        if (givesCount(expression.script)) {
          this.#used.add(expression.text);
          this.#counted.add(expression.text);
          return null;
        }
        return 'arithmetic with the output of a command may run what is in it';
      case 'ArithmeticWord':
        return this.wordProblem(expression.value);
    }
  }

  /** The same for a text that is evaluated as arithmetic. */
  wordProblem(text: string): string | null {
    const bare = text.trim();
    if (bare === '' || plainNumber.test(bare) || ownNumbers.has(bare)) return null;
    const name = /^\$\{?(\w+)\}?$/.exec(bare)?.[1] ?? bare;
    if (plainName.test(name) && this.isNumber(name)) {
      this.#used.add(name);
      return null;
    }
    return `arithmetic evaluates "${bare.slice(0, 40)}", and a command in it would run`;
  }

  /** A name that arithmetic itself assigns is a number, if all that it is made of is. */
  #target(expression: ArithmeticExpression): void {
    if (expression.type === 'ArithmeticWord' && plainName.test(expression.value)) this.#assigned.add(expression.value);
  }
}
