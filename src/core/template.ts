// Pre-approved templates: a statement or command with named places, as policies know it. How a text is compared with one is the
// business of each language's reader in policies/classify; what may stand in the places is the engine's.

import type { Action } from './action.ts';
import type { Protocol } from './target.ts';

/** What stands in a named place of a text that matches. */
export interface TemplateValue {
  readonly text: string;
  /** `bound`: a parameter of the client, its type one that the server has built in, or left to the server. */
  readonly form: 'number' | 'string' | 'word' | 'bound';
}

export interface ReadableTemplate {
  /** The named places, in order of appearance, each once. */
  readonly places: readonly string[];
  /** The values in the places when the action is this template and nothing more; null when it is anything else. Never throws. */
  match(action: Action): ReadonlyMap<string, TemplateValue> | null;
}

export type TemplateReading =
  | { readonly kind: 'template'; readonly template: ReadableTemplate }
  /** Offset in the template's text (UTF-16), or null. */
  | { readonly kind: 'problem'; readonly message: string; readonly offset: number | null };

export interface TemplateReader {
  /** Reads the text of a template, with places written as `:name`. */
  read(text: string): TemplateReading;
}

/** By protocol. A protocol without one has no templates. */
export type TemplateReaders = Readonly<Partial<Record<Protocol, TemplateReader>>>;

/** Longer texts match no template. */
export const templateTextUnitsMax = 8_192;
