// A client that has signed in and named no target. KILL works, which Ctrl-C needs. Where there is one MySQL target only, that
// is meant as soon as anything is asked. Else USE names it, and settings of the session that come before (mysqldump begins
// with some) are taken down and judged, all of them, when the target is known. Nothing else is answered.

import type { Duplex } from 'node:stream';
import type { DriverServices } from '../../src/core/driver.ts';
import { readPacket, writePacket } from './byte-stream.ts';
import { flag, has } from './capabilities.ts';
import { killOf } from './commands.ts';
import { destinationNamed, onlyTarget, type Destination } from './destination.ts';
import type { SignedIn } from './handshake.ts';
import * as wire from './messages.ts';
import { readQuery } from './query-attributes.ts';

/** Longest command of a client without a target. */
const payloadBytesMax = 1024 * 1024;
/** Settings that are taken down. */
const deferredMax = 100;

/**
 * SET of names or of variables of the session to plain values, and nothing behind it. What it would do is not decided here:
 * only that its answer, OK, can be given before anything is known of the target.
 */
export const settingsOnly =
  /^\s*(?:\/\*M?!\d*\s+)?set\s+(?:names\s+\S+|(?:session\s+|@@session\.|@@)?[a-z_]+\s*:?=\s*(?:'[^'\\]*'|[\w.+-]+)(?:\s*,\s*(?:session\s+|@@session\.|@@)?[a-z_]+\s*:?=\s*(?:'[^'\\]*'|[\w.+-]+))*)(?:\s*\*\/)?\s*(?:;\s*)?$/i;

export type Choice =
  | {
      readonly kind: 'target';
      readonly destination: Destination;
      /** Settings that were answered already and have to be made before anything else. */
      readonly deferred: readonly string[];
      /** The command that made the choice and waits for its answer; null: it named the target, and is answered with OK. */
      readonly command: Buffer | null;
    }
  | { readonly kind: 'change-user'; readonly argument: Buffer }
  | { readonly kind: 'quit' };

export interface Killing {
  kill(connectionId: number, what: 'query' | 'connection'): boolean | Promise<boolean>;
}

/** Serves the client until it is known where it goes. Answers it as packet 1 of each command. */
export async function chooseTarget(
  stream: Duplex,
  services: DriverServices,
  client: SignedIn,
  killing: Killing,
  signal: AbortSignal,
): Promise<Choice> {
  const deferred: string[] = [];
  for (;;) {
    const read = await readPacket(stream, 0, payloadBytesMax, signal).catch((thrown: unknown) => {
      if (stream.readableEnded || stream.destroyed) return null;
      throw thrown;
    });
    if (read === null) return { kind: 'quit' };
    const { payload } = read;
    const argument = payload.subarray(1);
    const attributed = payload[0] === wire.command.query && has(client.capabilities, flag.queryAttributes);
    const text = (attributed ? readQuery(argument).text : argument).toString('utf8');
    const named = payload[0] === wire.command.initDb ? text : payload[0] === wire.command.query ? usedName(text) : null;
    const answer = (it: Buffer): void => writePacket(stream, it, 1);
    if (named !== null) {
      const destination = destinationNamed(services, named) ?? onlyTarget(services, named);
      if (destination !== null) return { kind: 'target', destination, deferred, command: null };
      answer(wire.err(1049, '42000', `there is no MySQL target named '${named}'`));
      continue;
    }
    switch (payload[0]) {
      case wire.command.quit:
        return { kind: 'quit' };
      case wire.command.changeUser:
        return { kind: 'change-user', argument };
      case wire.command.ping:
        answer(done);
        continue;
      default: {
        const killed = payload[0] === wire.command.query ? killOf(text) : null;
        if (killed !== null) {
          const wasKilled = await killing.kill(killed.connectionId, killed.what);
          answer(wasKilled ? done : wire.err(1094, 'HY000', `Unknown thread id: ${killed.connectionId}`));
          continue;
        }
        const destination = onlyTarget(services, null);
        if (destination !== null) return { kind: 'target', destination, deferred, command: payload };
        if (payload[0] === wire.command.query && deferred.length < deferredMax && settingsOnly.test(text)) {
          deferred.push(text);
          answer(done);
        } else {
          answer(refusal(client, text));
        }
      }
    }
  }
}

/** The name in `USE name` as a text of its own, which clients send as well as the command. */
export function usedName(text: string): string | null {
  const match = /^\s*use\s+(?:`([^`]+)`|([^\s;`]+))\s*(?:;\s*)?$/i.exec(text);
  return match === null ? null : (match[1] ?? match[2] ?? null);
}

const done = wire.ok(wire.status.autocommit);

/** ER_UNKNOWN_TABLE where tables of the server itself are asked for, which mysqldump goes on after; else ER_NO_DB_ERROR. */
function refusal(client: SignedIn, text: string): Buffer {
  const { name } = client.principal;
  const words = `no target was named: USE the target, connect with it as the database, or sign in as ${name}:TARGET (-u ${name}:TARGET)`;
  return /\binformation_schema\s*\./i.test(text) ? wire.err(1109, '42S02', words) : wire.err(1046, '3D000', words);
}
