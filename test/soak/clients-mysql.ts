// Clients of MySQL: the driver mysql2 with text and prepared statements, and Debian's command-line client for what is held and killed.

import { setTimeout as delay } from 'node:timers/promises';
import { createConnection } from 'mysql2/promise';
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { start } from '../support/processes.ts';
import { tool } from '../support/tools.ts';
import { Lost, WrongAnswer } from './ledger.ts';
import type { Expected } from './ledger.ts';
import type { Client, Soak } from './soak.ts';

export const mysqlClient: Client = async (soak, name) => {
  const { dice, ledger, world } = soak;
  while (!soak.isOver()) {
    let connection = null as Connection | null;
    try {
      const person = world.people[dice(world.people.length)] ?? '';
      const { port, user, password, database } = placeOf(soak, person);
      await ledger.attempt(
        name,
        'runs',
        (tag) => `connect as ${person} ${tag}`,
        async () => {
          connection = await answered(createConnection({ host: '127.0.0.1', port, user, password, database, connectTimeout: 40_000 }));
          connection.on('error', () => undefined);
        },
      );
      for (let left = 1 + dice(30); left > 0 && !soak.isOver(); left -= 1)
        await oneStatement(soak, name, connection as unknown as Connection).catch((thrown: unknown) => {
          if (thrown instanceof Lost) throw thrown;
        });
    } catch {
      await delay(100);
    }
    if (dice(4) === 0) connection?.destroy();
    else await Promise.race([connection?.end().catch(() => undefined), delay(5000)]);
    connection?.destroy();
  }
};

async function oneStatement({ dice, ledger }: Soak, name: string, connection: Connection): Promise<void> {
  type Right = (rows: RowDataPacket[], tag: string) => boolean;
  const ask = (expected: Expected, textOf: (tag: string) => string, right: Right, values?: (tag: string) => (string | number)[]) =>
    ledger.attempt(name, expected, textOf, async (text, tag) => {
      const asked = values === undefined ? connection.query<RowDataPacket[]>(text) : connection.execute<RowDataPacket[]>(text, values(tag));
      const [rows] = await answered(asked);
      if (!right(rows, tag)) throw new WrongAnswer(`wrong rows: ${JSON.stringify(rows).slice(0, 300)}`);
    });
  const n = dice(1000);
  switch (dice(8)) {
    case 0:
      return ask(
        'runs',
        (tag) => `SELECT '${tag}' AS tag, ${n} AS v`,
        (rows, tag) => isRow(rows, tag, n),
      );
    case 1:
      return ask(
        'runs',
        (tag) => `SELECT ? AS tag, ? + 0 AS v, '${tag}' AS t`,
        (rows, tag) => isRow(rows, tag, n),
        (tag) => [tag, n],
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
      return ask(
        'runs',
        (tag) => `SELECT SLEEP(${dice(15) / 10}) AS s, '${tag}' AS tag, ${n} AS v`,
        (rows, tag) => isRow(rows, tag, n),
      );
    case 5:
      return ask(
        'runs',
        (tag) => `SELECT '${tag}' AS tag, seq AS v, REPEAT('x', 300) AS pad FROM seq_1_to_3000`,
        (rows, tag) => rows.length === 3000 && rows.every((row, at) => row['tag'] === tag && Number(row['v']) === at + 1),
      );
    case 6: {
      await ask(
        'runs',
        (tag) => `BEGIN /* ${tag} */`,
        () => true,
      );
      await ask(
        'runs',
        (tag) => `INSERT INTO soak_rows VALUES ('${tag}', ${n}) /* in a transaction */`,
        () => true,
      );
      return ask(
        'runs',
        (tag) => `${dice(2) === 0 ? 'COMMIT' : 'ROLLBACK'} /* ${tag} */`,
        () => true,
      );
    }
    default: {
      const expected = (['approve', 'deny', 'left'] as const)[dice(3)] ?? 'left';
      return ask(
        expected,
        (tag) => `DELETE FROM soak_rows WHERE tag = '${tag}'`,
        () => expected === 'approve',
      );
    }
  }
}

/** The command-line client, with what is held; its client is interrupted or killed now and then. */
export const mysqlToolClient: Client = async (soak, name) => {
  const { dice, ledger } = soak;
  while (!soak.isOver()) {
    const expected = (['approve', 'deny', 'left', 'runs'] as const)[dice(4)] ?? 'left';
    const textOf = (tag: string) => (expected === 'runs' ? `SELECT '${tag}', SLEEP(5)` : `DELETE FROM soak_rows WHERE tag = '${tag}'`);
    const signal = expected === 'left' || expected === 'runs' ? ((['SIGINT', 'SIGKILL', null] as const)[dice(3)] ?? null) : null;
    await ledger.attempt(name, expected, textOf, (text) => oneTool(soak, text, expected, signal)).catch(() => delay(100));
  }
};

async function oneTool(soak: Soak, text: string, expected: Expected, signal: 'SIGINT' | 'SIGKILL' | null): Promise<void> {
  const { port, user, password, database } = placeOf(soak, soak.world.people[soak.dice(3)] ?? '');
  const args = ['--no-defaults', '-h127.0.0.1', `-P${port}`, `-u${user}`, '--skip-ssl', '-N', '-e', text, database];
  const running = start(soak.passing, tool('mariadb', 'mariadb-client'), args, { env: { MYSQL_PWD: password } });
  if (signal !== null) {
    await Promise.race([running.ended, delay(400 + soak.dice(1000))]);
    running.kill(signal);
  }
  const { code, stdout, stderr } = await running.ended;
  if (code === 0 && (expected === 'approve' || expected === 'runs')) return;
  if (code === 0) throw new WrongAnswer(`it ran: ${stdout}`);
  if (signal !== null) throw new Lost('gone', stderr);
  if (/ERROR 20(02|03|06|13|26)/.test(stderr)) throw new Lost('lost', stderr);
  throw new Error(stderr);
}

function placeOf({ world: { gateway } }: Soak, person: string) {
  return { port: gateway.ports.mysql, user: person, password: gateway.token(person), database: 'shop' };
}

async function answered<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked;
  } catch (thrown) {
    const { sqlState, message, errno } = thrown as { sqlState?: string; message: string; errno?: number };
    if (sqlState !== undefined && errno !== undefined) throw new Error(`${errno} ${message}`);
    throw new Lost('lost', message);
  }
}

function isRow(rows: RowDataPacket[], tag: string, v: number): boolean {
  return rows.length === 1 && rows[0]?.['tag'] === tag && Number(rows[0]['v']) === v;
}
