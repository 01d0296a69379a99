// A connection whose upgrade to an agent's link is refused is closed, also when the client leaves its side open: it counts for no limit any more.

import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import t from 'tap';
import { acceptLinks, type EndpointOptions } from '../../src/tunnel/endpoint.ts';
import { linkPath } from '../../src/tunnel/handshake.ts';

t.test('a refused upgrade', async (t) => {
  const server = createServer();
  acceptLinks(server, { agents: { isFull: false } } as unknown as EndpointOptions);
  server.listen(0, '127.0.0.1');
  t.teardown(() => server.close());
  await once(server, 'listening');
  for (const [header, status] of [
    ['Origin: http://elsewhere', '403'],
    ['Sec-WebSocket-Version: 12', '400'],
  ]) {
    const accepted = once(server, 'connection') as Promise<[Socket]>;
    const client = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', allowHalfOpen: true });
    t.teardown(() => client.destroy());
    client.write(`GET ${linkPath} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${header}\r\n\r\n`);
    const [ours] = await accepted;
    const closed = once(ours, 'close');
    t.match(String((await once(client, 'data'))[0]), `HTTP/1.1 ${status}`);
    await closed;
  }
});
