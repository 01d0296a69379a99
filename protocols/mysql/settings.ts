// The session's settings as the target confirmed them, as far as they change how a text is read. Makes the ReadingMode that
// actions carry, and decodes texts by the character set in force.

import type { Catalogue, ReadingMode } from '../../src/core/action.ts';
import type { SessionChange } from '../../src/core/classification.ts';
import { status } from './messages.ts';
import type { VariableValues } from './put-back.ts';

/** Followed from session tracking. */
const followed = new Set(['sql_mode', 'character_set_client']);

export interface InitialSettings {
  readonly flavour: 'mysql' | 'mariadb';
  readonly serverVersion: string;
  readonly sqlMode: string;
  readonly characterSetClient: string;
  readonly database: string | null;
  readonly lowerCaseTableNames: string;
}

export class Settings {
  readonly #values = new Map<string, string>();
  #catalogue: Catalogue | null = null;
  #mode: ReadingMode | null = null;
  /** The flags that were followed last; null: what holds now may differ from them. */
  #said: number | null = null;
  #speaksUtf8 = false;

  constructor(initial: InitialSettings) {
    this.#put('flavour', initial.flavour);
    this.#put('server_version', initial.serverVersion);
    this.#put('sql_mode', initial.sqlMode);
    this.#put('character_set_client', initial.characterSetClient);
    this.#put('lower_case_table_names', initial.lowerCaseTableNames);
    this.database(initial.database);
  }

  /** The target reported a changed system variable. */
  reported(name: string, value: string): void {
    if (!followed.has(name)) return;
    this.#put(name, value);
    this.#said = null;
  }

  database(name: string | null): void {
    if (name === null || name === '') {
      if (this.#values.delete('database')) this.#mode = null;
    } else {
      this.#put('database', name);
    }
  }

  /** Status flags tell two modes at once, also where nothing is tracked. */
  flags(statusFlags: number): void {
    const said = statusFlags & (status.noBackslashEscapes | status.ansiQuotes);
    if (said === this.#said) return; // as with nearly every answer
    this.#said = said;
    this.#follow('NO_BACKSLASH_ESCAPES', (statusFlags & status.noBackslashEscapes) !== 0);
    if (this.#values.get('flavour') === 'mariadb') this.#follow('ANSI_QUOTES', (statusFlags & status.ansiQuotes) !== 0);
  }

  catalogue(catalogue: Catalogue | null): void {
    if (catalogue === this.#catalogue) return;
    this.#catalogue = catalogue;
    this.#mode = null;
  }

  /** The mode now; the same object until something changes. */
  get mode(): ReadingMode {
    this.#mode ??= makeMode(this.#values, this.#catalogue);
    return this.#mode;
  }

  /** The mode now, with values of user variables: for one text alone. */
  withVariables(variables: VariableValues): ReadingMode {
    const named = [...variables].map(([name, value]): [string, string] => [`@${name}`, value]);
    return makeMode(new Map([...this.#values, ...named]), this.#catalogue);
  }

  /** That mode with the catalogue of now, and with what the target would read the text by if it prepared it again now. */
  renewed(mode: ReadingMode): ReadingMode {
    const isSame =
      mode.catalogue === this.#catalogue && rereadBy.every((name) => mode.settings[`now.${name}`] === this.#changed(mode, name));
    if (isSame) return mode;
    const values = new Map(Object.entries(mode.settings));
    for (const name of rereadBy) {
      const now = this.#changed(mode, name);
      if (now === undefined) values.delete(`now.${name}`);
      else values.set(`now.${name}`, now);
    }
    return makeMode(values, this.#catalogue);
  }

  /** Undefined when it is what that mode says. */
  #changed({ settings }: ReadingMode, name: string): string | undefined {
    const now = this.#values.get(name);
    return now === settings[name] ? undefined : now;
  }

  /** From there on: UTF-8 where the session speaks it; else one character for each byte, which the classifier is told by the mode. */
  decode(bytes: Buffer, from = 0): string {
    return this.#speaksUtf8 ? bytes.toString('utf8', from) : bytes.toString('latin1', from);
  }

  #follow(mode: string, on: boolean): void {
    const modes = (this.#values.get('sql_mode') ?? '').split(',').filter(Boolean);
    if (modes.includes(mode) === on) return;
    this.#put('sql_mode', (on ? [...modes, mode] : modes.filter((it) => it !== mode)).join(','));
  }

  #put(key: string, value: string): void {
    if (this.#values.get(key) === value) return;
    this.#values.set(key, value);
    this.#mode = null;
    if (key === 'character_set_client') this.#speaksUtf8 = value.startsWith('utf8');
  }
}

/** Servers prepare a text again when a table of it has changed, and read it by these settings of that moment (MariaDB by the first alone). */
export const rereadBy = ['character_set_client', 'sql_mode'];

function makeMode(values: ReadonlyMap<string, string>, catalogue: Catalogue | null): ReadingMode {
  const settings = Object.fromEntries([...values].sort(([a], [b]) => (a < b ? -1 : 1)));
  return { key: `${catalogue?.version ?? '-'}|${JSON.stringify(settings)}`, settings, catalogue };
}

/** The setting of the session that says what it is for: SET @sallyport_reason = '…', as the classifier tells it. */
const reasonSetting = 'sallyport.reason';

export function reasonAfter(changes: readonly SessionChange[], before: string | null): string | null {
  return changes.reduce((reason, it) => (it.kind === 'set' && it.setting === reasonSetting ? it.value : reason), before);
}
