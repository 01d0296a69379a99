// What the index takes out of lines without reading them as JSON is what JSON says, whatever clients wrote and in any order.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { chainLine, noHash, type AuditLine } from '../../src/audit/line.ts';
import { BlockBuilder, nameFields, textsOf } from '../../src/audit/search-block.ts';
import { readPieces } from '../../src/audit/segments.ts';
import { PlainOutcome, type AuditEvent } from '../../src/core/audit.ts';
import { event } from './audit-fixtures/log.ts';

const hostile = [
  ',"action":"a","hold":null,"detail":{"text":"x"},"hash":"',
  '","at_ms":1,"principal":',
  '"}\n{"seq":1,"prev":"',
  'é\u2028\u{1f600}',
  '\\',
  '{"outcome":"completed","rows":1,"duration_ms":1}',
];
const usual: readonly Partial<AuditEvent>[] = [
  {},
  { sessionId: 's-2', target: 'shop' },
  { sessionId: 's-2', target: 'shop', principal: 'bob' },
  { type: 'action.finished', detail: new PlainOutcome('completed', 1, 0.25) },
  { type: 'action.finished', detail: new PlainOutcome('completed', null, 1e15) },
  { type: 'action.finished', detail: new PlainOutcome('failed', 0, 1) },
  { type: 'action.finished', detail: { outcome: 'completed', rows: 1, note: 'has words', duration_ms: 1 } },
  { type: 'hold.approved', holdId: 'h-1', principal: null, detail: { reason: 'fine', list: ['a', 1, 'b'] } },
  { type: 'log.created', sessionId: null, actionId: null, target: null, detail: {} },
  ...hostile.flatMap((text) => [{ principal: text }, { target: text, sessionId: text }, { holdId: text }, { detail: { text } }]),
];

t.test('names, words and times are those of JSON', async (t) => {
  // Every kind of line after every other, twice: what is remembered of the last must not hide the next.
  const events = usual.flatMap((first, place) => usual.slice(place).flatMap((second) => [first, second, second, first]));
  for (let start = 0; start < events.length; start += 400) {
    const part = events.slice(start, start + 400).map((more, place) => event(start + (place >> 1), { ...more, actionId: `s-${place}` }));
    let prev = noHash;
    const lines = part.map((it, place) => {
      const { line, hash } = chainLine(start + place + 1, prev, it);
      prev = hash;
      return line;
    });
    const builder = new BlockBuilder(1, 0, start + 1);
    const text = Buffer.from(lines.join('')).toString('latin1');
    for (let from = 0; from < text.length; from = text.indexOf('\n', from) + 1) builder.take(text, from, text.indexOf('\n', from));
    const content = builder.content();
    const read = lines.map((it) => JSON.parse(it) as AuditLine);
    for (const field of nameFields) {
      const expected = new Set(read.map((it) => it[field]).filter((it) => it !== null));
      t.strictSame(content?.names.get(field), expected, field);
    }
    const words = new Set(
      read.filter((it) => it.detail['outcome'] !== 'completed' || 'note' in it.detail).flatMap((it) => textsOf(it.detail)),
    );
    t.strictSame(content?.words, [...words].join('\n'));
    const times = read.map((it) => it.at_ms);
    const { length: lengthBytes } = Buffer.from(lines.join(''));
    t.match(content, {
      hash: prev,
      block: { firstSeq: start + 1, lastSeq: start + part.length, fromMs: Math.min(...times), toMs: Math.max(...times), lengthBytes },
    });
  }
});

t.test('a damaged line is taken as unreadable, and the lines behind it as they are', async (t) => {
  const builder = new BlockBuilder(1, 0, 1);
  const first = chainLine(1, noHash, event(1)).line;
  const text = `${first}{"seq":2,"prev":"${'x'.repeat(300)}\n${chainLine(3, noHash, event(3, { principal: 'carol' })).line}`;
  for (let from = 0; from < text.length; from = text.indexOf('\n', from) + 1) builder.take(text, from, text.indexOf('\n', from));
  t.match(builder.content(), { block: { firstSeq: 1, lastSeq: 3 } });
  t.strictSame(builder.content()?.names.get('principal'), new Set(['alice', 'carol']));
  t.ok(builder.content()?.names.get('type')?.has('log.unreadable'));
});

t.test('pieces of a file are its whole lines, from any line on', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'sallyport-pieces-'));
  t.teardown(() => rmSync(dir, { recursive: true }));
  const path = join(dir, 'file');
  const lines = Array.from(
    { length: 3000 },
    (_, number) => `${number} ${'é'.repeat((number * 37) % (number % 500 === 0 ? 100_000 : 900))}\n`,
  );
  writeFileSync(path, `${lines.join('')}torn`);
  for (const skipped of [0, 1, 2999, 3000]) {
    const from = Buffer.byteLength(lines.slice(0, skipped).join(''));
    let next = from;
    let read = '';
    await readPieces(path, from, (text, offset) => {
      t.equal(offset, next);
      t.equal(text.at(-1), '\n');
      next += text.length;
      read += text;
      return true;
    });
    t.ok(Buffer.from(read, 'latin1').toString() === lines.slice(skipped).join(''), `from line ${skipped}`);
  }
  let pieces = 0;
  await readPieces(path, 0, () => (pieces += 1) < 3);
  t.equal(pieces, 3, 'stopped');
  writeFileSync(path, 'x'.repeat(2_000_000));
  await t.rejects(
    readPieces(path, 0, () => true),
    { code: 'audit-chain-broken' },
  );
});
