// Which of the client's messages belong together, where the server treats a whole group the same way.

import * as wire from './messages.ts';

/** What an error is answered to at the next Sync. */
export const extended: readonly number[] = [
  wire.fromClient.parse,
  wire.fromClient.bind,
  wire.fromClient.describe,
  wire.fromClient.execute,
  wire.fromClient.close,
];

/** What runs something, or makes a statement of it. */
export function isJudged(type: number): boolean {
  return type === wire.fromClient.query || type === wire.fromClient.functionCall || extended.includes(type);
}

/** Besides CopyData, which comes in parts. */
export const duringCopy: readonly number[] = [
  wire.fromClient.copyDone,
  wire.fromClient.copyFail,
  wire.fromClient.sync,
  wire.fromClient.flush,
  wire.fromClient.terminate,
];
