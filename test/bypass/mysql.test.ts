// Every MySQL row of the corpus, played packet by packet through a whole gateway with the shipped production policies, and so with the
// read-only fence on, against a real MariaDB: in autocommit, and rows of one statement inside a transaction too. What is risky waits (and is
// answered with no) or is refused, and leaves the server as it was; what is free runs without anybody being asked.

import { readFileSync } from 'node:fs';
import type { RowDataPacket } from 'mysql2/promise';
import t from 'tap';
import { readPacket } from '../../protocols/mysql/byte-stream.ts';
import { flag } from '../../protocols/mysql/capabilities.ts';
import { framed, fullPacketBytes } from '../../protocols/mysql/codec.ts';
import * as wire from '../../protocols/mysql/messages.ts';
import type { Upstream } from '../../protocols/mysql/upstream.ts';
import type { HoldView, Page } from '../../src/api/contract.ts';
import type { Teardown } from '../support/directories.ts';
import { temporaryDirectory } from '../support/directories.ts';
import { eventually } from '../support/eventually.ts';
import { startTestGateway } from '../support/gateway.ts';
import { mariadbTarget, startMariadb } from '../support/mariadb.ts';
import { rawClient, wireSignal } from '../support/mysql-wire.ts';

t.setTimeout(170_000); // a busy machine takes its time

interface Row {
  readonly id: string;
  readonly protocol?: string;
  readonly input: string;
  readonly expect: 'read' | 'session' | 'hold' | 'deny';
  readonly why: string;
  readonly steps?: readonly (readonly unknown[])[];
  readonly setup?: string;
  readonly handshake_charset?: number;
}

const rows = ['cases.jsonl', 'more-mysql.jsonl']
  .flatMap((name) =>
    readFileSync(new URL(name, import.meta.url), 'utf8')
      .trim()
      .split('\n'),
  )
  .map((line) => JSON.parse(line) as Row)
  .filter((it) => it.protocol === undefined || it.protocol === 'mysql');

const fixture = `DROP DATABASE IF EXISTS tp; CREATE DATABASE tp; USE tp;
  CREATE TABLE victim (id int PRIMARY KEY, note varchar(200)); INSERT INTO victim SELECT seq, CONCAT('note ', seq) FROM seq_1_to_5;
  CREATE TABLE safe (id int PRIMARY KEY, name varchar(20)); INSERT INTO safe VALUES (1, 'a'), (2, 'b');
  CREATE TABLE secrets (id int PRIMARY KEY, ssn varchar(20)); INSERT INTO secrets VALUES (1, 'SSN-1'), (2, 'SSN-2');
  CREATE TABLE aria_t (id int) ENGINE=Aria; INSERT INTO aria_t VALUES (1);
  CREATE FUNCTION wipe_f() RETURNS int MODIFIES SQL DATA BEGIN DELETE FROM victim; RETURN 1; END;
  CREATE PROCEDURE wipe_p() DELETE FROM victim;
  CREATE VIEW quietview AS SELECT wipe_f() AS x; CREATE VIEW plain AS SELECT 1 AS one;`;

const server = await startMariadb(t);
await server.sql(fixture);
const gateway = await startTestGateway(t, { targets: [{ ...mariadbTarget(server, 'orders', { env: 'production' }), database: 'tp' }] });
const bob = gateway.api('bob');
const owner = await server.connect();
const folder = temporaryDirectory(t, 'written');

/** Everything that a row could change, as one text. */
async function state(): Promise<string> {
  const texts = [
    'SELECT * FROM tp.victim', 'SELECT * FROM tp.safe', 'SELECT * FROM tp.secrets', 'SELECT * FROM tp.aria_t',
    "SELECT table_name, table_type, engine FROM information_schema.tables WHERE table_schema = 'tp' ORDER BY 1",
    "SELECT routine_name, routine_definition FROM information_schema.routines WHERE routine_schema = 'tp' ORDER BY 1",
    'SELECT event_name FROM information_schema.events', 'SELECT schema_name FROM information_schema.schemata ORDER BY 1',
    'SELECT grantee, privilege_type FROM information_schema.user_privileges ORDER BY 1, 2',
    "SELECT plugin_name FROM information_schema.plugins WHERE plugin_status = 'ACTIVE' ORDER BY 1",
    "SELECT variable_name, variable_value FROM information_schema.global_variables WHERE variable_name IN ('GENERAL_LOG_FILE', 'SQL_MODE', 'READ_ONLY') ORDER BY 1",
  ]; // prettier-ignore
  const found: unknown[] = [];
  for (const text of texts) found.push((await owner.query<RowDataPacket[]>(text))[0]);
  return JSON.stringify(found);
}

/** The whole answer to one command: its errors, its kind. Stops at the end of the connection. */
async function answer({ stream }: Upstream, payload: Buffer): Promise<string[]> {
  const errors: string[] = [];
  stream.write(framed(payload, 0));
  let sequence = Math.floor(payload.length / fullPacketBytes) + 1;
  const read = async (): Promise<Buffer> => (await readPacket(stream, sequence++, 0xffffff, wireSignal)).payload;
  const isEnd = (packet: Buffer): boolean => packet[0] === 0xfe && packet.length < 9;
  const goesOn = (status: number): boolean => (status & 0x0008) !== 0;
  for (;;) {
    const first = await read();
    if (first[0] === 0xff) return [...errors, `${wire.readErr(first).number} ${wire.readErr(first).message}`];
    if (first[0] === 0xfb) {
      stream.write(framed(Buffer.alloc(0), sequence++)); // no file
      continue;
    }
    if (first[0] === 0xfe) {
      if (isEnd(first)) return errors; // COM_SET_OPTION
      stream.write(framed(Buffer.alloc(20), sequence++)); // a password that is none
      continue;
    }
    if (first[0] === 0x00) {
      if (!goesOn(wire.readOk(first, false).statusFlags)) return errors;
      continue;
    }
    let packet = await read();
    while (!isEnd(packet)) packet = await read(); // definitions
    for (packet = await read(); !isEnd(packet); packet = await read()) {
      if (packet[0] === 0xff) return [...errors, `${wire.readErr(packet).number} ${wire.readErr(packet).message}`];
    }
    if (!goesOn(packet.readUInt16LE(3))) return errors;
  }
}

