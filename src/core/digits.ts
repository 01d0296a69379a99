// Numbers as JSON writes them, put straight into bytes: on the way of every statement, where a string for each of them costs more
// than the digits. All answer with the place behind what they put; the caller has made room for 30 bytes.

const zero = 0x30;
const point = 0x2e;
/** So many digits are worked out in 32-bit integers at a time. */
const block = 1_000_000_000;
const blockDigits = 9;
/** Beyond it a microsecond is less than a number can tell. */
const quickMsMax = 1e12;
/** Digits of a safe integer at most. */
const digitsMax = 16;

export function putInteger(bytes: Uint8Array, at: number, value: number): number {
  if (value < 0 || !Number.isSafeInteger(value)) return putText(bytes, at, JSON.stringify(value));
  if (value < block) return putDigits(bytes, at, value, digitsOf(value));
  const high = Math.floor(value / block);
  return putDigits(bytes, putInteger(bytes, at, high), value - high * block, blockDigits);
}

/** Puts milliseconds, rounded to microseconds. */
export function putMillis(bytes: Uint8Array, at: number, ms: number): number {
  if (!(ms >= 0 && ms < quickMsMax)) return putText(bytes, at, JSON.stringify(Math.round(ms * 1000) / 1000));
  const micros = Math.round(ms * 1000);
  const whole = Math.floor(micros / 1000);
  const end = putInteger(bytes, at, whole);
  let fraction = micros - whole * 1000;
  if (fraction === 0) return end;
  let digits = 3;
  while (fraction % 10 === 0) {
    fraction /= 10;
    digits -= 1;
  }
  bytes[end] = point;
  return putDigits(bytes, end + 1, fraction, digits);
}

/** Puts what stands in a text from that place on, if it is a few digits; null otherwise. */
export function putDigitsOf(bytes: Uint8Array, start: number, text: string, from: number): number | null {
  if (text.length - from > digitsMax) return null;
  let at = start;
  for (let index = from; index < text.length; index += 1, at += 1) {
    const code = text.charCodeAt(index);
    if (code < zero || code > zero + 9) return null;
    bytes[at] = code;
  }
  return at;
}

/** Puts the last `digits` digits of an integer below `block`. */
function putDigits(bytes: Uint8Array, at: number, value: number, digits: number): number {
  let rest = value | 0;
  for (let place = at + digits - 1; place >= at; place -= 1) {
    const tenth = (rest / 10) | 0;
    bytes[place] = zero + rest - tenth * 10;
    rest = tenth;
  }
  return at + digits;
}

function digitsOf(value: number): number {
  if (value < 10) return 1;
  if (value < 100) return 2;
  if (value < 1000) return 3;
  if (value < 10_000) return 4;
  if (value < 100_000) return 5;
  if (value < 1_000_000) return 6;
  if (value < 10_000_000) return 7;
  return value < 100_000_000 ? 8 : 9;
}

/** The other ways of writing a number: they are ASCII. */
function putText(bytes: Uint8Array, at: number, text: string): number {
  for (let index = 0; index < text.length; index += 1) bytes[at + index] = text.charCodeAt(index);
  return at + text.length;
}
