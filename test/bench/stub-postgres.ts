// A PostgreSQL server that answers and does nothing, for measuring many sessions at once: ten thousand real server processes
// would be what is measured. It takes any sign-in and any query, and prepares nothing: it has no catalogue to tell of.

import { createServer, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import * as wire from '../../protocols/postgres/messages.ts';
import type { Teardown } from '../support/directories.ts';

export interface StubPostgres {
  readonly port: number;
  /** Told of every query's text as it arrives. */
  onQuery: (text: string) => void;
}

const ready = wire.readyForQuery(0x49);
const greeting = Buffer.concat([
  wire.message(wire.fromTarget.authentication, wire.int32(0)),
  wire.parameterStatus('server_version', '18.0'),
  wire.parameterStatus('client_encoding', 'UTF8'),
  wire.parameterStatus('standard_conforming_strings', 'on'),
  wire.parameterStatus('search_path', '"$user", public'),
  wire.backendKeyData(1, Buffer.alloc(4)),
  ready,
]);
const refused = wire.diagnostic({ severity: 'ERROR', code: '0A000', message: 'nothing is prepared here' });
const completed = Buffer.concat([wire.message(wire.fromTarget.commandComplete, Buffer.from('DELETE 1\0')), ready]);

export async function startStubPostgres(t: Teardown): Promise<StubPostgres> {
  const stub = { port: 0, onQuery: (_: string): void => undefined };
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    let rest: Buffer = Buffer.alloc(0);
    let isSignedIn = false;
    socket.on('data', (chunk: Buffer) => {
      rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      for (;;) {
        const headBytes = isSignedIn ? 5 : 4;
        if (rest.length < headBytes) return;
        const end = headBytes - 4 + rest.readInt32BE(headBytes - 4);
        if (rest.length < end) return;
        const message = rest.subarray(0, end);
        rest = rest.subarray(end);
        if (!isSignedIn) {
          isSignedIn = true;
          socket.write(greeting);
        } else if (message[0] === wire.fromClient.query) {
          stub.onQuery(message.toString('utf8', 5, end - 1));
          socket.write(completed);
        } else if (message[0] === wire.fromClient.parse) socket.write(refused);
        else if (message[0] === wire.fromClient.sync) socket.write(ready);
        else if (message[0] === wire.fromClient.terminate) socket.end();
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  stub.port = (server.address() as AddressInfo).port;
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return stub;
}
