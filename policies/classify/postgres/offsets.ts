// Turns the parser's UTF-8 byte offsets and character counts into UTF-16 offsets of the text.

export interface Offsets {
  /** UTF-16 offset of a byte offset. */
  fromByte(byte: number): number;
}

/** Offsets of a text; the table is made at the first question, and only for texts that are not plain ASCII. */
export function offsetsOf(text: string, byteLength: number): Offsets {
  if (byteLength === text.length) return { fromByte: (byte) => Math.min(byte, text.length) };
  let table: Uint32Array | null = null;
  return {
    fromByte(byte) {
      table ??= byteTable(text, byteLength);
      return table[Math.min(byte, byteLength)] ?? text.length;
    },
  };
}

function byteTable(text: string, byteLength: number): Uint32Array {
  const table = new Uint32Array(byteLength + 1);
  let byte = 0;
  for (let index = 0; index < text.length;) {
    const point = text.codePointAt(index) ?? 0;
    const width = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    table.fill(index, byte, byte + width);
    byte += width;
    index += point < 0x10000 ? 1 : 2;
  }
  table[byteLength] = text.length;
  return table;
}

/** UTF-16 offset of a 1-based character position, as the server counts in its error messages. */
export function fromCharacter(text: string, position: number): number {
  let index = 0;
  for (let character = 1; character < position && index < text.length; character += 1) {
    index += (text.codePointAt(index) ?? 0) < 0x10000 ? 1 : 2;
  }
  return index;
}
