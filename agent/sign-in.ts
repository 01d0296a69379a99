// The agent's half of the handshake: read the challenge, say who it is and what it will dial, sign both and the channel.

import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { AgentState } from './state.ts';
import type { Clock } from '../src/core/clock.ts';
import { exporterBytes, exporterLabel, linkVersions, readAnswer, readChallenge, signedBytes } from '../src/tunnel/handshake.ts';
import type { Hello, RefusalCode, VersionRange } from '../src/tunnel/handshake.ts';
import { Link } from '../src/tunnel/link.ts';
import type { OpenRequest } from '../src/tunnel/link.ts';
import { TextExchange } from '../src/tunnel/text-exchange.ts';
import type { WebSocketEnd } from '../src/tunnel/web-socket.ts';

/** The gateway said no, and why. */
export class SignInRefused extends Error {
  readonly code: RefusalCode;

  constructor(code: RefusalCode, message: string) {
    super(message);
    this.name = 'SignInRefused';
    this.code = code;
  }
}

export interface SignInOptions {
  readonly url: URL;
  readonly state: AgentState;
  /** One-time token; used only while there is no credential. */
  readonly token: string | null;
  readonly hostname: string;
  readonly software: string;
  readonly allow: readonly string[];
  readonly clock: Clock;
  readonly versions?: VersionRange;
  readonly onOpen: (request: OpenRequest) => void;
  readonly onDrain: (reason: string) => void;
}

/** Brings the link up. Rejects with SignInRefused, or with an Error when the connection failed. */
export async function signIn(end: WebSocketEnd, options: SignInOptions): Promise<{ link: Link; name: string }> {
  const exchange = new TextExchange(end);
  try {
    const challengeText = await exchange.next();
    const challenge = readChallenge(challengeText);
    const hello = JSON.stringify(helloOf(options));
    const signature = options.state.sign(signedBytes(challengeText, hello, channelOf(end.raw, challenge.binding))).toString('base64');
    exchange.send({ hello, signature });
    const answer = readAnswer(await exchange.next());
    if (answer.kind === 'refused') throw new SignInRefused(answer.code, answer.message);
    const versions = options.versions ?? linkVersions;
    if (answer.version < versions.min || answer.version > versions.max)
      throw new Error(`the gateway chose version ${answer.version} of the link, which this agent does not speak`);
    // The link before the disk: frames that follow the answer belong to it. A credential that is not kept can be asked for again.
    exchange.release();
    const link = new Link({
      socket: end,
      clock: options.clock,
      version: answer.version,
      times: { pingIntervalMs: answer.ping_interval_ms, deadAfterMs: answer.dead_after_ms },
      onOpen: options.onOpen,
      onDrain: options.onDrain,
      onCredential: (text) => options.state.keep(text),
    });
    options.state.keep(answer.credential);
    return { link, name: answer.name };
  } catch (thrown) {
    exchange.release();
    end.terminate();
    throw thrown;
  }
}

function helloOf({ url, state, token, hostname, software, allow, versions = linkVersions }: SignInOptions): Hello {
  const { credential, publicKey } = state;
  if (credential === null && token === null)
    throw new SignInRefused('credential', 'this agent is not enrolled yet: give it a token (sallyport agents token NAME)');
  const proof = credential === null ? { enrolment_token: token ?? '', public_key: publicKey } : { credential };
  return { kind: 'hello', versions: { ...versions }, software, origin: url.origin, hostname, allow: [...allow], proof };
}

/** Keys of the very TLS session that ends in the gateway, or nothing when the gateway says that TLS ends before it. */
function channelOf(socket: Socket, binding: 'exporter' | 'origin'): Buffer {
  if (binding === 'origin') return Buffer.alloc(0);
  if (!(socket instanceof TLSSocket)) throw new Error('the gateway speaks of TLS on a connection without it');
  return socket.exportKeyingMaterial(exporterBytes, exporterLabel, Buffer.alloc(0));
}
