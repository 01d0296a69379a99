// Walks the tree of one text, and of the texts within it, and has every program in it read. Only what is listed here is
// understood: another kind of node, an error anywhere, a command word that is not literal make the whole text not understood.

import type { Command, CommandArgument, Function as FunctionNode, HereDoc, Pipeline, Redirection, SyntaxNode, Word } from 'unbash';
import { forEachChild, parse } from 'unbash';
import type { Classification, Span } from '../../../src/core/classification.ts';
import { Numbers } from './arithmetic.ts';
import { assign } from './assignments.ts';
import type { Call, Input } from './call.ts';
import { checkExpansion } from './expansions.ts';
import { Findings } from './findings.ts';
import { Loops } from './loops.ts';
import { NetworkPaths } from './network-paths.ts';
import { readerOf } from './programs.ts';
import { isReadSoon } from './reading-time.ts';
import { redirect } from './redirections.ts';
import type { Argument } from './words.ts';
import { argumentOf, unknownPath } from './words.ts';

/** Texts within texts (`sh -c 'sh -c …'`). */
export const depthMax = 8;
/** Nodes of the tree in depth; the parser has a limit of its own. */
const nestingMax = 400;

/** The word that ends a here-document, as all shells read it. */
const plainDelimiter = /^(?:\\?[\w.!@%:+-]+|'[\w .!@%:+-]*'|"[\w .!@%:+-]*")$/;

/** Where a node of a text stands in what the client sent. */
type Place = (pos: number, end: number) => Span;

export interface Surroundings {
  readonly terminal: boolean;
  /** Bodies of loops over plain words are read for each of them. */
  readonly unrolls?: boolean;
}

export class Walker {
  readonly findings = new Findings();
  readonly numbers = new Numbers();
  readonly paths = new NetworkPaths();
  readonly loops = new Loops();
  readonly #surroundings: Surroundings;
  #text = '';
  #depth = 0;
  #nesting = 0;

  constructor(surroundings: Surroundings) {
    this.#surroundings = surroundings;
  }

