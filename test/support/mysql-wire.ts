// A raw MySQL client against a gateway: sends what no plain client sends, and reads packet by packet.

import { connect as tcpConnect } from 'node:net';
import { readPacket } from '../../protocols/mysql/byte-stream.ts';
import type { Capabilities } from '../../protocols/mysql/capabilities.ts';
import { framed, fullPacketBytes } from '../../protocols/mysql/codec.ts';
import * as wire from '../../protocols/mysql/messages.ts';
import { signIn, type Upstream } from '../../protocols/mysql/upstream.ts';
import type { CredentialDesk } from '../../src/core/credential.ts';
import type { DriverServices } from '../../src/core/driver.ts';
import type { TargetName } from '../../src/core/ids.ts';
import { Secret } from '../../src/core/secret.ts';
import type { Target } from '../../src/core/target.ts';
import type { Teardown } from './directories.ts';

/** What a target is signed in to with is in the target already. */
const credentials: CredentialDesk = { signingIn: (target, _signal, attempt) => attempt(target) };

export const wireSignal = AbortSignal.timeout(60_000);

export interface RawSignIn {
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly capabilities: Capabilities;
  readonly database?: string;
  /** Number of the collation in the sign-in; 45 (utf8mb4) when it is not said. */
  readonly charset?: number;
}

/** Signed in and ready for commands; gone with the test. */
export async function rawClient(t: Teardown, { port, user, password, capabilities, database, charset = 45 }: RawSignIn): Promise<Upstream> {
  const dial = () => Promise.resolve(tcpConnect(port, '127.0.0.1'));
  const target: Target = {
    name: 'gateway' as TargetName,
    protocol: 'mysql',
    labels: {},
    host: '127.0.0.1',
    port,
    user,
    password: new Secret(password),
    database: null,
    tls: { mode: 'disable', ca: null, certificate: null, key: null, serverName: null },
  };
  const upstream = await signIn(
    { dial, credentials } as unknown as DriverServices,
    target,
    { database: database ?? null, charset, client: capabilities, person: user },
    wireSignal,
  );
  t.teardown(() => upstream.stream.destroy());
  upstream.stream.on('error', () => undefined);
  return upstream;
}

/** Sends one command and gives the first packet of the answer, which counts on from the last packet of the command. */
export async function ask({ stream }: Upstream, payload: Buffer | number[]): Promise<Buffer> {
  stream.write(framed(Buffer.from(payload), 0));
  const packets = Math.floor(payload.length / fullPacketBytes) + 1;
  return (await readPacket(stream, packets, 0xffffff, wireSignal)).payload;
}

export const errorOf = (payload: Buffer): string =>
  payload[0] === 0xff ? `${wire.readErr(payload).number} ${wire.readErr(payload).message}` : `no error: ${payload.toString('hex')}`;
