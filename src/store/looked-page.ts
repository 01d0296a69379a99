// A page of what is searched without an index: rows are looked at one by one until it is full or enough were looked at, because the
// thread that looks relays sessions as well.

export interface LookedRow {
  readonly number: number;
  readonly found: 0 | 1 | null;
  /** Where rows may be long: how much was read to look at it. */
  readonly bytes?: number;
}

export interface LookedLimits {
  readonly rowsMax: number;
  readonly lookedAtMax: number;
  readonly lookedAtBytesMax?: number;
}

/** Numbers of the rows that were found, and the cursor behind the last that was looked at; null: all were. */
export function lookedPage(
  rows: Iterable<LookedRow>,
  { rowsMax, lookedAtMax, lookedAtBytesMax = Infinity }: LookedLimits,
): { readonly numbers: readonly number[]; readonly next: string | null } {
  const numbers: number[] = [];
  let [looked, bytes, last] = [0, 0, 0];
  for (const row of rows) {
    if (looked === lookedAtMax || bytes > lookedAtBytesMax || numbers.length === rowsMax) return { numbers, next: String(last) };
    looked += 1;
    bytes += row.bytes ?? 0;
    last = row.number;
    if (row.found === 1) numbers.push(row.number);
  }
  return { numbers, next: null };
}

/** As lower() in SQLite: letters A to Z and no others. */
export function lowered(text: string): string {
  return text.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());
}
