// Events of some types since a time, newest first, over several files, whatever else stands in them.

import { rmSync } from 'node:fs';
import t from 'tap';
import { openAuditLog } from '../../src/audit/log.ts';
import { listSegments } from '../../src/audit/segments.ts';
import { event, options, temporaryFolder } from './audit-fixtures/log.ts';

t.test('over several files, newest first', async (t) => {
  const dir = temporaryFolder();
  const log = await openAuditLog(options(dir, { segmentBytes: 3000 }));
  t.teardown(async () => {
    await log.close();
    rmSync(dir, { recursive: true });
  });
  for (let number = 1; number <= 60; number += 1) {
    log.append(event(number, { type: 'action.released', atMs: number, detail: { text: '{"type":"token.revoked","at_ms":99}' } }));
    if (number % 10 === 0) log.append(event(number, { type: 'token.revoked', atMs: number, detail: { token_id: `tö-${number}` } }));
  }
  log.appendSoon(event(61, { type: 'person.disabled', atMs: 61 }));
  t.ok(listSegments(dir).length > 3);
  t.match(await log.newest(['token.revoked'], 0, 'tö-40'.slice(-3)), [{ at_ms: 40 }], 'of lines with these characters');
  const newest = await log.newest(['token.revoked', 'person.disabled'], 30);
  t.same(
    newest.map(({ type, detail }) => [type, detail['token_id']]),
    [['person.disabled', undefined], ...[60, 50, 40, 30].map((number) => ['token.revoked', `tö-${number}`])],
  );
});
