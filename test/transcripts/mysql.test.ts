// Golden transcripts of the MySQL relay, without a socket: all four legs in order. What is not listed must not happen.
// C> client to gateway, >T gateway to target, T> target to gateway, >C gateway to client, and what is asked and told beside.

import t from 'tap';
import { framed } from '../../protocols/mysql/codec.ts';
import { Machine } from '../../protocols/mysql/machine.ts';
import type { MachineOptions, MachinePort } from '../../protocols/mysql/port.ts';
import { probeQuery, trackQuery } from '../../protocols/mysql/own-texts.ts';
import * as wire from '../../protocols/mysql/messages.ts';
import { Settings } from '../../protocols/mysql/settings.ts';
import type { SessionChange } from '../../src/core/classification.ts';
import type { Obligations } from '../../src/core/decision.ts';
import type { Effect } from '../../src/core/effect.ts';
import type { ActionId, HoldId } from '../../src/core/ids.ts';
import { Permit } from '../../src/core/permit.ts';
import type { Ruling } from '../../src/core/ruling.ts';
import { classificationOf } from '../../src/core/summary.ts';

const mint = Permit.claimMint();

class Player implements MachinePort {
  readonly log: string[] = [];
  /** What the next submission hears; null: it waits. */
  answer: Ruling | null;
  timeIsUp: (() => void) | null = null;
  readonly machine: Machine;
  #actions = 0;

  constructor(options: Partial<MachineOptions> = {}) {
    this.answer = this.release();
    const settings = new Settings({
      flavour: 'mariadb',
      serverVersion: '10.11.0-MariaDB',
      sqlMode: '',
      characterSetClient: 'utf8mb4',
      database: 'shop',
      lowerCaseTableNames: '0',
    });
    const machine = {
      deprecatesEof: true,
      clientDeprecatesEof: true,
      tracks: true,
      clientTracks: true,
      cachesMetadata: false,
      clientCachesMetadata: false,
      extendsMetadata: false,
      clientExtendsMetadata: false,
      takesBulk: true,
      attributes: 'none' as const,
      role: null,
      ...options,
      statementBytesMax: 1000,
      targetName: 'orders',
      targetDatabase: 'shop',
    };
    this.machine = new Machine(this, settings, wire.status.autocommit, machine);
  }

  release(effects: readonly Effect[] = [], changes: readonly SessionChange[] = [], obliges: Partial<Obligations> = {}): Ruling {
    const facts = { kind: 'select', span: { start: 0, end: 0 }, effects, missingWhere: false, risks: [], changes };
    const permit = mint(`a-${(this.#actions += 1)}` as ActionId);
    return {
      kind: 'release',
      permit,
      classification: classificationOf([facts]),
      obligations: { recordParameters: false, recordResults: false, ...obliges },
    };
  }

  refuse(message: string): Ruling {
    return { kind: 'refuse', refusal: { reason: 'denied', message, hint: null, holdId: 'h-1' as HoldId, offset: null } };
  }

  client(payload: Buffer, sequence = 0): void {
    this.log.push(`C> ${told(framed(payload, sequence))}`);
    this.machine.client({ payload, sequence });
  }

  target(...payloads: Buffer[]): void {
    const bytes = Buffer.concat(payloads.map((it, index) => framed(it, 1 + index)));
    this.log.push(`T> ${told(bytes)}`);
    this.machine.target(bytes);
  }

  toClient(bytes: Buffer): void {
    this.log.push(`>C ${told(bytes)}`);
  }

  toTarget(permit: Permit, bytes: Buffer): void {
    permit.assertOpen();
    this.log.push(`>T ${told(bytes)} under ${permit.actionId}`);
  }

  toTargetQuietly(bytes: Buffer): void {
    this.log.push(bytes === probeQuery ? '>T the probe' : bytes === trackQuery ? '>T what to track' : `>T ${told(bytes)} quietly`);
  }

  submit({ text, parameters, transaction, classified }: Parameters<MachinePort['submit']>[0]): void {
    const values = parameters === null ? '' : ` [${parameters.map((it) => it.text ?? 'NULL').join(', ')}]`;
    this.log.push(
      `submit ${text}${values}${transaction === 'open' ? ' in a transaction' : ''}${classified === null ? '' : ` as ${classified.summary.access}`}`,
    );
    if (this.answer !== null) this.machine.ruled(this.answer);
  }

