// Syntax colours as data. highlight.js writes HTML by default; here its tokens are caught by an emitter of our own, so that
// hostile statement text only ever becomes React text nodes.

import hljs from 'highlight.js/lib/core';
import bash from 'highlight.js/lib/languages/bash';
import pgsql from 'highlight.js/lib/languages/pgsql';
import sql from 'highlight.js/lib/languages/sql';
import yaml from 'highlight.js/lib/languages/yaml';

export type Language = 'pgsql' | 'sql' | 'bash' | 'yaml';

/** Beyond this, colouring costs more than it helps (grammars are regular expressions run on the page's own thread). */
const highlightedCharactersMax = 60_000;

export interface Token {
  readonly start: number;
  readonly end: number;
  readonly scope: string;
}

/** Notes where each scope starts and ends in the text instead of writing markup. The names are what highlight.js calls. */
class SpanEmitter {
  readonly options: unknown;
  tokens: Token[] = [];
  scopes: string[] = [];
  offset = 0;

  constructor(options: unknown) {
    this.options = options;
  }
  addText(text: string): void {
    const scope = this.scopes.at(-1);
    if (scope !== undefined && scope !== '' && text !== '') {
      this.tokens.push({ start: this.offset, end: this.offset + text.length, scope });
    }
    this.offset += text.length;
  }
  startScope(scope: string): void {
    this.scopes.push(scope);
  }
  endScope(): void {
    this.scopes.pop();
  }
  openNode(scope: string): void {
    this.startScope(scope);
  }
  closeNode(): void {
    this.endScope();
  }
  __addSublanguage(emitter: SpanEmitter): void {
    for (const token of emitter.tokens) {
      this.tokens.push({ start: token.start + this.offset, end: token.end + this.offset, scope: token.scope });
    }
    this.offset += emitter.offset;
  }
  finalize(): void {}
  toHTML(): string {
    return '';
  }
}

const engine = hljs.newInstance();
engine.registerLanguage('pgsql', pgsql);
engine.registerLanguage('sql', sql);
engine.registerLanguage('bash', bash);
engine.registerLanguage('yaml', yaml);
engine.configure({ __emitter: SpanEmitter } as unknown as Parameters<typeof engine.configure>[0]);

/** Coloured ranges of the text, in order, without overlaps. Empty when the text is too long or the grammar lost track. */
export function highlight(text: string, language: Language): readonly Token[] {
  if (text.length > highlightedCharactersMax) return [];
  const result = engine.highlight(text, { language, ignoreIllegals: true }) as unknown as { _emitter: SpanEmitter };
  const emitter = result._emitter;
  // Colours at the wrong place would mislead: take them only when every character was accounted for.
  return emitter.offset === text.length ? emitter.tokens : [];
}

/** The grammar for a target's protocol. */
export function languageOf(protocol: string): Language {
  if (protocol === 'postgres') return 'pgsql';
  return protocol === 'ssh' ? 'bash' : 'sql';
}
