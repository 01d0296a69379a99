// A client of SSH that a test makes do what no client does, and what the gateway keeps in memory for it.

import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import ssh2 from 'ssh2';
import type { Teardown } from './directories.ts';
import { eventually } from './eventually.ts';
import type { SshWorld } from './ssh.ts';

/** What a client of ssh2 keeps to itself: with it a test sends what no client sends. */
export interface RawClient {
  readonly _sock: Socket;
  readonly _protocol: {
    channelData(id: number, data: Buffer): void;
    channelExtData(id: number, data: Buffer, type: number): void;
    channelWindowAdjust(id: number, more: number): void;
    ping(): void;
    rekey(): void;
    parse: () => void;
  };
}

/** Signed in as alice, over a socket of the test's own where that is given. */
export function signedIn({ directory, port }: SshWorld, t: Teardown, target: string, sock?: Socket): Promise<ssh2.Client & RawClient> {
  const client = new ssh2.Client();
  t.teardown(() => client.destroy());
  return new Promise((resolve, reject) => {
    client.on('error', reject);
    client.on('ready', () => {
      client.removeAllListeners('error').on('error', () => undefined);
      resolve(client as never);
    });
    const to = sock === undefined ? { host: '127.0.0.1', port } : { sock };
    client.connect({ ...to, username: `alice:${target}`, privateKey: readFileSync(join(directory, 'alice')) });
  });
}

export const exec = (client: ssh2.Client, command: string) =>
  new Promise<ssh2.ClientChannel>((resolve, reject) =>
    client.exec(command, (error, channel) => (error instanceof Error ? reject(error) : resolve(channel))),
  );
export const idOf = (channel: ssh2.ClientChannel) => (channel as unknown as { outgoing: { id: number } }).outgoing.id;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
/** In use outside of V8's heap by client, gateway and all: packets are. */
export function memory(): number {
  collect();
  return process.memoryUsage().arrayBuffers;
}

/** Gives when it has stayed the same for a while. */
export async function settled(figure: () => number): Promise<void> {
  let last = Number.NaN;
  let same = 0;
  await eventually('nothing moves any more', async () => {
    const now = figure();
    same = now === last ? same + 1 : 0;
    last = now;
    await delay(50);
    return same >= 6;
  });
}
