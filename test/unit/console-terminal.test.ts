// The player of recorded terminals: what the screen has been told at each moment, whichever way one came there.

import t from 'tap';
import type { TerminalIndexView } from '../../src/api/contract.ts';
import { CastReader, sizeOf } from '../../src/console/terminal/cast-events.ts';
import { CastPages } from '../../src/console/terminal/cast-pages.ts';
import { CastPlayer } from '../../src/console/terminal/cast-player.ts';
import type { Screen } from '../../src/console/terminal/cast-player.ts';

/** A screen that keeps what it was told since it was last reset. */
class ToldScreen implements Screen {
  told = '';
  reset(cols: number, rows: number, alternate: boolean): void {
    this.told = `<${cols}x${rows}${alternate ? ' alternate' : ''}>`;
  }
  resize(cols: number, rows: number): void {
    this.told += `<${cols}x${rows}>`;
  }
  write(text: string): Promise<void> {
    this.told += text;
    return Promise.resolve();
  }
}

/** Each inner list is a page; times are seconds since the event before. */
function recording(pages: readonly (readonly [number, string, string][])[]): { index: TerminalIndexView; bytes: Uint8Array } {
  const points: TerminalIndexView['points'][number][] = [];
  let offset = 0;
  let atMs = 0;
  let text = '';
  for (const events of pages) {
    points.push({ at_ms: atMs, offset, cols: 80, rows: 24, alternate: false });
    for (const event of events) {
      atMs += event[0] * 1000;
      const line = `${JSON.stringify(event)}\n`;
      text += line;
      offset += new TextEncoder().encode(line).length;
    }
  }
  const terminal = {
    ...{ index: 0, url: '', started_at: '', command: null, busy_ms: 0, commands: 0, live: false },
    duration_ms: atMs,
    bytes: offset,
  };
  return { index: { terminal, points, marks: [], marks_left_out: 0 }, bytes: new TextEncoder().encode(text) };
}

function playerOf(pages: Parameters<typeof recording>[0]) {
  const { index, bytes } = recording(pages);
  const asked: number[] = [];
  const screen = new ToldScreen();
  const player = new CastPlayer(
    new CastPages(index, async (from, to) => {
      asked.push(from);
      return bytes.slice(from, to);
    }),
    screen,
  );
  return { player, screen, asked, index };
}

const small = [
  [
    [1, 'o', 'a'],
    [1, 'r', '100x30'],
    [1, 'o', 'ü'],
  ],
  [
    [1, 'o', 'c'],
    [10, 'o', 'd'],
  ],
] as const satisfies readonly (readonly [number, string, string][])[];

t.test('lines in any pieces are the same events', async (t) => {
  const { bytes } = recording(small);
  for (let size = 1; size < 20; size += 1) {
    const reader = new CastReader(0);
    const events = [];
    for (let from = 0; from < bytes.length; from += size) events.push(...reader.read(bytes.slice(from, from + size)));
    t.same(events, [
      { atMs: 1000, code: 'o', data: 'a' },
      { atMs: 2000, code: 'r', data: '100x30' },
      { atMs: 3000, code: 'o', data: 'ü' },
      { atMs: 4000, code: 'o', data: 'c' },
      { atMs: 14000, code: 'o', data: 'd' },
    ]);
  }
  t.same(new CastReader(0).read(new TextEncoder().encode('{"version":3}\nnot json\n[1,"o"]\n[0,"o","x"]\n')), [
    { atMs: 0, code: 'o', data: 'x' },
  ]);
});

t.test('sizes that no screen has are left alone', async (t) => {
  t.same(sizeOf('120x40'), { cols: 120, rows: 40 });
  for (const data of ['0x40', '120x0', '99999x1', '120', 'x', '-1x5', '120x40x1']) t.equal(sizeOf(data), null, data);
});

t.test('seek: every moment shows what was shown by then, forwards and backwards', async (t) => {
  const { player, screen } = playerOf(small);
  const expected = [
    [14000, '<80x24>a<100x30>ücd'],
    [0, '<80x24>'],
    [1000, '<80x24>a'],
    [2500, '<80x24>a<100x30>'],
    [4000, '<80x24>a<100x30>üc'],
    [3999, '<80x24>a<100x30>ü'],
    [99999, '<80x24>a<100x30>ücd'],
    [-5, '<80x24>'],
  ] as const;
  for (const [atMs, told] of expected) {
    await player.seek(atMs);
    t.equal(screen.told, told, `at ${atMs} ms`);
  }
});

t.test('of several jumps at once, the last one counts', async (t) => {
  const { player, screen } = playerOf(small);
  await Promise.all([player.seek(14000), player.seek(0), player.seek(3000)]);
  t.equal(screen.told, '<80x24>a<100x30>ü');
  t.equal(player.state().atMs, 3000);
});

t.test('playing: by the clock, faster, over idle time, to its end', async (t) => {
  const { player, screen } = playerOf(small);
  await player.seek(0);
  player.setSpeed(16);
  player.setSkipsIdle(true);
  player.toggle();
  let ticks = 0;
  for (; player.state().playing && ticks < 100; ticks += 1) {
    player.tick(16);
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  t.equal(screen.told, '<80x24>a<100x30>ücd');
  t.equal(player.state().atMs, 14000);
  t.ok(ticks < 30, `idle time was skipped: ${ticks} frames`);
  player.toggle();
  t.equal(player.state().playing, true, 'again from its beginning');
  t.equal(player.state().atMs, 0);
  player.close();
});

t.test('a long recording: a jump fetches only what is near, and what fails is said and can be tried again', async (t) => {
  const pages = Array.from({ length: 100 }, (_, number) => [[10, 'o', `page ${number};`]] as [number, string, string][]);
  const { player, screen, asked, index } = playerOf(pages);
  await player.seek(900_000);
  t.match(screen.told, /^<80x24>page 86;page 87;page 88;page 89;$/);
  t.ok(asked.length < 8, `${asked.length} pages fetched`);

  let broken = true;
  const fragile = new CastPlayer(
    new CastPages(index, async () => {
      if (broken) throw new Error('no network');
      return new TextEncoder().encode('[10,"o","x"]\n');
    }),
    new ToldScreen(),
  );
  await fragile.seek(10_000);
  t.match(fragile.state().error, { message: 'no network' });
  broken = false;
  await fragile.seek(10_000);
  t.equal(fragile.state().error, null);
});
