// A store that takes nothing ends neither the gateway nor a session, and what it missed is written when it takes something again.

import t from 'tap';
import type { RegisteredSession, SessionBook } from '../../src/sessions/registry.ts';
import { SteadyBook } from '../../src/sessions/steady-book.ts';
import { eventually } from '../support/eventually.ts';

const sessionOf = (id: string) => ({ id, counts: { statements: 1, held: 0, denied: 0 } }) as unknown as RegisteredSession;

t.test('ends that could not be written are written later, and opening still needs the store', async (t) => {
  let isFull = false;
  const told: string[] = [];
  const written: string[] = [];
  const write = (words: string) => {
    if (isFull) throw new Error('database or disk is full');
    written.push(words);
  };
  const book: SessionBook = {
    opened: ({ id }) => write(`opened ${id}`),
    counted: (sessions) => write(`counted ${sessions.map(({ id }) => id).join()}`),
    closed: ({ id }, endedAtMs, reason) => write(`closed ${id} at ${endedAtMs}: ${reason}`),
  };
  const steady = new SteadyBook(book, { error: (_fields, message) => void told.push(message) });
  const [one, other] = [sessionOf('s-1'), sessionOf('s-2')];
  steady.opened(one, 1);
  steady.opened(other, 1);
  isFull = true;
  steady.counted([one, other]);
  steady.closed(one, 2, 'the client left');
  steady.closed(other, 3, 'the client left');
  t.throws(() => steady.opened(sessionOf('s-3'), 4), 'a session that is not written down does not open');
  t.strictSame(written, ['opened s-1', 'opened s-2']);
  t.equal(told.length, 2, 'and the log is not filled with it');
  isFull = false;
  const keepsTheProcess = setInterval(() => undefined, 1000);
  t.teardown(() => clearInterval(keepsTheProcess));
  await eventually('both ends are written', () => written.length === 4);
  t.strictSame(written.slice(2), ['closed s-1 at 2: the client left', 'closed s-2 at 3: the client left']);
  steady.close();
});
