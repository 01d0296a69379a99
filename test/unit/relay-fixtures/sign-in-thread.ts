// A thread that signs clients of PostgreSQL and MySQL in, and asks the main thread who they are. Tells its two ports first, then
// each client that it has signed in; what it is asked, it asks the main thread and tells the answer's form.

import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import * as mysql from '../../../protocols/mysql/handshake.ts';
import * as mysqlWire from '../../../protocols/mysql/messages.ts';
import * as postgres from '../../../protocols/postgres/handshake.ts';
import { readyForQuery } from '../../../protocols/postgres/messages.ts';
import type { DriverServices } from '../../../src/core/driver.ts';
import { Fault, messageOf } from '../../../src/core/errors.ts';
import { Calls, type Methods } from '../../../src/relay/calls.ts';
import { remoteSignIns, type SignInMethods } from '../../../src/relay/sign-ins.ts';

const calls = new Calls<SignInMethods, Methods>((workerData as { readonly port: MessagePort }).port, {});
const services = {
  signIns: remoteSignIns(calls),
  tls: null,
  allowPlaintext: true,
  random: { bytes: (count: number) => randomBytes(count) },
} as unknown as DriverServices;
const keys = generateKeyPairSync('rsa', { modulusLength: 2048 });
const publicPem = keys.publicKey.export({ type: 'spki', format: 'pem' }).toString();
const rsaKeys = () => Promise.resolve({ privateKey: keys.privateKey, publicPem });

async function servePostgres(socket: Socket): Promise<void> {
  const line = { socket, tls: false };
  const gone = new AbortController();
  socket.once('close', () => gone.abort(new Fault('protocol-violation', 'the client is gone')));
  try {
    const arrival = await postgres.welcome(line, services, gone.signal, () => undefined);
    if (arrival.kind === 'client') told(arrival.client);
    socket.end(readyForQuery(0x49));
  } catch (thrown) {
    if (thrown instanceof postgres.SignInRefused) socket.end(thrown.diagnostic);
    else socket.destroy();
  }
}

async function serveMysql(socket: Socket): Promise<void> {
  const line = { socket, accepted: socket, fingerprint: null, sequence: 0 };
  try {
    const client = await mysql.welcome(line, services, { version: '8.0.40', connectionId: 7, rsaKeys }, AbortSignal.timeout(10_000));
    told(client);
    line.sequence = client.nextSequence;
    mysql.tell(line, mysqlWire.ok(mysqlWire.status.autocommit));
    socket.resume();
  } catch (thrown) {
    if (thrown instanceof mysql.SignInRefused) mysql.tell(line, thrown.payload);
    socket.destroySoon();
  }
}

function told({ principal, tokenId }: { readonly principal: object; readonly tokenId: string | null }): void {
  parentPort?.postMessage({ principal, tokenId });
}

async function listening(serve: (socket: Socket) => Promise<void>): Promise<number> {
  const server: Server = createServer((socket) => void serve(socket.on('error', () => undefined)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

parentPort?.on('message', async (name: string) => {
  const told = await Promise.resolve(services.signIns.material(name)).then(
    (material) => ({
      ...material,
      areBuffers: [
        material.scramSalt,
        ...material.verifiers.flatMap((it) => Object.values(it).filter((part) => typeof part !== 'string')),
      ].every((part) => Buffer.isBuffer(part)),
    }),
    (thrown: unknown) => messageOf(thrown),
  );
  parentPort?.postMessage(told);
});
parentPort?.postMessage({ postgres: await listening(servePostgres), mysql: await listening(serveMysql) });
