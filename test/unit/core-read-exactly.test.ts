// Reading exact numbers of bytes: in any pieces, and with too few of them nothing else stands still.

import { PassThrough } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import t from 'tap';
import { readExactly } from '../../src/core/read-exactly.ts';

const never = new AbortController().signal;

t.test('bytes come in pieces and what is left over stays', async (t) => {
  const stream = new PassThrough();
  const read = readExactly(stream, 4, never);
  for (const piece of ['ab', 'c', 'def']) {
    stream.write(piece);
    await turn();
  }
  t.equal(String(await read), 'abcd');
  t.equal(String(await readExactly(stream, 2, never)), 'ef');
});

t.test('with too few bytes others get their turn, and the signal ends it', async (t) => {
  const stream = new PassThrough();
  stream.write('abc');
  const abort = new AbortController();
  const read = readExactly(stream, 8, abort.signal);
  await turn(); // never comes when the wait spins
  abort.abort('too late');
  await t.rejects(read, { code: 'limit-reached', message: 'too late' });
});

t.test('an end in the middle of it, and a broken stream', async (t) => {
  const ended = new PassThrough();
  ended.end('abc');
  await t.rejects(readExactly(ended, 8, never), /ended in the middle/);
  const broken = new PassThrough();
  const read = readExactly(broken, 8, never);
  broken.destroy(new Error('reset'));
  await t.rejects(read, { code: 'protocol-violation' });
});
