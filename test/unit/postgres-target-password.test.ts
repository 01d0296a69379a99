// Whoever answers in a target's place asks for the password in clear. Nobody gets it who could be somebody else.

import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { TLSSocket, createSecureContext } from 'node:tls';
import t from 'tap';
import type { DriverServices } from '../../src/core/driver.ts';
import type { TargetName } from '../../src/core/ids.ts';
import { Secret } from '../../src/core/secret.ts';
import type { Target, TargetTls } from '../../src/core/target.ts';
import { signInWith } from '../../protocols/postgres/upstream.ts';
import type { Teardown } from '../support/directories.ts';
import { certificate } from './agent-fixture.ts';

const planted = 'planted-in-clear';
const soon = () => AbortSignal.timeout(5_000);
const pair = certificate(t);

/** Speaks enough of the protocol to ask for the password, and keeps what it is told. */
async function impostor(t: Teardown, speaksTls: boolean): Promise<{ port: number; heard: () => string }> {
  let heard = '';
  const server = createServer((plain) => {
    plain.on('error', () => {});
    plain.once('data', (first: Buffer) => {
      const asksTls = first.readInt32BE(4) === 80_877_103;
      if (!asksTls) return ask(plain);
      plain.write(speaksTls ? 'S' : 'N');
      if (!speaksTls) return void plain.once('data', () => ask(plain));
      const secured = new TLSSocket(plain, { isServer: true, secureContext: createSecureContext(pair), ALPNProtocols: ['postgresql'] });
      secured.on('error', () => {});
      secured.once('data', () => ask(secured));
    });
  });
  const ask = (stream: Socket): void => {
    stream.on('data', (bytes: Buffer) => (heard += bytes.toString('latin1')));
    stream.write(Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 3]));
  };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return { port: (server.address() as AddressInfo).port, heard: () => heard };
}

function targetAt(port: number, mode: TargetTls['mode'], more: Partial<Target>): Target {
  return {
    name: 'orders' as TargetName,
    protocol: 'postgres',
    labels: {},
    host: 'db.internal',
    port,
    user: 'gateway',
    password: new Secret(planted),
    database: null,
    tls: { mode, ca: mode.startsWith('verify') ? pair.cert : null, certificate: null, key: null, serverName: '127.0.0.1' },
    ...more,
  };
}

t.test('the password in clear', async (t) => {
  const vpc = { kind: 'name', name: 'vpc' } as const;
  const rows: [string, boolean, TargetTls['mode'], Partial<Target>, boolean][] = [
    ['without TLS, over the network', false, 'disable', {}, false],
    ['TLS that was talked out of', false, 'prefer', {}, false],
    ['TLS with anybody', true, 'require', {}, false],
    ['loopback, behind an agent', false, 'prefer', { host: '127.0.0.1', agent: vpc }, false],
    ['a verified certificate, behind an agent', true, 'verify-full', { agent: vpc }, true],
    ['a verified authority', true, 'verify-ca', {}, true],
    ['this very machine', false, 'prefer', { host: '127.0.0.1' }, true],
    ['a socket of this machine', false, 'disable', { host: '/run/postgresql' }, true],
  ];
  for (const [name, speaksTls, mode, more, isTold] of rows) {
    const { port, heard } = await impostor(t, speaksTls);
    const dial = async () => {
      const socket = connect(port, '127.0.0.1');
      t.teardown(() => socket.destroy());
      await once(socket, 'connect');
      return socket;
    };
    const services = { dial, log: { warn: () => {} } } as unknown as DriverServices;
    const signal = isTold ? AbortSignal.timeout(500) : soon();
    const thrown = await signInWith(services, targetAt(port, mode, more), 'orders', {}, signal).catch((it: unknown) => it as Error);
    t.equal(heard().includes(planted), isTold, name);
    if (!isTold) t.match(thrown, { message: /it asks for the password in clear, and its TLS certificate is not verified/ }, name);
  }
});
