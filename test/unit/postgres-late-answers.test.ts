// Answers that wait for the end of the turn because other sessions are busy: whatever comes behind one in the same turn, the client
// has it first, whole and once.

import { Duplex } from 'node:stream';
import { setImmediate as turnEnd } from 'node:timers/promises';
import t, { type Test as TapTest } from 'tap';
import { Connection } from '../../protocols/postgres/connection.ts';
import { failingMessages } from '../../protocols/postgres/refusal.ts';
import type { Action } from '../../src/core/action.ts';
import { CatalogueEntry } from '../../src/core/catalogue-cache.ts';
import { Permit } from '../../src/core/permit.ts';
import type { Ruling } from '../../src/core/ruling.ts';
import type { Session, Submission } from '../../src/core/session.ts';
import { classificationOf } from '../../src/core/summary.ts';
import { flushesSoon } from '../../src/core/turn-flushes.ts';
import { clientMessage, targetMessage } from '../transcripts/postgres-messages.ts';

const mint = Permit.claimMint();
const read = classificationOf([{ kind: 'select', span: { start: 0, end: 8 }, effects: [], missingWhere: false, risks: [], changes: [] }]);
const clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now() };
const client = (...lines: string[]): Buffer => Buffer.concat(lines.map(clientMessage));
const target = (...lines: string[]): Buffer => Buffer.concat(lines.map(targetMessage));
const answer = target('T a', 'D 1', 'C SELECT 1', 'Z I');

/** One side of a connection: what is written to it is kept, and chunks of it come when the test says so. */
class Side extends Duplex {
  readonly written: Buffer[] = [];

  override _read(): void {
    // comes by push
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.written.push(Buffer.from(chunk));
    done();
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

interface World {
  readonly client: Side;
  readonly target: Side;
  readonly kill: (reason: string) => void;
  readonly finished: () => number;
}

/** A session in which a SELECT is at the target, among many that are busy. */
async function asked(t: TapTest): Promise<World> {
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
    classify: () => read,
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
    heldBytesMax: 1_000_000,
    cancelTarget: () => Promise.resolve(),
    giveBack: () => undefined,
    gone: () => undefined,
  });
  for (const [name, value] of Object.entries({ standard_conforming_strings: 'on', client_encoding: 'UTF8' }))
    connection.machine.settings.reported(name, value);
  connection.machine.settings.signedIn([]);
  connection.machine.settings.catalogue(entry.current);
  connection.start(Buffer.from('greeting'));
  for (let count = 0; count < 40; count += 1) flushesSoon({ flush: () => undefined });
  await turnEnd();
  sides.client.comes(client('Q select a'));
  t.equal(sides.target.text, client('Q select a').toString('latin1'), 'it is at the target');
  sides.client.written.length = 0;
  // Others keep this turn busy.
  for (let count = 0; count < 4; count += 1) flushesSoon({ flush: () => undefined });
  return { ...sides, kill: (reason) => end.abort(reason), finished: () => finished };
}

t.test('an answer leaves at the end of the turn, and what came of it is written down at once', async (t) => {
  const world = await asked(t);
  world.target.comes(answer);
  t.equal(world.client.text, '');
  t.equal(world.finished(), 1);
  await turnEnd();
  t.equal(world.client.text, answer.toString('latin1'));
});

t.test('a long answer leaves at once', async (t) => {
  const world = await asked(t);
  const long = target('T a', `D ${'x'.repeat(9000)}`, 'C SELECT 1', 'Z I');
  world.target.comes(long);
  t.equal(world.client.text, long.toString('latin1'));
});

t.test('what the target says next stands behind it', async (t) => {
  const world = await asked(t);
  world.target.comes(answer);
  const notice = target('N SNOTICE|C00000|Mnext');
  world.target.comes(notice);
  t.equal(world.client.text, Buffer.concat([answer, notice]).toString('latin1'));
  await turnEnd();
  t.equal(world.client.text.length, answer.length + notice.length, 'once');
});

t.test('the next statement of the client may come before it has left', async (t) => {
  const world = await asked(t);
  world.target.comes(answer);
  world.client.comes(client('Q select b'));
  await turnEnd();
  t.equal(world.client.text, answer.toString('latin1'));
  t.match(world.target.text, /select b/);
});

for (const [what, happens] of Object.entries<(world: World) => void>({
  'the session is ended': ({ kill }) => kill('ended by an operator'),
  'the target closes': (world) => void world.target.emit('end'),
  'the client says goodbye': (world) => world.client.comes(client('X')),
  'the target says nonsense': (world) => world.target.comes(Buffer.from('\x00\x00\x00\x00\x00\x00')),
})) {
  t.test(`${what} in the same turn: the answer was first`, async (t) => {
    const world = await asked(t);
    world.target.comes(answer);
    happens(world);
    await turnEnd();
    await turnEnd();
    const expected = answer.toString('latin1');
    t.equal(world.client.text.slice(0, expected.length), expected);
    t.equal(world.client.text.indexOf('SELECT 1', expected.length), -1, 'once');
    t.ok(world.client.writableEnded, 'and it is over');
  });
}
