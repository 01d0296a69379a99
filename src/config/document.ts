// A YAML text whose values know their line and column, and the collector of everything that is wrong with it.

import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import type { Document, Node } from 'yaml';

/** Where a value stands: keys and list indexes from the top. */
export type ValuePath = readonly (string | number)[];

export interface ConfigProblem {
  readonly line: number;
  readonly column: number;
  /** "targets[0].port", empty for the file as a whole. */
  readonly path: string;
  readonly message: string;
}

export class ConfigDocument {
  readonly value: unknown;
  readonly #document: Document;
  readonly #lines = new LineCounter();
  readonly #problems: ConfigProblem[] = [];

  constructor(text: string) {
    this.#document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false, uniqueKeys: true, strict: true });
    for (const wrong of [...this.#document.errors, ...this.#document.warnings]) {
      // The parser's words may span lines and quote the source; the first line says what is wrong.
      this.#add(wrong.pos[0], '', wrong.message.split('\n')[0] ?? wrong.message);
    }
    this.value = this.#problems.length > 0 ? null : this.#toValue();
  }

  /** Notes that the value at `path` is wrong; with 'key', that the key itself should not be there. */
  problem(path: ValuePath, message: string, at: 'key' | 'value' = 'value'): void {
    this.#add(this.#offsetOf(path, at), pathWords(path), message);
  }

  /** Whether something in a section is wrong already, so that a check would only repeat it in other words. */
  hasProblemIn(section: string): boolean {
    return this.#problems.some(({ path }) => path === section || path.startsWith(`${section}.`) || path.startsWith(`${section}[`));
  }

  /** In the order of the file. */
  get problems(): readonly ConfigProblem[] {
    return this.#problems.toSorted((a, b) => a.line - b.line || a.column - b.column);
  }

  /** toJS throws for alias bombs and unresolved aliases. */
  #toValue(): unknown {
    try {
      return this.#document.toJS({ maxAliasCount: 100 });
    } catch (thrown) {
      this.#add(0, '', thrown instanceof Error ? thrown.message : String(thrown));
      return null;
    }
  }

  #add(offset: number, path: string, message: string): void {
    const { line, col } = this.#lines.linePos(offset);
    this.#problems.push({ line: Math.max(1, line), column: Math.max(1, col), path, message });
  }

  /** Offset of the value; of the innermost one around it that is written down when it is missing. */
  #offsetOf(path: ValuePath, at: 'key' | 'value'): number {
    let node: unknown = this.#resolve(this.#document.contents);
    let offset = startOf(node) ?? 0;
    for (const [index, step] of path.entries()) {
      const last = index === path.length - 1;
      if (isMap(node)) {
        const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(step));
        if (pair === undefined) return offset;
        node = this.#resolve(pair.value);
        offset = startOf(last && at === 'key' ? pair.key : (pair.value ?? pair.key)) ?? offset;
      } else if (isSeq(node) && typeof step === 'number') {
        node = this.#resolve(node.items[step]);
        offset = startOf(node) ?? offset;
      } else {
        return offset;
      }
    }
    return offset;
  }

  #resolve(node: unknown): unknown {
    return isAlias(node) ? node.resolve(this.#document) : node;
  }
}

function startOf(node: unknown): number | undefined {
  return (node as Node | null | undefined)?.range?.[0];
}

/** "targets[0].tls.mode" */
function pathWords(path: ValuePath): string {
  return path.map((step, index) => (typeof step === 'number' ? `[${step}]` : index === 0 ? step : `.${step}`)).join('');
}

/** `sallyport.yaml:5:11: targets[0].port: must be …` */
export function formatProblem(file: string, problem: ConfigProblem): string {
  const where = problem.path === '' ? '' : `${problem.path}: `;
  return `${file}:${problem.line}:${problem.column}: ${where}${problem.message}`;
}
