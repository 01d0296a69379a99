// Many sessions of PostgreSQL at once, each with bytes of its own: slow readers, sessions that are killed and statements that are
// cancelled in the middle, holds with more behind them, COPY both ways, masks, recorded rows, notices between rows. Memory of what passed is
// used again for whoever comes next: what each session reads, what reaches the tables, and what is in the recordings must be its own.

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { EnrolmentTokenIssued, Page, SessionView } from '../../src/api/contract.ts';
import type { StatementEntry } from '../../src/core/recording.ts';
import { readRecording } from '../../src/recordings/read.ts';
import * as wire from '../../protocols/postgres/messages.ts';
import type { Teardown } from './directories.ts';
import { eventually } from './eventually.ts';
import { startTestGateway, targetOf } from './gateway.ts';
import type { TestGateway } from './gateway.ts';
import { startPostgres } from './postgres.ts';
import type { TestPostgres } from './postgres.ts';
import { rowsOf, WireClient } from './postgres-wire.ts';
import { tool } from './tools.ts';
import { agentOf, linked } from '../unit/agent-fixture.ts';

interface Tap extends Teardown {
  equal(found: unknown, wanted: unknown, words: string): unknown;
  same(found: unknown, wanted: unknown, words: string): unknown;
  ok(found: unknown, words: string): unknown;
}

/** More than all buffers of two connections. */
const bulkRows = 40_000;
const rows = 400;
const copiedRows = 20_000;
const cycles = 300;

const mixedPolicies = {
  'mixed.yaml': `policy: mixed
applies_to: { protocols: [postgres] }
rules:
  - { id: in, actions: [connect], decision: allow }
  - { id: ask, actions: [statement], effects: { verbs: [update] }, decision: hold, approvers: { groups: [dba] } }
  - { id: all, actions: [statement], targets: { names: ['near', 'far', '*-ended'] }, decision: allow }
  - { id: kept, actions: [statement], targets: { names: ['*-kept'] }, decision: allow, record: { results: true } }
  - { id: masked, actions: [statement], targets: { names: ['*-hidden'] }, decision: allow, record: { results: true }, mask: [{ columns: [hidden.secret] }] }
  - { id: fenced, actions: [statement], targets: { names: ['*-fenced'] }, decision: allow, fence: read-only }
`,
};

/** How a target is called: as it is, where rows are recorded, where they are masked, too, behind the fence, and where an operator ends the session. */
const kinds = ['', '-kept', '-hidden', '-fenced', '-ended'] as const;
type Kind = (typeof kinds)[number];

interface MixedWorld {
  readonly gateway: TestGateway;
  readonly server: TestPostgres;
}

