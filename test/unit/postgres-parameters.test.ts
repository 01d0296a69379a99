// Bound numbers as approvers read them, and those that say more zeros than a thread can write.

import t from 'tap';
import { decodeParameters } from '../../protocols/postgres/parameters.ts';

const oid = 1700;

/** numeric_send: digit count, weight, sign, scale, base-10000 digits. */
function numeric(digits: readonly number[], weight: number, scale: number, sign = 0): Buffer {
  const bytes = Buffer.alloc(8 + 2 * digits.length);
  for (const [at, value] of [digits.length, weight, sign, scale, ...digits].entries()) bytes.writeInt16BE(value, 2 * at);
  return bytes;
}

const shown = (value: Buffer) => decodeParameters({ formats: [1], values: [value] }, [oid])[0]?.text;

t.test('numbers that drivers send are shown as numbers', async (t) => {
  t.equal(shown(numeric([], 0, 0)), '0');
  t.equal(shown(numeric([1, 5000], 0, 2)), '1.50');
  t.equal(shown(numeric([12, 3456], 1, 0, 0x4000)), '-123456');
  t.equal(shown(numeric([5], -1, 4)), '0.0005');
  t.equal(shown(numeric([1], 25, 0)), `1${'0'.repeat(100)}`);
  t.equal(shown(numeric([1], 0, 38)), `1.${'0'.repeat(38)}`);
});

t.test('zeros that are said and not sent are not written out', async (t) => {
  t.equal(shown(numeric([], 0, 32_767)), '\\x0000000000007fff');
  t.equal(shown(numeric([1], 1000, 0)), '\\x000103e8000000000001');
  // One message: it took half a minute and two gigabytes.
  const values = Array.from({ length: 65_535 }, () => numeric([], 64, 256));
  const before = process.cpuUsage();
  const parameters = decodeParameters({ formats: [1], values }, Array<number>(values.length).fill(oid));
  t.ok(process.cpuUsage(before).user / 1000 < 3_000, 'soon');
  t.ok(parameters.every(({ text }) => (text?.length ?? 0) < 1_000));
});
