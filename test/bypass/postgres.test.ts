// Every PostgreSQL row of the corpus, played by a raw client through a whole gateway with the shipped production policies
// against a real server. What is risky waits (and is answered with no) or is refused, and leaves the database as it was;
// what is free runs without anybody being asked.

import { readFileSync } from 'node:fs';
import t from 'tap';
import { readDiagnostic } from '../../protocols/postgres/messages.ts';
import type { Teardown } from '../support/directories.ts';
import { startTestGateway, targetOf } from '../support/gateway.ts';
import { startPostgres } from '../support/postgres.ts';
import * as pg from '../support/postgres-wire.ts';
import { WireClient } from '../support/postgres-wire.ts';

t.setTimeout(170_000); // a busy machine takes its time

interface Case {
  readonly id: string;
  readonly protocol: string;
  readonly input: string;
  readonly via: string;
  readonly expect: 'read' | 'session' | 'hold' | 'deny';
  readonly why: string;
  readonly steps?: readonly (readonly unknown[])[];
  readonly startup?: Readonly<Record<string, string>>;
  readonly setup?: string;
}

const rows = ['cases.jsonl', 'more-postgres.jsonl', 'protocol-postgres.jsonl']
  .flatMap((name) =>
    readFileSync(new URL(name, import.meta.url), 'utf8')
      .trim()
      .split('\n'),
  )
  .map((line) => JSON.parse(line) as Case)
  .filter((it) => it.protocol === 'postgres');

const server = await startPostgres(t, { from: 'debian' });
await server.sql('CREATE DATABASE fixture');
await server.sql(readFileSync(new URL('postgres-fixture.sql', import.meta.url), 'utf8'), 'fixture');
const gateway = await startTestGateway(t, { targets: [targetOf(server, 'orders', { env: 'production' })] });
const bob = gateway.api('bob');

/** Everything that a case could change, as one text. */
const fingerprint = `SELECT
  (SELECT string_agg(v::text, ';' ORDER BY id) FROM victim v) AS victim, (SELECT string_agg(s::text, ';' ORDER BY id) FROM safe s) AS safe,
  (SELECT string_agg(s::text, ';' ORDER BY id) FROM secrets s) AS secrets, (SELECT string_agg(x::text, ';') FROM trig_t x) AS trig,
  (SELECT string_agg(g::text, ';') FROM guarded g) AS guarded, (SELECT last_value || is_called::text FROM sq) AS sq,
  (SELECT md5(string_agg(concat(c.relname, c.relkind, c.relhastriggers, c.relhasrules, c.relacl::text), ';' ORDER BY c.oid))
    FROM pg_class c WHERE relnamespace <> 'pg_toast'::regnamespace AND relpersistence = 'p') AS relations,
  (SELECT md5(string_agg(concat(p.proname, p.prosrc), ';' ORDER BY p.oid)) FROM pg_proc p) AS functions,
  (SELECT md5(string_agg(concat(a.rolname, a.rolpassword, a.rolvaliduntil), ';' ORDER BY oid)) FROM pg_authid a) AS roles,
  (SELECT count(*) FROM pg_largeobject_metadata) AS objects, (SELECT count(*) FROM pg_replication_slots) AS slots,
  (SELECT count(*) FROM pg_prepared_xacts) AS prepared, (SELECT count(*) FROM pg_database) AS databases,
  (SELECT md5(string_agg(coalesce(setconfig::text, ''), ';')) FROM pg_db_role_setting) AS settings`;
const state = async (database: string) => JSON.stringify(await server.sql(fingerprint, database));

let database = '';
let databases = 0;
async function freshDatabase(): Promise<void> {
  databases += 1;
  database = `case_${databases}`;
  await server.sql(`CREATE DATABASE ${database} TEMPLATE fixture`);
}
await freshDatabase();

