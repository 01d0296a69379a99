// What the index takes in of long details that are like earlier ones: exactly the words that are in them, however the texts differ, and
// whatever else stands in the details. A word too few would be an event that a search does not find.

import t from 'tap';
import { chainLine, noHash } from '../../src/audit/line.ts';
import { BlockBuilder, textsOf } from '../../src/audit/search-block.ts';
import { seededRandom } from '../support/seeded-random.ts';

const word = /[\p{L}\p{N}_]+/gu;

function wordsOf(texts: readonly string[]): string[] {
  return [...new Set(texts.flatMap((text) => text.normalize('NFC').match(word) ?? []))].sort();
}

/** The words that a block knows after these details, each an event. */
function indexed(details: readonly Record<string, unknown>[]): string[] {
  const block = new BlockBuilder(1, 0, 1);
  details.forEach((detail, index) => {
    const names = { principal: 'alice', target: 'orders', sessionId: 's', actionId: `s-${index}`, holdId: null };
    const { line } = chainLine(index + 1, noHash, { type: 'action.released', atMs: 1, ...names, detail });
    const bytes = Buffer.from(line).toString('latin1');
    block.take(bytes, 0, bytes.length - 1);
  });
  return wordsOf([block.content()?.words ?? '']);
}

const pieces = [
  ...[
    'alpha',
    'beta',
    'gamma_1',
    ' ',
    ' ',
    ', ',
    '(',
    ')',
    '"t0"."a"',
    "'x'",
    '1',
    '22',
    '333',
    '4_4',
    '=',
    '<',
    ';',
    '-',
    '/',
    '\\',
    '\\"',
  ],
  ...[
    '"',
    '\n',
    '\t',
    '\v',
    '\\u0041',
    '\u0301',
    'é',
    'ü1',
    '\u{1F600}',
    '漢字',
    '\u2028',
    "','access':'read",
    '","access":"write',
    '"}',
    '{',
    '[',
  ],
];

t.test('random neighbours', (t) => {
  const seed = 20261123;
  const below = seededRandom(seed);
  // Words that are in no other place: one that is missing is seen.
  const some = () => (below(2) === 0 ? String(below(1e9)) : (pieces[below(pieces.length)] as string));
  const made = (count: number) => Array.from({ length: count }, some).join('');
  const kinds = ['statement', 'command', 'file'];
  const starts = ['SELECT ', `SELECT ${'"t0"."first_name" AS "x", '.repeat(6)}`, `${'é'.repeat(40)} `, ''];
  for (let round = 0; round < 3_000; round += 1) {
    const start = starts[below(starts.length)] as string;
    let text = start + made(60);
    const details: Record<string, unknown>[] = [];
    for (let event = 0; event < 6; event += 1) {
      const change = below(5);
      const at = below(text.length + 1);
      if (change > 0) text = text.slice(0, at) + made(below(4)) + text.slice(at + below(change === 4 ? 200 : 6));
      const more = below(4) === 0 ? { rule: made(2), digest: made(1), approved_by: [made(1)], grants: { deep: made(1) } } : {};
      const kind = below(9) === 0 ? kinds[below(3)] : 'statement';
      details.push(below(20) === 0 ? { ...more, kind, text } : { kind, text, access: 'read', rule: 'r1', policy: 'p1', ...more });
    }
    const found = indexed(details);
    const expected = wordsOf(details.flatMap((detail) => textsOf(detail)));
    if (JSON.stringify(found) !== JSON.stringify(expected)) {
      t.same(found, expected, `seed ${seed}: ${JSON.stringify(details)}`);
      return t.end();
    }
  }
  t.pass('3,000 blocks');
  t.end();
});

t.test('texts of one form are taken in by what differs', (t) => {
  const columns = Array.from({ length: 20 }, (_, index) => `"t0"."column_${index}"`).join(', ');
  const detail = (id: number, more = '') => ({
    kind: 'statement',
    text: `SELECT ${columns} FROM t WHERE id = ${id}${more}`,
    access: 'read',
  });
  const block = new BlockBuilder(1, 0, 1);
  const take = (seq: number, given: Record<string, unknown>) => {
    const names = { principal: 'alice', target: 'orders', sessionId: 's', actionId: `s-${seq}`, holdId: null };
    const { line } = chainLine(seq, noHash, { type: 'action.released', atMs: 1, ...names, detail: given });
    block.take(line, 0, line.length - 1);
  };
  [detail(1), detail(22), detail(22), detail(333, ' AND name = \\"x\\"'), detail(4)].forEach((given, index) => take(index + 1, given));
  const parts = (block.content()?.words ?? '').split('\n').map((it) => (it.includes('column_0') ? 'whole' : it));
  t.same(parts, ['statement', 'whole', 'read', '22', '333 AND name = \\"x\\"', '4']);
  t.end();
});
