// Reads a socket for the relay with one buffer for all sockets, copying out what came. Node otherwise sets 64 kB aside for each
// read and cuts them down to the bytes that came: for short messages that costs more than everything the relay does with them,
// and the pieces wait for the collector outside of its heap.

import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { ChunkArrivals } from './busy-poll.ts';
import { PlainSocket, type Taken } from './plain-socket.ts';
import { secureLane } from './secure-socket.ts';
import { bytesPassed } from './short-lived-memory.ts';

/** As much as Node reads at once. */
const readBytesMax = 64 * 1024;
/** Copies are cut from slabs of this size; a chunk that somebody keeps, keeps its slab. */
const slabBytes = 64 * 1024;

/** The key of `ChunkSource`'s way to be read. */
export const takeOver: unique symbol = Symbol('takeOver');

/** A connection that is no socket of Node's and can be read like one: a stream through an agent. */
export interface ChunkSource {
  /** As `readChunks`, or as `readInPlace`; null when something is on its way through it. */
  [takeOver](onChunk: (chunk: Buffer) => void, isInPlace?: boolean): Duplex | null;
  readonly canBeTakenOver: boolean;
}

const readBuffer = Buffer.allocUnsafeSlow(readBytesMax);
let slab = Buffer.allocUnsafeSlow(slabBytes);
let slabUsed = 0;

/**
 * Hands every chunk of a signed-in connection to `onChunk` from now on, once it is resumed. Gives the stream to go on with, which
 * may be another one for the same connection; the one that was passed in closes after it.
 */
export function readChunks<S extends Duplex>(stream: S, onChunk: (chunk: Buffer) => void): S {
  const taken = isSource(stream) ? stream[takeOver](onChunk) : null;
  if (taken !== null) return taken as S;
  const handle = plainHandle(stream);
  if (handle === null) {
    stream.on('data', onChunk).on('data', counted);
    if (stream instanceof TLSSocket) readAround(stream, onChunk);
    return stream;
  }
  const waiting = stream.read() as Buffer | null;
  const socket = successor(stream, handle, (count, bytes) => onChunk(ownChunk(bytes, count)));
  if (waiting !== null) process.nextTick(onChunk, waiting);
  return socket as unknown as S;
}

/**
 * As a stream whose 'data' is not kept: without copies, what a listener is given is its own to write into, and may be read over as soon
 * as it returns. Paused; the one that was passed in closes after it. Null, and nothing is changed, where it is neither a plain socket
 * nor a `ChunkSource`: these are done with the bytes of a write when they say so.
 */
export function readInPlace(stream: Duplex): Duplex | null {
  if (isSource(stream)) {
    const taken: Duplex | null = stream[takeOver]((chunk) => taken?.emit('data', chunk), true);
    return taken;
  }
  const handle = plainHandle(stream);
  if (handle === null) return null;
  const waiting = stream.read() as Buffer | null;
  const socket = successor(stream, handle, (count) => socket.emit('data', readBuffer.subarray(0, count)));
  if (waiting !== null) socket.push(waiting);
  return socket;
}

/** The socket that reads on, into the one buffer. */
function successor(stream: Duplex, handle: object, taken: Taken): PlainSocket {
  const old = stream as unknown as { _handle: unknown };
  old._handle = null;
  const first = firstOf.get(stream) ?? stream;
  const arrivals = new ChunkArrivals();
  const callback: Taken = (count, bytes) => {
    taken(count, bytes);
    arrivals.came(count);
  };
  const socket = new PlainSocket(handle, readBuffer, callback);
  socket.once('close', () => first.destroy());
  firstOf.set(socket, first);
  return socket;
}

/** What comes from now on is no 'data' where that can be had. */
function readAround(socket: TLSSocket, onChunk: (chunk: Buffer) => void): void {
  const arrivals = arrivalsOf.get(socket) ?? new ChunkArrivals();
  arrivalsOf.set(socket, arrivals);
  secureLane(socket, readBuffer)?.readTo((count, bytes) => {
    onChunk(ownChunk(bytes, count));
    arrivals.came(count);
  });
}

/** Ends what `readChunks` began, where it gave back the stream that it was given: somebody else reads it from now on. */
export function leaveChunks(stream: Duplex, onChunk: (chunk: Buffer) => void): void {
  stream.off('data', onChunk).off('data', counted);
  if (stream instanceof TLSSocket) secureLane(stream, readBuffer)?.readTo(null);
}

/** Writes to a connection with TLS that nobody else writes to, past what Node's streams do for each write where that can be had. */
export function writeChunk(socket: TLSSocket, chunk: Buffer, told: (error?: Error | null) => void): void {
  if (secureLane(socket, readBuffer)?.write(chunk, told) !== true) socket.write(chunk, told);
}