  // Whole chunks are offered to the fast path by the connection only.
  submitSoon(): void {}
  ruledLate(): void {}
  toTargetNow(): void {}
  toClientNow(): void {}

  foreseesDenial(): boolean | null {
    return false;
  }

  finish(permit: Permit, { kind, rows }: Parameters<MachinePort['finish']>[1]): void {
    permit.close();
    this.log.push(`finish ${permit.actionId} ${kind} ${rows ?? '-'}`);
  }

  recordRows(_permit: Permit, rows: (string | null)[][]): void {
    this.log.push(`rows are recorded: ${JSON.stringify(rows)}`);
  }

  /** Of connections that another thread may have: hears whether it was one. */
  killed: ((killed: boolean) => void) | null = null;

  killOwn(connectionId: number, what: string, then: (killed: boolean) => void): void {
    this.log.push(`kill ${what} ${connectionId}`);
    if (connectionId < 100) then(connectionId === 7);
    else this.killed = then;
  }

  schemaChanged(): void {
    this.log.push('the schema changed');
  }

  renewed: () => void = () => undefined;

  renewCatalogue(renewed: () => void): void {
    this.renewed = renewed;
    this.log.push('the catalogue is read anew');
  }

  limitTime(limit: Parameters<MachinePort['limitTime']>[0]): void {
    this.log.push(limit === null ? 'no clock' : `a clock of ${limit.ms} ms`);
    this.timeIsUp = limit?.met ?? null;
  }

  stopTarget(): void {
    this.log.push('the target is told to stop');
  }

  changeUser(argument: Buffer): void {
    this.log.push(`change user ${argument.toString('latin1').replace(/\0.*/s, '')}`);
  }

  clientQuit(): void {
    this.log.push('the client quits');
  }
}

/** Packets as numbers and words: "0 QUERY select 1", "1 OK", "1 ERR 1142 …". */
function told(bytes: Buffer): string {
  const packets: string[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = bytes.readUIntLE(at, 3);
    packets.push(`${bytes[at + 3]} ${words(bytes.subarray(at + 4, at + 4 + length))}`);
    at += 4 + length;
  }
  return packets.join(', ');
}

function words(payload: Buffer): string {
  if (payload.length === 0) return 'empty';
  if (payload[0] === 0xff && payload[1] === 0xff) return `PROGRESS ${payload.subarray(10).toString()}`;
  if (payload[0] === 0xff) return `ERR ${wire.readErr(payload).number} ${wire.readErr(payload).message}`;
  if (payload[0] === wire.command.query) return `QUERY ${payload.subarray(1).toString()}`;
  if (payload[0] === wire.command.prepare) return `PREPARE ${payload.subarray(1).toString()}`;
  return payload.toString('hex');
}

const ok = wire.ok(wire.status.autocommit);
const okTold = ok.toString('hex');
const query = (text: string): Buffer => wire.query(text);
const packets = (sequence: number, payloads: readonly Buffer[]): Buffer =>
  Buffer.concat(payloads.map((it, index) => framed(it, sequence + index)));

t.test('a released statement', (t) => {
  const player = new Player();
  player.client(query('UPDATE t SET a = 1'));
  player.target(wire.ok(wire.status.inTransaction, 3));
  player.answer = player.refuse('no');
  player.client(query('SELECT 1'));
  t.strictSame(player.log, [
    'C> 0 QUERY UPDATE t SET a = 1',
    'submit UPDATE t SET a = 1',
    '>T 0 QUERY UPDATE t SET a = 1 under a-1',
    'T> 1 00030001000000',
    '>C 1 00030001000000',
    'finish a-1 completed 3',
    'C> 0 QUERY SELECT 1',
    'submit SELECT 1 in a transaction',
    '>C 1 ERR 1142 no (hold h-1)',
  ]);
  t.end();
});

t.test('a refused statement leaves everything as it was', (t) => {
  const player = new Player();
  player.answer = player.refuse('no');
  player.client(query('DROP TABLE t'));
  t.strictSame(player.log, ['C> 0 QUERY DROP TABLE t', 'submit DROP TABLE t', '>C 1 ERR 1142 no (hold h-1)']);
  t.ok(player.machine.takes);
  t.end();
});

