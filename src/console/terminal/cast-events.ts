// Lines of an asciicast v3 as events with absolute times, from bytes in any pieces.

export interface CastEvent {
  /** Milliseconds since the terminal began. */
  readonly atMs: number;
  /** o: shown; r: resized ("120x40"); m: a command begins; others are left alone. */
  readonly code: string;
  readonly data: string;
}

/** Takes bytes from the beginning of a line; keeps what is left of one for the next bytes. */
export class CastReader {
  #rest: Uint8Array = new Uint8Array(0);
  #atMs: number;
  readonly #decoder = new TextDecoder();

  /** `atMs`: the time of the event before the first line. */
  constructor(atMs: number) {
    this.#atMs = atMs;
  }

  read(bytes: Uint8Array): CastEvent[] {
    let data = bytes;
    if (this.#rest.length > 0) {
      data = new Uint8Array(this.#rest.length + bytes.length);
      data.set(this.#rest);
      data.set(bytes, this.#rest.length);
    }
    const end = data.lastIndexOf(0x0a) + 1;
    this.#rest = data.slice(end);
    const events: CastEvent[] = [];
    for (const text of this.#decoder.decode(data.subarray(0, end)).split('\n')) {
      const line = parsed(text);
      if (!Array.isArray(line)) continue; // the header, or a damaged line
      const [seconds, code, shown] = line as unknown[];
      if (typeof seconds !== 'number' || typeof code !== 'string' || typeof shown !== 'string') continue;
      this.#atMs += Math.round(seconds * 1000);
      events.push({ atMs: this.#atMs, code, data: shown });
    }
    return events;
  }
}

/** "120x40" → columns and rows within what a screen can be; null for anything else. */
export function sizeOf(data: string): { readonly cols: number; readonly rows: number } | null {
  const match = /^(\d{1,4})x(\d{1,4})$/.exec(data);
  if (match === null) return null;
  const [cols, rows] = [Number(match[1]), Number(match[2])];
  return cols < 1 || rows < 1 || cols > 1000 || rows > 500 ? null : { cols, rows };
}

function parsed(text: string): unknown {
  try {
    return text === '' ? null : JSON.parse(text);
  } catch {
    return null;
  }
}
