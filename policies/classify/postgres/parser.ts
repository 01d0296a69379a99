// A thin wrapper over libpg-query's WASM factory. The package's own functions share one instance that a 20 kB expression
// can break for good (its stack pointer leaks at every host exception), so an instance is thrown away after any error that
// isn't a syntax error, and a spare one takes over at once.

import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { setFlagsFromString } from 'node:v8';
import type { Parsed } from './parsed.ts';
import { EarlyReader, type PlainReader } from './plain/early-reader.ts';
import { PlainQueries } from './plain/query.ts';
import { threadTrust, type OnDistrusted, type PlainTrust } from './plain/trust.ts';
import type { RawStatement } from './tree.ts';

export type ParsedFunction = { readonly kind: 'function'; readonly tree: unknown } | { readonly kind: 'failed' };

/** What we use of the emscripten module. */
interface Instance {
  /** All of its memory; another array after it has grown. */
  readonly HEAPU8: Uint8Array<ArrayBuffer>;
  UTF8ToString(pointer: number): string;
  getValue(pointer: number, type: 'i32'): number;
  _malloc(lengthBytes: number): number;
  _free(pointer: number): void;
  _wasm_parse_query_raw(pointer: number): number;
  _wasm_free_parse_result(pointer: number): void;
  _wasm_parse_plpgsql(pointer: number): number;
  _wasm_free_string(pointer: number): void;
  _wasm_scan(pointer: number): number;
}

type Factory = (options: {
  instantiateWasm(
    imports: WebAssembly.Imports,
    done: (instance: WebAssembly.Instance, module: WebAssembly.Module) => void,
  ): WebAssembly.Exports;
}) => Promise<Instance>;

/** Spares beyond the instance in use: a burst of hostile texts uses them up, then the answer is "gave up" for some milliseconds. */
const sparesMax = 2;

// Layout of PgQueryParseResult and PgQueryError in 32-bit WASM memory.
const errorField = 8;
const errorPositionField = 16;

export interface ParserOptions {
  /** The early reader was found to be wrong: what was judged by its trees is better forgotten. */
  readonly onDistrusted?: OnDistrusted;
  /** For tests: another early reader, and a trust of its own. */
  readonly reader?: PlainReader;
  readonly trust?: PlainTrust;
}

export class Parser {
  readonly #make: () => Promise<Instance>;
  readonly #early: EarlyReader;
  readonly #forget: () => void;
  #current: Instance | null;
  readonly #spares: Instance[] = [];
  #making = 0;
  #replaced = 0;
  #closed = false;

  private constructor(make: () => Promise<Instance>, first: Instance, { onDistrusted, reader, trust = threadTrust }: ParserOptions) {
    this.#make = make;
    this.#current = first;
    this.#early = new EarlyReader(reader ?? new PlainQueries(), trust, (text) => this.parseInFull(text));
    this.#forget = onDistrusted === undefined ? () => undefined : trust.whenLost(onDistrusted);
  }

  static async create(options: ParserOptions = {}): Promise<Parser> {
    const require = createRequire(import.meta.url);
    const module = await WebAssembly.compile(await readFile(require.resolve('libpg-query/wasm/libpg-query.wasm')));
    const imported = require('libpg-query/wasm/libpg-query.js') as Factory | { default: Factory };
    const factory = typeof imported === 'function' ? imported : imported.default;
    const make = (): Promise<Instance> =>
      factory({
        instantiateWasm(imports, done) {
          const instance = new WebAssembly.Instance(module, imports);
          done(instance, module);
          return instance.exports;
        },
      });
    const first = await make();
    compileInOrder(first);
    const parser = new Parser(make, first, options);
    await parser.#makeSpare();
    return parser;
  }

  /** How many instances were thrown away; for tests and metrics. */
  get replaced(): number {
    return this.#replaced;
  }

