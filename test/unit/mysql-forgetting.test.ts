// What a target has to answer before its connection is anybody's again: exactly what it said at the sign-in, in any chunking.

import t from 'tap';
import { beginningText, restoringText, type Beginning } from '../../protocols/mysql/beginning.ts';
import { flag } from '../../protocols/mysql/capabilities.ts';
import { framed } from '../../protocols/mysql/codec.ts';
import { forgettingOf } from '../../protocols/mysql/forgetting.ts';
import * as wire from '../../protocols/mysql/messages.ts';
import type { Upstream } from '../../protocols/mysql/upstream.ts';
import type { Forgetting } from '../../src/core/idle-upstreams.ts';

const signedInRow = [
  '10.11.0-MariaDB',
  'STRICT_TRANS_TABLES',
  'utf8mb4',
  'shop',
  '0',
  null,
  'utf8mb4_general_ci',
  '28800',
  'autocommit',
  '',
];
const { autocommit, inTransaction, ansiQuotes } = wire.status;

const forgetting = (standard: number, row: readonly (string | null)[] = signedInRow): Forgetting | null => {
  const upstream = { capabilities: { standard, extended: 0 }, statusFlags: autocommit | wire.status.sessionStateChanged };
  return forgettingOf(upstream as unknown as Upstream, { row } as Beginning);
};

interface Answer {
  readonly reset?: Buffer;
  readonly restored?: Buffer;
  readonly row?: readonly (string | null)[];
  readonly flags?: number;
  readonly behind?: Buffer;
}

/** What a server sends for the three commands. */
function answers(deprecatesEof: boolean, { reset, restored, row = signedInRow, flags = autocommit, behind }: Answer = {}): Buffer {
  const cells = row.map((it) => (it === null ? Buffer.from([0xfb]) : wire.lenencBytes(Buffer.from(it))));
  const eof = (status: number) => Buffer.concat([Buffer.from([0xfe, 0, 0]), wire.uint16(status)]);
  const result = [
    Buffer.from([row.length]),
    ...row.map(() => Buffer.from('a definition')),
    ...(deprecatesEof ? [] : [eof(autocommit)]),
    Buffer.concat(cells),
    deprecatesEof ? wire.ok(flags, 0, 0xfe) : eof(flags),
  ].map((it, index) => framed(it, index + 1));
  const first = [reset ?? wire.ok(autocommit), restored ?? wire.ok(autocommit)].map((it) => framed(it, 1));
  return Buffer.concat([...first, ...result, behind ?? Buffer.alloc(0)]);
}

const error = wire.err(1047, '08S01', 'Unknown command');

for (const [form, standard] of Object.entries({ new: flag.deprecateEof | flag.sessionTrack, old: flag.sessionTrack })) {
  const isNew = form === 'new';
  const ask = (bytes: Buffer): boolean | null => forgetting(standard)?.answer(bytes) ?? null;

  t.test(`the ${form} form of results`, async (t) => {
    t.equal(ask(answers(isNew)), true);
    const [one, whole] = [forgetting(standard), answers(isNew)];
    for (const [at, byte] of whole.entries()) t.equal(one?.answer(Buffer.from([byte])), at === whole.length - 1 ? true : null);
  });

  t.test(`refused, in the ${form} form`, async (t) => {
    t.equal(ask(answers(isNew, { reset: error })), false, 'a target that does not know the command');
    t.equal(ask(answers(isNew, { restored: error })), false);
    t.equal(ask(answers(isNew, { flags: autocommit | inTransaction })), false);
    t.equal(ask(answers(isNew, { flags: 0 })), false);
    t.equal(ask(answers(isNew, { flags: autocommit | ansiQuotes })), false);
    t.equal(ask(answers(isNew, { behind: framed(error, 0) })), false, 'more than was asked for');
    t.equal(ask(answers(isNew, { row: signedInRow.slice(1) })), false);
    t.throws(() => ask(framed(wire.ok(autocommit), 2)), { code: 'protocol-violation' });
    for (const [at, cell] of signedInRow.entries()) {
      for (const other of cell === null ? [''] : [null, `${cell}x`]) {
        t.equal(ask(answers(isNew, { row: signedInRow.with(at, other) })), false, `cell ${at}: ${cell} and ${other}`);
      }
    }
  });
}

t.test('what is sent: the reset, what the sign-in had, the question', async (t) => {
  const restoring = restoringText(signedInRow) ?? '';
  t.match(restoring, `SESSION sql_mode = 'STRICT_TRANS_TABLES', SESSION wait_timeout = 28800, SESSION character_set_client = 'utf8mb4'`);
  t.match(restoring, `SESSION character_set_results = NULL, SESSION collation_connection = 'utf8mb4_general_ci'`);
  const sent = [Buffer.from([wire.command.resetConnection]), wire.query(restoring), wire.query(beginningText)];
  t.same(forgetting(flag.sessionTrack)?.request, Buffer.concat(sent.map((it) => framed(it, 0))));
  const attributed = [sent[0] as Buffer, wire.query(restoring, true), wire.query(beginningText, true)];
  t.same(forgetting(flag.sessionTrack | flag.queryAttributes)?.request, Buffer.concat(attributed.map((it) => framed(it, 0))));
});

t.test('not of every target', async (t) => {
  t.equal(forgetting(0, signedInRow.slice(0, 5)), null, 'too old to forget');
  t.equal(forgetting(0, signedInRow.with(9, 'SET @a = 1')), null, 'one with an init_connect');
  t.equal(forgetting(0, signedInRow.with(9, null)), null);
  for (const at of [1, 2, 5, 6, 7]) t.equal(forgetting(0, signedInRow.with(at, `x', autocommit = '0`)), null, 'words that are none');
});
