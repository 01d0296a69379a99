// What a target says without being asked: MySQL tells a connection why it closes it (error 4031 after wait_timeout, since 8.0.24),
// where MariaDB only closes. The client hears it in the target's words.

import { Fault } from '../../src/core/errors.ts';
import { headerBytes } from './codec.ts';
import { readErr, type ErrPacket } from './messages.ts';

const errHeader = 0xff;
/** Number, state and words of an error. */
const farewellBytesMin = 9;
const farewellBytesMax = 1024;

/** The target ends the connection, and says why. */
export class TargetFarewell extends Error {
  readonly error: ErrPacket;

  constructor(error: ErrPacket) {
    super(`the target closed the connection: ${error.message}`);
    this.error = error;
  }
}

/** Reads the packet at `at`, which belongs to no answer. Null when more of a farewell has to come; throws it, or Fault protocol-violation. */
export function unasked(bytes: Buffer, at: number): null {
  const payloadAt = at + headerBytes;
  if (bytes.length < payloadAt) return null;
  const length = bytes.readUIntLE(at, 3);
  const first = bytes[payloadAt] ?? errHeader;
  if (first !== errHeader || length < farewellBytesMin || length > farewellBytesMax) {
    throw new Fault('protocol-violation', 'the target sent bytes that nobody asked for');
  }
  if (bytes.length < payloadAt + length) return null;
  throw new TargetFarewell(readErr(bytes.subarray(payloadAt, payloadAt + length)));
}
