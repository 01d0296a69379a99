// A soak: real clients work, things break at random, and after each round what the targets, the audit log, the recordings and the clients
// say has to agree. One seed decides who does what; when things happen is the machine's.

import { setTimeout as delay } from 'node:timers/promises';
import type { HoldView, Page } from '../../src/api/contract.ts';
import { temporaryDirectory } from '../support/directories.ts';
import type { Teardown } from '../support/directories.ts';
import { eventually } from '../support/eventually.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { checkRound } from './checks.ts';
import { mysqlClient, mysqlToolClient } from './clients-mysql.ts';
import { pipelineClient, postgresClient } from './clients-postgres.ts';
import { psqlClient } from './clients-psql.ts';
import { sshClient } from './clients-ssh.ts';
import { faults } from './faults.ts';
import type { FaultName } from './faults.ts';
import { answerMsMax, Ledger } from './ledger.ts';
import { buildWorld } from './world.ts';
import type { World } from './world.ts';

export interface SoakOptions {
  readonly seed: number;
  readonly rounds: number;
  readonly relayThreads: number;
  /** Of each round, before its checks. */
  readonly roundMs: number;
  readonly faults: readonly FaultName[];
  readonly say: (words: string) => void;
}

/** What a client works with. */
export interface Soak {
  readonly world: World;
  readonly ledger: Ledger;
  readonly dice: (sides: number) => number;
  /** Ends what a client started, with its round. */
  readonly passing: Teardown;
  readonly scratch: string;
  readonly isOver: () => boolean;
}

/** Works until the round is over; never rejects. */
export type Client = (soak: Soak, name: string) => Promise<void>;

const clients: readonly (readonly [string, Client])[] = [
  ['pg-a', postgresClient],
  ['pg-b', postgresClient],
  ['pg-c', postgresClient],
  ['pipeline', pipelineClient],
  ['psql-a', psqlClient],
  ['psql-b', psqlClient],
  ['psql-c', psqlClient],
  ['mysql-a', mysqlClient],
  ['mysql-b', mysqlClient],
  ['mariadb', mysqlToolClient],
  ['ssh-a', sshClient],
  ['ssh-b', sshClient],
];
const faultsInARound = 3;
/** Nobody waits longer for an answer and then for a connection. */
const endMsMax = 2 * answerMsMax;

/** Gives what was found wrong: nothing, when all is well. */
export async function soak(t: Teardown, options: SoakOptions): Promise<readonly string[]> {
  const dice = seededRandom(options.seed);
  const world = await buildWorld(t, options.relayThreads);
  const ledger = new Ledger();
  const scratch = temporaryDirectory(t, 'soak-scratch');
  for (let round = 1; round <= options.rounds; round += 1) {
    await oneRound({ world, ledger, scratch }, options, dice);
    const figures = await checkRound(world, ledger);
    options.say(`round ${round}: ${figures}`);
  }
  return ledger.violations;
}

async function oneRound(base: Pick<Soak, 'world' | 'ledger' | 'scratch'>, options: SoakOptions, dice: (sides: number) => number) {
  let isOver = false;
  const undo: (() => unknown)[] = [];
  const passing: Teardown = { teardown: (step) => undo.push(step) };
  const soakOf = (seed: number): Soak => ({ ...base, dice: seededRandom(seed), passing, isOver: () => isOver });
  const working = new Set<string>();
  const ended = clients.map(async ([name, client]) => {
    working.add(name);
    await client(soakOf(dice(2 ** 30)), name);
    working.delete(name);
  });
  let areGone = false;
  const approver = answerHolds({ ...soakOf(dice(2 ** 30)), isOver: () => areGone });
  const untilMs = performance.now() + options.roundMs;
  await delay(1500);
  for (let left = faultsInARound; left > 0 && options.faults.length > 0 && performance.now() < untilMs; left -= 1) {
    const name = options.faults[dice(options.faults.length)] as FaultName;
    options.say(`  ${new Date().toISOString()} ${name}`);
    const { world, ledger } = base;
    await faults[name]({ world, ledger, dice });
    await delay(dice(1500));
  }
  await delay(Math.max(0, untilMs - performance.now()));
  isOver = true;
  await Promise.race([Promise.all(ended), delay(endMsMax, undefined, { ref: false })]);
  if (working.size > 0) base.ledger.violate(`clients did not end with their round: ${[...working].join()}`);
  areGone = true;
  await approver;
  await Promise.all(undo.map((step) => step()));
}

/** Bob, who answers as each text says: approves, denies, or leaves it, and sometimes approves what has ended. */
async function answerHolds({ world, ledger, dice, isOver }: Soak): Promise<void> {
  const seen = new Set<string>();
  const answers: Promise<void>[] = [];
  while (!isOver()) {
    await delay(100);
    const { body } = await world.gateway
      .api('bob')
      .get<Page<HoldView>>('/holds?state=pending&limit=200')
      .catch(() => ({ body: { items: [] as readonly HoldView[] } }));
    for (const { id, text } of body.items ?? []) {
      if (seen.has(id)) continue;
      seen.add(id);
      const expected = ledger.of(text)[0]?.expected;
      if (expected === 'approve' || expected === 'deny') answers.push(answer(world, ledger, id, expected, dice(1200)));
      else if (dice(3) === 0) answers.push(approveLate(world, ledger, id));
    }
  }
  await Promise.all(answers);
}

async function answer(world: World, ledger: Ledger, id: string, word: 'approve' | 'deny', afterMs: number): Promise<void> {
  await delay(afterMs);
  const answered = await world.gateway
    .api('bob')
    .post(`/holds/${id}/${word}`, { reason: 'soak' })
    .catch(() => null);
  if (answered?.status === 200) ledger.answered.set(id, word);
}

/** Approves what nobody should approve, once it has ended: too late. */
async function approveLate(world: World, ledger: Ledger, id: string): Promise<void> {
  const bob = world.gateway.api('bob');
  const isSettled = async () => ((await bob.get<HoldView>(`/holds/${id}`)).body.state ?? 'pending') !== 'pending';
  await eventually('the hold has ended', isSettled, 30_000).catch(() => undefined);
  const answered = await bob.post(`/holds/${id}/approve`, { reason: 'late' }).catch(() => null);
  if (answered?.status === 200) ledger.violate(`hold ${id} had ended and was approved`);
}
