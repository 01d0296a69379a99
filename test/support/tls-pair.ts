// Both ends of a connection with TLS over loopback.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { connect, createServer } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { certificateFiles } from '../unit/agent-fixture.ts';
import type { Teardown } from './directories.ts';

/** `near` is the client's end. Errors of both are swallowed: whoever waits hears of the close. */
export async function tlsPair(t: Teardown): Promise<{ near: TLSSocket; far: TLSSocket }> {
  const { cert, key } = certificateFiles(t);
  const server = createServer({ cert: readFileSync(cert), key: readFileSync(key) }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const near = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', rejectUnauthorized: false });
  const [[far]] = (await Promise.all([once(server, 'secureConnection'), once(near, 'secureConnect')])) as [[TLSSocket], unknown];
  t.teardown(() => {
    near.destroy();
    far.destroy();
    server.close();
  });
  for (const socket of [near, far]) socket.on('error', () => undefined);
  return { near, far };
}
