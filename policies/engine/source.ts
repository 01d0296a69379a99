// A policy file as text: reads the YAML and knows where in the file every value stands.

import { isMap, isScalar, LineCounter, parseDocument } from 'yaml';
import type { Document, Node, Pair } from 'yaml';
import { messageOf } from '../../src/core/errors.ts';
import { policyFileBytesMax } from './limits.ts';
import type { PolicyProblem } from './problem.ts';
import { yamlProblems } from './yaml-problems.ts';

export type Path = readonly (string | number)[];

export class Source {
  readonly path: string;
  readonly problems: PolicyProblem[] = [];
  /** The plain value; null when the text is no YAML. */
  readonly value: unknown = null;
  readonly #text: string;
  readonly #lines = new LineCounter();
  readonly #document: Document | null = null;

  constructor(path: string, text: string) {
    this.path = path;
    this.#text = text;
    if (Buffer.byteLength(text) > policyFileBytesMax) {
      this.#add(0, `the file is larger than ${policyFileBytesMax} bytes`);
      return;
    }
    const document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false });
    for (const { offset, message } of yamlProblems(document)) this.#add(offset, message);
    if (this.problems.length > 0) return;
    try {
      this.value = document.toJS({ maxAliasCount: 100 });
      this.#document = document;
    } catch (thrown) {
      this.#add(0, `not valid YAML: ${messageOf(thrown)}`);
    }
  }

  /** Notes a problem at the value of that path (or the nearest thing around it that exists). */
  problem(path: Path, message: string): void {
    this.#add(this.#offsetOf(path), message);
  }

  /** Notes a problem at a key. */
  problemAtKey(path: Path, key: string, message: string): void {
    const pair = this.#pairAt(path, key);
    this.#add(isScalar(pair?.key) ? (pair.key.range?.[0] ?? 0) : this.#offsetOf(path), message);
  }

  /** Notes a problem inside a text value, at an offset of the value as it was read. */
  problemInText(path: Path, offset: number, message: string): void {
    this.#add(this.#offsetInText(path, offset), message);
  }

  /** The line of a value, from 1. */
  lineOf(path: Path): number {
    return this.#lines.linePos(this.#offsetOf(path)).line;
  }

  #add(offset: number, message: string): void {
    const { line, col } = this.#lines.linePos(offset);
    this.problems.push({ path: this.path, line: Math.max(1, line), column: Math.max(1, col), message });
  }

  #nodeAt(path: Path): Node | null {
    const node: unknown = path.length === 0 ? this.#document?.contents : this.#document?.getIn(path, true);
    return (node as Node | null | undefined) ?? null;
  }

  #pairAt(path: Path, key: string): Pair | undefined {
    const map = this.#nodeAt(path);
    return isMap(map) ? map.items.find((pair) => isScalar(pair.key) && String(pair.key.value) === key) : undefined;
  }

  #offsetOf(path: Path): number {
    for (let length = path.length; length >= 0; length -= 1) {
      const node = this.#nodeAt(path.slice(0, length));
      if (node?.range !== undefined && node.range !== null) return node.range[0];
    }
    return 0;
  }

  /** Folding and indentation change white space only, so the place is found by counting the other characters. */
  #offsetInText(path: Path, offset: number): number {
    const node = this.#nodeAt(path);
    if (!isScalar(node) || typeof node.value !== 'string' || node.range === undefined || node.range === null) return this.#offsetOf(path);
    let at = node.range[0];
    if (node.type === 'BLOCK_FOLDED' || node.type === 'BLOCK_LITERAL') at = this.#text.indexOf('\n', at) + 1;
    else if (node.type === 'QUOTE_SINGLE' || node.type === 'QUOTE_DOUBLE') at += 1;
    let ahead = node.value.slice(0, offset).replace(/\s/g, '').length;
    while (at < node.range[1] && (ahead > 0 || /\s/.test(this.#text[at]!))) {
      if (!/\s/.test(this.#text[at]!)) ahead -= 1;
      at += 1;
    }
    return at;
  }
}