t.test('a held statement: reports in front, and the answer counts on', (t) => {
  const player = new Player();
  player.answer = null;
  player.client(query('DELETE FROM t'));
  t.notOk(player.machine.takes, 'nothing else is taken while it waits');
  player.machine.inFront(wire.progress('waits'));
  player.machine.inFront(wire.progress('still'));
  player.machine.ruled(player.release());
  player.target(wire.ok(2, 5));
  t.strictSame(player.log, [
    'C> 0 QUERY DELETE FROM t',
    'submit DELETE FROM t',
    '>C 1 PROGRESS waits',
    '>C 2 PROGRESS still',
    '>T 0 QUERY DELETE FROM t under a-2',
    'T> 1 00050002000000',
    '>C 3 00050002000000',
    'finish a-2 completed 5',
  ]);
  t.end();
});

t.test('an execution after a refused one tells the target the types again', (t) => {
  const player = new Player();
  player.client(Buffer.concat([Buffer.from([wire.command.prepare]), Buffer.from('SELECT ?')]));
  const column = Buffer.concat([Buffer.from([3]), Buffer.from('def')]);
  player.target(Buffer.from('000900000001000100000000', 'hex'), column, column);
  player.log.length = 0;
  player.answer = player.refuse('no');
  player.client(Buffer.from('1709000000000100000000010300' + '05000000', 'hex'));
  player.answer = player.release();
  player.client(Buffer.from('1709000000000100000000' + '00' + '06000000', 'hex'));
  player.target(ok);
  t.strictSame(player.log, [
    'C> 0 170900000000010000000001030005000000',
    'submit SELECT ? [5]',
    '>C 1 ERR 1142 no (hold h-1)',
    'C> 0 17090000000001000000000006000000',
    'submit SELECT ? [6]',
    '>T 0 170900000000010000000001030006000000 under a-2',
    `T> 1 ${okTold}`,
    `>C 1 ${okTold}`,
    'finish a-2 completed 0',
  ]);
  t.end();
});

t.test('KILL of an own connection is done here, of any other is judged', (t) => {
  const player = new Player();
  player.client(query('KILL QUERY 7'));
  player.answer = player.refuse('no');
  player.client(query('kill 8'));
  t.strictSame(player.log, [
    'C> 0 QUERY KILL QUERY 7',
    'kill query 7',
    `>C 1 ${okTold}`,
    'C> 0 QUERY kill 8',
    'kill connection 8',
    'submit kill 8',
    '>C 1 ERR 1142 no (hold h-1)',
  ]);
  t.end();
});

t.test('a connection that another thread may have: the answer is waited for, and what is none is judged', (t) => {
  const player = new Player();
  player.client(query('KILL 107'));
  t.notOk(player.machine.takes, 'nothing else is taken while other threads are asked');
  t.notOk(player.machine.isWaiting, 'there is nothing to withdraw');
  player.killed?.(true);
  t.ok(player.machine.takes);
  player.client(Buffer.from([wire.command.processKill, 108, 0, 0, 0]));
  player.killed?.(false);
  player.client(query('KILL QUERY 109'));
  player.answer = player.refuse('no');
  player.killed?.(false);
  t.strictSame(player.log, [
    'C> 0 QUERY KILL 107',
    'kill connection 107',
    `>C 1 ${okTold}`,
    'C> 0 0c6c000000',
    'kill connection 108',
    '>C 1 ERR 1095 thread 108 is not a connection of yours through the gateway',
    'C> 0 QUERY KILL QUERY 109',
    'kill query 109',
    'submit KILL QUERY 109',
    '>C 1 ERR 1142 no (hold h-1)',
  ]);
  t.end();
});

t.test('a file of the client goes under the permit of its statement', (t) => {
  const player = new Player();
  player.answer = player.release([{ verb: 'file-read', access: 'write', objectKind: 'file', object: 'x' }]);
  player.client(query('LOAD DATA LOCAL INFILE "x" INTO TABLE t'));
  player.target(Buffer.from('\xfbx', 'latin1'));
  t.equal(player.machine.expectedSequence, 2);
  player.client(Buffer.from('rows'), 2);
  player.client(Buffer.alloc(0), 3);
  player.machine.target(framed(ok, 4));
  t.strictSame(player.log.slice(2), [
    '>T 0 QUERY LOAD DATA LOCAL INFILE "x" INTO TABLE t under a-2',
    'T> 1 fb78',
    '>C 1 fb78',
    'C> 2 726f7773',
    '>T 2 726f7773 under a-2',
    'C> 3 empty',
    '>T 3 empty under a-2',
    `>C 4 ${okTold}`,
    'finish a-2 completed 0',
  ]);
  t.end();
});

