// Recordings of terminals: what any asciicast v3 player needs, whole letters, resizes, and a limit.

import { readFileSync } from 'node:fs';
import t from 'tap';
import { AsciicastRecorder } from '../../src/recordings/asciicast.ts';

t.test('a header, then intervals with output and sizes', async (t) => {
  let nowMs = 1000;
  const path = `${t.testdir()}/x.cast`;
  const clock = { nowMs: () => 1_700_000_000_000, monotonicMs: () => nowMs };
  const size = { cols: 120, rows: 40, command: null };
  const cast = new AsciicastRecorder({ path, size, clock, title: 's-1', onFailed: (fault) => t.fail(fault.message) });
  nowMs += 500;
  const text = Buffer.from('grün\r\n');
  cast.output(text.subarray(0, 3));
  cast.output(text.subarray(3));
  nowMs += 250;
  cast.resize(80, 24);
  nowMs += 1000;
  cast.output(Buffer.from('\u001b[2J'));
  cast.close();
  cast.close();
  cast.output(Buffer.from('late'));
  const lines = readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);
  t.same(lines, [
    { version: 3, term: { cols: 120, rows: 40 }, timestamp: 1_700_000_000, title: 's-1' },
    [0.5, 'o', 'grün\r\n'],
    [0.25, 'r', '80x24'],
    [1, 'o', '\u001b[2J'],
  ]);
});

t.test('a file that is there is never written over', async (t) => {
  const path = `${t.testdir({ 'x.cast': 'old' })}/x.cast`;
  const clock = { nowMs: () => 0, monotonicMs: () => 0 };
  const size = { cols: 1, rows: 1, command: null };
  t.throws(() => new AsciicastRecorder({ path, size, clock, title: '', onFailed: () => undefined }), { code: 'recorder-failed' });
  t.equal(readFileSync(path, 'utf8'), 'old');
});
