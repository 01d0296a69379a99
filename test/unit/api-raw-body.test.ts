// Bodies that strangers send to addresses where a signature proves them: larger ones have a limit together, small ones are always taken.

import { once } from 'node:events';
import { connect, type AddressInfo, type Socket } from 'node:net';
import Fastify from 'fastify';
import t from 'tap';
import { largeBytesMax, takeRaw } from '../../src/api/raw-body.ts';
import { eventually } from '../support/eventually.ts';

const large = 1024 * 1024;

t.test('bodies that are being read', async (t) => {
  const app = Fastify();
  takeRaw(app, ['application/json']);
  app.post('/open', { bodyLimit: large }, async ({ body }) => ({ length: (body as string).length }));
  await app.listen({ port: 0, host: '127.0.0.1' });
  t.teardown(() => app.close());
  const { port } = app.server.address() as AddressInfo;
  const post = (length: string, body: string): Socket => {
    const socket = connect(port, '127.0.0.1');
    t.teardown(() => socket.destroy());
    socket.write(`POST /open HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${length}\r\n\r\n${body}`);
    return socket;
  };
  const saidBy = async (socket: Socket) => String((await once(socket, 'data'))[0]);
  const begun = Array.from({ length: largeBytesMax / large }, () => post(`Content-Length: ${large}`, 'x'));
  await eventually('there is no room for more', async () =>
    (await saidBy(post(`Content-Length: ${large}`, 'x'))).startsWith('HTTP/1.1 503'),
  );
  t.match(await saidBy(post('Transfer-Encoding: chunked', '1\r\nx\r\n')), /^HTTP\/1.1 503/, 'nor for one that does not say how long it is');
  t.match(await saidBy(post('Content-Length: 3', 'abc')), /\{"length":3\}/, 'a small one is taken');
  begun[0]?.destroy();
  await eventually('who leaves makes room', async () => /"length"/.test(await saidBy(post(`Content-Length: ${large}`, 'x'.repeat(large)))));
  begun[1]?.write('x'.repeat(large - 1));
  t.match(await saidBy(begun[1] as Socket), /"length":1048576/, 'those who were there go on');
});
