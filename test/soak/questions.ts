// What the drivers' clients ask of a database, each question with its one right answer; how it is said is the dialect's.

import { setTimeout as delay } from 'node:timers/promises';
import { Lost, WrongAnswer } from './ledger.ts';
import type { Expected } from './ledger.ts';
import type { Client, Soak } from './soak.ts';

export type Row = Record<string, unknown>;

export interface Dialect {
  /** One row: tag and 7 n as `v`, of two parameters; the tag stands in the text as well. */
  readonly parameters: (tag: string) => string;
  /** One row: tag, and n as `v`, after so many seconds. */
  readonly late: (tag: string, n: number, seconds: number) => string;
  /** So many rows: tag, and 1, 2, 3, … as `v`. */
  readonly many: (tag: string, rows: number) => string;
}

/** A session of a driver. What ask() throws is the server's answer, or Lost. */
export interface Connected {
  ask(text: string, values?: readonly (string | number)[]): Promise<readonly Row[]>;
  /** A question of its own protocol. */
  readonly askOwn?: (name: string) => Promise<void>;
  /** Says goodbye. */
  end(): Promise<unknown>;
  /** Goes without a word. */
  leave(): void;
}

/** Whom and where to, and how to get there. */
export interface Way {
  readonly words: string;
  readonly connect: () => Promise<Connected>;
}

const manyRows = 4000;
const endMsMax = 5000;

/** One session after the other; now and then one is left without a word. */
export function databaseClient(dialect: Dialect, wayOf: (soak: Soak) => Way): Client {
  return async (soak, name) => {
    const { dice, ledger } = soak;
    while (!soak.isOver()) {
      let connected = null as Connected | null;
      try {
        const { words, connect } = wayOf(soak);
        await ledger.attempt(
          name,
          'runs',
          (tag) => `connect ${words} ${tag}`,
          async () => void (connected = await connect()),
        );
        for (let left = 1 + dice(30); left > 0 && !soak.isOver(); left -= 1)
          await oneQuestion(soak, name, dialect, connected as unknown as Connected).catch(untilLost);
      } catch {
        await delay(100);
      }
      if (dice(4) > 0) await Promise.race([connected?.end().catch(() => undefined), delay(endMsMax)]);
      connected?.leave();
    }
  };
}

async function oneQuestion({ dice, ledger }: Soak, name: string, dialect: Dialect, connected: Connected): Promise<void> {
  type Right = (rows: readonly Row[], tag: string) => boolean;
  const ask = (
    expected: Expected,
    textOf: (tag: string) => string,
    right: Right,
    valuesOf?: (tag: string) => readonly (string | number)[],
  ) =>
    ledger.attempt(name, expected, textOf, async (text, tag) => {
      const rows = await connected.ask(text, valuesOf?.(tag));
      if (!right(rows, tag)) throw new WrongAnswer(`wrong rows: ${JSON.stringify(rows).slice(0, 300)}`);
    });
  const anything: Right = () => true;
  const runs = (textOf: (tag: string) => string, right = anything) => ask('runs', textOf, right);
  const n = dice(1000);
  const change = () =>
    ask(
      'denied',
      (tag) => `UPDATE soak_rows SET n = -1 WHERE tag = '${tag}'`,
      () => false,
    );
  switch (dice(connected.askOwn === undefined ? 8 : 9)) {
    case 0:
      return runs(
        (tag) => `SELECT '${tag}' AS tag, ${n} * 7 AS v`,
        (rows, tag) => isRow(rows, tag, n * 7),
      );
    case 1:
      return ask(
        'runs',
        dialect.parameters,
        (rows, tag) => isRow(rows, tag, n * 7),
        (tag) => [tag, n],
      );
    case 2:
      return runs((tag) => `INSERT INTO soak_rows VALUES ('${tag}', ${n})`);
    case 3:
      return change();
    case 4:
      await runs((tag) => `BEGIN /* ${tag} */`);
      try {
        await runs((tag) => `INSERT INTO soak_rows VALUES ('${tag}', ${n}) /* in a transaction */`);
        if (dice(3) === 0) await change().catch(untilLost);
      } finally {
        const word = dice(2) === 0 ? 'COMMIT' : 'ROLLBACK';
        await runs((tag) => `${word} /* ${tag} */`);
      }
      return;
    case 5: {
      const seconds = dice(20) / 10;
      return runs(
        (tag) => dialect.late(tag, n, seconds),
        (rows, tag) => isRow(rows, tag, n),
      );
    }
    case 6:
      return runs(
        (tag) => dialect.many(tag, manyRows),
        (rows, tag) => rows.length === manyRows && rows.every((row, at) => row['tag'] === tag && Number(row['v']) === at + 1),
      );
    case 7: {
      const expected = (['approve', 'deny', 'left'] as const)[dice(3)] ?? 'left';
      return ask(
        expected,
        (tag) => `DELETE FROM soak_rows WHERE tag = '${tag}'`,
        () => expected === 'approve',
      );
    }
    default:
      return connected.askOwn?.(name);
  }
}

export function isRow(rows: readonly Row[], tag: string, v: number): boolean {
  return rows.length === 1 && rows[0]?.['tag'] === tag && Number(rows[0]['v']) === v;
}

function untilLost(thrown: unknown): void {
  if (thrown instanceof Lost) throw thrown;
}
