// How a PostgreSQL server is made to forget a session, so that its connection can be the next one's (core/idle-upstreams.ts):
// DISCARD ALL resets settings, names, cursors, locks and temporary objects. It knows nothing of what extensions and procedural
// languages keep for themselves, so only sessions that only read come here.

import type { Forgetting } from '../../src/core/idle-upstreams.ts';
import { BackendWalker } from './codec.ts';
import * as wire from './messages.ts';
import type { Upstream } from './upstream.ts';

const answerBytesMax = 64 * 1024;
const idle = 0x49;

/** Its answer is true when the server forgot, and reports the same settings as at the sign-in. */
export function forgettingOf({ parameters }: Upstream): Forgetting {
  const walker = new BackendWalker(new Uint8Array(256).fill(1), answerBytesMax);
  let forgot = false;
  let isClean: boolean | null = null;
  const message = (type: number, bytes: Buffer): null => {
    const reader = new wire.BodyReader(bytes);
    if (type === wire.fromTarget.commandComplete) forgot = reader.cstring() === 'DISCARD ALL';
    else if (type === wire.fromTarget.parameterStatus) {
      if (parameters.get(reader.cstring()) !== reader.cstring()) isClean = false;
    } else if (type === wire.fromTarget.ready) isClean ??= forgot && bytes[5] === idle;
    else if (type !== wire.fromTarget.notice) isClean = false;
    return null;
  };
  return {
    request: wire.query('DISCARD ALL'),
    answer: (chunk) => {
      walker.walk(chunk, { forward: () => undefined, message });
      return isClean;
    },
  };
}
