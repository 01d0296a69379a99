// TLS around Node's streams, as plain-socket.ts for plain sockets: a record that was read goes straight to its reader, out of memory that
// all of them share, and a write goes straight to the handle. The socket stays Node's own: its end, errors and pauses are as ever.
// Where Node is not as this file knows it, nothing is changed.

import type { TLSSocket } from 'node:tls';
import { hasTimeout, internals, isHandle, writeError } from './plain-socket.ts';
import type { Handle, Taken, WriteRequest } from './plain-socket.ts';
import { readIntoBuffer } from './socket-buffer.ts';

type Told = (error?: Error | null) => void;

/** What of a socket this file puts its own in place of. */
interface Parts {
  readonly _handle: Handle | null;
  _write(bytes: unknown, encoding: BufferEncoding, told: Told): void;
  _writev(chunks: unknown, told: Told): void;
}

interface Request extends WriteRequest {
  lane?: SecureLane;
}

const laneOf = new WeakMap<TLSSocket, SecureLane>();

/**
 * The way around Node's streams for a socket that has signed in: one, for as long as it lives. Null where it can't be had, and nothing is
 * changed. Each read comes into `buffer`, which any number of sockets may share.
 */
export function secureLane(socket: TLSSocket, buffer: Uint8Array): SecureLane | null {
  const known = laneOf.get(socket);
  if (known !== undefined) return known;
  const { _handle: handle } = socket as unknown as Parts;
  if (internals === null || !isHandle(handle) || socket.destroyed || socket.connecting) return null;
  let lane: SecureLane | null = null;
  const isOpen = readIntoBuffer(socket, buffer, (count) => lane?.came(count));
  if (!isOpen) return null; // something waits in it, too: whoever reads the socket is given that first
  lane = new SecureLane(socket, handle, buffer, internals);
  laneOf.set(socket, lane);
  return lane;
}

export class SecureLane {
  readonly #socket: TLSSocket;
  readonly #handle: Handle;
  readonly #buffer: Uint8Array;
  readonly #WriteWrap: new () => WriteRequest;
  #reader: Taken | null = null;
  /** Of the write that goes on. Node ends the process when a handle with TLS is given a write before the last one is over. */
  #told: Told | null = null;
  /** A write of the socket's own that waits for one past it. */
  #next: (() => void) | null = null;

  /** Comes from `secureLane`. */
  constructor(socket: TLSSocket, handle: Handle, buffer: Uint8Array, known: NonNullable<typeof internals>) {
    this.#socket = socket;
    this.#handle = handle;
    this.#buffer = buffer;
    const { streamBaseState, kReadBytesOrError, WriteWrap } = known;
    this.#WriteWrap = WriteWrap;
    const ordinary = handle.onread;
    handle.onread = (bytes) => {
      const count = streamBaseState[kReadBytesOrError] as number;
      if (count > 0 && !socket.destroyed && !hasTimeout(socket)) this.came(count);
      else ordinary.call(handle, bytes);
    };
    const parts = socket as unknown as Parts;
    const { _write: write, _writev: writev } = parts;
    parts._write = (bytes, encoding, told) => {
      if (this.#told !== null) this.#next = () => parts._write(bytes, encoding, told);
      else if (!(bytes instanceof Uint8Array) || !this.#issue(bytes, told)) write.call(socket, bytes, encoding, this.#begun(told));
    };
    parts._writev = (chunks, told) => {
      if (this.#told !== null) this.#next = () => parts._writev(chunks, told);
      else writev.call(socket, chunks, this.#begun(told));
    };
    if (socket.isPaused()) socket.pause(); // from now on this stops the handle
  }

  /** Who is given what comes while the socket is not paused; null: it waits in the socket. */
  readTo(reader: Taken | null): void {
    this.#reader = reader;
  }

  /** So much was read into the buffer. */
  came(count: number): void {
    const socket = this.#socket;
    const isPaused = socket.isPaused();
    if (this.#reader !== null && !isPaused && socket.readableLength === 0) {
      this.#reader(count, this.#buffer);
      return;
    }
    // OpenSSL had read it when the pause came: it waits in the socket, whose listeners for 'data' are given it, and so does what comes
    // before they have it.
    socket.push(Buffer.from(this.#buffer.subarray(0, count)));
    if (isPaused) socket.pause();
  }

  /** A write past the socket's own. False, and nothing is done, when something waits there, or it is the socket's to say what is wrong. */
  write(bytes: Uint8Array, told: Told): boolean {
    const socket = this.#socket;
    if (this.#told !== null || socket.writableLength > 0 || socket.writableEnded) return false;
    return this.#issue(bytes, told);
  }

  #issue(bytes: Uint8Array, told: Told): boolean {
    const { _handle: handle } = this.#socket as unknown as Parts;
    if (handle !== this.#handle || bytes.length === 0 || hasTimeout(this.#socket)) return false;
    const request: Request = new this.#WriteWrap();
    request.oncomplete = completed;
    request.lane = this;
    this.#told = told;
    // OpenSSL has read the bytes when this returns. When they went to the kernel is told at the end of the turn, or later.
    const error = handle.writeBuffer(request, bytes);
    if (error !== 0) this.over(error, request.error);
    return true;
  }

  /** The write is over, with 0 or a negative error number. */
  over(status: number, why: string | undefined): void {
    this.#finished(status < 0 ? writeError(status, why) : null);
  }

  /** A write goes on that is the socket's own: what it has to call when it is over. */
  #begun(told: Told): Told {
    this.#told = told;
    return (error) => this.#finished(error);
  }

  #finished(error: Error | null | undefined): void {
    const [told, next] = [this.#told, this.#next];
    this.#told = null;
    this.#next = null;
    told?.(error);
    next?.();
  }
}

function completed(this: Request, status: number): void {
  this.lane?.over(status, this.error);
}
