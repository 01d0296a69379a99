// A socket whose chunks go around Node's streams where nothing of them is needed: what was read goes straight from its handle to the
// reader, and a write that the kernel takes at once makes no request of its own. The relay is small beside what Node does for each of
// both. It uses what Node's own sockets are made of, as of Node 24; where that is not as this file knows it, a socket does as all do.

import { Socket } from 'node:net';
import { getSystemErrorName } from 'node:util';

/** Called with how many bytes came, and the memory that they lie in. */
export type Taken = (count: number, bytes: Uint8Array) => void;

/** As much of a handle (TCP or Pipe) as this file asks for. */
export interface Handle {
  onread: (bytes: ArrayBuffer | undefined) => unknown;
  /** Gives 0 or a negative error number. */
  writeBuffer(request: WriteRequest, bytes: Uint8Array): number;
}

/** What Node keeps of a write that goes on after the call; one that is over by then leaves it untouched. */
export interface WriteRequest {
  oncomplete?: (this: WriteRequest, status: number) => void;
  told?: (error?: Error | null) => void;
  /** What libuv writes from has to live as long as it does. */
  bytes?: Uint8Array;
  /** What OpenSSL said of a failure, under TLS. */
  error?: string;
}

interface Internals {
  readonly WriteWrap: new () => WriteRequest;
  /** What the last call said, by the numbers that follow. */
  readonly streamBaseState: Int32Array;
  readonly kReadBytesOrError: number;
  readonly kLastWriteWasAsync: number;
}

export const internals = loaded();

/** False where Node is not as this file knows it: everything works then, and costs more. */
export const isQuick = internals !== null;

let spare = internals === null ? null : new internals.WriteWrap();

export class PlainSocket extends Socket {
  /** Goes on with the handle of a connected socket; paused. Each read of it goes into `buffer`. */
  constructor(handle: object, buffer: Uint8Array, taken: Taken) {
    // The option `handle` is what Node's own servers make their sockets with.
    super({ handle, onread: { buffer, callback: taken }, pauseOnCreate: true } as never);
    if (internals === null || !isHandle(handle)) return;
    const { streamBaseState, kReadBytesOrError } = internals;
    const ordinary = handle.onread;
    handle.onread = (bytes) => {
      const count = streamBaseState[kReadBytesOrError] as number;
      if (count > 0 && !this.destroyed && !hasTimeout(this)) taken(count, buffer);
      else ordinary.call(handle, bytes);
    };
  }

  /** Called by Writable for one chunk at a time; it knows what waits, and tells of it. */
  override _write(bytes: unknown, encoding: BufferEncoding, told: (error?: Error | null) => void): void {
    const { _handle: handle } = this as unknown as { readonly _handle: object | null };
    if (spare === null || internals === null || !(bytes instanceof Uint8Array) || !isHandle(handle) || hasTimeout(this)) {
      super._write(bytes, encoding, told);
      return;
    }
    const request = spare;
    const error = handle.writeBuffer(request, bytes);
    if (error === 0 && internals.streamBaseState[internals.kLastWriteWasAsync] === 0) {
      told();
      return;
    }
    spare = new internals.WriteWrap();
    if (error !== 0) {
      told(writeError(error));
      return;
    }
    request.bytes = bytes;
    request.told = told;
    request.oncomplete = completed;
  }
}

function completed(this: WriteRequest, status: number): void {
  this.told?.(status < 0 ? writeError(status) : null);
}

/** As Node words it. */
export function writeError(errno: number, why?: string): Error {
  const code = getSystemErrorName(errno);
  return Object.assign(new Error(why === undefined ? `write ${code}` : `write ${code} ${why}`), { errno, code, syscall: 'write' });
}

/** Node tells timeouts of each read and write. */
export function hasTimeout({ timeout }: Socket): boolean {
  return timeout !== undefined && timeout > 0;
}

export function isHandle(handle: object | null): handle is Handle {
  return handle !== null && typeof (handle as Partial<Handle>).writeBuffer === 'function';
}

function loaded(): Internals | null {
  try {
    const node = process as unknown as { binding?(name: string): Partial<Internals> };
    const { WriteWrap, streamBaseState, kReadBytesOrError, kLastWriteWasAsync } = node.binding?.('stream_wrap') ?? {};
    if (typeof WriteWrap !== 'function' || !(streamBaseState instanceof Int32Array)) return null;
    if (typeof kReadBytesOrError !== 'number' || typeof kLastWriteWasAsync !== 'number') return null;
    return { WriteWrap, streamBaseState, kReadBytesOrError, kLastWriteWasAsync };
  } catch {
    return null; // a Node that gives it to nobody
  }
}
