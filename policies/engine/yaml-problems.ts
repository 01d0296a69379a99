// What is wrong with a file as YAML, with its place, and what to do about the mistakes that people make: mostly a text that needs quotes.

import { isAlias, visit } from 'yaml';
import type { Document, YAMLError } from 'yaml';

export interface YamlProblem {
  readonly offset: number;
  readonly message: string;
}

export function yamlProblems(document: Document): YamlProblem[] {
  const faults = [...document.errors, ...document.warnings];
  if (faults.length > 0) return faults.map((fault) => ({ offset: fault.pos[0], message: `not valid YAML: ${wordsOf(fault)}` }));
  const found: YamlProblem[] = [];
  visit(document, {
    Alias(_, alias) {
      if (!isAlias(alias) || alias.resolve(document) !== undefined) return;
      const message = `not valid YAML: nothing is named &${alias.source}; ${quoted('"*"')}`;
      found.push({ offset: alias.range?.[0] ?? 0, message });
    },
  });
  return found;
}

function quoted(what: string): string {
  return `a text that begins with ${what} needs quotes around it`;
}

function wordsOf({ code, message }: YAMLError): string {
  switch (code) {
    case 'TAG_RESOLVE_FAILED':
      return `${message}; ${quoted('"!"')}`;
    case 'BAD_ALIAS':
      return quoted('"*"');
    case 'BAD_SCALAR_START':
      return `${message}; ${quoted('it')}`;
    case 'BLOCK_AS_IMPLICIT_KEY':
      return `${message}; a text with ": " in it needs quotes around it`;
    case 'UNEXPECTED_TOKEN':
      return message === 'Unexpected scalar at node end'
        ? 'something stands behind the end of a quoted text; a text with quotes in it needs other quotes around all of it'
        : message;
    case 'MULTIPLE_DOCS':
      return 'a file holds one policy: put what stands behind "---" into a file of its own';
    default:
      return message;
  }
}
