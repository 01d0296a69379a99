// The settings from statement to statement within one text. SETs count for what follows; the end of a transaction may put back
// what was there before, which is not known here in every case: then the setting reads as unknown.

import type { SessionChange } from '../../../src/core/classification.ts';
import { ownChangesSetting, withOwnChanges } from '../../../src/core/own-changes.ts';

type Values = Readonly<Record<string, string>>;

/** A setting whose value is not known. */
const unknownSetting = '?';
/** The driver's pseudo-setting: names of settings that the open transaction has changed already, separated by blanks. */
export const unsettledSettings = 'unsettled';

export class TextSettings {
  readonly #atStart: Values;
  current: Values;
  /** What the open transaction changed, and whether COMMIT surely keeps it as it is. */
  readonly #touched = new Map<string, 'kept' | 'unsure'>();

  constructor(settings: Values) {
    this.#atStart = settings;
    this.current = settings;
    for (const name of (settings[unsettledSettings] ?? '').split(' ')) if (name !== '') this.#touched.set(name, 'unsure');
  }

  /** A statement of that kind and with these changes has been judged: what follows is read by what it leaves. */
  after(kind: string, changes: readonly SessionChange[]): void {
    for (const change of changes) {
      if (change.kind === 'set') this.#set(change.setting, change.value, change.local);
      else if (change.kind === 'schema-changed') this.changedSchema(change.names);
    }
    switch (kind) {
      case 'commit':
      case 'prepare transaction':
        return this.#ended((how) => how === 'unsure');
      case 'rollback':
        return this.#ended(() => true);
      case 'rollback to savepoint':
        for (const name of this.#touched.keys()) this.#put(name, unknownSetting);
        return;
      default:
        return;
    }
  }

  /** Until the end of the text, also behind a COMMIT: the catalogue is read again only then. */
  changedSchema(names: readonly string[] | undefined): void {
    const changed = withOwnChanges(this.current[ownChangesSetting], names);
    if (changed !== undefined) this.#put(ownChangesSetting, changed);
  }

  #set(name: string, value: string | null, local: boolean): void {
    // Back to the value from sign-in. That is the server's own where the session never had another; else it may be anything.
    if (value === null) this.#put(name, this.#atStart[name] === undefined ? null : unknownSetting);
    else this.#put(name, value);
    this.#touched.set(name, local || this.#touched.get(name) === 'unsure' ? 'unsure' : 'kept');
  }

  #ended(isUnsure: (how: 'kept' | 'unsure') => boolean): void {
    for (const [name, how] of this.#touched) if (isUnsure(how)) this.#put(name, unknownSetting);
    this.#touched.clear();
  }

  #put(name: string, value: string | null): void {
    const { [name]: _, ...rest } = this.current;
    this.current = value === null ? rest : { ...rest, [name]: value };
  }
}