t.test('after a reset the gateway asks what the session is like before it judges again', (t) => {
  const player = new Player();
  player.client(Buffer.from([wire.command.resetConnection]));
  player.target(ok);
  player.target(ok);
  t.notOk(player.machine.takes);
  const cells = ['NO_BACKSLASH_ESCAPES', 'latin1', 'other'].map((it) => wire.lenencBytes(Buffer.from(it)));
  player.target(
    Buffer.from([3]),
    Buffer.from('c1'),
    Buffer.from('c2'),
    Buffer.from('c3'),
    Buffer.concat(cells),
    wire.ok(wire.status.noBackslashEscapes, 0, 0xfe),
  );
  t.ok(player.machine.takes);
  t.strictSame(
    player.log.filter((it) => !it.startsWith('T>')),
    ['C> 0 1f', '>T 0 1f quietly', `>C 1 ${okTold}`, '>T what to track', '>T the probe'],
  );
  t.match(player.machine.settings.mode.settings, { sql_mode: 'NO_BACKSLASH_ESCAPES', character_set_client: 'latin1', database: 'other' });
  t.end();
});

t.test('USE with the name of the target means its database', (t) => {
  const player = new Player();
  player.client(Buffer.concat([Buffer.from([wire.command.initDb]), Buffer.from('orders')]));
  player.target(ok);
  t.strictSame(player.log.slice(1, 3), ['submit USE `shop`', '>T 0 0273686f70 under a-1']);
  t.equal(player.machine.settings.mode.settings['database'], 'shop');
  t.end();
});

t.test('bytes of the target that nobody asked for end it', (t) => {
  const player = new Player();
  t.throws(() => player.target(ok), { code: 'protocol-violation' });
  t.end();
});

t.test('a target says why it closes: in one piece or several, and only with an error of a size that words have', (t) => {
  const error = (words: string): Buffer => Buffer.concat([Buffer.from([0xff, 4031 & 0xff, 4031 >>> 8]), Buffer.from(`#HY000${words}`)]);
  const farewell = error('The client was disconnected by the server because of inactivity.');
  const heard = { message: /because of inactivity/, error: { number: 4031, sqlState: 'HY000' } };
  t.throws(() => new Player().target(farewell), heard);
  for (let cut = 1; cut < farewell.length + 4; cut += 1) {
    const player = new Player();
    const bytes = framed(farewell, 0);
    player.machine.target(bytes.subarray(0, cut));
    t.throws(() => player.machine.target(bytes.subarray(cut)), heard, `cut after ${cut} bytes`);
  }
  for (const other of [error('x'.repeat(2000)), Buffer.from([0xff]), Buffer.alloc(0), Buffer.from([0xfe, 0, 0, 0, 0, 0, 0, 0, 0, 0])]) {
    t.throws(() => new Player().target(other), { code: 'protocol-violation' });
  }
  t.end();
});

const prepared = Buffer.from('000900000001000100000000', 'hex');
const definition = Buffer.concat([Buffer.from([3]), Buffer.from('def')]);

t.test('a batch: every value is judged, and the bytes that were judged go on', (t) => {
  const player = new Player();
  player.client(Buffer.concat([Buffer.from([wire.command.prepare]), Buffer.from('SELECT ?')]));
  player.target(prepared, definition, definition);
  player.log.length = 0;
  player.client(Buffer.from('fa09000000' + '8000' + '0300' + '0005000000' + '01' + '0007000000', 'hex'));
  player.target(wire.ok(wire.status.autocommit, 3));
  player.answer = player.refuse('no');
  player.client(Buffer.from('fa09000000' + '0000' + '0008000000', 'hex'));
  t.strictSame(player.log, [
    'C> 0 fa09000000800003000005000000010007000000',
    'submit SELECT ? [5, NULL, 7]',
    '>T 0 fa09000000800003000005000000010007000000 under a-1',
    'T> 1 00030002000000',
    '>C 1 00030002000000',
    'finish a-1 completed 3',
    'C> 0 fa0900000000000008000000',
    'submit SELECT ? [8]',
    '>C 1 ERR 1142 no (hold h-1)',
  ]);
  t.end();
});

