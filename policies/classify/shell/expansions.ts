// Expansions that evaluate what a variable holds: arithmetic, subscripts, indirection, prompt strings, tests that compare
// numbers. What they would run stands nowhere in the text.

import type { SyntaxNode } from 'unbash';
import type { Span } from '../../../src/core/classification.ts';
import type { Numbers } from './arithmetic.ts';
import { isOwnVariable } from './assignments.ts';
import { doubtfulQuote } from './quotes-in-quotes.ts';

type Doubt = (span: Span, why: string) => void;

const comparesNumbers = new Set(['-eq', '-ne', '-lt', '-le', '-gt', '-ge']);

/** Says what is wrong with this node itself; its children are visited by whoever calls. */
export function checkExpansion(node: SyntaxNode, numbers: Numbers, doubt: Doubt): void {
  const span = { start: node.pos, end: node.end };
  const arithmetic = (problem: string | null) => {
    if (problem !== null) doubt(span, problem);
  };
  switch (node.type) {
    case 'DoubleQuoted':
    case 'HereDocBody': {
      const quote = doubtfulQuote(node);
      return quote === null ? undefined : doubt(quote, 'quotes that shells read in different ways here');
    }
    case 'ArithmeticExpansion':
      if (node.expression === undefined) doubt(span, 'arithmetic that cannot be read');
      return arithmetic(numbers.problemOf(node.expression));
    case 'ArithmeticCommand':
      if (node.expression === undefined) doubt(span, 'arithmetic that cannot be read');
      return arithmetic(numbers.problemOf(node.expression));
    case 'ArithmeticFor':
      for (const part of [node.initialize, node.test, node.update]) arithmetic(numbers.problemOf(part));
      return;
    case 'ParameterExpansion':
      if (node.prefix === '!') return doubt(span, 'it expands a variable whose name is only known when it runs');
      if (node.operation?.type === 'Default' && node.operation.operator.endsWith('=') && !isOwnVariable(node.parameter))
        return doubt(span, 'it gives a value to a variable that programs may read');
      if (node.index !== undefined && node.index.text !== '@' && node.index.text !== '*') arithmetic(numbers.wordProblem(node.index.text));
      return;
    case 'Transform':
      if (node.operand.text === 'P') doubt(span, 'a prompt string runs the commands in it');
      return;
    case 'Slice':
      arithmetic(numbers.wordProblem(node.offset.text));
      return arithmetic(node.length === undefined ? null : numbers.wordProblem(node.length.text));
    case 'Unknown':
      return doubt(span, 'an expansion that is not known');
    case 'ExtendedGlob':
      return doubt(span, 'a pattern that other shells run as code');
    case 'LocaleString':
      return doubt(span, 'a text that the machine translates');
    case 'TestUnary':
      if (node.operator === '-v' && !/^[A-Za-z_]\w*$/.test(node.operand.text)) doubt(span, 'a test of a subscript evaluates it');
      return;
    case 'TestBinary':
      if (comparesNumbers.has(node.operator)) arithmetic(numbers.wordProblem(node.left.text) ?? numbers.wordProblem(node.right.text));
      return;
    default:
  }
}
