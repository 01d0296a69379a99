// Joins a stream of the link with the socket of its target: half-close and reset pass through, and whoever is slow makes the other wait.
// The socket is read into one buffer for all targets, from which the link takes what it sends: nothing is allocated for what passes.

import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { readInPlace } from '../src/core/chunk-reader.ts';
import { giveBack, takeBlock } from '../src/tunnel/memory.ts';
import type { StreamUser, TunnelStream } from '../src/tunnel/stream.ts';

const keepAliveAfterMs = 60_000;

/** Begins to connect to an address. The socket reads nothing before it is spliced. */
export class TargetSocket implements StreamUser {
  socket: Socket;
  #stream: TunnelStream | null = null;
  /** What the socket has not written yet; nothing more is taken until it has. */
  #inFlight: Buffer | null = null;
  #writesLeft = 0;

  constructor(address: string, port: number) {
    this.socket = connect({
      host: address,
      port,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: keepAliveAfterMs,
      allowHalfOpen: true,
    });
    this.socket.pause();
  }

  /** Carries bytes both ways from now on. */
  splice(stream: TunnelStream): void {
    const socket = (readInPlace(this.socket) ?? this.socket) as Socket;
    socket.allowHalfOpen = true;
    this.socket = socket;
    this.#stream = stream;
    socket.on('data', (bytes: Buffer) => {
      if (!stream.send(bytes, true)) socket.pause();
    });
    socket.on('error', (error: NodeJS.ErrnoException) =>
      stream.reset('reset-by-target', `the target's connection failed (${error.code ?? error.message})`),
    );
    socket.on('end', () => stream.finish(() => undefined));
    socket.on('close', () => {
      // One that was closed after it said everything leaves a stream that still delivers it.
      if (!socket.readableEnded) stream.reset('aborted', 'the target closed the connection');
    });
    stream.use(this);
    stream.flow();
    socket.resume();
  }

  bytes(chunk: Buffer): void {
    const block = takeBlock();
    this.#writesLeft += 1;
    this.socket.write(block.subarray(0, chunk.copy(block)), this.#written);
    if (this.socket.writableLength === 0) return giveBack(block); // the kernel has it
    this.#inFlight = block;
    this.#stream?.hold();
  }

  readonly #written = (error?: Error | null): void => {
    this.#writesLeft -= 1;
    const block = this.#inFlight;
    if (block === null || this.#writesLeft > 0) return;
    this.#inFlight = null;
    if (error != null) return; // the socket is gone, and may still hold the memory
    giveBack(block);
    this.#stream?.flow();
  };

  ended(): void {
    this.socket.end();
  }

  failed(): void {
    if (!this.socket.destroyed) this.socket.resetAndDestroy();
  }

  drained(): void {
    this.socket.resume();
  }
}
