// A line between two programs that can be cut or go dead: plain, or as an HTTP proxy that is asked by CONNECT.

import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Teardown } from '../support/directories.ts';

export class Line {
  readonly port: number;
  readonly #ends: Set<Socket>;

  private constructor(port: number, ends: Set<Socket>) {
    this.port = port;
    this.#ends = ends;
  }

  /** `to`: a port, or null for a proxy. */
  static async open(t: Teardown, to: number | null): Promise<Line> {
    const ends = new Set<Socket>();
    const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
      keep(ends, socket);
      if (to !== null) splice(ends, socket, to);
      else
        socket.once('data', (head) => {
          const port = Number(/^CONNECT [^ ]+:(\d+) /.exec(head.toString('latin1'))?.[1]);
          splice(ends, socket, port, 'HTTP/1.1 200 OK\r\n\r\n');
        });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.teardown(() => {
      server.close();
      for (const end of ends) end.destroy();
    });
    return new Line((server.address() as AddressInfo).port, ends);
  }

  /** Both ends of every connection hear a reset. */
  cut(): void {
    for (const end of this.#ends) end.resetAndDestroy();
  }

  /** Nothing passes for a while, and nobody is told. */
  async deaden(forMs: number): Promise<void> {
    const dead = [...this.#ends];
    for (const end of dead) end.pause();
    await delay(forMs);
    for (const end of dead) end.resume();
  }
}

function keep(ends: Set<Socket>, socket: Socket): void {
  ends.add(socket);
  socket.on('error', () => undefined).on('close', () => ends.delete(socket));
}

function splice(ends: Set<Socket>, near: Socket, port: number, greeting = ''): void {
  const far = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
  keep(ends, far);
  far.once('connect', () => {
    if (greeting !== '') near.write(greeting);
    near.pipe(far);
    far.pipe(near);
  });
  near.on('close', () => far.destroy());
  far.on('close', () => near.destroy());
}
