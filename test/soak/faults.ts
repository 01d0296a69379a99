// What breaks, by name. Each puts everything right again before it resolves.

import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import Database from 'better-sqlite3';
import type { Ledger } from './ledger.ts';
import { policies } from './world.ts';
import type { World } from './world.ts';

export interface FaultPlace {
  readonly world: World;
  readonly ledger: Ledger;
  readonly dice: (sides: number) => number;
}

type Fault = (place: FaultPlace) => Promise<void>;

export const faults = {
  'gateway-killed': async ({ world: { gateway } }) => {
    await gateway.end('SIGKILL');
    await gateway.start();
  },

  'gateway-stopped': async ({ world: { gateway }, ledger }) => {
    const code = await gateway.end('SIGTERM');
    if (code !== 0) ledger.violate(`SIGTERM ended the gateway with status ${code}: ${gateway.output.slice(-2000)}`);
    await gateway.start();
  },

  'gateway-stands-still': async ({ world: { gateway }, dice }) => {
    gateway.signal('SIGSTOP');
    await delay(1000 + dice(3000));
    gateway.signal('SIGCONT');
  },

  'agent-killed': async ({ world: { agent }, dice }) => {
    await agent.kill();
    await delay(dice(2000));
    await agent.start();
  },

  'agent-stands-still': async ({ world: { agent }, dice }) => {
    agent.signal('SIGSTOP');
    await delay(1000 + dice(14_000));
    agent.signal('SIGCONT');
    await agent.linked();
  },

  'agent-line-cut': async ({ world: { agent, lines } }) => {
    lines.agent.cut();
    await delay(100);
    await agent.linked();
  },

  'agent-line-dead': async ({ world: { agent, lines }, dice }) => {
    await lines.agent.deaden(1000 + dice(14_000));
    await agent.linked();
  },

  'postgres-line-cut': async ({ world: { lines } }) => lines.postgres.cut(),

  'postgres-line-dead': async ({ world: { lines }, dice }) => lines.postgres.deaden(1000 + dice(4000)),

  'mariadb-line-cut': async ({ world: { lines } }) => lines.mariadb.cut(),

  'mariadb-line-dead': async ({ world: { lines }, dice }) => lines.mariadb.deaden(1000 + dice(4000)),

  'postgres-stands-still': async ({ world: { postgres }, dice }) => {
    const stopped = postgres.processes();
    signalAll(stopped, 'SIGSTOP');
    await delay(1000 + dice(6000));
    signalAll(stopped, 'SIGCONT');
  },

  'postgres-crashes': ({ world: { postgres } }) => postgres.restart(),

  'connections-killed': async ({ world: { postgres, mariadb } }) => {
    await postgres.sql(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
    );
    const all = (await mariadb.sql('SHOW PROCESSLIST')) as { Id: number; User: string; Command: string }[];
    for (const { Id, User } of all) if (User === mariadb.user) await mariadb.sql(`KILL ${Id}`).catch(() => undefined); // one is our own
  },

  'disk-full': async ({ world: { gateway }, dice }) => {
    if (!gateway.hasOwnDisk) return;
    const free = gateway.fillDisk();
    await delay(1000 + dice(7000));
    free();
  },

  'database-locked': async ({ world: { gateway }, dice }) => {
    const other = new Database(join(gateway.dataDir, 'sallyport.db'), { timeout: 5000 });
    other.exec('BEGIN IMMEDIATE');
    await delay(500 + dice(4000));
    other.close();
  },

  'recordings-removed': async ({ world: { gateway }, dice }) => {
    const [folder, away] = [join(gateway.dataDir, 'recordings'), join(gateway.dataDir, 'recordings-away')];
    renameSync(folder, away);
    await delay(500 + dice(2000));
    rmSync(folder, { recursive: true, force: true });
    renameSync(away, folder);
  },

  'policies-wrong': async ({ world: { gateway }, dice }) => {
    const path = join(gateway.directory, 'policies', 'soak.yaml');
    const good = policies['soak.yaml'] ?? '';
    const bad = [
      'policy: [',
      'policy: soak\nrules: [{ id: x, decison: allow }]\n',
      good.replace('actions: [connect], decision: allow', 'actions: [connect], decision: deny'),
    ];
    writeFileSync(path, bad[dice(bad.length)] ?? '');
    await delay(500 + dice(2500));
    writeFileSync(path, good);
    await delay(1500); // a change is taken within a second or so
  },

  'person-shut-out': async ({ world: { gateway, people }, ledger, dice }) => {
    const person = people[dice(people.length)] ?? '';
    const erin = gateway.api('erin');
    const answered = await erin.post(`/people/${person}/disable`);
    if (answered.status !== 200) return ledger.violate(`${person} was not disabled: ${JSON.stringify(answered.body)}`);
    const shut = { person, fromMs: Date.now(), toMs: Infinity };
    ledger.shut.push(shut);
    await delay(2000 + dice(2000));
    shut.toMs = Date.now();
    await erin.post(`/people/${person}/enable`);
  },
} satisfies Record<string, Fault>;

function signalAll(processes: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of processes) {
    try {
      process.kill(pid, signal);
    } catch {
      // It has ended meanwhile.
    }
  }
}

export type FaultName = keyof typeof faults;
export const faultNames = Object.keys(faults) as FaultName[];