t.test('a batch for a target that knows none is refused', (t) => {
  const player = new Player({ takesBulk: false });
  player.client(Buffer.from('fa0900000080000300', 'hex'));
  t.strictSame(player.log.slice(1), ['>C 1 ERR 1047 the target does not know bulk execution: execute row by row']);
  t.end();
});

t.test('a client that caches definitions, before a target that does not', (t) => {
  const player = new Player({ clientCachesMetadata: true });
  player.client(query('SELECT 1'));
  player.target(Buffer.from([1]), definition, Buffer.from('\x011', 'latin1'), wire.ok(wire.status.autocommit, 0, 0xfe));
  t.ok(player.log.includes('>C 1 0101'), 'the number of columns, and that their definitions follow');
  t.equal(player.log.at(-1), 'finish a-1 completed 1');
  t.end();
});

t.test('definitions that a target leaves out', (t) => {
  const player = new Player({ cachesMetadata: true, clientCachesMetadata: true });
  player.client(query('SELECT 1'));
  player.target(Buffer.from([1, 0]), Buffer.from('\x011', 'latin1'), wire.ok(wire.status.autocommit, 0, 0xfe));
  t.equal(player.log.at(-1), 'finish a-1 completed 1');
  t.ok(player.machine.takes);
  t.end();
});

t.test('a change of the user is no command of the session', (t) => {
  const player = new Player();
  player.client(Buffer.concat([Buffer.from([wire.command.changeUser]), Buffer.from('bob\0\0\0')]));
  t.strictSame(player.log.slice(1), ['change user bob']);
  t.end();
});

t.test('the answer to a command of several packets counts on from the last of them', (t) => {
  const player = new Player();
  player.answer = player.refuse('no');
  player.client(query('DROP TABLE t'), 1);
  t.equal(player.log.at(-1), '>C 2 ERR 1142 no (hold h-1)');
  t.end();
});

// ---- obligations ----

const reads = [{ verb: 'read', access: 'read', objectKind: 'table', object: 'shop.t' }] as const;
const fenced = { fence: 'read-only' } as const;
const own = wire.status.inTransaction | wire.status.readOnlyTransaction | wire.status.autocommit;
const okOf = (flags: number): Buffer => wire.ok(flags);
const column = Buffer.concat([Buffer.from([3]), Buffer.from('def')]);
const fence = ['>T 0 QUERY START TRANSACTION READ ONLY quietly', `T> 1 ${okOf(own).toString('hex')}`];
const lowered = ['>T 0 QUERY COMMIT AND NO CHAIN NO RELEASE quietly', `T> 1 ${okTold}`];

t.test('the fence: raised, hidden, lowered', (t) => {
  const player = new Player();
  player.answer = player.release(reads, [], fenced);
  player.client(query('SELECT a FROM t'));
  t.notOk(player.machine.takes, 'the fence is not up yet');
  player.target(okOf(own));
  player.target(Buffer.from([1]), column, Buffer.from('\x011', 'latin1'), wire.ok(own, 0, 0xfe));
  player.target(ok);
  t.ok(player.machine.takes);
  t.strictSame(player.log, [
    'C> 0 QUERY SELECT a FROM t', 'submit SELECT a FROM t', ...fence,
    '>T 0 QUERY SELECT a FROM t under a-2',
    `T> 1 01, 2 QUERY def, 3 0131, 4 ${wire.ok(own, 0, 0xfe).toString('hex')}`,
    '>C 1 01',
    '>C 2 QUERY def, 3 0131',
    `>C 4 ${wire.ok(2, 0, 0xfe).toString('hex')}`,
    'finish a-2 completed 1', ...lowered,
  ]);
  t.end();
}); // prettier-ignore

