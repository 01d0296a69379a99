// Time and randomness come in as values of these types, so that tests and the simulation own them.

export interface Clock {
  /** Wall clock, milliseconds since 1970. May jump; never used to measure a wait. */
  nowMs(): number;
  /** Monotonic, milliseconds since some start. For durations and deadlines. */
  monotonicMs(): number;
}

export interface Random {
  /** Cryptographically strong bytes. */
  bytes(count: number): Buffer;
}
