// Texts beside the forms that are known of them. A form is a text without its literals; a long text that is one of its texts is
// told by comparing what stands between the literals, a tenth of the work of reading it, and its JSON is put together out of
// the form's. It finds only what reading would find: whatever it is in doubt about is read.

import type { Action } from '../../src/core/action.ts';

/** A piece of a text that a placeholder stands for in its form. */
export interface Literal {
  readonly start: number;
  readonly end: number;
  readonly placeholder: string;
  /** A list of any number of literals of that kind. */
  readonly isList: boolean;
}

type Hole = Pick<Literal, 'placeholder' | 'isList'>;

/** What the comparing needs to know of a language. */
export interface LiteralRules {
  /** The placeholders of a masked text in their order. */
  readonly literalsOf: (masked: string) => readonly Literal[];
  /** Where what begins there ends, when it would get this placeholder whatever stands around it; else -1. */
  readonly literalEnd: (text: string, start: number, hole: Hole) => number;
  /** False of texts that are masked by nobody. */
  readonly takesPart: (action: Action) => boolean;
}

/** What a text is but for its literals. */
export interface Form {
  readonly masked: string;
  /** What stands before, between and behind the literals: one more than there are literals. */
  readonly parts: readonly string[];
  readonly holes: readonly Hole[];
  /** The parts as JSON, without quotes around them. */
  readonly json: readonly string[];
}

/** Forms are found by so many characters, which stand before the first literal. */
const startUnits = 24;
/** Forms with one beginning are looked at one after the other. */
const alikeMax = 32;
/** When there are more forms, or more units of text in them, all are forgotten: what is asked for comes back. */
const formsMax = 4_000;
const formUnitsMax = 4_000_000;

/** The text with each literal's placeholder in its place; null when it has none, or (null) when they can't be told. */
export function withPlaceholders(text: string, literals: readonly Literal[] | null): string | null {
  if (literals === null || literals.length === 0) return null;
  let masked = '';
  let kept = 0;
  for (const { start, end, placeholder } of literals) {
    masked += text.slice(kept, start) + placeholder;
    kept = end;
  }
  return masked + text.slice(kept);
}

export function formOf(masked: string, rules: LiteralRules): Form {
  const holes = rules.literalsOf(masked);
  const parts: string[] = [];
  let from = 0;
  for (const { start, end } of holes) {
    parts.push(masked.slice(from, start));
    from = end;
  }
  parts.push(masked.slice(from));
  return { masked, parts, holes, json: parts.map(jsonOf) };
}

export class KnownForms<Known extends Form> {
  readonly #rules: LiteralRules;
  readonly #byMode = new Map<string, Map<string, Known[]>>();
  #forms = 0;
  #units = 0;
  /** Of the text that is being compared: where its literals begin and end, in turn. */
  readonly #places: number[] = [];

  constructor(rules: LiteralRules) {
    this.#rules = rules;
  }

  /** The form of the action's text, or undefined when that has to be read. Leaves the text's JSON with the action. */
  find(action: Action): Known | undefined {
    const { mode, text } = action;
    const alike = this.#byMode.get(mode.key)?.get(text.slice(0, startUnits));
    if (alike === undefined) return undefined;
    for (const form of alike) {
      if (!this.#isOf(form, text)) continue;
      if (!this.#rules.takesPart(action)) return undefined;
      action.textJson = this.#jsonOf(form, text);
      return form;
    }
    return undefined;
  }

  add(modeKey: string, form: Known): void {
    const start = (form.parts[0] as string).slice(0, startUnits);
    if (start.length < startUnits) return;
    if (this.#forms >= formsMax || this.#units + form.masked.length > formUnitsMax) this.#forget();
    let starts = this.#byMode.get(modeKey);
    if (starts === undefined) this.#byMode.set(modeKey, (starts = new Map<string, Known[]>()));
    const alike = starts.get(start);
    if (alike === undefined) starts.set(start, [form]);
    else {
      if (alike.includes(form)) return;
      if (alike.length >= alikeMax) alike.shift();
      alike.push(form);
    }
    this.#forms += 1;
    this.#units += form.masked.length;
  }

  /** Whether the text without its literals is the form's: its parts are where they are there, and so is every literal. */
  #isOf({ parts, holes }: Form, text: string): boolean {
    const places = this.#places;
    let at = (parts[0] as string).length;
    if (text.slice(0, at) !== parts[0]) return false;
    for (let index = 0; index < holes.length; index += 1) {
      const end = this.#rules.literalEnd(text, at, holes[index] as Hole);
      if (end < 0) return false;
      const part = parts[index + 1] as string;
      if (text.slice(end, end + part.length) !== part) return false;
      places[2 * index] = at;
      places[2 * index + 1] = end;
      at = end + part.length;
    }
    return at === text.length;
  }

  #jsonOf({ json, holes }: Form, text: string): string {
    let all = `"${json[0] as string}`;
    for (let index = 0; index < holes.length; index += 1) {
      const literal = text.slice(this.#places[2 * index], this.#places[2 * index + 1]);
      all += jsonOf(literal) + (json[index + 1] as string);
    }
    return `${all}"`;
  }

  #forget(): void {
    this.#byMode.clear();
    this.#forms = 0;
    this.#units = 0;
  }
}

function jsonOf(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}
