// A MySQL server as an older one would greet: in front of a real server, with capabilities taken out of its greeting. The
// server uses none of them that its client does not ask for, so the rest of the stream is the real thing.

import { connect, createServer } from 'node:net';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { headerBytes } from '../../protocols/mysql/codec.ts';
import type { Teardown } from './directories.ts';

/** The port of a server like the one at `port`, without these flags (low 32 bits) and these of MariaDB's extended ones. */
export async function olderServer(t: Teardown, port: number, without: number, withoutExtended = 0): Promise<number> {
  const server = createServer((client) => {
    const target = connect(port, '127.0.0.1');
    for (const [from, to] of [
      [client, target],
      [target, client],
    ] as const) {
      from.on('error', () => to.destroy());
      from.on('close', () => to.destroy());
    }
    let greeting: Buffer | null = Buffer.alloc(0);
    client.pipe(target);
    target.on('data', (chunk: Buffer) => {
      if (greeting === null) return void client.write(chunk);
      greeting = Buffer.concat([greeting, chunk]);
      if (greeting.length < headerBytes || greeting.length < headerBytes + greeting.readUIntLE(0, 3)) return;
      client.write(taken(greeting, without, withoutExtended));
      greeting = null;
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return (server.address() as AddressInfo).port;
}

/** HandshakeV10: protocol, version, connection id (4), nonce (8), a zero, low capabilities (2), charset, status (2), high ones (2), length of
 * the nonce, six zeros, MariaDB's extended ones (4). */
function taken(greeting: Buffer, without: number, withoutExtended: number): Buffer {
  const low = greeting.indexOf(0, headerBytes + 1) + 1 + 4 + 8 + 1;
  const high = low + 2 + 1 + 2;
  greeting.writeUInt16LE(greeting.readUInt16LE(low) & ~(without & 0xffff), low);
  greeting.writeUInt16LE(greeting.readUInt16LE(high) & ~(without >>> 16), high);
  const extended = high + 2 + 1 + 6;
  greeting.writeUInt32LE((greeting.readUInt32LE(extended) & ~withoutExtended) >>> 0, extended);
  return greeting;
}
