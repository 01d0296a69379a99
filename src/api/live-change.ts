// One change as those see it who hear of it live: made once for each person, and put into bytes once for all who see the same. A
// statement may be megabytes long and hundreds may look, and whoever asks for it can do so again and again.

import type { Caller } from './authentication.ts';
import type { LiveMessage } from './contract.ts';

export type Viewer = Pick<Caller, 'principal' | 'rights'>;
/** What a person sees of it; null: nothing. By person and rights alone. */
export type MessageFor = (viewer: Viewer) => LiveMessage | null;

export class LiveChange {
  readonly #messageFor: MessageFor;
  readonly #ofPerson = new Map<string, Buffer | null>();
  readonly #bytes = new Map<string, Buffer>();

  constructor(messageFor: MessageFor) {
    this.#messageFor = messageFor;
  }

  /** Null: this person sees nothing of it. */
  bytesFor(viewer: Viewer): Buffer | null {
    const { name } = viewer.principal;
    const known = this.#ofPerson.get(name);
    if (known !== undefined) return known;
    const message = this.#messageFor(viewer);
    const bytes = message === null ? null : this.#bytesOf(message);
    this.#ofPerson.set(name, bytes);
    return bytes;
  }

  #bytesOf(message: LiveMessage): Buffer {
    const key = differing(message);
    const bytes = this.#bytes.get(key) ?? Buffer.from(JSON.stringify(message));
    this.#bytes.set(key, bytes);
    return bytes;
  }
}

/** What may differ from viewer to viewer: of a hold all but what was asked, which may be long. */
function differing(message: LiveMessage): string {
  return JSON.stringify(message.kind === 'hold' ? { ...message.hold, text: '', parameters: null } : message);
}
