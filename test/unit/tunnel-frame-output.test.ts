// When the frames of a link leave: alone at once, among others with the one write of their turn, and none later than its end.

import type { Socket } from 'node:net';
import { Writable } from 'node:stream';
import { setImmediate as turnEnd } from 'node:timers/promises';
import t from 'tap';
import { TurnGathering } from '../../src/core/turn-gathering.ts';
import { FrameOutput } from '../../src/tunnel/frame-output.ts';

/** A socket that keeps what is written to it and, as one with TLS, is done with it at the end of the turn. */
function world() {
  const writes: Buffer[] = [];
  const socket = new Writable({
    write: (bytes: Buffer, _encoding, done) => {
      writes.push(Buffer.from(bytes));
      setImmediate(done);
    },
  });
  const output = new FrameOutput(socket as unknown as Socket, false, () => undefined);
  const frame = (name: string): void => {
    output.put(Buffer.from(name));
    output.flushSoon();
  };
  const written = (): string[] => writes.splice(0).map((bytes) => bytes.toString('latin1').replace(/[^a-z]/g, ''));
  return { socket, output, frame, written };
}

/** Turns with several frames each. */
async function crowd({ frame, written }: ReturnType<typeof world>): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) {
    frame('a');
    frame('b');
    await turnEnd();
    await turnEnd();
  }
  written();
}

t.test('one frame a turn never waits', async (t) => {
  const { frame, written } = world();
  for (let turn = 0; turn < 100; turn += 1) {
    frame('a');
    t.strictSame(written(), ['a'], `turn ${turn}`);
    await turnEnd();
    await turnEnd();
  }
});

t.test('frames of turns that bring several leave with one write at the end of the turn', async (t) => {
  const it = world();
  await crowd(it);
  it.frame('a');
  it.frame('b');
  it.frame('c');
  t.strictSame(it.written(), []);
  await turnEnd();
  t.strictSame(it.written(), ['abc']);
});

t.test('a long one leaves at once with what waited, and what follows it in the turn at its end', async (t) => {
  const it = world();
  await crowd(it);
  it.frame('a');
  it.frame('b'.repeat(40_000));
  t.strictSame(it.written(), [`a${'b'.repeat(40_000)}`]);
  it.frame('c');
  t.strictSame(it.written(), []);
  await turnEnd();
  await turnEnd();
  t.strictSame(it.written(), ['c']);
});

t.test('what the end of a turn brings leaves with one write, and waits for no other turn', async (t) => {
  const { frame, written } = world();
  const releases = new TurnGathering(() => {
    frame('a');
    frame('b');
    frame('c');
    t.strictSame(written(), [], 'the first does not leave alone');
  });
  releases.takes();
  // Immediates of one turn are called one after the other, and ticks between them.
  const next = new Promise<void>((resolve) => {
    setImmediate(() => {
      t.strictSame(written(), ['abc']);
      resolve();
    });
  });
  await next;
});

t.test('what may not wait takes with it what did', async (t) => {
  const it = world();
  await crowd(it);
  it.frame('a');
  it.output.put(Buffer.from('b'));
  it.output.flush();
  t.strictSame(it.written(), ['ab']);
});

t.test('what waits goes before the last words, and nothing after them', async (t) => {
  const it = world();
  await crowd(it);
  it.frame('a');
  it.output.close(Buffer.from('z'));
  it.frame('b');
  await turnEnd();
  await turnEnd();
  t.strictSame(it.written(), ['a', 'z']);
});

t.test('a socket that has ended meanwhile is written to no more', async (t) => {
  const it = world();
  await crowd(it);
  const errors: Error[] = [];
  it.socket.on('error', (error) => errors.push(error));
  it.frame('a');
  it.socket.end();
  await turnEnd();
  await turnEnd();
  t.strictSame(it.written(), []);
  t.strictSame(errors, []);
});
