// Recorded terminals: the index leads to where things are, ranges and followers see what is written, a search finds what was shown,
// and a recording of a day opens at once.

import { readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { indexCast, markCharsMax, marksMax, pointBytes, CastIndexer } from '../../src/recordings/cast-index.ts';
import { openRecordings } from '../../src/recordings/recordings.ts';
import { rangeBytesMax } from '../../src/recordings/terminals.ts';
import { temporaryDirectory } from '../support/directories.ts';
import { writeDayLongCast } from '../support/long-cast.ts';

const openedWithinMs = 1_000;

function folder(t: Test) {
  const dir = temporaryDirectory(t, 'terminals');
  let nowMs = 0;
  const clock = { nowMs: () => 1_700_000_000_000, monotonicMs: () => nowMs };
  const recordings = openRecordings({ dir, clock });
  t.teardown(() => recordings.close());
  return { dir, recordings, pass: (ms: number) => (nowMs += ms) };
}

t.test('the index of the recorder is the one that reading the cast gives', async (t) => {
  const { dir, recordings, pass } = folder(t);
  const terminal = recordings.openTerminal?.('s-1', { cols: 80, rows: 24, command: 'make' });
  if (terminal === undefined) throw new Error('no terminal');
  for (let number = 0; number < 300; number += 1) {
    pass(1500);
    terminal.mark(`command ${number}`);
    terminal.output(Buffer.from(`${'x'.repeat(2000)}\r\n`));
    if (number === 100) terminal.resize(120, 40);
    if (number === 150) terminal.output(Buffer.from('\u001b[?10'));
    if (number === 150) terminal.output(Buffer.from('49h'));
    if (number === 250) terminal.output(Buffer.from('\u001b[?1049l'));
  }
  const live = await recordings.terminals.index('s-1', 0);
  t.equal(live?.live, true);
  terminal.close();
  const path = join(dir, 's-1.0.cast');
  const read = await indexCast(path);
  const kept = await recordings.terminals.index('s-1', 0);
  t.same(kept, { ...read, live: false });
  rmSync(`${path}.index`);
  t.same(await recordings.terminals.index('s-1', 0), kept, 'and without the file beside it');
  t.equal(kept?.marks.length, 300);
  t.equal(kept?.durationMs, 450_000);
  t.equal(kept?.busyMs, 300_000);
  t.equal(kept?.bytes, statSync(path).size);
  const text = readFileSync(path);
  for (const point of kept?.points ?? []) {
    if (point.offset < text.length) t.equal(text[point.offset], '['.charCodeAt(0), 'a line begins there');
  }
  t.ok((kept?.points.length ?? 0) > 600_000 / pointBytes);
  t.same(
    kept?.points.map(({ alternate }) => alternate).filter((was, number, all) => was !== all[number - 1]),
    [false, true, false],
  );
  t.match(kept?.points.at(-1), { cols: 120, rows: 40 });
});

t.test('commands beyond the limit are counted, and long ones cut', async (t) => {
  const indexer = new CastIndexer();
  indexer.header({ term: { cols: 80, rows: 24 } }, 10);
  for (let number = 0; number < marksMax + 3; number += 1) indexer.event(0, 'm', 'x'.repeat(markCharsMax * 2), 10);
  const { marks, marksLeftOut } = indexer.get();
  t.equal(marks.length, marksMax);
  t.equal(marksLeftOut, 3);
  t.equal(marks[0]?.text.length, markCharsMax);
});

t.test('a follower hears of more and of the end; ranges give what is there', async (t) => {
  const { recordings, pass } = folder(t);
  const { terminals } = recordings;
  const terminal = recordings.openTerminal?.('s-2', { cols: 80, rows: 24, command: null });
  const heard: boolean[] = [];
  const stop = terminals.follow('s-2', 0, (ended) => heard.push(ended));
  t.type(stop, 'function');
  pass(10);
  terminal?.resize(90, 30);
  t.same(heard, [false]);
  const all = await terminals.read('s-2', 0, 0, Infinity);
  t.match(all?.bytes.toString(), '[0.01,"r","90x30"]\n');
  const part = await terminals.read('s-2', 0, 5, 9);
  t.equal(part?.bytes.toString(), all?.bytes.toString().slice(5, 9));
  t.equal((await terminals.read('s-2', 0, 1_000_000, Infinity))?.bytes.length, 0);
  terminal?.close();
  t.same(heard, [false, true]);
  t.equal(
    terminals.follow('s-2', 0, () => undefined),
    undefined,
    'nothing to follow any more',
  );
  for (const [session, number] of [
    ['s-2', 1],
    ['../s-2', 0],
    ['s-2', -1],
    ['s-2', 0.5],
  ] as const) {
    t.equal(await terminals.index(session, number), undefined, `${session} ${number}`);
    t.equal(await terminals.read(session, number, 0, 10), undefined);
  }
});

t.test('search: through colours, letter by letter, over rubbed out letters', async (t) => {
  const { recordings, pass } = folder(t);
  const terminal = recordings.openTerminal?.('s-3', { cols: 80, rows: 24, command: null });
  // Each in an event of its own: a resize flushes what was gathered.
  const say = (text: string) => {
    pass(100);
    terminal?.output(Buffer.from(text));
    terminal?.mark('');
  };
  for (const letter of 'Dropx\b \b table') say(letter);
  say('\r\n\u001b[31mer\u001b[0mror: \u001b]0;title\u0007no\u001b[');
  say('1m such file\r\n');
  terminal?.close();
  const { terminals } = recordings;
  t.match(await terminals.search('s-3', 0, 'drop table'), { hits: [{ atMs: 1400, line: 'Drop table' }], more: false });
  t.match(await terminals.search('s-3', 0, 'ERROR: no such file'), { hits: [{ atMs: 1600 }] });
  t.same(await terminals.search('s-3', 0, 'title'), { hits: [], more: false }, 'what was not shown is not found');
});

t.test('a recording of a day opens within a second, at any place', async (t) => {
  const { dir, recordings } = folder(t);
  const bytes = writeDayLongCast(join(dir, 's-4.0.cast'), 100_000);
  t.ok(bytes > 8_000_000);
  const { terminals } = recordings;
  const fromMs = performance.now();
  const index = await terminals.index('s-4', 0);
  const last = index?.points.at(-2);
  const page = await terminals.read('s-4', 0, last?.offset ?? 0, (last?.offset ?? 0) + pointBytes);
  const tookMs = performance.now() - fromMs;
  t.comment(`${Math.round(bytes / 1e6)} MB, without an index beside it: ${Math.round(tookMs)} ms`);
  t.ok(tookMs < openedWithinMs);
  t.equal(Math.round((index?.durationMs ?? 0) / 3_600_000), 24);
  t.equal(page?.bytes.length, pointBytes);
  t.ok(pointBytes < rangeBytesMax);
  t.match(await terminals.search('s-4', 0, 'step 99999 '), { hits: [{}], more: false });
});
