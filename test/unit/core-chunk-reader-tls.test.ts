// Chunks that go out over TLS leave their memory when the write is called back: OpenSSL has read it by then, however slowly the other end
// reads, and whoever is cut off in the middle.

import { randomBytes } from 'node:crypto';
import t from 'tap';
import { readChunks, reuseChunk, reusePassed } from '../../src/core/chunk-reader.ts';
import { eventually } from '../support/eventually.ts';
import { socketPair } from '../support/socket-pair.ts';
import { tlsPair } from '../support/tls-pair.ts';

t.setTimeout(60_000);

/** 25 MB: more than all buffers of two connections. */
const pieces = 400;

t.test('what slow readers make wait is not read over', async (t) => {
  const sessions = await Promise.all(
    Array.from({ length: 5 }, async (_, index) => {
      const [source, sink] = await Promise.all([socketPair(t), tlsPair(t)]);
      return { source, sink, isCutOff: index === 4, sent: [] as Buffer[], heard: [] as Buffer[], calledBack: 0, waited: 0 };
    }),
  );
  for (const session of sessions) {
    const { source, sink, heard } = session;
    sink.far.on('data', (chunk: Buffer) => heard.push(chunk)).pause();
    // As a connection passes on what comes from its target (protocols/postgres/connection.ts).
    const target = readChunks(source.near, (chunk) => {
      const more = sink.near.write(chunk, (error) => {
        session.calledBack += 1;
        if (error == null && !sink.near.destroyed) reuseChunk(chunk);
      });
      reusePassed(chunk, sink.near);
      if (more) return;
      session.waited += 1;
      if (session.waited % 3 === 0) target.pause(); // so that some wait in the stream's own queue, too
    });
    sink.near.on('drain', () => target.resume());
    target.resume();
    const feed = () => {
      if (session.sent.length === pieces || source.far.destroyed) return;
      const bytes = randomBytes(64 * 1024);
      session.sent.push(bytes);
      source.far.write(bytes, feed);
    };
    feed();
  }
  await eventually('all had to wait', () => sessions.every(({ waited }) => waited > 0));
  sessions.find(({ isCutOff }) => isCutOff)?.sink.near.destroy();
  const kept = sessions.filter(({ isCutOff }) => !isCutOff);
  // The first is the last to read: what waits for it is there while all the memory goes round.
  for (const { sink } of kept.slice(1)) sink.far.resume();
  const bytesOf = (chunks: readonly Buffer[]) => chunks.reduce((sum, it) => sum + it.length, 0);
  const isDone = ({ sent, heard }: (typeof kept)[number]) => sent.length === pieces && bytesOf(heard) === bytesOf(sent);
  await eventually('the others have all', () => kept.slice(1).every(isDone), 30_000);
  kept[0]?.sink.far.resume();
  await eventually('and so has the first', () => kept.every(isDone), 30_000);
  for (const { sent, heard, calledBack } of kept) {
    t.ok(Buffer.concat(heard).equals(Buffer.concat(sent)), 'every byte as it was sent');
    t.ok(calledBack > 0);
  }
});
