// A client that sends and does not read what it is answered: it is answered no further, so that its answers don't fill memory.

import { setImmediate as turnEnd } from 'node:timers/promises';
import t from 'tap';
import { eventually } from '../support/eventually.ts';
import { relayedSides } from '../support/postgres-sides.ts';
import { clientMessage, targetMessage } from '../transcripts/postgres-messages.ts';

/** Refused without anybody's judgement: a text that has bytes behind its end. */
const malformed = clientMessage('Q a\0b');
const chunk = Buffer.concat(Array.from({ length: 1000 }, () => malformed));
const refusals = (text: string): number => text.split('bytes after the end of the text').length - 1;

/** Many times what is gathered of answers and what a stream takes before it says that it is full. */
const waitingBytesMax = 256 * 1024;

t.test('in chunks of many messages', async (t) => {
  const { client } = await relayedSides(t, 2 * chunk.length);
  client.takes = false;
  for (let count = 0; count < 50; count += 1) client.comes(chunk);
  t.ok(client.writableLength < waitingBytesMax, `${client.writableLength} bytes wait for it`);
  t.ok(client.isPaused(), 'and it is not read');
  client.takesAgain();
  await eventually('it is answered all that it sent', () => refusals(client.text) === 50_000);
  t.notOk(client.isPaused(), 'and it is read again');
});

t.test('a message at a time', async (t) => {
  const { client } = await relayedSides(t);
  client.takes = false;
  for (let count = 0; count < 20_000; count += 1) client.comes(malformed);
  t.ok(client.writableLength < waitingBytesMax, `${client.writableLength} bytes wait for it`);
  client.takesAgain();
  await eventually('it is answered all that it sent', () => refusals(client.text) === 20_000);
});

t.test('what is plain is not taken either, and goes on in its order', async (t) => {
  const { client, target } = await relayedSides(t);
  client.takes = false;
  client.comes(chunk);
  target.written.length = 0;
  client.comes(clientMessage('Q select a'));
  t.equal(target.text, '');
  client.takesAgain();
  await eventually('it is at the target', () => target.text === clientMessage('Q select a').toString('latin1'));
  t.equal(refusals(client.text), 1000, 'behind the answers to what came before it');
  target.comes(Buffer.concat(['T a', 'D 1', 'C SELECT 1', 'Z I'].map(targetMessage)));
  await turnEnd();
  t.ok(client.text.endsWith(targetMessage('Z I').toString('latin1')));
});
