// Clients of MySQL: the driver mysql2 with text and prepared statements, and Debian's command-line client for what is held and killed.

import { setTimeout as delay } from 'node:timers/promises';
import { createConnection } from 'mysql2/promise';
import type { RowDataPacket } from 'mysql2/promise';
import { start } from '../support/processes.ts';
import { tool } from '../support/tools.ts';
import { Lost, WrongAnswer } from './ledger.ts';
import type { Expected } from './ledger.ts';
import { databaseClient } from './questions.ts';
import type { Connected, Dialect } from './questions.ts';
import type { Client, Soak } from './soak.ts';

const dialect: Dialect = {
  parameters: (tag) => `SELECT ? AS tag, ? * 7 AS v, '${tag}' AS t`,
  late: (tag, n, seconds) => `SELECT SLEEP(${seconds}) AS s, '${tag}' AS tag, ${n} AS v`,
  many: (tag, rows) => `SELECT '${tag}' AS tag, seq AS v, REPEAT('x', 300) AS pad FROM seq_1_to_${rows}`,
};

export const mysqlClient = databaseClient(dialect, (soak) => {
  const person = soak.world.people[soak.dice(soak.world.people.length)] ?? '';
  return { words: `as ${person}`, connect: () => connected(soak, person) };
});

async function connected(soak: Soak, person: string): Promise<Connected> {
  const place = { host: '127.0.0.1', ...placeOf(soak, person), connectTimeout: 40_000 };
  const connection = await answered(createConnection(place));
  connection.on('error', () => undefined);
  return {
    ask: async (text, values) => {
      const asked = values === undefined ? connection.query<RowDataPacket[]>(text) : connection.execute<RowDataPacket[]>(text, [...values]);
      return (await answered(asked))[0];
    },
    end: () => connection.end(),
    leave: () => connection.destroy(),
  };
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
