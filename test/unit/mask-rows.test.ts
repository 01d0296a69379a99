// Rows that go through masks: whatever the cuts in the stream, the client's messages equal the target's but for hidden cells, and
// every value is as long as its length says. Random rows; a failure prints its seed.

import { randomInt } from 'node:crypto';
import t from 'tap';
import type { FieldMask, Masking } from '../../src/core/masking.ts';
import { BackendWalker } from '../../protocols/postgres/codec.ts';
import { RunMasks } from '../../protocols/postgres/masking.ts';
import { message } from '../../protocols/postgres/messages.ts';
import { replaceFound } from '../../policies/masking/detectors.ts';
import { MaskedColumns } from '../../policies/masking/columns.ts';
import { masked } from '../../policies/masking/methods.ts';

const seed = Number(process.env['SEED'] ?? randomInt(1 << 30));
let state = seed;
/** Numerical Recipes' generator: good enough to cut streams. */
const dice = (below: number): number => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 2 ** 32) * below);
};

const hidden: FieldMask = { whole: true, method: 'fixed', text: () => '***' };
const int16 = (value: number): Buffer => Buffer.from([value >> 8, value & 0xff]);
const int32 = (value: number): Buffer => {
  const out = Buffer.alloc(4);
  out.writeInt32BE(value);
  return out;
};

function description(types: readonly number[]): Buffer {
  const fields = types.map((type, at) =>
    Buffer.concat([Buffer.from(`c${at}\0`), int32(0), int16(0), int32(type), int16(-1), int32(-1), int16(0)]),
  );
  return message(0x54, Buffer.concat([int16(types.length), ...fields]));
}

function row(cells: readonly (Buffer | null)[]): Buffer {
  return message(
    0x44,
    Buffer.concat([int16(cells.length), ...cells.flatMap((cell) => (cell === null ? [int32(-1)] : [int32(cell.length), cell]))]),
  );
}

function cellsOf(bytes: Buffer): (string | null)[] {
  const cells: (string | null)[] = [];
  let at = 7;
  for (let left = bytes.readInt16BE(5); left > 0; left--) {
    const length = bytes.readInt32BE(at);
    cells.push(length < 0 ? null : bytes.toString('latin1', at + 4, at + 4 + length));
    at += 4 + Math.max(length, 0);
  }
  if (at !== bytes.length) throw new Error(`a row of ${bytes.length} bytes whose cells end at ${at}`);
  return cells;
}

t.test(`masked streams parse as the unmasked ones but for hidden cells (seed ${seed})`, async (t) => {
  for (let round = 0; round < 200; round++) {
    const types = Array.from({ length: 1 + dice(6) }, () => [25, 23, 3802, 2950, 1114, 600][dice(6)] as number);
    const masks = types.map(() => (dice(2) === 0 ? hidden : null));
    const masking: Masking = { fields: () => masks, declare: () => undefined, words: () => '' };
    const run = new RunMasks(masking, new Map());
    const rows = Array.from({ length: dice(20) }, () =>
      row(types.map(() => (dice(4) === 0 ? null : Buffer.from('secret'.repeat(dice(40)))))),
    );
    const stream = Buffer.concat([description(types), ...rows, message(0x43, Buffer.from('SELECT\0'))]);
    const inspected = new Uint8Array(256);
    inspected[0x54] = inspected[0x44] = 1;
    const walker = new BackendWalker(inspected, 1024 * 1024);
    const out: Buffer[] = [];
    const sink = {
      forward: (bytes: Buffer) => void out.push(Buffer.from(bytes)),
      message: (type: number, bytes: Buffer): Buffer | null => {
        if (type === 0x54) {
          run.described(bytes, 0);
          return null;
        }
        const shown = run.row(bytes, 'utf8');
        return shown === bytes ? null : shown;
      },
    };
    for (let at = 0; at < stream.length;) {
      const end = Math.min(stream.length, at + 1 + dice(dice(2) === 0 ? 7 : 400));
      walker.walk(Buffer.from(stream.subarray(at, end)), sink);
      at = end;
    }
    const seen = Buffer.concat(out);
    let at = description(types).length;
    t.ok(seen.subarray(0, at).equals(stream.subarray(0, at)));
    for (const real of rows) {
      const length = 1 + seen.readInt32BE(at + 1);
      const [shown, told] = [cellsOf(seen.subarray(at, at + length)), cellsOf(real)];
      const wrong = shown.findIndex((cell, column) =>
        masks[column] === null || told[column] === null ? cell !== told[column] : cell?.includes('secret'),
      );
      if (wrong >= 0) t.fail(`round ${round}, column ${wrong}: ${String(shown[wrong])}`);
      at += length;
    }
    t.equal(seen.length - at, 12, 'nothing else has changed');
  }
});

