// A number in shared memory that the main thread raises with every change that can change a decision: policies, people, access. What a
// thread knows of the world is as old as the number it came with; while that is the number now, it is true.

export type SharedWorld = SharedArrayBuffer;

/** Of the main thread, which alone raises it. */
export class World {
  readonly shared: SharedWorld = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  readonly #number = new Int32Array(this.shared);

  get now(): number {
    return Atomics.load(this.#number, 0);
  }

  changed(): void {
    Atomics.add(this.#number, 0, 1);
  }
}

/** The number as a thread reads it, before every decision. */
export function worldReader(shared: SharedWorld): () => number {
  const number = new Int32Array(shared);
  return () => Atomics.load(number, 0);
}
