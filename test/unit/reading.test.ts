// What clients have sent and nobody has taken: counted together and for each person, given back, and free below a few chunks.

import { once } from 'node:events';
import { duplexPair } from 'node:stream';
import { inflateSync } from 'node:zlib';
import t from 'tap';
import { CompressedStream, type ClientStream } from '../../protocols/mysql/compression.ts';
import { Reading } from '../../src/core/reading.ts';

const mebibyte = 1024 * 1024;

t.test('no person has more than theirs, all have no more than all, and what is given back can be had', (t) => {
  const reading = new Reading({ readingBytesMax: 10 * mebibyte, readingBytesPerPersonMax: 6 * mebibyte });
  const [one, two, ofBob] = [reading.share('alice'), reading.share('alice'), reading.share('bob')];
  t.ok(one.hold(4 * mebibyte));
  t.notOk(two.hold(3 * mebibyte), 'more than a person may have');
  t.ok(two.hold(2 * mebibyte));
  t.notOk(ofBob.hold(5 * mebibyte), 'more than all may have');
  t.ok(ofBob.hold(4 * mebibyte));
  t.ok(reading.share('carol').hold(100 * 1024), 'a few chunks are free');
  t.ok(one.hold(0));
  t.ok(two.hold(6 * mebibyte));
  t.ok(two.hold(6 * mebibyte), 'the same again is no more');
  t.end();
});

t.test('MySQL: a compressed packet that comes in part is counted, and refused in words', async (t) => {
  const reading = new Reading({ readingBytesMax: 2 * mebibyte, readingBytesPerPersonMax: 2 * mebibyte });
  const [client, socket] = duplexPair();
  const accepted = Object.assign(socket, { destroySoon: () => socket.end() }) satisfies ClientStream;
  const stream = new CompressedStream(accepted, { kind: 'zlib' }, reading.share('alice'));
  stream.resume();
  client.write(Buffer.concat([Buffer.from([0, 0, 0xf0, 0, 1, 0, 0xf0]), Buffer.alloc(3 * mebibyte)]));
  const [answer] = (await once(client, 'data')) as [Buffer];
  t.match(inflateSync(answer.subarray(7)).toString('latin1'), /no room for it now/);
  t.ok(reading.share('alice').hold(2 * mebibyte), 'it has given back what it had');
});