  /** Reads a whole text. `outer` is where it stands when it stands inside another one. */
  script(text: string, outer: Span | null): void {
    const place: Place = outer === null ? (pos, end) => ({ start: pos, end }) : () => outer;
    if (this.#depth >= depthMax) return this.findings.problem('parser-gave-up', 'commands are nested too deeply', place(0, 0).start);
    if (!isReadSoon(text)) return this.findings.problem('too-large', 'it has too many substitutions or here-documents', place(0, 0).start);
    this.#depth += 1;
    if (outer === null) this.#text = text;
    else this.loops.entersText();
    const tree = parse(text);
    this.numbers.collect(tree);
    this.paths.collect(tree);
    this.#node(tree, place, { kind: 'client' });
    this.#depth -= 1;
  }

  /** What was found in everything read so far. */
  classification(): Classification {
    const name = this.numbers.betrayed();
    if (name !== null) this.findings.problem('unknown-construct', `arithmetic evaluates ${name}, which does not only hold numbers`, null);
    return this.findings.classification();
  }

  #node(node: SyntaxNode, place: Place, input: Input): void {
    if (this.#nesting >= nestingMax) return this.findings.problem('parser-gave-up', 'it is nested too deeply', null);
    this.#nesting += 1;
    this.#visit(node, place, input);
    this.#nesting -= 1;
  }

  #visit(node: SyntaxNode, place: Place, input: Input): void {
    switch (node.type) {
      case 'Script': {
        for (const error of node.errors ?? [])
          this.findings.problem('syntax', `syntax error: ${error.message}`, place(error.pos, error.pos).start);
        const inner: Place = node.source === undefined ? place : () => place(node.pos, node.end);
        return forEachChild(node, (child) => this.#node(child, inner, input));
      }
      case 'Command':
        return this.#command(node, place, input);
      case 'Pipeline':
        return this.#pipeline(node, place, input);
      case 'Redirected': {
        const found = this.findings.program('redirection', place(node.pos, node.end));
        for (const it of node.redirects) this.#redirection(it, place, found);
        const given = inputOf(node.redirects);
        // Several commands read one after the other of it: none of them surely gets all.
        return this.#node(node.command, place, given === null ? input : { kind: 'data' });
      }
      case 'Function':
        return this.#function(node, place, input);
      case 'Coproc':
        if (node.name !== undefined) assign(node.name.text, null, this.#loose(node.name, place), 'plain', null);
        return this.#node(node.body, place, { kind: 'data' });
      case 'Statement':
      case 'CompoundList':
      case 'AndOr':
      case 'If':
      case 'Elif':
      case 'While':
      case 'Subshell':
      case 'BraceGroup':
      case 'Case':
      case 'CaseItem':
      case 'Time':
      case 'Negation':
        return forEachChild(node, (child) => this.#node(child, place, input));
      case 'For':
      case 'Select':
        assign(node.name.text, null, this.#loose(node.name, place), 'plain', null);
        if (node.type === 'For' && this.#surroundings.unrolls === true) {
          if (this.loops.unroll(node, this.#text, () => this.#node(node.body, place, input))) return;
        }
        return forEachChild(node, (child) => this.#node(child, place, input));
      case 'ArithmeticFor':
      case 'ArithmeticCommand':
      case 'TestCommand':
        checkExpansion(node, this.numbers, (span, why) => this.#opaque(place(span.start, span.end), why));
        return forEachChild(node, (child) => this.#node(child, place, input));
      case 'Word':
        return this.#word(node, place);
      default:
        this.#expansion(node, place, input);
    }
  }

  /** Words, their parts, and what arithmetic and tests are made of. */
  #expansion(node: SyntaxNode, place: Place, input: Input): void {
    checkExpansion(node, this.numbers, (span, why) => this.#opaque(place(span.start, span.end), why));
    forEachChild(node, (child) => this.#node(child, place, child.type === 'Script' ? { kind: 'client' } : input));
  }

  #word(word: Word, place: Place): void {
    forEachChild(word, (part) => this.#node(part, place, { kind: 'client' }));
  }

  /** Every program but the first reads what another one writes. */
  #pipeline(node: Pipeline, place: Place, input: Input): void {
    node.commands.forEach((it, index) => this.#node(it, place, index === 0 ? input : { kind: 'data' }));
  }

  /** The body is judged where it stands. A call is still judged as a program: a subshell may have defined it in vain. */
  #function(node: FunctionNode, place: Place, input: Input): void {
    this.findings.program('function', place(node.pos, node.end)).effect('session', 'session');
    this.#node(node.body, place, input);
  }

  #command(node: Command, place: Place, input: Input): void {
    const span = place(node.pos, node.end);
    const found = this.findings.program('assignment', span);
    for (const it of node.prefix) {
      if (it.type !== 'Assignment') continue;
      assign(
        it.name,
        it,
        { found, span: place(it.pos, it.end), opaque: (at, why) => this.#opaque(at, why) },
        node.name === undefined ? 'plain' : 'for a program',
        it.value.type === 'Word' ? argumentOf(it.value, span).text : null,
      );
      this.#assignment(it, place);
    }
    for (const it of node.redirects) this.#redirection(it, place, found);
    if (node.name === undefined) {
      if (node.prefix.every((it) => it.type !== 'Assignment')) found.kind = 'redirection';
      return;
    }
    this.#word(node.name, place);
    for (const it of node.args) it.type === 'Word' ? this.#word(it, place) : this.#assignment(it, place);
    const args = node.args.map((it) => this.#argument(it, place));
    const name = argumentOf(node.name, place(node.name.pos, node.name.end), this.loops.values);
    this.#run(name, args, span, inputOf(node.redirects) ?? input, found);
  }

  /** `declare a=(x)` and `dd of=x` both come as assignments; as a word it is what stands there. A count is one number, or no word at all. */
  #argument(node: CommandArgument, place: Place): Argument {
    const span = place(node.pos, node.end);
    if (node.type === 'Word') {
      const found = argumentOf(node, span, this.loops.values);
      return this.numbers.count(node) ? { ...found, splits: false } : found;
    }
    if (node.value.type === 'ArrayValue' || node.index !== undefined) return unknownPath('', span);
    const head = `${node.name}${node.append === true ? '+' : ''}=`;
    const value = argumentOf(node.value, span, this.loops.values);
    const tilde = node.value.text.startsWith('~');
    const { suffix, splits, several } = value;
    return { text: value.text === null || tilde ? null : head + value.text, prefix: head + value.prefix, suffix, splits, several, span };
  }

  #assignment(node: SyntaxNode, place: Place): void {
    forEachChild(node, (child) => this.#node(child, place, { kind: 'client' }));
  }

  #run(name: Argument, args: readonly Argument[], span: Span, input: Input, found = this.findings.program('', span)): void {
    for (const it of args) this.loops.names(it.prefix);
    const program = name.text ?? name.inHome ?? null;
    if (program === null) {
      found.kind = 'unknown';
      return this.#opaque(name.span, 'what it would run is only known when it runs: the command word is not literal');
    }
    found.kind = programName(program) || 'unknown';
    const call: Call = {
      name: program,
      span,
      args,
      input,
      terminal: this.#surroundings.terminal,
      found,
      command: (inner, from) => this.#wrapped(inner, span, from ?? input),
      script: (text, at) => this.script(text, at),
      opaque: (at, why) => this.#opaque(at, why),
      assigns: (it) => {
        this.numbers.taint(it);
        this.paths.taint(it);
        this.loops.names(it);
      },
    };
    readerOf(program)(call);
  }

  #wrapped(words: readonly Argument[], span: Span, input: Input): void {
    const [name, ...args] = words;
    if (name === undefined) return;
    if (this.#depth >= depthMax) return this.findings.problem('parser-gave-up', 'commands are nested too deeply', span.start);
    this.#depth += 1;
    this.#run(name, args, span, input);
    this.#depth -= 1;
  }

  #redirection(node: Redirection, place: Place, found: ReturnType<Findings['program']>): void {
    redirect(node, place(node.pos, node.end), found, this.paths);
    if (node.type === 'HereDoc' && !plainDelimiter.test(node.delimiter?.text ?? ''))
      this.#opaque(place(node.pos, node.end), 'a here-document whose end shells look for in different ways');
    if (node.descriptor?.type === 'FileDescriptorVariable') assign(node.descriptor.name, null, this.#loose(node, place), 'plain', null);
    forEachChild(node, (child) => this.#node(child, place, { kind: 'client' }));
  }

  #loose(node: SyntaxNode, place: Place) {
    const span = place(node.pos, node.end);
    return { found: this.findings.program('loop', span), span, opaque: (at: Span, why: string) => this.#opaque(at, why) };
  }

  #opaque(span: Span, why: string): void {
    this.findings.problem('unknown-construct', why, span.start);
    this.findings.program('unknown', span).risk(span, why);
  }
}

/** "/usr/bin/ls" → "ls", for people; what it is judged as is the program table's business. */
function programName(text: string): string {
  return text.slice(text.lastIndexOf('/') + 1);
}

/** What the last redirection of standard input gives, or null when there is none. */
function inputOf(redirects: readonly Redirection[]): Input | null {
  let input: Input | null = null;
  for (const it of redirects) {
    if (it.descriptor !== undefined && !(it.descriptor.type === 'FileDescriptor' && it.descriptor.value === 0)) continue;
    if (it.type === 'HereDoc') input = { kind: 'text', text: hereDocumentText(it) };
    else if (it.type === 'HereString')
      input = { kind: 'text', text: it.target === undefined ? null : argumentOf(it.target, { start: 0, end: 0 }).text };
    else if (it.operator === '<' || it.operator === '<>' || it.operator === '<&') input = { kind: 'data' };
  }
  return input;
}

/** What comes in of a here-document; null when that is only known when it runs. Without quotes around its word backslashes are read. */
function hereDocumentText({ body, delimiter }: HereDoc): string | null {
  if (delimiter?.quoted === true) return body.text;
  if (body.parts !== undefined || body.text.includes('\\\n')) return null;
  return body.text.replace(/\\([\\$`])/g, '$1');
}
