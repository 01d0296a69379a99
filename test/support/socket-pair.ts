// Two ends of one connection on the loopback address, plain sockets both.

import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import type { Teardown } from './directories.ts';

/** `near` was accepted and is paused; both end with the test. */
export async function socketPair(t: Teardown): Promise<{ near: Socket; far: Socket }> {
  const server = createServer({ pauseOnConnect: true });
  t.teardown(() => server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve));
  const far = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const near = await accepted;
  for (const socket of [near, far]) t.teardown(() => socket.destroy());
  return { near, far };
}
