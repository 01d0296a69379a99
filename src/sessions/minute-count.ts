// How often something happened in the last 60 seconds, in a fixed room: one count for each second.

const seconds = 60;

export class MinuteCount {
  readonly #counts = new Float64Array(seconds);
  #total = 0;
  #second = 0;

  /** `nowMs` never goes back (monotonic). */
  add(nowMs: number): void {
    this.#advance(nowMs);
    this.#counts[this.#second % seconds]! += 1;
    this.#total += 1;
  }

  at(nowMs: number): number {
    this.#advance(nowMs);
    return this.#total;
  }

  #advance(nowMs: number): void {
    const second = Math.floor(nowMs / 1000);
    if (second - this.#second >= seconds) {
      this.#counts.fill(0);
      this.#total = 0;
    } else {
      for (let gone = this.#second + 1; gone <= second; gone += 1) {
        this.#total -= this.#counts[gone % seconds]!;
        this.#counts[gone % seconds] = 0;
      }
    }
    this.#second = Math.max(this.#second, second);
  }
}
