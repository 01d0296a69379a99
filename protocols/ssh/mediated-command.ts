// One judged line of the mediated shell at the target: sent as one quoted word, with nothing on its standard input, and with
// the folder before and after it handled around it, outside of what was judged.

import { randomBytes } from 'node:crypto';
import type { Writable } from 'node:stream';
import type { Permit } from '../../src/core/permit.ts';
import { forBash } from './for-bash.ts';
import { pipe, whenClosed } from './relay.ts';
import type { Ending } from './relay.ts';
import type { Upstream } from './upstream.ts';

/** A mark with the folder behind it. */
const markedBytesMax = 8 * 1024;

export interface Output {
  write(chunk: Buffer): boolean;
  /** Who says when it takes more. */
  readonly taker: Writable;
}

export interface MediatedCommand {
  readonly permit: Permit;
  readonly text: string;
  /** Null is the folder that the target begins in. */
  readonly folder: string | null;
  readonly upstream: Upstream;
  readonly environment: Readonly<Record<string, string>>;
  readonly clientGone: AbortSignal;
  readonly output: Output;
  readonly errors: Output;
  /** Called once it can be interrupted, with how. */
  interruptible(interrupt: () => void): void;
  endedIn(folder: string): void;
}

/** Runs it to its end. Rejects when the target opens no channel. */
export async function runMediatedCommand(command: MediatedCommand): Promise<Ending> {
  const { permit, text, folder, upstream, environment, clientGone, output, errors } = command;
  const mark = `\u0001${randomBytes(12).toString('hex')}`;
  const target = await upstream.exec(permit, forBash(text, wrapped(text, folder, mark)), { terminal: null, environment });
  let group: string | null = null;
  let interrupts = 0;
  const signal = () => {
    if (group !== null && interrupts > 0) kill(upstream, permit, group, interrupts === 1 ? 'INT' : 'KILL');
  };
  const marked = new MarkFilter(Buffer.from(mark), (value) => {
    if (value.startsWith('/')) return command.endedIn(value);
    if (!/^\d{1,10}$/.test(value)) return;
    group = value;
    signal();
  });
  return new Promise((resolve) => {
    let result: Ending = { status: null, signal: null };
    let open = 3;
    const less = () => {
      open -= 1;
      if (open === 0) resolve(result);
    };
    const gone = () => {
      target.resume();
      target.stderr.resume();
      target.close();
    };
    target.on('error', () => undefined);
    whenClosed(target, (ending) => {
      result = ending;
      less();
    });
    pipe(target, (chunk) => output.write(chunk), output.taker, less);
    pipe(
      target.stderr,
      (chunk) => errors.write(marked.take(chunk)),
      errors.taker,
      () => {
        errors.write(marked.rest());
        less();
      },
    );
    if (clientGone.aborted) gone();
    else clientGone.addEventListener('abort', gone, { once: true });
    command.interruptible(() => {
      interrupts += 1;
      signal();
      if (interrupts === 1) return;
      // It does not go: the shell goes on without it.
      gone();
      resolve({ status: null, signal: 'SIGKILL' });
    });
    target.end();
  });
}

/**
 * Signals the process group of what runs, by a command of the gateway's own under the same permit: servers refuse the signal
 * request of the protocol in many set-ups, and without a terminal there is no Ctrl-C.
 */
function kill(upstream: Upstream, permit: Permit, group: string, signal: 'INT' | 'KILL'): void {
  const command = `kill -${signal} -- -${group} 2>/dev/null || kill -${signal} ${group} 2>/dev/null`;
  upstream.exec(permit, command, { terminal: null, environment: {} }).then(
    (channel) => channel.resume().end(),
    () => undefined, // the connection is gone, and with it what ran
  );
}

/**
 * What is sent to the target for one judged text: the folder before it, and after it where it ended. The text itself is one
 * quoted word for eval, so nothing in it can reach beyond, and an unfinished end of it takes nothing in.
 */
function wrapped(text: string, folder: string | null, mark: string): string {
  const cd = folder === null ? '' : `cd -- ${quoted(folder)} && `;
  const first = `printf '%s%s\\001' ${quoted(mark)} $$ >&2; `;
  return `${first}${cd}eval ${quoted(text)}; { __s=$?; printf '%s%s\\001' ${quoted(mark)} "$PWD" >&2; exit $__s; }`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** Takes the marks and the values behind them out of stderr, wherever the chunks are cut. */
class MarkFilter {
  readonly #mark: Buffer;
  readonly #found: (value: string) => void;
  #kept: Buffer = Buffer.alloc(0);

  constructor(mark: Buffer, found: (value: string) => void) {
    this.#mark = mark;
    this.#found = found;
  }

  take(chunk: Buffer): Buffer {
    const shown: Buffer[] = [];
    let all = Buffer.concat([this.#kept, chunk]);
    for (let at = all.indexOf(this.#mark); at !== -1; at = all.indexOf(this.#mark)) {
      const end = all.indexOf(0x01, at + this.#mark.length);
      if (end === -1 && all.length - at > markedBytesMax) break; // somebody else's: shown as it is
      shown.push(all.subarray(0, at));
      if (end === -1) {
        this.#kept = Buffer.from(all.subarray(at));
        return Buffer.concat(shown);
      }
      const value = all.toString('utf8', at + this.#mark.length, end);
      if (value.length < 4096) this.#found(value);
      all = all.subarray(end + 1);
    }
    const last = all.lastIndexOf(0x01);
    const beginning = last !== -1 && all.length - last < this.#mark.length && this.#mark.indexOf(all.subarray(last)) === 0;
    this.#kept = Buffer.from(all.subarray(beginning ? last : all.length));
    shown.push(all.subarray(0, all.length - this.#kept.length));
    return Buffer.concat(shown);
  }

  rest(): Buffer {
    return this.#kept;
  }
}
