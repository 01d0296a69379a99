// What a connection has to send and its other end does not take. Windows of channels don't bound it: whoever reads nothing from its
// socket may grant as much as it likes (PuTTY's file transfers do), and ssh2 hands everything to the socket. So channels wait for the
// socket, too, and for the end of a key exchange, during which ssh2 would keep their packets; and who does not read answers is not read.

import type { Duplex } from 'node:stream';

/** While so much waits in the socket of a connection, its channels wait. Twice a window: one channel of OpenSSH never has to. */
const unsentBytesMax = 4 * 1024 * 1024;
/** With so much more of answers to requests, nothing is read from the other end. */
const unreadBytesMax = unsentBytesMax + 1024 * 1024;

/** One end of a connection, as ssh2 keeps it. */
export interface Sender {
  readonly _sock: Duplex;
  readonly _protocol: { readonly _kexinit: unknown };
  on(event: 'handshake', listener: () => void): unknown;
}

type Go = () => void;
const waiting = new WeakMap<Sender, Set<Go>>();

/** False: data has to wait, see `whenItSends`. */
export function sends({ _sock: socket, _protocol: protocol }: Sender): boolean {
  return socket.writableLength < unsentBytesMax && protocol._kexinit === undefined;
}

/** Calls `go` when it may be worth another try: never when the connection is over. One function is called once, in its turn. */
export function whenItSends(sender: Sender, go: Go): void {
  const known = waiting.get(sender);
  if (known !== undefined) return void known.add(go);
  const all = new Set([go]);
  waiting.set(sender, all);
  const next = () => {
    const turn = [...all];
    all.clear();
    for (const it of turn) it();
  };
  sender._sock.on('drain', next);
  sender.on('handshake', next);
}

/** Call when ssh2 reads the socket: it is not read while the other end leaves its answers unread. */
export function stopReadingUnread(socket: Duplex): void {
  socket.on('data', () => {
    if (socket.writableLength <= unreadBytesMax) return;
    socket.pause();
    socket.once('drain', () => socket.resume());
  });
}
