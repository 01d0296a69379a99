// Masks are planned on the event loop that all sessions share: no text that one person can send may keep it busy.

import t from 'tap';
import { MaskedColumns } from '../../policies/masking/columns.ts';
import type { MaskRule } from '../../src/core/masking.ts';

const rule = (columns: string[]): MaskRule => ({ columns, detector: null, with: 'fixed', predicates: 'allow' }) as unknown as MaskRule;
/** What took minutes takes some milliseconds; a busy machine is slow. */
const soonMs = 3_000;

t.test('patterns with several stars over names that nearly match', async (t) => {
  const columns = new MaskedColumns([rule(['*pass*word*pass*', 'customers.*a*a*a*b'])]);
  const startedMs = Date.now();
  t.equal(columns.inTables(new Set(['customers']), 'password'.repeat(30_000).slice(0, -8) + 'passwor'.repeat(4_000))?.method, 'fixed');
  t.equal(columns.inTables(new Set(['customers']), 'passwor'.repeat(30_000)), null);
  t.equal(columns.inTables(new Set(['customers']), 'a'.repeat(200_000)), null);
  t.equal(columns.of('public', 'customers', 'a'.repeat(200_000)), null);
  t.ok(Date.now() - startedMs < soonMs, `${Date.now() - startedMs} ms`);
});

t.test('ten thousands of names in one text', async (t) => {
  const columns = new MaskedColumns([rule(['customers.email', 'PEOPLE.E*'])]);
  const tables = new Set(Array.from({ length: 20_000 }, (_, at) => `name${at}`));
  const startedMs = Date.now();
  for (let n = 0; n < 20_000; n++) if (columns.inTables(tables, 'email') !== null) t.fail('no such table is named');
  t.ok(Date.now() - startedMs < soonMs, `${Date.now() - startedMs} ms`);
  t.equal(columns.inTables(new Set(['People']), 'EMAIL')?.method, 'fixed', 'letter case does not count');
  t.equal(columns.of('Public', 'PEOPLE', 'eMail')?.method, 'fixed');
});
