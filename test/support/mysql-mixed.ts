// Many sessions of MySQL at once, each with bytes of its own: slow readers, sessions that are ended and statements that are killed in the
// middle, holds with long texts and long parameters, files of clients, compression, masks, recorded rows, the read-only fence. Memory of
// what passed is used again for whoever comes next: what each session reads, what reaches the tables, and what is recorded must be its own.

import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { createConnection } from 'mysql2';
import type { Connection, ConnectionOptions, RowDataPacket } from 'mysql2';
import type { EnrolmentTokenIssued, Page, SessionView } from '../../src/api/contract.ts';
import type { StatementEntry } from '../../src/core/recording.ts';
import { readRecording } from '../../src/recordings/read.ts';
import { agentOf, linked } from '../unit/agent-fixture.ts';
import type { Teardown } from './directories.ts';
import { eventually } from './eventually.ts';
import { startTestGateway } from './gateway.ts';
import type { TestGateway } from './gateway.ts';
import { mariadbTarget, startMariadb } from './mariadb.ts';
import type { TestMariadb } from './mariadb.ts';

interface Tap extends Teardown {
  equal(found: unknown, wanted: unknown, words: string): unknown;
  same(found: unknown, wanted: unknown, words: string): unknown;
  ok(found: unknown, words: string): unknown;
}

/** Rows of 1 to 30 times 128 bytes, 24 MB: more than all buffers of two connections. */
const bulkRows = 12_000;
const rows = 300;
const fileRows = 10_000;
const cycles = 200;

const mixedPolicies = {
  'mixed.yaml': `policy: mixed
applies_to: { protocols: [mysql] }
rules:
  - { id: in, actions: [connect], decision: allow }
  - { id: ask, actions: [statement], effects: { verbs: [update] }, decision: hold, approvers: { groups: [dba] } }
  - { id: all, actions: [statement], targets: { names: ['near', 'far', '*-ended'] }, decision: allow }
  - { id: kept, actions: [statement], targets: { names: ['*-kept'] }, decision: allow, record: { results: true } }
  - { id: masked, actions: [statement], targets: { names: ['*-hidden'] }, understood: true, decision: allow, record: { results: true }, mask: [{ columns: [hidden.secret] }] }
  - { id: fenced, actions: [statement], targets: { names: ['*-fenced'] }, decision: allow, fence: read-only }
`,
};

/** How a target is called: as it is, where rows are recorded, where they are masked, too, behind the fence, and where an operator ends the session. */
const kinds = ['', '-kept', '-hidden', '-fenced', '-ended'] as const;
type Kind = (typeof kinds)[number];

interface MixedWorld {
  readonly gateway: TestGateway;
  readonly server: TestMariadb;
}

/** A server that is the target "near", perhaps on another port, and behind an agent "far", each of all kinds. */
export async function mixedGateway(t: Teardown, relayThreads: number, through?: (port: number) => Promise<number>): Promise<MixedWorld> {
  const server = await startMariadb(t);
  await server.sql(`
    CREATE TABLE many (id int PRIMARY KEY);
    INSERT INTO many SELECT seq FROM seq_1_to_${bulkRows};
    CREATE TABLE hidden (who varchar(40), id int, secret varchar(40));
    CREATE TABLE held (who varchar(40) PRIMARY KEY, value longtext);
    CREATE TABLE loaded (who varchar(40), line text)`);
  const port = (await through?.(server.port)) ?? server.port;
  const near = kinds.map((kind) => ({ ...mariadbTarget(server, `near${kind}`, {}), port }));
  const far = kinds.map((kind) => ({ ...mariadbTarget(server, `far${kind}`, {}), agent: 'vpc' }));
  const gateway = await startTestGateway(t, {
    targets: [...near, ...far],
    policies: mixedPolicies,
    config: { relay_threads: relayThreads },
  });
  const { body } = await gateway.api('erin').post<EnrolmentTokenIssued>('/agents/enrolment-tokens', { name: 'vpc' });
  await linked(agentOf(t, { gateway: body.gateway, token: body.token }));
  return { gateway, server };
}

const md5 = (text: string) => createHash('md5').update(text).digest('hex');
const lineOf = (who: string, n: number) => md5(`${who} ${n}`).repeat(4 * (1 + ((n * 7) % 30)));
const bulk = (who: string) => `SELECT REPEAT(MD5(CONCAT('${who} ', id)), 4 * (1 + MOD(id * 7, 30))) AS text FROM many ORDER BY id`;
const numbers = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

