// Memory for packets and for bytes that wait, used again and again: new memory for each makes V8 collect its whole heap all the time.

/** ssh2's own limit of a packet, with its length and the largest MAC. */
const slotBytes = 35_000 + 4 + 64;
/** Below it, the waste of a whole slot is worse than the collector: a queue of short messages would take many times its length. */
const shortBytesMax = slotBytes / 2;
/** What is kept of them: twice what waits for one slow side. */
const slotsMax = 128;
const slots: Buffer[] = [];

/** A buffer of that length, with anything in it. */
export function takeMemory(bytes: number): Buffer {
  if (bytes <= shortBytesMax || bytes > slotBytes) return Buffer.allocUnsafe(bytes);
  return (slots.pop() ?? Buffer.allocUnsafeSlow(slotBytes)).subarray(0, bytes);
}

/** For what `takeMemory` gave, once, when nobody reads it any more. Not to call it costs memory only. */
export function giveBackMemory(bytes: Buffer): void {
  if (isReused(bytes) && slots.length < slotsMax) slots.push(Buffer.from(bytes.buffer));
}

/** True for what comes from the pool, of what `takeMemory` gave. */
export function isReused(bytes: Buffer): boolean {
  return bytes.buffer.byteLength === slotBytes;
}