const arrivalsOf = new WeakMap<Duplex, ChunkArrivals>();

function counted(this: Duplex, chunk: Buffer): void {
  bytesPassed(chunk.length);
  arrivalsOf.get(this)?.came(chunk.length);
}

/** True when nothing of the connection is on its way, and it can be read by somebody else from now on. */
export function canReadChunksAgain(stream: Duplex): boolean {
  if (isSource(stream)) return stream.canBeTakenOver;
  return plainHandle(stream) !== null && stream.readableLength === 0;
}

function isSource(stream: Duplex): stream is Duplex & ChunkSource {
  return takeOver in stream;
}

/** The stream that a connection began as: it closes with the last one, whoever reads it by then. */
const firstOf = new WeakMap<Duplex, Duplex>();

/** The handle under a plain TCP or Unix socket; null for TLS, tunnels and anything that is not as this file knows it. */
function plainHandle(stream: Duplex): object | null {
  if (!(stream instanceof Socket) || stream instanceof TLSSocket || stream.destroyed || stream.connecting) return null;
  if (stream.writableLength > 0 || stream.readableEnded) return null;
  const { _handle: handle } = stream as unknown as { _handle?: { useUserBuffer?: unknown } | null };
  return typeof handle?.useUserBuffer === 'function' ? handle : null;
}

/** A record of TLS has at most 16 kB; PostgreSQL's have 8. */
const recordBytesMax = 16 * 1024;
/** Chunks from this on have memory of their own. */
const largeBytesMin = 4 * 1024;
/** Buffers of both sizes that nobody uses now. Bulk without them is bound by the collector: it counts every 64 kB that was read. */
const spares: Buffer[] = [];
const recordSpares: Buffer[] = [];
const sparesMax = 32;

/** For a chunk that nobody has a slice of any more: its memory is read into again. Chunks of any other origin are left alone. */
export function reuseChunk(chunk: Buffer): void {
  const isOurs = largeChunks.delete(chunk);
  const list = chunk.buffer.byteLength === recordBytesMax ? recordSpares : spares;
  if (isOurs && list.length < sparesMax) list.push(Buffer.from(chunk.buffer));
}

/** What to call back with when a write of all of the chunk to `stream` is over: its memory is read into again where that went well. */
export function reuseWritten(chunk: Buffer, stream: Duplex): (error?: Error | null) => void {
  return (error) => void (error == null && !stream.destroyed && reuseChunk(chunk));
}

/** True when `bytes`, which is made of the chunk or of other memory, is the chunk from its first to its last byte. */
export function isWhole(bytes: Buffer, chunk: Buffer): boolean {
  return bytes.buffer === chunk.buffer && bytes.byteOffset === chunk.byteOffset && bytes.length === chunk.length;
}

/** True when what is written to it is with the kernel or counted in `writableLength`: not for TLS, tunnels and compression. */
export function isPlainSocket(stream: Duplex): boolean {
  return stream instanceof Socket && !(stream instanceof TLSSocket);
}

/**
 * For a chunk that was passed on just now, as it came, and that nobody has a slice of: if it went to a plain socket and the kernel has
 * taken it, its memory is read into again. Nothing may have been read since it came.
 */
export function reusePassed(chunk: Buffer, to: Duplex): void {
  if (to.writableLength > 0 || !isPlainSocket(to)) return;
  if (chunk.buffer !== slab.buffer) reuseChunk(chunk);
  else if (chunk.byteOffset + chunk.length === slabUsed) slabUsed = chunk.byteOffset;
}

/** Large chunks given out and not given back. */
const largeChunks = new WeakSet<Buffer>();

function largeBuffer(count: number): Buffer {
  const isRecord = count <= recordBytesMax;
  const spare = (isRecord ? recordSpares : spares).pop();
  if (spare !== undefined) return spare;
  const size = isRecord ? recordBytesMax : readBytesMax;
  bytesPassed(size);
  return Buffer.allocUnsafeSlow(size);
}

/** A copy of the first bytes, at most 64 kB, for somebody who may keep them, or leave their memory by `reuseChunk` and `reusePassed`. */
export function ownChunk(bytes: Uint8Array, count: number = bytes.length): Buffer {
  if (count >= largeBytesMin) {
    const chunk = largeBuffer(count).subarray(0, count);
    chunk.set(bytes.subarray(0, count));
    largeChunks.add(chunk);
    return chunk;
  }
  if (slabUsed + count > slabBytes) {
    slab = Buffer.allocUnsafeSlow(slabBytes);
    slabUsed = 0;
  }
  const copy = slab.subarray(slabUsed, slabUsed + count);
  copy.set(count === bytes.length ? bytes : bytes.subarray(0, count));
  slabUsed += count;
  return copy;
}