/** All of it, to one target of each kind. */
export async function mixedSessions(t: Tap, world: MixedWorld, target: string): Promise<void> {
  const make = new Mixed(t, world, target);
  const slow = await make.slowReaders(3);
  const ended = await make.ended();
  const held = await make.held();
  const work = [make.quick(1, ''), make.quick(2, '-fenced'), make.compressed(), make.loaded(1), make.loaded(2), make.killed()];
  const more = [make.recorded(1), make.recorded(2), make.masked(1), make.masked(2), make.prepared(1), make.prepared(2)];
  await Promise.all([...work, ...more]);
  await ended();
  await held();
  await slow();
}

interface Reader {
  /** Hash of what is still to come and what came, or null when it ended in an error. */
  readonly rest: Promise<string | null>;
  readonly goOn: () => void;
  readonly lines: string[];
}

class Mixed {
  readonly #t: Tap;
  readonly #gateway: TestGateway;
  readonly #server: TestMariadb;
  readonly #target: string;

  constructor(t: Tap, { gateway, server }: MixedWorld, target: string) {
    this.#t = t;
    this.#gateway = gateway;
    this.#server = server;
    this.#target = target;
  }

  #who(what: string): string {
    return `${this.#target} ${what}`;
  }

  #connect(kind: Kind = '', options: ConnectionOptions = {}): Connection {
    const { port } = this.#gateway.address('mysql');
    const user = { user: `alice:${this.#target}${kind}`, password: this.#gateway.token('alice') };
    const connection = createConnection({ host: '127.0.0.1', port, ...user, rowsAsArray: true, ...options });
    connection.on('error', () => undefined);
    this.#t.teardown(() => connection.destroy());
    return connection;
  }

  /** Reads rows one by one, and stops behind the first five hundred until it may go on. */
  async #stopped(what: string, kind: Kind): Promise<Reader> {
    const lines: string[] = [];
    const mayGoOn = Promise.withResolvers<void>();
    const read = async (): Promise<string | null> => {
      const hash = createHash('sha256');
      const connection = this.#connect(kind);
      const stream = connection.query(bulk(this.#who(what))).stream({ highWaterMark: 5 });
      for (const event of ['error', 'end']) connection.on(event, () => stream.destroy(new Error('the connection is lost')));
      try {
        for await (const row of stream) {
          const [line = ''] = row as [string];
          lines.push(line);
          hash.update(`${line}\n`);
          if (lines.length === 500) await mayGoOn.promise;
        }
      } catch {
        return null;
      }
      return hash.digest('hex');
    };
    const rest = read();
    await eventually(`${what} reads`, () => lines.length >= 500, 30_000);
    return { rest, goOn: () => mayGoOn.resolve(), lines };
  }

  #wanted(who: string): string {
    const hash = createHash('sha256');
    for (const n of numbers(bulkRows)) hash.update(`${lineOf(who, n)}\n`);
    return hash.digest('hex');
  }

  async slowReaders(count: number): Promise<() => Promise<void>> {
    const readers = await Promise.all(numbers(count).map((at) => this.#stopped(`slow ${at}`, '')));
    return async () => {
      for (const { goOn } of readers) goOn();
      for (const [index, { rest }] of readers.entries()) {
        const who = this.#who(`slow ${index + 1}`);
        this.#t.equal(await rest, this.#wanted(who), who);
      }
    };
  }

  /** By an operator, while its reader is slow: what came is the beginning of its own. */
  async ended(): Promise<() => Promise<void>> {
    const { rest, goOn, lines } = await this.#stopped('ended', '-ended');
    const { body } = await this.#gateway.api('carol').get<Page<SessionView>>('/sessions?state=open&limit=200');
    const session = body.items.find((it) => it.target === `${this.#target}-ended`);
    await this.#gateway.api('erin').post(`/sessions/${session?.id}/kill`);
    return async () => {
      goOn();
      this.#t.equal(await rest, null, `${this.#who('ended')} hears of it`);
      const wrong = lines.filter((line, index) => line !== lineOf(this.#who('ended'), index + 1));
      this.#t.ok(wrong.length === 0 && lines.length < bulkRows, `${this.#who('ended')}: ${lines.length} rows, all its own`);
    };
  }

  async quick(at: number, kind: Kind): Promise<void> {
    const who = this.#who(`quick ${at}`);
    this.#t.equal(await this.#all(this.#connect(kind), who), this.#wanted(who), who);
  }

  async compressed(): Promise<void> {
    const who = this.#who('compressed');
    const connection = this.#connect('', { compress: true } as ConnectionOptions);
    this.#t.equal(await this.#all(connection, who), this.#wanted(who), who);
  }

  async #all(connection: Connection, who: string): Promise<string> {
    const hash = createHash('sha256');
    for await (const row of connection.query(bulk(who)).stream({ highWaterMark: 1000 })) hash.update(`${(row as [string])[0]}\n`);
    connection.end();
    return hash.digest('hex');
  }

  /** A file of the client's. */
  async loaded(at: number): Promise<void> {
    const who = this.#who(`loaded ${at}`);
    const file = Readable.from(numbers(fileRows).map((n) => Buffer.from(`${who}\t${md5(`${who} ${n}`)}\n`)));
    const sql = 'LOAD DATA LOCAL INFILE "lines" INTO TABLE loaded (who, line)';
    await ask(this.#connect(), { sql, infileStreamFactory: () => file } as never);
    const sums = await this.#server.sql(
      `SET SESSION group_concat_max_len = 1000000000; SELECT MD5(GROUP_CONCAT(line ORDER BY line SEPARATOR '')) AS sum FROM loaded WHERE who = '${who}'`,
    );
    const lines = numbers(fileRows).map((n) => md5(`${who} ${n}`));
    this.#t.equal(sums[0]?.['sum'], md5(lines.sort().join('')), who);
  }

  async recorded(at: number): Promise<void> {
    const who = this.#who(`recorded ${at}`);
    const connection = this.#connect('-kept');
    const text = `SELECT CAST(id AS CHAR), REPEAT(MD5(CONCAT('${who} ', id)), 4) FROM many WHERE id <= ${rows} ORDER BY id`;
    const wanted = numbers(rows).map((n) => [String(n), md5(`${who} ${n}`).repeat(4)]);
    this.#t.same(await ask(connection, text), wanted, `${who}, as text`);
    this.#t.same(await execute(connection, text, []), wanted, `${who}, prepared`);
    this.#t.same(await ask(connection, text), wanted, `${who}, as text again`);
    connection.end();
    const entries = await this.#entries(text);
    this.#t.equal(entries.length, 3, `${who}: each is recorded`);
    for (const { results } of entries) this.#t.same(results, wanted, `${who}: what was shown is recorded`);
  }

  async masked(at: number): Promise<void> {
    const who = this.#who(`masked ${at}`);
    const secret = (n: number) => lettersOf(md5(`${who} ${n}`));
    await this.#server.sql(`INSERT INTO hidden VALUES ${numbers(rows).map((n) => `('${who}', ${n}, '${secret(n)}')`)}`); // prettier-ignore
    const connection = this.#connect('-hidden');
    const text = `SELECT id, who, secret FROM hidden WHERE who = '${who}' ORDER BY id`;
    const wanted = numbers(rows).map((n) => [n, who, `${secret(n).charAt(0)}***`]);
    this.#t.same(await ask(connection, text), wanted, `${who}, as text`);
    this.#t.same(await execute(connection, text, []), wanted, `${who}, prepared`);
    connection.end();
    for (const { results } of await this.#entries(text)) {
      const shown = wanted.map((row) => row.map(String));
      this.#t.same(results, shown, `${who}: what was shown is recorded`);
    }
  }

  /** Killed in the middle of a large result, and the session goes on. */
  async killed(): Promise<void> {
    const who = this.#who('killed');
    const connection = this.#connect();
    for (const round of [1, 2]) {
      const lines: string[] = [];
      const reading = new Promise<Error | null>((resolve) => {
        const query = connection.query(`SELECT REPEAT(MD5(CONCAT('${who} ', seq)), 4 * (1 + MOD(seq * 7, 30))) FROM seq_1_to_1000000`);
        query.on('error', resolve).on('end', () => resolve(null));
        query.on('result', (row) => void lines.push((row as unknown as [string])[0]));
      });
      await eventually('rows come', () => lines.length > 100, 30_000);
      const other = this.#connect();
      await ask(other, `KILL QUERY ${connection.threadId}`);
      other.end();
      this.#t.ok((await reading) !== null, `${who}: it is told`);
      const wrong = lines.filter((line, index) => line !== lineOf(who, index + 1));
      this.#t.equal(wrong.length, 0, `${who}: ${lines.length} rows before`);
      this.#t.same(await ask(connection, `SELECT '${who} ${round}'`), [[`${who} ${round}`]], `${who}: it goes on`);
    }
    connection.end();
  }

  /** Small statements, prepared and as text, several hundred: the way that passes chunks as they come. */
  async prepared(at: number): Promise<void> {
    const who = this.#who(`prepared ${at}`);
    const connection = this.#connect();
    let wrong = 0;
    for (const n of numbers(cycles)) {
      const wanted = JSON.stringify([[md5(`${who} ${n}`).repeat((n % 50) + 1)]]);
      const prepared = await execute(connection, 'SELECT REPEAT(MD5(CONCAT(?, ?)), ?)', [`${who} `, String(n), (n % 50) + 1]);
      const text = await ask(connection, `SELECT REPEAT(MD5('${who} ${n}'), ${(n % 50) + 1})`);
      if (JSON.stringify(prepared) !== wanted || JSON.stringify(text) !== wanted) wrong += 1;
    }
    this.#t.equal(wrong, 0, who);
    connection.end();
  }

  /** Wait for an approver with a long text and a long parameter, and more behind them. */
  async held(): Promise<() => Promise<void>> {
    const [text, parameter] = [this.#who('held text'), this.#who('held parameter')];
    for (const who of [text, parameter]) await this.#server.sql(`INSERT INTO held VALUES ('${who}', '')`);
    const [one, two] = [this.#connect(), this.#connect()];
    const sql = `UPDATE held SET value = '${longText(text)}' WHERE who = '${text}'`;
    const running = [ask(one, sql), execute(two, `UPDATE held SET value = ? WHERE who = '${parameter}'`, [longText(parameter)])];
    const behind = numbers(20).map((n) => ask(one, `SELECT '${text} behind ${n} ${md5(`${text} ${n}`)}'`));
    const bob = this.#gateway.api('bob');
    const holds = await Promise.all([text, parameter].map((who) => bob.pendingHold(new RegExp(`who = '${who}'`))));
    return async () => {
      for (const { id } of holds) await bob.post(`/holds/${id}/approve`, { reason: 'ok' });
      await Promise.all(running);
      for (const n of numbers(20)) this.#t.same(await behind[n - 1], [[`${text} behind ${n} ${md5(`${text} ${n}`)}`]], `${text}: ${n}`);
      for (const connection of [one, two]) connection.end();
      for (const who of [text, parameter]) {
        const stored = await this.#server.sql(`SELECT value FROM held WHERE who = '${who}'`);
        this.#t.equal(stored[0]?.['value'], longText(who), `${who}: what reached the table`);
      }
      this.#t.equal((await this.#entries(sql)).length, 1, `${text}: what was recorded`);
    };
  }

  /** Entries with exactly this text, in the recordings of sessions that are over. */
  #entries(text: string): Promise<StatementEntry[]> {
    const folder = join(this.#gateway.dataDir, 'recordings');
    return eventually(`the recording of ${text.slice(0, 80)}`, async () => {
      for (const name of readdirSync(folder)) {
        const recording = name.endsWith('.jsonl') ? await readRecording(join(folder, name)) : null;
        const found = recording?.entries.filter((entry) => entry.text === text) ?? [];
        if (found.length > 0 && recording?.complete === true) return found;
      }
      return null;
    });
  }
}

function ask(connection: Connection, sql: string): Promise<unknown> {
  return new Promise((resolve, reject) => connection.query<RowDataPacket[][]>(sql, (error, found) => (error === null ? resolve(found) : reject(error)))); // prettier-ignore
}

function execute(connection: Connection, sql: string, values: (string | number)[]): Promise<unknown> {
  return new Promise((resolve, reject) => connection.execute<RowDataPacket[][]>(sql, values, (error, found) => (error === null ? resolve(found) : reject(error)))); // prettier-ignore
}

/** Of letters only a mask shows the first. */
const lettersOf = (hex: string) => hex.replaceAll(/\d/g, (digit) => String.fromCharCode(0x67 + Number(digit)));

/** 100 kB of nobody else's. */
function longText(who: string): string {
  return md5(who).repeat(3_000);
}
