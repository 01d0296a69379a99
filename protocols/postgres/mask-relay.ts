// Where the target's answers meet the masks of what runs: descriptions tell them, rows go through them, and words of the target
// are taken out from the first answer of what is masked to the end of its cycle.

import type { Masking } from '../../src/core/masking.ts';
import type { ExpectedQueue } from './expected.ts';
import type { TextEncoding } from './masked-values.ts';
import { withoutValues } from './masking.ts';
import { fromTarget } from './messages.ts';
import type { Settings } from './settings.ts';
import type { Run } from './statements.ts';

export class MaskRelay {
  readonly #machine: { readonly expected: ExpectedQueue; readonly settings: Settings };
  /** What was masked in this cycle: an error at its end may still quote it. */
  #hiding: Masking | null = null;

  constructor(machine: { readonly expected: ExpectedQueue; readonly settings: Settings }) {
    this.#machine = machine;
  }

  /** Before and after every message of the target. True while rows and words are looked at. */
  look(): boolean {
    const asked = this.#machine.expected.head;
    const run =
      asked?.kind === 'query' || asked?.kind === 'own-fields'
        ? asked.run
        : asked?.kind === 'execute' || asked?.kind === 'bind'
          ? asked.portal.run
          : null;
    if (run?.masks != null) this.#hiding = run.masks.masking;
    return this.#hiding !== null;
  }

  cycleEnded(): void {
    this.#hiding = null;
  }

  /** RowDescription or NoData. False when it is another message. */
  described(run: Run, type: number, bytes: Buffer): boolean {
    if (type !== fromTarget.rowDescription && type !== fromTarget.noData) return false;
    if (type === fromTarget.rowDescription) run.masks?.described(bytes, run.completed);
    return true;
  }

  row(run: Run | null, bytes: Buffer): Buffer {
    return run?.masks?.row(bytes, this.#encoding) ?? bytes;
  }

  /** An error or notice without values; null: as it is. */
  instead(bytes: Buffer): Buffer | null {
    const said = this.#hiding === null ? bytes : withoutValues(bytes, this.#hiding);
    return said === bytes ? null : said;
  }

  get #encoding(): TextEncoding {
    const name = (this.#machine.settings.mode.settings['client_encoding'] ?? 'UTF8').toUpperCase();
    return name === 'UTF8' || name === 'UNICODE' ? 'utf8' : 'latin1';
  }
}
