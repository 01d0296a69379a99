// The channels of ssh2: one queue for what waits for the window, and bytes that are passed on without being kept. The 'data' of a channel
// whose listeners keep nothing is memory that is read over as soon as they return; for all others it is copied.

import { createRequire } from 'node:module';
import { Readable } from 'node:stream';
import type { Channel } from 'ssh2';
import { bytesPassed } from '../../src/core/short-lived-memory.ts';
import { giveBackMemory, takeMemory } from './packet-memory.ts';
import { sends, whenItSends } from './unsent.ts';
import type { Sender } from './unsent.ts';

const require = createRequire(import.meta.url);

interface Outgoing {
  readonly id: number;
  window: number;
  readonly packetSize: number;
  readonly state: string;
}

interface Item {
  readonly data: Buffer;
  at: number;
  readonly stderr: boolean;
  readonly done: () => void;
}

interface RawChannel extends Channel {
  /** See `passesTo`. */
  _taker?: RawChannel;
  _giver?: RawChannel;
  _sendQueue?: Item[];
  /** Goes on with the queue. */
  _pump?: () => void;
  _waitWindow: boolean;
  _chunk: unknown;
  _chunkcb: (() => void) | undefined;
  readonly server: boolean;
  readonly incoming: { readonly window: number };
  readonly outgoing: Outgoing;
  readonly _client: Sender & {
    readonly _protocol: {
      channelData(id: number, data: Buffer): void;
      channelExtData(id: number, data: Buffer, type: number): void;
    };
  };
}

/** RFC 4254, 5.2 */
const stderrType = 1;

/** Sends from `at` what the window and the socket take, in packets that the other side takes. Gives how far that is. */
function sendSome({ outgoing, _client: client }: RawChannel, data: Buffer, at: number, send: (part: Buffer) => void): number {
  let sent = at;
  // A side that says 0 for its packets takes none.
  while (sent < data.length && outgoing.window > 0 && outgoing.packetSize > 0 && sends(client)) {
    const count = Math.min(data.length - sent, outgoing.window, outgoing.packetSize);
    send(count === data.length ? data : data.subarray(sent, sent + count));
    sent += count;
    outgoing.window -= count;
  }
  return sent;
}

/**
 * stdout and stderr of a channel share one slot for what waits for the window, and writing into a closed channel never calls
 * back: data came twice, or stalled for ever. One queue for both cures it.
 */
function pump(channel: RawChannel): void {
  const queue = channel._sendQueue ?? [];
  const { outgoing } = channel;
  const protocol = channel._client._protocol;
  for (let item = queue[0]; item !== undefined; item = queue[0]) {
    if (outgoing.state === 'open') {
      const { id } = outgoing;
      const send = item.stderr
        ? (part: Buffer) => protocol.channelExtData(id, part, stderrType)
        : (part: Buffer) => protocol.channelData(id, part);
      item.at = sendSome(channel, item.data, item.at, send);
    }
    if (outgoing.state === 'open' && item.at < item.data.length) {
      if (outgoing.window > 0) return whenItSends(channel._client, (channel._pump ??= () => pump(channel)));
      channel._waitWindow = true;
      channel._chunk = undefined;
      channel._chunkcb = () => pump(channel);
      return;
    }
    queue.shift();
    item.done();
  }
}

function enqueue(channel: RawChannel, data: Buffer, stderr: boolean, done: () => void): void {
  channel._sendQueue ??= [];
  channel._sendQueue.push({ data, at: 0, stderr, done });
  if (channel._sendQueue.length === 1) pump(channel);
}

/** Ends what waits in a channel that was closed by the other side, so that nobody waits for its callbacks. */
export function releaseQueue(channel: Channel): void {
  const raw = channel as RawChannel;
  if (raw.outgoing.state !== 'open') pump(raw);
}

/** ssh2 counts what comes, and takes what is more than was granted: somebody who waits for people would fill the memory with it. */
function endWhenTooMuch({ incoming, _client: client }: RawChannel): void {
  if (incoming.window >= 0) return;
  client._sock.destroy();
  throw new Error('the other end sent more than the window of a channel'); // ends the connection for ssh2, too
}

/** While more than this waits for the taker, the giver is not allowed more: what is under way to it fits the time that asking takes. */
const waitingBytesMax = 128 * 1024;
/** With more than a window and that waiting, the source is not read any more. */
const crowdedBytes = 2 * 1024 * 1024 + 2 * waitingBytesMax;

/**
 * The listeners to 'data' of `source` keep nothing of it; what they write goes to `taker` through `passOn`. The other end of the source is
 * allowed to send more as the taker's takes it, so that what waits here is its window and not twice that.
 */
export function passesTo(source: Channel, taker: Channel): void {
  (source as RawChannel)._taker = taker as RawChannel;
  (taker as RawChannel)._giver = source as RawChannel;
}

