// Pieces of what is sent, put together for one write.

/** Neighbours in memory (messages of one chunk) become one slice again; the rest is copied together. */
export function joined(parts: Buffer[]): Buffer {
  const first = parts[0] as Buffer;
  const last = parts[parts.length - 1] as Buffer;
  let end = first.byteOffset;
  for (const part of parts) {
    if (part.buffer !== first.buffer || part.byteOffset !== end) return Buffer.concat(parts);
    end += part.length;
  }
  return Buffer.from(first.buffer, first.byteOffset, last.byteOffset + last.length - first.byteOffset);
}
