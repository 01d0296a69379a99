// psql for what is held, cancelled, killed or not read, and for copies.

import { setTimeout as delay } from 'node:timers/promises';
import { start } from '../support/processes.ts';
import { tool } from '../support/tools.ts';
import { placeOf, urlOf } from './clients-postgres.ts';
import { Lost, WrongAnswer } from './ledger.ts';
import type { Client, Soak } from './soak.ts';

/** psql, one after the other: holds that are answered, interrupted, or whose client is killed; copies; one that does not read. */
export const psqlClient: Client = async (soak, name) => {
  while (!soak.isOver()) await onePsql(soak, name).catch(() => delay(100));
};

async function onePsql(soak: Soak, name: string): Promise<void> {
  const { dice, ledger } = soak;
  const n = dice(1000);
  const right = (wanted: (tag: string) => string) => async (text: string, tag: string) => {
    const { stdout } = await psql(soak, name, ['-c', text]);
    if (stdout !== wanted(tag)) throw new WrongAnswer(stdout.slice(0, 300));
  };
  const deletes = (tag: string) => `DELETE FROM soak_rows WHERE tag = '${tag}' /* psql */`;
  switch (dice(9)) {
    case 0:
      return ledger.attempt(
        name,
        'approve',
        deletes,
        right(() => 'DELETE 0\n'),
      );
    case 1:
      return ledger.attempt(
        name,
        'deny',
        deletes,
        right(() => 'never'),
      );
    case 2:
      return ledger.attempt(
        name,
        'left',
        deletes,
        right(() => 'never'),
      );
    case 3:
      return ledger.attempt(name, 'left', deletes, (text) => psqlEnded(soak, name, text, /NOTICE/, 'SIGINT'));
    case 4:
      return ledger.attempt(name, 'left', deletes, (text) => psqlEnded(soak, name, text, /NOTICE/, 'SIGKILL'));
    case 5: {
      const slow = (tag: string) => `SELECT pg_sleep(20), '${tag}'`;
      return ledger.attempt(name, 'runs', slow, (text) => psqlEnded(soak, name, text, null, dice(2) === 0 ? 'SIGINT' : 'SIGKILL'));
    }
    case 6: {
      const lines = Array.from({ length: 2000 }, (_, at) => `${name}\t${at}\n`).join('');
      const copy = (tag: string) => `COPY soak_copies FROM STDIN /* ${tag} */`;
      return ledger.attempt(name, 'runs', copy, async (text) => void (await psql(soak, name, ['-c', text], lines)));
    }
    case 7: {
      const out = (tag: string) => `COPY (SELECT '${tag}', i FROM generate_series(1, 3000) AS i) TO STDOUT`;
      const wanted = (tag: string) => Array.from({ length: 3000 }, (_, at) => `${tag}\t${at + 1}\n`).join('');
      return ledger.attempt(name, 'runs', out, right(wanted));
    }
    default: {
      const big = (tag: string) => `SELECT '${tag}', ${n}, repeat('y', 1000) FROM generate_series(1, 30000)`;
      return ledger.attempt(name, 'runs', big, (text) => psqlStopped(soak, name, text));
    }
  }
}

function psqlOf(soak: Soak, name: string, args: readonly string[]) {
  const { person, target } = placeOf(soak);
  const program = tool('psql', 'postgresql-client');
  return start(soak.passing, program, [urlOf(soak.world, person, target), '-XAt', ...args], {
    env: { PGAPPNAME: name, PGSSLMODE: 'disable' },
  });
}

async function psql(soak: Soak, name: string, args: readonly string[], input = '') {
  const running = psqlOf(soak, name, args);
  running.child.stdin.end(input);
  const ended = await running.ended;
  if (ended.code === 0) return ended;
  if (/server closed the connection|could not receive|could not send|Connection refused|SSL SYSCALL/.test(ended.stderr))
    throw new Lost('lost', ended.stderr);
  throw new Error(ended.stderr);
}

/** Ended by a signal once it has printed something, or after a moment; ends with an error of its own or without a word. */
async function psqlEnded(soak: Soak, name: string, text: string, seen: RegExp | null, signal: 'SIGINT' | 'SIGKILL'): Promise<void> {
  const running = psqlOf(soak, name, ['-c', text]);
  await Promise.race([running.ended, seen === null ? delay(300 + soak.dice(700)) : running.waitFor(seen, 8000).catch(() => undefined)]);
  running.kill(signal);
  const { code, stdout, stderr } = await running.ended;
  if (code === 0) throw new WrongAnswer(`it ran: ${stdout}`);
  throw new Lost('gone', stderr);
}

/** Stops reading for a while, goes on or is killed. */
async function psqlStopped(soak: Soak, name: string, text: string): Promise<void> {
  const running = psqlOf(soak, name, ['-c', text]);
  await delay(soak.dice(300));
  running.kill('SIGSTOP');
  await delay(1000 + soak.dice(2000));
  running.kill(soak.dice(2) === 0 ? 'SIGKILL' : 'SIGCONT');
  const { code, stdout, stderr } = await running.ended;
  if (code !== 0) throw new Lost('gone', stderr);
  if (stdout.split('\n').length !== 30_001) throw new WrongAnswer(`${stdout.length} bytes`);
}
