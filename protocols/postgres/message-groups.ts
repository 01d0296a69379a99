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

/** Besides CopyData, which comes in parts. */
export const duringCopy: readonly number[] = [
  wire.fromClient.copyDone,
  wire.fromClient.copyFail,
  wire.fromClient.sync,
  wire.fromClient.flush,
  wire.fromClient.terminate,
];
