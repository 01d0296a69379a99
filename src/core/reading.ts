// What the clients of one driver have sent and nobody has taken yet: beginnings of long messages, and what comes behind a statement that
// runs or waits. It stays in memory, together at most so much, and of one person at most so much. Each message has a limit of its own;
// without this one a person with many sessions could fill the memory with beginnings.

import { Fault } from './errors.ts';

/** What every connection may keep without being counted: a few chunks of its socket. */
const freeBytes = 128 * 1024;

export interface ReadingLimits {
  readonly readingBytesMax: number;
  readonly readingBytesPerPersonMax: number;
}

export class Reading {
  readonly #limits: ReadingLimits;
  readonly #ofPeople = new Map<string, number>();
  #bytes = 0;

  constructor(limits: ReadingLimits) {
    this.#limits = limits;
  }

  /** Of one connection. */
  share(person: string): ReadingShare {
    let counted = 0;
    return {
      hold: (bytes) => {
        const wanted = bytes > freeBytes ? bytes : 0;
        const more = wanted - counted;
        if (more === 0) return true;
        const all = this.#bytes + more;
        const ofPerson = (this.#ofPeople.get(person) ?? 0) + more;
        if (more > 0 && (all > this.#limits.readingBytesMax || ofPerson > this.#limits.readingBytesPerPersonMax)) return false;
        this.#bytes = all;
        if (ofPerson === 0) this.#ofPeople.delete(person);
        else this.#ofPeople.set(person, ofPerson);
        counted = wanted;
        return true;
      },
    };
  }
}

/** For a connection that can't go on without the message that there is no room for. */
export function noRoom(): Fault {
  return new Fault('message-too-large', `the gateway has ${noRoomWords}`);
}

export const noRoomWords = 'no room for it now beside other long statements that have come in part: try again later';

export interface ReadingShare {
  /** So much is here now and was not taken; 0 at the end. False: there is no room for it, and as much is counted as before. */
  hold(bytes: number): boolean;
}
