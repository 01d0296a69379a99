// Clients of PostgreSQL: node-postgres that works without a pause, and pipelines message by message. Each knows the one right answer to
// everything it asks.

import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import * as wire from '../support/postgres-wire.ts';
import { Lost, WrongAnswer } from './ledger.ts';
import { databaseClient, isRow } from './questions.ts';
import type { Connected, Dialect, Row } from './questions.ts';
import type { World } from './world.ts';
import type { Client, Soak } from './soak.ts';

const dialect: Dialect = {
  parameters: (tag) => `SELECT $1::text AS tag, $2::int * 7 AS v /* ${tag} */`,
  late: (tag, n, seconds) => `SELECT pg_sleep(${seconds}), '${tag}' AS tag, ${n} AS v`,
  many: (tag, rows) => `SELECT '${tag}' AS tag, i AS v, repeat('x', 300) AS pad FROM generate_series(1, ${rows}) AS i`,
};

export const postgresClient = databaseClient(dialect, (soak) => {
  const { person, target } = placeOf(soak);
  return { words: `as ${person} to ${target}`, connect: () => connected(soak, person, target) };
});

async function connected(soak: Soak, person: string, target: string): Promise<Connected> {
  const client = new pg.Client({ connectionString: urlOf(soak.world, person, target), ssl: false, application_name: 'soak' });
  client.on('error', () => undefined);
  await answered(client.connect());
  return {
    ask: async (text, values) => (await answered(client.query<Row>(text, values === undefined ? undefined : [...values]))).rows,
    askOwn: (name) => onePrepared(soak, name, client),
    end: () => client.end(),
    leave: () => (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy(),
  };
}

/** Prepared once for each session. */
function onePrepared({ dice, ledger }: Soak, name: string, client: pg.Client): Promise<void> {
  const [key, n] = [`p${dice(3)}`, dice(1000)];
  return ledger.attempt(
    name,
    'runs',
    (tag) => `prepared ${key} for ${tag}`,
    async (_text, tag) => {
      const filled = { name: key, text: `SELECT $1::text AS tag, $2::int AS v /* ${key} */`, values: [tag, n] };
      const { rows } = await answered(client.query<Row>(filled));
      if (!isRow(rows, tag, n)) throw new WrongAnswer(`wrong rows: ${JSON.stringify(rows)}`);
    },
  );
}

/** Batches of Parse, Bind, Execute behind one Sync, some with an error in the middle. */
export const pipelineClient: Client = async (soak, name) => {
  const { dice, ledger, world } = soak;
  while (!soak.isOver()) {
    const undo: (() => unknown)[] = [];
    const end = { teardown: (step: () => unknown) => undo.push(step) };
    try {
      const { person, target } = placeOf(soak);
      const { ports } = world.gateway;
      const place = { host: '127.0.0.1', port: ports.postgres, user: person, password: world.gateway.token(person), database: target };
      let client = null as wire.WireClient | null;
      await ledger.attempt(
        name,
        'runs',
        (tag) => `connect as ${person} ${tag}`,
        async () => {
          client = await answered(wire.WireClient.open(end, place));
        },
      );
      for (let left = 1 + dice(20); left > 0 && !soak.isOver(); left -= 1)
        await ledger.attempt(
          name,
          'runs',
          (tag) => `pipeline of ${tag}`,
          (_text, tag) => onePipeline(client as wire.WireClient, tag, 1 + dice(6)),
        );
    } catch {
      await delay(100);
    }
    for (const step of undo) step();
  }
};

async function onePipeline(client: wire.WireClient, tag: string, length: number): Promise<void> {
  const messages = Array.from({ length }, (_, at) => [
    wire.parse('', `SELECT '${tag}' AS tag, $1::int + ${at}`, [23]),
    wire.bind('', '', ['1000']),
    wire.execute(),
  ]).flat();
  const seen = await answered(client.cycle(...messages, wire.sync));
  if (seen.some(({ type }) => type === 'E')) throw new Error(wire.summary(seen));
  const rows = JSON.stringify(wire.rowsOf(seen));
  if (rows !== JSON.stringify(Array.from({ length }, (_, at) => [tag, String(1000 + at)])))
    throw new WrongAnswer(wire.summary(seen) + rows);
}

/** Whom and where to, by a throw of dice. */
export function placeOf({ dice, world }: Soak): { person: string; target: string } {
  return { person: world.people[dice(world.people.length)] ?? '', target: dice(3) === 0 ? 'far' : 'orders' };
}

export function urlOf({ gateway }: World, person: string, target: string): string {
  return `postgres://${person}:${gateway.token(person)}@127.0.0.1:${gateway.ports.postgres}/${target}`;
}

/** What the driver says when the connection broke is no answer. */
async function answered<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked;
  } catch (thrown) {
    const { code, message } = thrown as { code?: string; message: string };
    if (code !== undefined && /^[0-9A-Z]{5}$/.test(code)) throw new Error(`${code} ${message}`);
    if (/^nothing came/.test(message)) throw new Lost('lost', `no answer: ${message}`);
    throw new Lost('lost', message);
  }
}
