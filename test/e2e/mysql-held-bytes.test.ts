// What a client sends ahead of its running statement is read up to limits.held_bytes; the rest is left to the network, and all of
// it is answered in order in the end.

import t from 'tap';
import { readPacket } from '../../protocols/mysql/byte-stream.ts';
import { flag } from '../../protocols/mysql/capabilities.ts';
import { framed } from '../../protocols/mysql/codec.ts';
import * as wire from '../../protocols/mysql/messages.ts';
import { eventually } from '../support/eventually.ts';
import { startTestGateway } from '../support/gateway.ts';
import { mariadbTarget, startMariadb } from '../support/mariadb.ts';
import { ask, errorOf, rawClient, wireSignal } from '../support/mysql-wire.ts';

const server = await startMariadb(t);
const gateway = await startTestGateway(t, {
  targets: [mariadbTarget(server, 'shop', {})],
  config: { limits: { held_bytes: '64kB' } },
  policies: {
    'p.yaml':
      'policy: p\nrules:\n  - { id: in, actions: [connect], decision: allow }\n  - { id: all, actions: [statement], decision: allow }\n',
  },
});
const { port } = gateway.address('mysql');
const open = () =>
  rawClient(t, { port, user: 'alice:shop', password: gateway.token('alice'), capabilities: { standard: flag.deprecateEof, extended: 0 } });

t.test('the rest is left to the network, and answered in order', async (t) => {
  const client = await open();
  const other = await open();
  const { stream } = client;
  const running = ask(client, wire.query('DO SLEEP(60)'));
  const runs = async () =>
    (await server.sql("SELECT ID FROM information_schema.PROCESSLIST WHERE INFO LIKE 'DO SLEEP%'"))[0]?.['ID'] as number | undefined;
  await eventually('it runs', async () => (await runs()) !== undefined);
  const commands = 60;
  const one = framed(wire.query(`DO 1 /* ${'x'.repeat(1024 * 1024)} */`), 0);
  for (let i = 0; i < commands; i++) stream.write(one);
  let left = -1;
  await eventually('nothing more is read', async () => {
    await ask(other, [wire.command.ping]); // the gateway is alive, and has had its turn
    const before = left;
    left = stream.writableLength;
    return left === before;
  });
  t.ok(left > (commands / 2) * one.length, `${left} bytes of ${commands * one.length} are still here`);
  await server.sql(`KILL QUERY ${await runs()}`);
  t.match(errorOf(await running), /1317|no error/);
  for (let i = 0; i < commands; i++) {
    const { payload } = await readPacket(stream, 1, 0xffffff, wireSignal);
    if (payload[0] !== 0) t.fail(errorOf(payload));
  }
  t.equal(stream.writableLength, 0);
});
