// When the walker may say that a chunk was passed on whole: only then may its memory be used again.

import t from 'tap';
import { BackendWalker } from '../../protocols/postgres/codec.ts';
import * as wire from '../../protocols/postgres/messages.ts';

const row = wire.message(wire.fromTarget.dataRow, Buffer.alloc(40, 'x'));
const ready = wire.readyForQuery(0x49);

function walked(...chunks: Buffer[]): boolean[] {
  const inspected = new Uint8Array(256);
  inspected[wire.fromTarget.ready] = 1;
  const walker = new BackendWalker(inspected, 1000);
  return chunks.map((chunk) => {
    walker.walk(chunk, { forward: () => undefined, message: () => null });
    return walker.passedAll;
  });
}

t.test('of whole messages, and of parts of one', async (t) => {
  t.strictSame(walked(Buffer.concat([row, row])), [true]);
  t.strictSame(walked(row.subarray(0, 20), row.subarray(20)), [true, true]);
});

t.test('not when something was shown, kept for the next chunk, or kept from the last one', async (t) => {
  t.strictSame(walked(Buffer.concat([row, ready])), [false]);
  t.strictSame(walked(Buffer.concat([row, row.subarray(0, 3)]), row.subarray(3), row), [false, false, true]);
  t.strictSame(walked(Buffer.concat([row, ready.subarray(0, 5)]), ready.subarray(5)), [false, false]);
});
