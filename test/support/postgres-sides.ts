// A PostgreSQL relay whose two sockets are streams of the test's own: chunks come when the test says so, and what is written is kept.

import { Duplex } from 'node:stream';
import type { Test } from 'tap';
import { Connection } from '../../protocols/postgres/connection.ts';
import { failingMessages } from '../../protocols/postgres/refusal.ts';
import type { Action } from '../../src/core/action.ts';
import { CatalogueEntry } from '../../src/core/catalogue-cache.ts';
import type { Classification } from '../../src/core/classification.ts';
import { Permit } from '../../src/core/permit.ts';
import type { Ruling } from '../../src/core/ruling.ts';
import type { Session, Submission } from '../../src/core/session.ts';
import { classificationOf } from '../../src/core/summary.ts';

const mint = Permit.claimMint();
export const read = classificationOf([
  { kind: 'select', span: { start: 0, end: 8 }, effects: [], missingWhere: false, risks: [], changes: [] },
]);
const clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now() };

/** One side of a connection: what is written to it is kept, and chunks of it come when the test says so. */
export class Side extends Duplex {
  readonly written: Buffer[] = [];
  /** A write that is not over, because nothing is taken. */
  #over: (() => void) | null = null;
  /** False: whoever is there takes nothing more. */
  takes = true;

  override _read(): void {
    // comes by push
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.written.push(Buffer.from(chunk));
    if (this.takes) done();
    else this.#over = done;
  }

  /** What waited is taken, and what comes. */
  takesAgain(): void {
    this.takes = true;
    this.#over?.();
    this.#over = null;
  }

  /** In this turn. */
  comes(chunk: Buffer): void {
    this.emit('data', chunk);
  }

  destroySoon(): void {
    this.end(() => this.destroy());
  }

  get text(): string {
    return Buffer.concat(this.written).toString('latin1');
  }
}

export interface RelayedSides {
  readonly client: Side;
  readonly target: Side;
  readonly kill: (reason: string) => void;
  /** As a CancelRequest does. */
  readonly cancel: () => Promise<void>;
  readonly finished: () => number;
}

/** Everything that is submitted is released, as a SELECT; so is what is prepared, when `classify` has read it. */
export async function relayedSides(
  t: Test,
  heldBytesMax = 1_000_000,
  classify: () => Classification | Promise<Classification> = () => read,
): Promise<RelayedSides> {
  const end = new AbortController();
  let finished = 0;
  const release = ({ text }: Submission): Ruling => ({
    kind: 'release',
    permit: mint(text as Action['id']),
    classification: read,
    obligations: { recordParameters: false, recordResults: false },
  });
  const session: Partial<Session> = {
    ended: end.signal,
    submit: release,
    submitSoon: (submission, _lane, then) => then(release(submission)),
    finish: () => void (finished += 1),
    classify,
    close: () => undefined,
  };
  const entry = new CatalogueEntry(() => Promise.resolve({ version: '1', content: null } as never), clock, {
    warn: () => undefined,
  } as never);
  await entry.refresh();
  const sides = { client: new Side(), target: new Side() };
  t.teardown(() => {
    for (const side of Object.values(sides)) side.destroy();
  });
  const connection = new Connection({
    client: sides.client as never,
    target: sides.target,
    session: session as Session,
    catalogue: entry,
    clock,
    limits: { maxBytes: () => 1_000_000 },
    failing: failingMessages(Buffer.from('x')),
    heartbeat: Buffer.alloc(0),
    heldBytesMax,
    reading: { hold: () => true },
    cancelTarget: () => Promise.resolve(),
    giveBack: () => undefined,
    gone: () => undefined,
  });
  for (const [name, value] of Object.entries({ standard_conforming_strings: 'on', client_encoding: 'UTF8' }))
    connection.machine.settings.reported(name, value);
  connection.machine.settings.signedIn([]);
  connection.machine.settings.catalogue(entry.current);
  connection.start(Buffer.from('greeting'));
  return { ...sides, kill: (reason) => end.abort(reason), cancel: () => connection.cancel(), finished: () => finished };
}
