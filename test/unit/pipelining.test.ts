// One HTTP connection that asks for more and more without an answer: it is closed. Who asks for a few things ahead, again and again, is served.

import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import t from 'tap';
import { limitPipelining, requestsAheadMax } from '../../src/core/pipelining.ts';
import { eventually } from '../support/eventually.ts';

t.test('requests ahead of their answers', async (t) => {
  const waiting: ServerResponse[] = [];
  const server = createServer((_, response) => void waiting.push(response));
  limitPipelining(server);
  t.teardown(() => server.close());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  t.teardown(() => client.destroy());
  let said = '';
  client.on('data', (chunk: Buffer) => (said += chunk.toString('latin1')));
  const ask = (count: number) => client.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(count));

  for (let round = 1; round <= 3; round += 1) {
    ask(requestsAheadMax);
    await eventually('all are taken', () => waiting.length === requestsAheadMax);
    for (const response of waiting.splice(0)) response.end('answer.');
    await eventually('all are answered', () => said.split('answer.').length - 1 === round * requestsAheadMax);
  }
  ask(requestsAheadMax + 1);
  await once(client, 'close');
  t.ok(client.destroyed);
});