t.test('the fence stops a write: undone, asked about, run without it', (t) => {
  const player = new Player();
  player.answer = player.release(reads, [], fenced);
  player.client(query('SELECT a FROM v'));
  player.target(okOf(own));
  player.target(Buffer.from([1]), column, wire.err(1792, '25006', 'Cannot execute'));
  player.answer = null;
  player.target(ok);
  player.machine.inFront(wire.progress('waits'));
  player.machine.ruled(player.release(reads, [], fenced));
  t.notOk(player.machine.takes);
  player.log.splice(0, player.log.indexOf('finish a-2 failed -'));
  t.strictSame(player.log, [
    'finish a-2 failed -', ...lowered,
    'submit SELECT a FROM v as unknown',
    '>C 1 PROGRESS waits',
    '>T 0 QUERY START TRANSACTION READ ONLY quietly',
  ], 'nothing of the first try has reached the client; what the ruling says of the second counts'); // prettier-ignore
  t.end();
});

t.test('a fence that can not be raised: the statement does not run', (t) => {
  const player = new Player();
  player.answer = player.release(reads, [], fenced);
  player.client(query('SELECT a FROM t'));
  player.target(wire.err(1317, '70100', 'interrupted'));
  t.strictSame(player.log.slice(2), [
    '>T 0 QUERY START TRANSACTION READ ONLY quietly',
    'T> 1 ERR 1317 interrupted',
    'finish a-2 cancelled -',
    '>C 1 ERR 1317 interrupted',
  ]);
  t.end();
});

t.test('a KILL that came late does not leave the fence standing', (t) => {
  const player = new Player();
  player.answer = player.release(reads, [], fenced);
  player.client(query('SELECT a FROM t'));
  player.target(okOf(own));
  player.target(okOf(own));
  player.target(wire.err(1317, '70100', 'interrupted'));
  t.notOk(player.machine.takes);
  player.target(ok);
  t.ok(player.machine.takes);
  t.strictSame(player.log.slice(-4), [lowered[0], 'T> 1 ERR 1317 interrupted', ...lowered]);
  t.end();
});

t.test('inside a transaction: proved by a new catalogue, or not run without one', (t) => {
  const player = new Player();
  player.client(query('BEGIN'));
  player.target(okOf(wire.status.inTransaction));
  player.answer = player.release(reads, [], fenced);
  player.client(query('SELECT a FROM t'));
  player.answer = player.refuse('no');
  player.renewed(); // the catalogue could not be read
  t.strictSame(player.log.slice(6), [
    'C> 0 QUERY SELECT a FROM t',
    'submit SELECT a FROM t in a transaction',
    'the catalogue is read anew',
    'finish a-2 failed -',
    'submit SELECT a FROM t in a transaction as unknown',
    '>C 1 ERR 1142 no (hold h-1)',
  ]);
  t.end();
});

t.test('KILL QUERY while the catalogue is read anew: what was released does not run, and the reading counts for no other', (t) => {
  const player = new Player();
  player.client(query('BEGIN'));
  player.target(okOf(wire.status.inTransaction));
  player.answer = player.release(reads, [], fenced);
  player.client(query('SELECT a FROM t'));
  const { renewed } = player;
  player.machine.interruptProof();
  player.answer = player.release(reads, [], fenced);
  player.client(query('SELECT b FROM t'));
  renewed();
  t.strictSame(player.log.slice(6), [
    'C> 0 QUERY SELECT a FROM t',
    'submit SELECT a FROM t in a transaction',
    'the catalogue is read anew',
    'finish a-2 cancelled -',
    '>C 1 ERR 1317 Query execution was interrupted',
    'C> 0 QUERY SELECT b FROM t',
    'submit SELECT b FROM t in a transaction',
    'the catalogue is read anew',
  ]);
  t.end();
});

t.test('too many rows: the rest does not come through, and the error counts on', (t) => {
  const player = new Player();
  player.answer = player.release(reads, [], { rowsMax: 1, limitedBy: 'p/few' });
  player.client(query('SELECT a FROM t'));
  const row = Buffer.from('\x011', 'latin1');
  player.target(Buffer.from([1]), column, row, row, row, wire.err(1317, '70100', 'interrupted'));
  t.strictSame(player.log.slice(4), [
    '>C 1 01',
    'the target is told to stop',
    '>C 2 QUERY def, 3 0131',
    '>C 4 ERR 1104 the statement returns more than 1 rows, the most that rule p/few lets through. The rows so far are not all: add a LIMIT or a condition.',
    'finish a-2 failed -',
  ]);
  t.end();
});