/** Plays one case; every hold that appears is denied. Gives what the gateway said no to. */
async function play(t: Teardown, one: Case): Promise<{ holds: number; refusals: string[]; conversation: string }> {
  let holds = 0;
  const refusals: string[] = [];
  const watch = (client: WireClient) => {
    client.onMessage = ({ type, bytes }) => {
      if (type !== 'E' && type !== 'N') return;
      const { message, code } = readDiagnostic(bytes);
      const hold = /^hold (h-\S+):/.exec(message)?.[1];
      if (type === 'N' && hold !== undefined) {
        holds += 1;
        void bob.post(`/holds/${hold}/deny`, { reason: 'no' }); // what it answers is seen in the session
      }
      if (type === 'E') refusals.push(`${code} ${message}`);
    };
  };
  const open = async (startup: Readonly<Record<string, string>> = {}) => {
    const { host, port } = gateway.address('postgres');
    const client = await WireClient.open(t, {
      host, port, user: 'alice', password: gateway.token('alice'), database: `orders/${database}`, startup,
    }); // prettier-ignore
    watch(client);
    return client;
  };
  const filled = (text: string) =>
    text
      .replace(/\{\{pad:(\d+)\}\}/g, (_, count) => 'a'.repeat(Number(count)))
      .replace(/\{\{nest:(\d+)\}\}/g, (_, count) => '('.repeat(Number(count)) + '1' + ')'.repeat(Number(count)))
      .replaceAll('{{db}}', database)
      .replaceAll('{{port}}', String(server.port));
  const extended: readonly (readonly unknown[])[] = [['P', '', one.input], ['B', '', '', []], ['E', ''], ['S']];
  const steps = one.steps ?? (one.via.startsWith('extended') ? extended : [['Q', one.input]]);
  const signedIn = await open(one.startup).catch((refused: Error) => refused);
  if (signedIn instanceof Error) return { holds, refusals: [signedIn.message], conversation: signedIn.message };
  let client = signedIn;
  for (const [letter, first, second, third] of steps) {
    switch (letter) {
      case 'Q':
        client.send(rawQuery(bytesOf(filled(String(first)))));
        await client.until('Z', 'G');
        break;
      case 'RAWQ':
        client.send(rawQuery(Buffer.from((first as { hex: string }).hex, 'hex')));
        await client.until('Z');
        break;
      case 'RAW':
        client.send(Buffer.from((first as { hex: string }).hex, 'hex'));
        break;
      case 'C':
        client.send(pg.close(first === 'P' ? 'P' : 'S', filled(String(second))));
        break;
      case 'SPLITQ':
        client.socket.setNoDelay(true);
        for (const byte of pg.query(filled(String(first)))) {
          client.socket.write(Buffer.from([byte]));
          await new Promise((resolve) => setImmediate(resolve));
        }
        await client.until('Z');
        break;
      case 'P':
        client.send(pg.parse(filled(String(first)), filled(String(second))));
        break;
      case 'B':
        client.send(pg.bind(filled(String(first)), filled(String(second)), ((third as unknown[]) ?? []).map(String)));
        break;
      case 'E':
        client.send(pg.execute(filled(String(first))));
        break;
      case 'EN':
        client.send(pg.execute(String(first), Number(second)));
        break;
      case 'S':
        await client.cycle(pg.sync);
        break;
      case 'F': {
        const [row] = await server.sql(`SELECT '${String(first)}'::regprocedure::oid::int AS oid`, database);
        await client.cycle(pg.functionCall(Number(row?.['oid'])));
        break;
      }
      case 'D':
        client.send(pg.copyData(String(first)));
        break;
      case 'c':
        // After a refused COPY the server, and so the gateway, is silent about what follows.
        client.send(pg.copyDone);
        await client.cycle(pg.query('SELECT 1'));
        break;
      case 'NEW':
        client = await open(one.startup);
        break;
      case 'OTHER':
        await server.connect(database).then((other) => other.query("SET application_name = 'other'"));
        break;
      default:
        throw new Error(`step ${String(letter)} is not known`);
    }
  }
  const conversation = pg.summary(client.seen);
  client.send(pg.terminate);
  await client.closed();
  return { holds, refusals, conversation };
}

/** UTF-8; a lone surrogate becomes the three bytes that it would have. */
function bytesOf(text: string): Buffer {
  if (text.isWellFormed()) return Buffer.from(text);
  return Buffer.concat(
    [...text].map((char) => {
      const code = char.codePointAt(0) as number;
      const isLone = code >= 0xd800 && code <= 0xdfff;
      return isLone ? Buffer.from([0xe0 | (code >> 12), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63)]) : Buffer.from(char);
    }),
  );
}

function rawQuery(text: Buffer): Buffer {
  const body = Buffer.concat([text, Buffer.from([0])]);
  const head = Buffer.from('Q\0\0\0\0');
  head.writeInt32BE(4 + body.length, 1);
  return Buffer.concat([head, body]);
}

for (const one of rows) {
  await t.test(`${one.id} ${one.expect}: ${one.why}`, async (t) => {
    if (one.setup !== undefined) {
      await freshDatabase(); // whose objects the gateway has not read yet
      await server.sql(one.setup.replace('DROP MATERIALIZED VIEW mv, mvw', 'DROP MATERIALIZED VIEW mvw'), database);
    }
    const before = await state(database);
    const { holds, refusals, conversation } = await play(t, one);
    const after = await state(database);
    const isFree = one.expect === 'read' || one.expect === 'session';
    if (isFree) {
      t.equal(holds, 0, `nobody was asked: ${conversation}`);
      t.notOk(
        refusals.some((it) => /^42501 .*(policy|rule|allowed|denied)/.test(it)),
        `not refused: ${conversation}`,
      );
    } else {
      t.ok(holds > 0 || refusals.length > 0, `held or refused: ${conversation}`);
    }
    t.equal(after, before, 'the database is as it was');
    if (after !== before || one.setup !== undefined) await freshDatabase();
  });
}
