// The PostgreSQL classifier: caches by exact text and by text without its literals, size tiers, and everything else handed to
// the judge. It answers at once for texts up to 64 kB; larger ones go to a worker thread with a deadline; above 1 MB nothing is
// understood.

import type { Action } from '../../../src/core/action.ts';
import type { Classification } from '../../../src/core/classification.ts';
import type { Classifier } from '../../../src/core/policy.ts';
import type { StatementOutline } from '../../../src/core/preview.ts';
import type { NoShape, Shape } from '../../../src/core/shape.ts';
import { classificationOf, notUnderstood } from '../../../src/core/summary.ts';
import { ClassificationCache } from '../../../src/core/classification-cache.ts';
import { MaskedLiterals } from '../masked-literals.ts';
import { SharedSummaries } from '../shared-summaries.ts';
import { Judge, type PreparedLookup } from './judge.ts';
import { LargeTexts } from './large-texts.ts';
import { maskedIn, postgresLiterals, withoutLiterals } from './masked-literals.ts';
import { outlinesOf } from './outline.ts';
import { Parser } from './parser.ts';
import { isReadSoon } from './reading-time.ts';
import { shapeOfPostgres } from './shape.ts';

export interface PostgresClassifierOptions {
  /** Longest text, in UTF-16 units, that is parsed on the main thread. */
  readonly directUnitsMax?: number;
  /** Longest text that is looked at at all. */
  readonly textUnitsMax?: number;
  /** How long the worker may think about one text. */
  readonly deadlineMs?: number;
  /** Called at most once, with words for the operator: the early reader of plain queries was wrong, and reads no more (plain/trust.ts). */
  readonly onMisread?: (words: string) => void;
}

export interface PostgresClassifier extends Classifier {
  close(): Promise<void>;
  /** Parser instances thrown away so far. */
  readonly parsersReplaced: () => number;
}

/** 64 kB parse in about 3 ms: no other session notices. */
const directUnitsMax = 64 * 1024;
/** 1 MB parses in 50 ms in a worker; people write nothing larger by hand, and bulk goes through COPY. */
const textUnitsMax = 1024 * 1024;
/** Twenty times what 1 MB takes, and short enough for a person at a prompt. */
const deadlineMs = 2_000;

/** Makes a classifier; compiles the parser once. */
export async function createPostgresClassifier(options: PostgresClassifierOptions = {}): Promise<PostgresClassifier> {
  let made: CachingClassifier | null = null;
  const parser = await Parser.create({
    onDistrusted: (words) => {
      made?.forget();
      if (words !== null) options.onMisread?.(words);
    },
  });
  made = new CachingClassifier(parser, options);
  return made;
}

class CachingClassifier implements PostgresClassifier {
  readonly #parser: Parser;
  #judge: Judge;
  #cache = new ClassificationCache();
  #masked = new MaskedLiterals(postgresLiterals);
  #summaries = new SharedSummaries();
  readonly #large: LargeTexts;
  readonly #directUnitsMax: number;
  readonly #textUnitsMax: number;

  constructor(parser: Parser, options: PostgresClassifierOptions) {
    this.#parser = parser;
    this.#judge = new Judge(parser);
    this.#directUnitsMax = options.directUnitsMax ?? directUnitsMax;
    this.#textUnitsMax = options.textUnitsMax ?? textUnitsMax;
    this.#large = new LargeTexts(options.deadlineMs ?? deadlineMs);
  }

  classify(action: Action, signal?: AbortSignal): Classification | Promise<Classification> {
    if (action.classified !== null) return action.classified;
    switch (action.kind) {
      case 'statement':
      case 'function-call': // the driver says it as the SELECT that would do the same
        break;
      case 'connect':
        return nothing;
      default:
        return notUnderstood('unknown-statement', `an action of kind ${action.kind} cannot be judged by its text`);
    }
    const { text, mode } = action;
    const cached = this.#masked.found(action, this.#cache);
    if (cached !== undefined) return cached;
    if (text.length > this.#textUnitsMax) {
      return notUnderstood('too-large', `the text is longer than ${this.#textUnitsMax} characters`);
    }
    if (text.length > this.#directUnitsMax) return this.#large.classify(text, mode, signal);
    if (!this.#isDirect(text)) return this.#large.classify(text, mode);
    const masked = maskedIn(text, mode) && this.#masked.mayRecur(text) ? withoutLiterals(text) : null;
    const known = masked === null ? undefined : this.#masked.get(mode.key, masked, text);
    if (known !== undefined) return known;
    const { classification: judged, executes } = this.#judge.judge(text, mode, this.#lookup(action));
    const isLasting = judged.problem?.kind !== 'parser-gave-up';
    if (executes || !isLasting) return judged;
    const classification = this.#summaries.shared(judged);
    this.#masked.keep(action, classification, this.#cache);
    if (masked !== null) this.#masked.note(mode.key, masked, text, classification);
    return classification;
  }

  outline(text: string): readonly StatementOutline[] | null {
    if (!this.#isDirect(text)) return null;
    const parsed = this.#parser.parse(text);
    return parsed.kind === 'statements' ? outlinesOf(parsed.statements) : null;
  }

  shapeOf(action: Action, classification: Classification): Shape | NoShape {
    return shapeOfPostgres(this.#parser, action, classification);
  }

  /** Whatever was judged so far is judged anew. */
  forget(): void {
    this.#judge = new Judge(this.#parser);
    this.#cache = new ClassificationCache();
    this.#masked = new MaskedLiterals(postgresLiterals);
    this.#summaries = new SharedSummaries();
  }

  readonly parsersReplaced = (): number => this.#parser.replaced;

  async close(): Promise<void> {
    this.#parser.close();
    await this.#large.close();
  }

  #isDirect(text: string): boolean {
    return text.length <= this.#directUnitsMax && isReadSoon(text);
  }

  /** The session says what a prepared name does now: it judges names again when its mode has changed. */
  #lookup(action: Action): PreparedLookup {
    return (name) => action.prepared?.(name)?.classification ?? null;
  }
}

const nothing = classificationOf([]);