t.test('a file that is asked for behind rows beyond the limit is not asked of the client, and the target does not wait for it', (t) => {
  const player = new Player({ deprecatesEof: false, clientDeprecatesEof: false });
  player.answer = player.release([{ verb: 'file-read', access: 'write', objectKind: 'file', object: 'x' }], [], {
    rowsMax: 1,
    limitedBy: 'p/few',
  });
  player.client(query('SELECT 1; LOAD DATA LOCAL INFILE "x" INTO TABLE t'));
  const end = Buffer.from('fe00000a00', 'hex');
  player.machine.target(packets(1, [Buffer.from([1]), column, end, Buffer.from('\x011'), Buffer.from('\x012'), end]));
  player.machine.target(framed(Buffer.from('\xfbx', 'latin1'), 7));
  t.equal(player.machine.expectedSequence, 0, 'no part of a file is expected');
  player.machine.target(framed(ok, 9));
  t.strictSame(player.log.slice(2), [
    '>T 0 QUERY SELECT 1; LOAD DATA LOCAL INFILE "x" INTO TABLE t under a-2',
    '>C 1 01',
    '>C 2 QUERY def',
    '>C 3 fe00000a00',
    'the target is told to stop',
    '>C 4 0131',
    '>T 8 empty under a-2',
    '>C 5 ERR 1104 the statement returns more than 1 rows, the most that rule p/few lets through. The rows so far are not all: add a LIMIT or a condition.',
    'finish a-2 failed 2',
  ]);
  t.ok(player.machine.takes);
  t.end();
});

t.test('too long: cancelled, unless it was done', (t) => {
  const player = new Player();
  for (const answer of [wire.err(1317, '70100', 'interrupted'), wire.ok(2, 3)]) {
    player.answer = player.release(reads, [], { statementTimeoutMs: 1500 });
    player.client(query('DO SLEEP(9)'));
    player.timeIsUp?.();
    player.target(answer);
  }
  const words = 'canceling statement: it ran longer than 1.5 s, the most that its rule lets it run';
  const asked = (id: string) => ['C> 0 QUERY DO SLEEP(9)', 'submit DO SLEEP(9)', 'a clock of 1500 ms', `>T 0 QUERY DO SLEEP(9) under ${id}`, 'the target is told to stop']; // prettier-ignore
  t.strictSame(player.log, [
    ...asked('a-2'), 'T> 1 ERR 1317 interrupted', 'no clock', `>C 1 ERR 1969 ${words}`, 'finish a-2 failed -',
    ...asked('a-3'), 'T> 1 00030002000000', '>C 1 00030002000000', 'no clock', 'finish a-3 completed 3',
  ]); // prettier-ignore
  t.end();
});

t.test('what is beyond the limit is not recorded either', (t) => {
  const player = new Player();
  player.answer = player.release(reads, [], { rowsMax: 1, limitedBy: 'p/few', recordResults: true });
  player.client(query('SELECT a FROM t'));
  const row = Buffer.from('\x011', 'latin1');
  const names = ['def', '', '', '', 'a', ''].map((it) => wire.lenencBytes(Buffer.from(it)));
  const whole = Buffer.concat([...names, Buffer.from([0x0c, 45, 0, 1, 0, 0, 0, 253, 0, 0, 0, 0, 0])]);
  player.target(Buffer.from([1]), whole, row, row, row, wire.err(1317, '70100', 'interrupted'));
  t.ok(player.log.includes('rows are recorded: [["1"]]'), player.log.join('\n'));
  t.end();
});

t.test('query attributes: passed on and part of what is asked, or dropped; the text is judged without them', (t) => {
  const attributed = Buffer.concat([Buffer.from('03 01 01 00 01 fe00 01 6b 01 76'.replaceAll(' ', ''), 'hex'), Buffer.from('DO 1')]);
  for (const [attributes, told, goesOn] of [
    ['forwarded', 'submit DO 1 [v]', attributed],
    ['dropped', 'submit DO 1', query('DO 1')],
  ] as const) {
    const player = new Player({ attributes });
    const sent: string[] = [];
    player.toTarget = (_permit, bytes) => void sent.push(bytes.toString('hex'));
    player.client(attributed);
    t.equal(player.log[1], told);
    t.strictSame(sent, [framed(goesOn, 0).toString('hex')]);
  }
  t.end();
});
