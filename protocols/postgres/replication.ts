// Replication connections: no statement in them can be judged, so they are one action for their whole life, refused unless
// a policy allows exactly that.

import type { Duplex } from 'node:stream';
import type { Socket } from 'node:net';
import type { Lane, Session, Submission } from '../../src/core/session.ts';
import type { Refusal } from '../../src/core/ruling.ts';
import { classificationOf } from '../../src/core/summary.ts';

export function isReplication(parameters: Readonly<Record<string, string>>): boolean {
  const value = (parameters['replication'] ?? 'false').toLowerCase();
  return !['', 'false', 'off', 'no', '0', 'f', 'n'].includes(value);
}

export function replicationSubmission(parameters: Readonly<Record<string, string>>): Submission {
  const text = `replication connection (replication=${parameters['replication']})`;
  return {
    kind: 'replication',
    text,
    parameters: null,
    digest: () => text,
    mode: { key: 'replication', settings: {}, catalogue: null },
    transaction: 'none',
    classified: classificationOf([
      {
        kind: 'replication',
        span: { start: 0, end: text.length },
        effects: [{ verb: 'replication', access: 'write', objectKind: 'none', object: null }],
        missingWhere: false,
        risks: [],
        changes: [],
      },
    ]),
    prepared: null,
  };
}

/** Pipes both ways under one permit until either side ends. Resolves with a refusal, or null when it has run. */
export async function relayReplication(
  client: Socket,
  target: Duplex,
  session: Session,
  lane: Lane,
  parameters: Readonly<Record<string, string>>,
  greeting: Buffer,
  unwatch: () => void,
): Promise<Refusal | null> {
  const ruling = await session.submit(replicationSubmission(parameters), lane);
  if (ruling.kind === 'refuse') return ruling.refusal;
  const { permit } = ruling;
  permit.open();
  unwatch();
  client.write(greeting);
  client.on('data', (chunk: Buffer) => {
    permit.assertOpen();
    if (!target.write(chunk)) client.pause();
  });
  target.on('data', (chunk: Buffer) => {
    if (!client.write(chunk)) target.pause();
  });
  target.on('drain', () => client.resume());
  client.on('drain', () => target.resume());
  await new Promise<void>((resolve) => {
    for (const side of [client, target])
      side
        .once('close', resolve)
        .once('end', resolve)
        .once('error', () => resolve());
    session.ended.addEventListener('abort', () => resolve(), { once: true });
    if (session.ended.aborted) resolve();
    client.resume();
    target.resume();
  });
  session.finish(permit, { kind: 'completed', rows: null, error: null });
  return null;
}
