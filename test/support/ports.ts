// A port on the loopback address that nobody listens on, for servers that cannot be told "any".

import { freePort as firstFree } from '../../docker/demo/free-port.ts';

/** A free port now. Somebody may take it before it is used: prefer port 0 where the server says what it got. */
export function freePort(): Promise<number> {
  return firstFree([]);
}