/** A server that is the target "near", perhaps on another port, and behind an agent "far", each of all kinds. */
export async function mixedGateway(t: Teardown, relayThreads: number, through?: (port: number) => Promise<number>): Promise<MixedWorld> {
  const server = await startPostgres(t, { from: 'debian' });
  await server.sql(`
    CREATE TABLE kept AS SELECT n AS id FROM generate_series(1, ${rows}) n;
    CREATE TABLE hidden (who text, id int, secret text);
    CREATE TABLE held (who text PRIMARY KEY, value text);
    CREATE TABLE copied (who text, line text)`);
  const port = (await through?.(server.port)) ?? server.port;
  const near = kinds.map((kind) => ({ ...targetOf(server, `near${kind}`, {}), port }));
  const far = kinds.map((kind) => ({ ...targetOf(server, `far${kind}`, {}), agent: 'vpc' }));
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
const lineOf = (who: string, n: number) => md5(`${who} ${n}`).repeat(1 + ((n * 7) % 31));
const bulk = (who: string, count = bulkRows) => `SELECT repeat(md5('${who} ' || n), 1 + n * 7 % 31) FROM generate_series(1, ${count}) n`;
const numbers = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

/** All of it, to one target of each kind. */
export async function mixedSessions(t: Tap, world: MixedWorld, target: string): Promise<void> {
  const make = new Mixed(t, world, target);
  const slow = await make.slowReaders(2);
  const killed = await make.killed();
  const gone = await Promise.all([1, 2].map((at) => make.stopped(`gone ${at}`)));
  const held = await make.held();
  const work = [
    make.quick(1),
    make.quick(2),
    make.quick(3, '-fenced'),
    make.copiedIn(1),
    make.copiedIn(2),
    make.recorded(1),
    make.recorded(2),
  ];
  const more = [make.masked(1), make.masked(2), make.notices(), make.cancelled(), make.prepared(1), make.prepared(2)];
  for (const it of gone) it.child.kill('SIGKILL');
  await Promise.all([...work, ...more]);
  await killed();
  await held();
  await slow();
}

/** A reader that has taken something and takes nothing more for now. */
interface Stopped {
  readonly child: ChildProcess;
  /** The rest: the hash of everything. */
  readonly rest: () => Promise<string>;
  /** What came so far and comes still. */
  readonly chunks: Buffer[];
}

class Mixed {
  readonly #t: Tap;
  readonly #gateway: TestGateway;
  readonly #server: TestPostgres;
  readonly #target: string;
  readonly #psql = tool('psql', 'postgresql-client');

  constructor(t: Tap, { gateway, server }: MixedWorld, target: string) {
    this.#t = t;
    this.#gateway = gateway;
    this.#server = server;
    this.#target = target;
  }

  #who(what: string): string {
    return `${this.#target} ${what}`;
  }

  #start(command: string, kind: Kind = ''): ChildProcess & { stdout: NodeJS.ReadableStream; stdin: NodeJS.WritableStream } {
    const child = spawn(this.#psql, [this.#gateway.url('alice', `${this.#target}${kind}`), '-XAtqc', command], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#t.teardown(() => child.kill());
    return child as never;
  }

  async #client(kind: Kind = ''): Promise<WireClient> {
    const { host, port } = this.#gateway.address('postgres');
    const password = this.#gateway.token('alice');
    return WireClient.open(this.#t, { host, port, user: 'alice', password, database: `${this.#target}${kind}` });
  }

  async #read(command: string, kind: Kind): Promise<string> {
    const hash = createHash('sha256');
    for await (const chunk of this.#start(command, kind).stdout) hash.update(chunk as Buffer);
    return hash.digest('hex');
  }

  #wanted(who: string, count = bulkRows): string {
    const hash = createHash('sha256');
    for (const n of numbers(count)) hash.update(`${lineOf(who, n)}\n`);
    return hash.digest('hex');
  }

  /** Reads a little of a large copy, and stops. */
  async stopped(what: string, kind: Kind = ''): Promise<Stopped> {
    const child = this.#start(`COPY (${bulk(this.#who(what))}) TO STDOUT`, kind);
    const chunks: Buffer[] = [];
    const take = (chunk: Buffer) => {
      chunks.push(chunk);
      child.stdout.pause();
    };
    child.stdout.on('data', take);
    await eventually(`${what} reads`, () => chunks.length > 0);
    const rest = async () => {
      child.stdout.off('data', take).on('data', (chunk: Buffer) => chunks.push(chunk));
      await Promise.all([once(child.stdout, 'end'), child.stdout.resume()]);
      const hash = createHash('sha256');
      for (const chunk of chunks) hash.update(chunk);
      return hash.digest('hex');
    };
    return { child, chunks, rest };
  }

  async slowReaders(count: number): Promise<() => Promise<void>> {
    const readers = await Promise.all(numbers(count).map((at) => this.stopped(`slow ${at}`)));
    return async () => {
      for (const [index, { rest }] of readers.entries())
        this.#t.equal(await rest(), this.#wanted(this.#who(`slow ${index + 1}`)), `slow reader ${index + 1}`);
    };
  }

  /** Ended by an operator while its reader is slow: what came is the beginning of its own. */
  async killed(): Promise<() => Promise<void>> {
    const { chunks, rest } = await this.stopped('killed', '-ended');
    const { body } = await this.#gateway.api('carol').get<Page<SessionView>>('/sessions?state=open&limit=200');
    const session = body.items.find((it) => it.target === `${this.#target}-ended`);
    await this.#gateway.api('erin').post(`/sessions/${session?.id}/kill`);
    return async () => {
      await rest();
      const whole = numbers(bulkRows)
        .map((n) => `${lineOf(this.#who('killed'), n)}\n`)
        .join('');
      const came = Buffer.concat(chunks).toString('latin1');
      this.#t.ok(came.length > 0 && came.length < whole.length && whole.startsWith(came), 'killed: the beginning of its own');
    };
  }

  async quick(at: number, kind: Kind = ''): Promise<void> {
    const who = this.#who(`quick ${at}`);
    const command = at % 2 === 0 ? `COPY (${bulk(who)}) TO STDOUT` : bulk(who);
    this.#t.equal(await this.#read(command, kind), this.#wanted(who), who);
  }

  async copiedIn(at: number): Promise<void> {
    const who = this.#who(`copied ${at}`);
    const child = this.#start('COPY copied FROM STDIN');
    for (const n of numbers(copiedRows)) {
      if (!child.stdin.write(`${who}\t${lineOf(who, n)}\n`)) await once(child.stdin, 'drain');
    }
    child.stdin.end();
    await once(child, 'close');
    const sums = await this.#server.sql(
      `SELECT md5(string_agg(line, '' ORDER BY line)) AS sum, count(*) AS count FROM copied WHERE who = '${who}'`,
    );
    const lines = numbers(copiedRows).map((n) => lineOf(who, n));
    this.#t.same(sums, [{ sum: md5(lines.sort().join('')), count: String(copiedRows) }], who);
  }

  async recorded(at: number): Promise<void> {
    const who = this.#who(`recorded ${at}`);
    const client = await this.#client('-kept');
    const text = `SELECT id, repeat(md5('${who} ' || id), 4) AS text FROM kept ORDER BY id`;
    const wanted = numbers(rows).map((n) => [String(n), md5(`${who} ${n}`).repeat(4)]);
    for (const round of [1, 2, 3]) this.#t.same(rowsOf(await client.query(text)), wanted, `${who}, round ${round}`);
    client.socket.end(wire.terminate);
    const entries = await this.#entries(text);
    this.#t.equal(entries.length, 3, `${who}: each round is recorded`);
    for (const { results } of entries) this.#t.same(results, wanted, `${who}: what was shown is recorded`);
  }

  async masked(at: number): Promise<void> {
    const who = this.#who(`masked ${at}`);
    await this.#server.sql(
      `INSERT INTO hidden SELECT '${who}', n, translate(md5('${who} ' || n), '0123456789', 'ghijklmnop') FROM generate_series(1, ${rows}) n`,
    );
    const client = await this.#client('-hidden');
    const wanted = numbers(rows).map((n) => [String(n), who, `${lettersOf(md5(`${who} ${n}`)).charAt(0)}***`]);
    const text = `SELECT id, who, secret FROM hidden WHERE who = '${who}' ORDER BY id`;
    for (const round of [1, 2, 3]) {
      const shown = rowsOf(await client.query(text));
      this.#t.same(shown, wanted, `${who}, round ${round}`);
    }
    client.socket.end(wire.terminate);
    for (const { results } of await this.#entries(text)) this.#t.same(results, wanted, `${who}: what was shown is recorded`);
  }

  /** Rows with words of the server between them. */
  async notices(): Promise<void> {
    const who = this.#who('notices');
    const client = await this.#client();
    const talks = `DO $$ BEGIN FOR i IN 1..${rows} LOOP RAISE NOTICE '%', repeat(md5('${who} ' || i), 10); END LOOP; END $$`;
    const said = (await client.query(`${talks}; SELECT 'end of ${who}'`)).filter(({ type }) => type === 'N');
    this.#t.same(
      said.map(({ bytes }) => wire.readDiagnostic(bytes).message),
      numbers(rows).map((n) => md5(`${who} ${n}`).repeat(10)),
      who,
    );
    client.socket.end(wire.terminate);
  }

  /** Cancelled in the middle of a large result, again and again, and the session goes on. */
  async cancelled(): Promise<void> {
    const who = this.#who('cancelled');
    const client = await this.#client();
    for (const round of [1, 2, 3]) {
      const from = client.seen.length;
      client.send(wire.query(bulk(who, 4_000_000)));
      await eventually('rows come', () => client.seen.length > from + 100);
      await this.#cancel(client);
      const answer = await client.until('Z');
      const shown = rowsOf(answer).map(([cell]) => cell);
      this.#t.ok(
        shown.every((cell, index) => cell === lineOf(who, index + 1)),
        `${who}: ${shown.length} rows before it was cancelled`,
      );
      this.#t.ok(
        answer.some(({ type }) => type === 'E'),
        `${who}: it is told`,
      );
      this.#t.same(rowsOf(await client.query(`SELECT '${who} ${round}'`)), [[`${who} ${round}`]], `${who}: it goes on`);
    }
    client.socket.end(wire.terminate);
  }

  /** Small statements, prepared, several hundred: the way that passes chunks as they come. */
  async prepared(at: number): Promise<void> {
    const who = this.#who(`prepared ${at}`);
    const client = await this.#client();
    await client.cycle(parsed('one', `SELECT repeat(md5('${who} ' || $1), $2::int)`), wire.sync);
    let wrong = 0;
    for (const n of numbers(cycles)) {
      const [[cell] = []] = rowsOf(await client.cycle(...bound('one', [String(n), String((n % 50) + 1)])));
      if (cell !== md5(`${who} ${n}`).repeat((n % 50) + 1)) wrong += 1;
    }
    this.#t.equal(wrong, 0, who);
    client.socket.end(wire.terminate);
  }

  /** Waits for an approver with a long text, and more behind it. */
  async held(): Promise<() => Promise<void>> {
    const names = [1, 2].map((at) => this.#who(`held ${at}`));
    const clients = await Promise.all(
      names.map(async (who) => {
        await this.#server.sql(`INSERT INTO held VALUES ('${who}', '')`);
        const client = await this.#client();
        client.send(wire.query(`UPDATE held SET value = '${longText(who)}' WHERE who = '${who}'`));
        for (const n of numbers(20)) client.send(wire.query(`SELECT '${who} behind ${n} ${lineOf(who, n)}'`));
        return client;
      }),
    );
    const bob = this.#gateway.api('bob');
    const holds = await Promise.all(names.map((who) => bob.pendingHold(new RegExp(`who = '${who}'`))));
    return async () => {
      for (const { id } of holds) await bob.post(`/holds/${id}/approve`, { reason: 'ok' });
      for (const [index, who] of names.entries()) {
        const client = clients[index] as WireClient;
        await client.until('Z');
        for (const n of numbers(20))
          this.#t.same(rowsOf(await client.until('Z')), [[`${who} behind ${n} ${lineOf(who, n)}`]], `${who}: ${n}`);
        client.socket.end(wire.terminate);
        const stored = await this.#server.sql(`SELECT value FROM held WHERE who = '${who}'`);
        this.#t.equal(stored[0]?.['value'], longText(who), `${who}: what reached the table`);
        const entries = await this.#entries(`UPDATE held SET value = '${longText(who)}' WHERE who = '${who}'`);
        this.#t.equal(entries.length, 1, `${who}: what was recorded`);
      }
    };
  }

  async #cancel(client: WireClient): Promise<void> {
    const { host, port } = this.#gateway.address('postgres');
    const socket = connect(port, host);
    socket.end(wire.cancelRequest(client.processId, client.secret));
    await once(socket.resume(), 'close');
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

/** Of letters only a mask shows the first. */
const lettersOf = (hex: string) => hex.replaceAll(/\d/g, (digit) => String.fromCharCode(0x67 + Number(digit)));

/** 100 kB of nobody else's. */
function longText(who: string): string {
  return md5(who).repeat(3_000);
}

/** Bind, Execute and Sync of a prepared statement, its parameters as text. */
function bound(statement: string, values: readonly string[]): Buffer[] {
  const int16 = (value: number) => Buffer.from([value >> 8, value & 0xff]);
  const parameters = values.flatMap((value) => [wire.int32(Buffer.byteLength(value)), Buffer.from(value)]);
  const bind = [Buffer.from(`\0${statement}\0`), int16(0), int16(values.length), ...parameters, int16(0)];
  const execute = Buffer.concat([Buffer.from('\0'), wire.int32(0)]);
  return [wire.message(wire.fromClient.bind, Buffer.concat(bind)), wire.message(wire.fromClient.execute, execute), wire.sync];
}

function parsed(name: string, text: string): Buffer {
  return wire.message(wire.fromClient.parse, Buffer.concat([Buffer.from(`${name}\0${text}\0`), Buffer.from([0, 0])]));
}
