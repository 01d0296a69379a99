// Lines of actions are put together out of bytes: they must be, byte for byte, what is made member by member.

import t from 'tap';
import { boundedBody } from '../../src/audit/line.ts';
import { putQuickBody, quickBytesMax } from '../../src/audit/quick-line.ts';
import { PlainOutcome, type AuditEvent } from '../../src/core/audit.ts';
import { putInteger, putMillis } from '../../src/core/digits.ts';
import { event } from './audit-fixtures/log.ts';

const bytes = Buffer.alloc(quickBytesMax + 7);

function quickBody(it: AuditEvent): string | null {
  bytes.fill(0xff);
  const end = putQuickBody(bytes, 7, it);
  return end === null ? null : bytes.toString('utf8', 7, end);
}

const json = (detail: AuditEvent['detail']) => ({ detail, detailJson: JSON.stringify(detail) });
const first = json({ text: 'SELECT "1"', rule: 'r' });
const second = json({ text: 'SELECT é \u{1f600} \\', rule: 'r' });

/** In this order: what is remembered of one must not show in the next. */
const quick: readonly (readonly [name: string, more: Partial<AuditEvent>])[] = [
  ['a release', first],
  ['the same again', { ...first, actionId: 's-1-2' }],
  ['the same a third time', { ...first, actionId: 's-1-3' }],
  ['equal, but another string', json({ text: 'SELECT "1"', rule: 'r' })],
  ['another text', second],
  ['the other again', second],
  ['and again', second],
  ['the first once more', first],
  ['in bytes', { ...first, detailJson: Buffer.from(first.detailJson) }],
  ['in bytes that are no ASCII', { ...second, detailJson: new Uint8Array(Buffer.from(second.detailJson)) }],
  ['another session', { ...first, sessionId: 's-2', actionId: 's-2-17' }],
  ['another target in the same session', { ...first, target: 'shop' }],
  ['a name with quotes and more than ASCII', { principal: 'Zoë "the one" \u2028', ...first }],
  ['nobody', { principal: null, target: null, ...first }],
  ['detail as an object', { detail: { a: [1, null], é: 'é' } }],
  ['detail with a value that JSON drops', { detail: { a: undefined } }],
  ['a long detail', json({ text: 'é'.repeat(8000) })],
  ...['once', 'twice', 'three times'].map((times) => [`a middling detail ${times}`, json({ text: 'é'.repeat(700) })] as const),
  ['a huge number of an action', { actionId: 's-1-123456789012345' }],
  ['an id without number', { actionId: 's-1-' }],
  ['a later time', { atMs: 1_790_000_000_001 }],
  ['a time of long ago', { atMs: 0 }],
  ['the usual time', {}],
  ['a time in the far future', { atMs: 10_000_000_000_000 }],
  ['a time with a fraction', { atMs: 1.5 }],
  ...[0, 0.0004, 0.001, 0.01, 0.1, 1, 1.5, 12.345, 999.999, 1000.0006, 86_400_000.001, 1e11, 1e12, 1e15].map(
    (ms) => [`an outcome after ${ms} ms`, { type: 'action.finished', detail: new PlainOutcome('completed', 1, ms) }] as const,
  ),
  ...[null, 0, 9, 10, 999_999_999, 1_000_000_000, 1_000_000_001, 2 ** 31, 9_007_199_254_740_991, 2 ** 64, -1].map(
    (rows) => [`an outcome of ${rows} rows`, { type: 'action.finished', detail: new PlainOutcome('unknown', rows, 1.25) }] as const,
  ),
  ...(['completed', 'failed', 'cancelled', 'unknown'] as const).map(
    (kind) => [`an action that ${kind}`, { type: 'action.finished', detail: new PlainOutcome(kind, null, 1) }] as const,
  ),
];

t.test('what is put in bytes is what is made member by member', async (t) => {
  for (const round of [1, 2]) {
    for (const [name, more] of quick) {
      const it = event(1, { actionId: 's-1-1', ...more });
      t.equal(quickBody(it), boundedBody(it), `${name}, round ${round}`);
    }
  }
});

t.test('what is not an action of a session, or may have to be cut, is left to the other way', async (t) => {
  const left: readonly (readonly [name: string, more: Partial<AuditEvent>])[] = [
    ['no session', { sessionId: null }],
    ['no action', { actionId: null }],
    ['held', { holdId: 'h-1' }],
    ['an id of another session', { actionId: 's-11-1' }],
    ['an id that needs quoting', { actionId: 's-1-1"' }],
    ['an id that is too long', { actionId: `s-1-${'1'.repeat(40)}` }],
    ['a name that is too long', { principal: 'x'.repeat(600) }],
    ['a detail that is too long', json({ text: 'x'.repeat(10_000) })],
    ['bytes of a detail that are too many', { detailJson: Buffer.from(JSON.stringify({ text: 'x'.repeat(10_000) })) }],
  ];
  for (const [name, more] of left) t.equal(quickBody(event(1, { actionId: 's-1-1', ...more })), null, name);
});

t.test('digits are those of JSON', async (t) => {
  const wrong: number[] = [];
  const check = (put: typeof putInteger, value: number) => {
    const end = put(bytes, 0, value);
    const expected = put === putInteger ? value : Math.round(value * 1000) / 1000;
    if (bytes.toString('latin1', 0, end) !== JSON.stringify(expected)) wrong.push(value);
  };
  for (let value = 0; value <= Number.MAX_SAFE_INTEGER; value = value * 3 + 1) {
    for (const near of [value - 1, value, value + 1]) if (Number.isSafeInteger(near)) check(putInteger, near);
  }
  for (let micros = 0; micros < 12_000; micros += 1) check(putMillis, micros / 1000);
  for (let ms = 0.123; ms < 1e12; ms *= 1.7) check(putMillis, ms);
  t.strictSame(wrong, []);
});
