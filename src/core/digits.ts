// Numbers as the digits that JSON would have, put straight into bytes: on the way of every statement, where a string for each of
// them costs more than the digits. Both answer with the place behind what they put; the caller has made room for 20 bytes.

const zero = 0x30;
const minus = 0x2d;
const point = 0x2e;
/** So many digits are worked out in 32-bit integers at a time. */
const block = 1_000_000_000;
const blockDigits = 9;

/** Puts a safe integer. */
export function putInteger(bytes: Uint8Array, at: number, value: number): number {
  if (value < 0) {
    bytes[at] = minus;
    return putInteger(bytes, at + 1, -value);
  }
  if (value < block) return putDigits(bytes, at, value, digitsOf(value));
  const high = Math.floor(value / block);
  return putDigits(bytes, putInteger(bytes, at, high), value - high * block, blockDigits);
}

/** Puts milliseconds, zero or more, rounded to whole microseconds. */
export function putMillis(bytes: Uint8Array, at: number, ms: number): number {
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