  /** Parses a text that has no NUL and no lone surrogates. Never throws. */
  parse(text: string): Parsed {
    return (this.#closed ? null : this.#early.read(text)) ?? this.parseInFull(text);
  }

  /** The same by PostgreSQL's parser alone. */
  parseInFull(text: string): Parsed {
    const instance = this.#current;
    if (instance === null) return { kind: 'gave-up', message: 'the parser is being replaced' };
    try {
      return parseWith(instance, text);
    } catch (thrown) {
      this.#discard();
      return { kind: 'gave-up', message: `the parser gave up (${thrown instanceof Error ? thrown.name : 'unknown error'})` };
    }
  }

  /** Parses a whole CREATE FUNCTION … LANGUAGE plpgsql into PL/pgSQL's own tree. Never throws. */
  parseFunction(text: string): ParsedFunction {
    const instance = this.#current;
    if (instance === null) return { kind: 'failed' };
    try {
      const pointer = allocate(instance, text);
      const answer = instance._wasm_parse_plpgsql(pointer);
      const json = instance.UTF8ToString(answer);
      instance._free(pointer);
      instance._wasm_free_string(answer);
      return json.startsWith('{') || json.startsWith('[') ? { kind: 'function', tree: JSON.parse(json) } : { kind: 'failed' };
    } catch {
      this.#discard();
      return { kind: 'failed' };
    }
  }

  close(): void {
    this.#closed = true;
    this.#forget();
    this.#current = null;
    this.#spares.length = 0;
  }

  #discard(): void {
    this.#replaced += 1;
    this.#current = this.#spares.pop() ?? null;
    void this.#makeSpare().catch(() => undefined); // The next discard tries again; without an instance every text is "gave up".
  }

  async #makeSpare(): Promise<void> {
    while (!this.#closed && this.#spares.length + this.#making < sparesMax + (this.#current === null ? 1 : 0)) {
      this.#making += 1;
      try {
        const made = await this.#make();
        if (this.#current === null && !this.#closed) this.#current = made;
        else this.#spares.push(made);
      } finally {
        this.#making -= 1;
      }
    }
  }
}

/** Whether a function may be optimized one day is decided when it is compiled, which is when it first runs. Function 0 is an import. */
const optimizingAll = '--wasm-tier-up-filter=-1';
const optimizingNone = '--wasm-tier-up-filter=0';
/** They use what the grammar's function uses, and not that: the scanner, memory, and what writes errors. */
const scannedFirst = [`SELECT a."b", $1, 1.5, 'x' AS "y" FROM c -- d\n;`, "'x", '"', 'SELECT 1e'];

/**
 * V8's optimizing compiler takes 550 MB for some seconds to compile one function of this parser, the grammar, more than many
 * containers have, and makes that no faster. The others cost little and make parsing a fifth faster: so they are optimized, and it
 * is not. All instances have the same code; where V8 knows no such filter, everything is optimized.
 */
function compileInOrder(instance: Instance): void {
  for (const text of scannedFirst) {
    const pointer = allocate(instance, text);
    instance._wasm_free_string(instance._wasm_scan(pointer));
    instance._free(pointer);
  }
  setFlagsFromString(optimizingNone);
  try {
    parseWith(instance, '');
  } finally {
    setFlagsFromString(optimizingAll);
  }
}

/** Copies a text in, with the NUL that ends it. */
function allocate(instance: Instance, text: string, byteLength = Buffer.byteLength(text)): number {
  const pointer = instance._malloc(byteLength + 1);
  if (pointer === 0) throw new RangeError('no memory for the text');
  const memory = memoryOf(instance);
  memory.write(text, pointer, byteLength, 'utf8');
  memory[pointer + byteLength] = 0;
  return pointer;
}

/** The text up to a NUL. Node's own decoder is several times faster than the one that the module brings. */
function textAtPointer(instance: Instance, pointer: number): string {
  const memory = memoryOf(instance);
  return memory.toString('utf8', pointer, memory.indexOf(0, pointer));
}

/** Taken anew before each use: memory that has grown lies elsewhere. */
function memoryOf({ HEAPU8 }: Instance): Buffer {
  return Buffer.from(HEAPU8.buffer, HEAPU8.byteOffset, HEAPU8.byteLength);
}

function parseWith(instance: Instance, text: string): Parsed {
  const byteLength = Buffer.byteLength(text);
  const pointer = allocate(instance, text, byteLength);
  const result = instance._wasm_parse_query_raw(pointer);
  const error = instance.getValue(result + errorField, 'i32');
  let parsed: Parsed;
  if (error === 0) {
    const tree = JSON.parse(textAtPointer(instance, instance.getValue(result, 'i32'))) as { stmts?: RawStatement[] };
    parsed = { kind: 'statements', statements: tree.stmts ?? [], byteLength };
  } else {
    const message = instance.UTF8ToString(instance.getValue(error, 'i32'));
    parsed = { kind: 'syntax-error', message, position: instance.getValue(error + errorPositionField, 'i32') };
  }
  instance._free(pointer);
  instance._wasm_free_parse_result(result);
  return parsed;
}