/** What is copied at once; packets of OpenSSH hold as much. */
const pieceBytes = 32 * 1024;

/** True when so much waits that its source has to wait; it tells by 'drain' when nothing waits any more. */
export function isCrowded(channel: Channel): boolean {
  return channel.writableLength > crowdedBytes;
}

/** Writes bytes that may be read over when this returns. False when the channel is crowded. */
export function passOn(channel: Channel, bytes: Buffer): boolean {
  const raw = channel as RawChannel;
  const { outgoing } = raw;
  const waits = raw.writableLength > 0 || (raw._sendQueue !== undefined && raw._sendQueue.length > 0);
  if (waits || outgoing.state !== 'open' || raw.writableEnded) return writeCopy(raw, bytes);
  const protocol = raw._client._protocol;
  const sent = sendSome(raw, bytes, 0, (part) => protocol.channelData(outgoing.id, part));
  return sent === bytes.length || writeCopy(raw, bytes.subarray(sent));
}

function writeCopy(channel: RawChannel, bytes: Buffer): boolean {
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    const copy = takeMemory(Math.min(pieceBytes, bytes.length - at));
    bytes.copy(copy, 0, at);
    channel.write(copy, () => {
      giveBackMemory(copy);
      const { _giver: giver } = channel;
      if (giver !== undefined && channel.writableLength <= waitingBytesMax) giver._read(0);
    });
  }
  return !isCrowded(channel);
}

/** Passes on pieces that lie behind each other in memory as one: each write is a packet with its own encryption. */
export class Forwarder {
  readonly #channel: Channel;
  #waiting: Buffer | null = null;
  #more = true;

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  /** `bytes` must stay as they are until `flush`. */
  add(bytes: Buffer): void {
    const first = this.#waiting;
    if (first !== null && first.buffer === bytes.buffer && first.byteOffset + first.length === bytes.byteOffset) {
      this.#waiting = Buffer.from(first.buffer, first.byteOffset, first.length + bytes.length);
      return;
    }
    this.#pass();
    this.#waiting = bytes;
  }

  /** False when the channel is crowded. */
  flush(): boolean {
    this.#pass();
    const more = this.#more;
    this.#more = true;
    return more;
  }

  /** Nothing that was added since the last `flush` is passed on: its memory is used for something else from now on. */
  drop(): void {
    this.#waiting = null;
  }

  #pass(): void {
    const bytes = this.#waiting;
    this.#waiting = null;
    if (bytes !== null && this.#channel.writable) this.#more = passOn(this.#channel, bytes);
  }
}

function copied(bytes: Buffer): Buffer {
  bytesPassed(bytes.length);
  return Buffer.from(bytes);
}

let patched = false;

/** Puts both into ssh2's channels, once. */
export function installChannels(): void {
  if (patched) return;
  patched = true;
  const { Channel: channelClass } = require('ssh2/lib/Channel.js') as {
    Channel: { new (client: object, info: object, options: { server: boolean }): RawChannel; prototype: Record<string, unknown> };
  };
  channelClass.prototype['_write'] = function (this: RawChannel, data: Buffer, _encoding: string, done: () => void): void {
    enqueue(this, data, false, done);
  };
  const push = channelClass.prototype['push'] as (this: RawChannel, data: Buffer | null) => boolean;
  channelClass.prototype['push'] = function (this: RawChannel, data: Buffer | null): boolean {
    if (data === null) return push.call(this, null);
    endWhenTooMuch(this);
    const { _taker: taker } = this;
    if (taker !== undefined && this.readableFlowing === true && this.readableLength === 0) {
      this.emit('data', data);
      return taker.writableLength <= waitingBytesMax;
    }
    return push.call(this, copied(data));
  };
  channelClass.prototype['_final'] = function (this: RawChannel, done: () => void): void {
    const { stderr } = this;
    const writable = stderr as unknown as NodeJS.WritableStream & { writableFinished: boolean };
    if (!this.server || writable.writableFinished) return done();
    writable.end();
    writable.once('finish', done);
  };
  // The classes of stderr are not exported: they are reached through one of each.
  const stderrOf = (server: boolean) =>
    Object.getPrototypeOf(new channelClass({}, { incoming: {}, outgoing: {} }, { server }).stderr) as Record<string, unknown>;
  stderrOf(true)['_write'] = function (this: { _channel: RawChannel }, data: Buffer, _encoding: string, done: () => void): void {
    enqueue(this._channel, data, true, done);
  };
  stderrOf(false)['push'] = function (this: Readable & { _channel: RawChannel }, data: Buffer | null): boolean {
    if (data !== null) endWhenTooMuch(this._channel);
    return Readable.prototype.push.call(this, data);
  };
}
