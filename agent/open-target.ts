// Answers one request of the gateway: judge, resolve, judge each address, dial exactly those, and carry bytes until
// both sides are done. Half-close and reset pass through.

import { lookup as systemLookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { Log } from '../src/core/driver.ts';
import { messageOf } from '../src/core/errors.ts';
import type { OpenRequest } from '../src/tunnel/link.ts';
import { judgeAddress, judgeRequest } from './allow-list.ts';
import type { Pattern } from './allow-list.ts';
import { dialFirst, errorWords } from './dial-target.ts';

/** Every address that a name stands for. */
export type Lookup = (host: string) => Promise<readonly string[]>;

/** Below the gateway's own patience, so that it hears the reason. */
const dialMs = 8_000;
/** Addresses behind one name that are tried. */
const addressesMax = 8;

export const systemNames: Lookup = async (host) => (await systemLookup(host, { all: true, verbatim: true })).map(({ address }) => address);

/** Never rejects. */
export async function openTarget(request: OpenRequest, allow: readonly Pattern[], lookup: Lookup, log: Log): Promise<void> {
  const { host, port, signal } = request;
  const refuse = (code: 'not-allowed' | 'unreachable', reason: string): void => {
    log.warn({ host, port }, `refused: ${reason}`);
    request.refuse(code, reason);
  };
  const asked = judgeRequest(allow, host, port);
  if (asked.kind === 'refused') return refuse('not-allowed', asked.reason);
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(dialMs)]);
  let addresses: readonly string[];
  try {
    addresses = await resolve(host, lookup, deadline);
  } catch (thrown) {
    return refuse('unreachable', `${host}:${port}: ${errorWords(thrown)}`);
  }
  const judgements = addresses.slice(0, addressesMax).map((address) => ({ address, judged: judgeAddress(allow, host, address, port) }));
  const allowed = judgements.filter(({ judged }) => judged.kind === 'allowed');
  const [first] = judgements;
  if (allowed.length === 0 && first?.judged.kind === 'refused') return refuse('not-allowed', first.judged.reason);
  try {
    const plain = allowed.map(({ address }) => address);
    const target = await dialFirst(plain, port, deadline);
    log.debug({ host, port, address: target.socket.remoteAddress }, 'opened');
    target.splice(request.accept());
  } catch (thrown) {
    refuse('unreachable', `${host}:${port}: ${messageOf(thrown)}`);
  }
}

async function resolve(host: string, lookup: Lookup, signal: AbortSignal): Promise<readonly string[]> {
  const bare = host.replace(/^\[(.*)\]$/, '$1');
  if (isIP(bare) !== 0) return [bare];
  return Promise.race([lookup(bare), aborted(signal)]);
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const give = (): void => reject(new Error('no answer in time'));
    if (signal.aborted) give();
    else signal.addEventListener('abort', give, { once: true });
  });
}
