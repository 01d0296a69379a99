// A process that appends events to the folder given until it is killed, and says how far it came.

import { writeSync } from 'node:fs';
import { openAuditLog } from '../../../src/audit/log.ts';
import { event, options } from './log.ts';

const [, , dir, countText] = process.argv;
const log = await openAuditLog(options(dir as string, { segmentBytes: 2 * 1024 * 1024 }));
for (let number = 0; number < Number(countText); number += 1) {
  log.append(event(number));
  if (number % 500 === 0) {
    writeSync(1, `${log.head().seq}\n`);
    await new Promise(setImmediate); // timers and checkpoints get their turn
  }
  if (number % 3 === 0) log.appendSoon(event(number, { type: 'action.finished' }));
}
writeSync(1, 'done\n');