interface Played {
  readonly holds: number;
  readonly refusals: readonly string[];
}

/** Plays one row; every hold that appears is denied. */
async function play(t: Teardown, row: Row, inTransaction: boolean): Promise<Played> {
  const { port } = gateway.address('mysql');
  const standard = flag.multiStatements | flag.multiResults | flag.localFiles;
  const open = () =>
    rawClient(t, {
      port,
      user: 'alice:orders',
      password: gateway.token('alice'),
      capabilities: { standard, extended: 0 },
      ...(row.handshake_charset === undefined ? {} : { charset: row.handshake_charset }),
    });
  let client = await open();
  let holds = 0;
  const refusals: string[] = [];
  const send = async (payload: Buffer): Promise<void> => {
    let over = false;
    const answered = answer(client, payload)
      .then((errors) => void refusals.push(...errors))
      .catch((thrown: Error) => void refusals.push(thrown.message)) // the connection ended
      .finally(() => (over = true));
    await eventually(`an answer to ${row.id}`, async () => {
      if (over) return true;
      const { body } = await bob.get<Page<HoldView>>('/holds?state=pending');
      for (const { id } of body.items) {
        holds += 1;
        await bob.post(`/holds/${id}/deny`, { reason: 'no' });
      }
      return over || undefined;
    });
    await answered;
  };
  const filled = (text: string) =>
    text.replace(/\{\{pad:(\d+)\}\}/g, (_, count) => 'a'.repeat(Number(count))).replaceAll('{{tmp}}', folder);
  const query = (text: string | Buffer) => send(Buffer.concat([Buffer.from([0x03]), Buffer.from(text)]));
  if (inTransaction) await query('BEGIN');
  let statement = 1;
  for (const [letter, first, second] of row.steps ?? [['Q', row.input]]) {
    switch (letter) {
      case 'Q':
        await query(filled(String(first)));
        break;
      case 'RAWQ':
        await query(Buffer.from((first as { hex: string }).hex, 'hex'));
        break;
      case 'COM':
        await send(Buffer.from((first as { hex: string }).hex, 'hex'));
        break;
      case 'PX':
      case 'PONLY':
        await send(Buffer.concat([Buffer.from([0x16]), Buffer.from(filled(String(first)))]));
        if (letter === 'PX') await send(execution(statement++, (second as number[]) ?? []));
        break;
      case 'AGAIN':
        await send(execution(statement - 1, first as number[]));
        break;
      case 'CHUSER':
        await send(
          Buffer.concat([
            Buffer.from([0x11]),
            Buffer.from(`${String(first)}\0\0tp\0`),
            Buffer.from([45, 0]),
            Buffer.from('mysql_native_password\0'),
          ]),
        );
        break;
      case 'BINLOG':
        await send(Buffer.concat([Buffer.from([0x12, 4, 0, 0, 0, 0, 0, 9, 0, 0, 0]), Buffer.from('binlog.000001')]));
        break;
      case 'BIG':
        await query(`/*${'a'.repeat(fullPacketBytes)}*/ DELETE FROM victim`);
        break;
      case 'NEW':
        client = await open();
        break;
      default:
        throw new Error(`step ${String(letter)} is not known`);
    }
  }
  client.stream.destroy();
  return { holds, refusals };
}

/** COM_STMT_EXECUTE with numbers. */
function execution(id: number, values: readonly number[]): Buffer {
  const head = Buffer.alloc(10);
  head[0] = 0x17;
  head.writeUInt32LE(id, 1);
  head.writeUInt32LE(1, 6);
  const numbers = values.map((value) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(value));
    return bytes;
  });
  const types = Buffer.concat([Buffer.from([1]), ...values.map(() => Buffer.from([8, 0]))]);
  return Buffer.concat([head, Buffer.alloc((values.length + 7) >>> 3), ...(values.length === 0 ? [] : [types, ...numbers])]);
}

/** Of rows that must wait a part is enough; WHOLE_CORPUS=1 takes all. */
const isTwice = (row: Row, at: number): boolean =>
  row.steps === undefined && row.setup === undefined && (row.expect === 'read' || at % 4 === 0 || process.env['WHOLE_CORPUS'] === '1');

let before = await state();
for (const [at, row] of rows.entries()) {
  for (const inTransaction of isTwice(row, at) ? [false, true] : [false]) {
    await t.test(`${row.id} ${row.expect}${inTransaction ? ', in a transaction' : ''}: ${row.why}`, async (t) => {
      if (row.setup !== undefined) {
        await owner.query(row.setup);
        before = await state();
      }
      const { holds, refusals } = await play(t, row, inTransaction);
      const after = await state();
      if (row.expect === 'read' || row.expect === 'session') {
        t.equal(holds, 0, 'nobody was asked');
        t.notOk(
          refusals.some((it) => /^1142 /.test(it)),
          `not refused: ${refusals.join('; ')}`,
        );
      } else t.ok(holds > 0 || refusals.length > 0, 'held or refused');
      t.equal(after, before, 'the server is as it was');
      if (after === before) return;
      await owner.query(fixture);
      before = await state();
    });
  }
}
