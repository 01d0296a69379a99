// A value that must never be printed. It reads as "[secret]" wherever a string is made of it; only reveal() gives it.

import { inspect } from 'node:util';

export class Secret {
  #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The value itself, for the one place that puts it on the wire to the target. */
  reveal(): string {
    return this.#value;
  }

  /** From now on it is this for whoever holds it: its file was replaced. */
  replace(value: string): void {
    this.#value = value;
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }

  [inspect.custom](): string {
    return '[secret]';
  }
}
