// Clients of PostgreSQL: node-postgres that works without a pause, and pipelines message by message. Each knows the one right answer to
// everything it asks.

import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import * as wire from '../support/postgres-wire.ts';
import { Lost, WrongAnswer } from './ledger.ts';
import type { Expected } from './ledger.ts';
import type { World } from './world.ts';
import type { Client, Soak } from './soak.ts';

type Row = Record<string, unknown>;
const bigRows = 4000;

/** A session of node-postgres after the other; now and then one is left without a word. */
export const postgresClient: Client = async (soak, name) => {
  const { dice, ledger, world } = soak;
  while (!soak.isOver()) {
    const { person, target } = placeOf(soak);
    const client = new pg.Client({ connectionString: urlOf(world, person, target), ssl: false, application_name: name });
    client.on('error', () => undefined);
    try {
      await ledger.attempt(
        name,
        'runs',
        (tag) => `connect as ${person} to ${target} ${tag}`,
        async () => void (await answered(client.connect())),
      );
      for (let left = 1 + dice(30); left > 0 && !soak.isOver(); left -= 1) await oneStatement(soak, name, client).catch(untilLost);
    } catch {
      await delay(100);
    }
    if (dice(4) === 0) (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
    else await Promise.race([client.end().catch(() => undefined), delay(5000)]);
  }
};

async function oneStatement({ dice, ledger }: Soak, name: string, client: pg.Client): Promise<void> {
  const ask = (expected: Expected, textOf: (tag: string) => string, right: (rows: Row[], tag: string) => boolean, values?: unknown[]) =>
    ledger.attempt(name, expected, textOf, async (text, tag) => {
      const filled = values?.map((value) => (value === 'TAG' ? tag : value));
      const { rows } = await answered(client.query<Row>(text, filled));
      if (!right(rows, tag)) throw new WrongAnswer(`wrong rows: ${JSON.stringify(rows).slice(0, 300)}`);
    });
  const n = dice(1000);
  switch (dice(9)) {
    case 0:
      return ask(
        'runs',
        (tag) => `SELECT '${tag}' AS tag, ${n} * 7 AS v`,
        (rows, tag) => isRow(rows, tag, n * 7),
      );
    case 1:
      return ask(
        'runs',
        (tag) => `SELECT $1::text AS tag, $2::int * 7 AS v /* ${tag} */`,
        (rows, tag) => isRow(rows, tag, n * 7),
        ['TAG', n],
      );
    case 2:
      return ask(
        'runs',
        (tag) => `INSERT INTO soak_rows VALUES ('${tag}', ${n})`,
        () => true,
      );
    case 3:
      return ask(
        'denied',
        (tag) => `UPDATE soak_rows SET n = -1 WHERE tag = '${tag}'`,
        () => false,
      );
    case 4:
      await ask(
        'runs',
        (tag) => `BEGIN /* ${tag} */`,
        () => true,
      );
      try {
        await ask(
          'runs',
          (tag) => `INSERT INTO soak_rows VALUES ('${tag}', ${n}) /* in a transaction */`,
          () => true,
        );
        if (dice(3) === 0)
          await ask(
            'denied',
            (tag) => `UPDATE soak_rows SET n = -1 WHERE tag = '${tag}'`,
            () => false,
          ).catch(untilLost);
      } finally {
        const word = dice(2) === 0 ? 'COMMIT' : 'ROLLBACK';
        await ask(
          'runs',
          (tag) => `${word} /* ${tag} */`,
          () => true,
        );
      }
      return;
    case 5:
      return ask(
        'runs',
        (tag) => `SELECT pg_sleep(${dice(20) / 10}), '${tag}' AS tag, ${n} AS v`,
        (rows, tag) => isRow(rows, tag, n),
      );
    case 6:
      return ask(
        'runs',
        (tag) => `SELECT '${tag}' AS tag, i AS v, repeat('x', 300) AS pad FROM generate_series(1, ${bigRows}) AS i`,
        (rows, tag) => rows.length === bigRows && rows.every((row, at) => row['tag'] === tag && row['v'] === at + 1),
      );
    case 7: {
      const expected = (['approve', 'deny', 'left'] as const)[dice(3)] ?? 'left';
      return ask(
        expected,
        (tag) => `DELETE FROM soak_rows WHERE tag = '${tag}'`,
        () => expected === 'approve',
      );
    }
    default: {
      const key = `p${dice(3)}`; // prepared once for each session
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
  }
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

function untilLost(thrown: unknown): void {
  if (thrown instanceof Lost) throw thrown;
}

function isRow(rows: Row[], tag: string, v: number): boolean {
  return rows.length === 1 && rows[0]?.['tag'] === tag && rows[0]['v'] === v;
}
