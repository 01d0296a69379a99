// Runs under a file size limit, so that writes fail half-way as they do on a full disk. Prints what the log did, as JSON.

import { openAuditLog } from '../../../src/audit/log.ts';
import { verifyAudit } from '../../../src/audit/verify.ts';
import { event, options } from './log.ts';

const dir = process.argv[2] as string;
const log = await openAuditLog(options(dir, { onFailed: () => undefined }));
let accepted = 1; // the first event of the log itself
let code = '';
for (let number = 0; number < 10_000 && code === ''; number += 1) {
  try {
    log.append(event(number, { detail: { text: 'x'.repeat(3000) } }));
    accepted += 1;
  } catch (thrown) {
    code = (thrown as { code: string }).code;
  }
}
let again = '';
try {
  log.append(event(0, { detail: { text: 'x'.repeat(3000) } }));
} catch (thrown) {
  again = (thrown as { code: string }).code;
}
console.log(JSON.stringify({ accepted, code, again, headSeq: log.head().seq, verified: await verifyAudit(dir) }));
process.exit(0);