t.test('rows that were not described, or are not as described, end the session', async (t) => {
  const masking: Masking = { fields: () => [hidden], declare: () => undefined, words: () => '' };
  const run = new RunMasks(masking, new Map());
  t.throws(() => run.row(row([Buffer.from('x')]), 'utf8'), /not described/);
  run.described(description([25]), 0);
  t.throws(() => run.row(row([Buffer.from('x'), Buffer.from('y')]), 'utf8'), /2 columns where 1/);
});

t.test('detectors', async (t) => {
  const found = (text: string, detector: Parameters<typeof replaceFound>[1]) => replaceFound(text, detector, () => '#');
  const table: readonly (readonly [Parameters<typeof replaceFound>[1], string, string])[] = [
    ['email', 'to ann.b+x@mail.example.org, please', 'to #, please'],
    ['email', 'user@localhost and @handle', 'user@localhost and @handle'],
    ['card', 'card 4242 4242 4242 4242.', 'card #.'],
    ['card', 'order 4242424242424243', 'order 4242424242424243'],
    ['iban', 'DE89 3704 0044 0532 0130 00', '#'],
    ['iban', 'DE00 3704 0044 0532 0130 00', 'DE00 3704 0044 0532 0130 00'],
    ['phone', 'call +49 30 901820 or (212) 555-0100', 'call # or #'],
    ['ssn', '123-45-6789 but not 000-45-6789', '# but not 000-45-6789'],
    ['ip', 'from 192.0.2.17 and 2001:db8::1 at 12:30', 'from # and # at 12:30'],
    ['jwt', 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0x.abc', '#'],
  ];
  for (const [detector, text, wanted] of table) t.equal(found(text, detector), wanted, `${detector}: ${text}`);
  const started = process.cpuUsage().user;
  for (const [detector] of table) for (const text of ['a@', 'a.', '1-', '4 ', ':a', 'DE89', 'eyJa']) found(text.repeat(20_000), detector);
  t.ok(process.cpuUsage(undefined).user - started < 4_000_000, 'no pattern runs away');
});

t.test('patterns and methods', async (t) => {
  const columns = new MaskedColumns([
    { columns: ['ssn', 'customers.email', 'hr.*.salary'], detector: null, with: 'partial', predicates: 'allow' },
    { columns: ['*.email'], detector: null, with: 'hash', predicates: 'deny' },
  ]);
  t.same(columns.of('public', 'customers', 'EMAIL'), { method: 'hash', mayBeAsked: false });
  t.same(columns.of('public', 'any', 'ssn'), { method: 'partial', mayBeAsked: true });
  t.same(columns.of('public', 'x', 'salary'), null);
  t.same(columns.of('hr', 'x', 'salary')?.method, 'partial');
  t.same(columns.of('', 'x', 'salary')?.method, 'partial', 'a schema that is not known could be any');
  const key = Buffer.alloc(32, 1);
  const shown = (value: string) => masked(value, 'partial', key);
  t.same(['ann@example.org', '4242 4242 4242 4242', 'Johnson', 'abc', 'x @y', ''].map(shown), [
    'a***@example.org',
    '***4242',
    'J***',
    '***',
    '***',
    '***',
  ]);
});
