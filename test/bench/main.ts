// npm run bench: starts real servers and everything that is measured in front of them, runs the rows, prints and writes.

import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { agentProbes } from './agent.ts';
import { auditSearch } from './audit-search.ts';
import { Cleanup } from './contender.ts';
import type { ContenderName, Stage } from './contender.ts';
import { foreignLoadMax } from './judge.ts';
import { idleSessions, manyHolds } from './many-sessions.ts';
import { measure } from './measure.ts';
import type { Measured } from './measure.ts';
import { mysqlWorkloads } from './mysql-workloads.ts';
import { chosen, help, readOptions } from './options.ts';
import { postgresWorkloads } from './postgres-workloads.ts';
import { sftpDown, sftpUp, sshTrue } from './ssh-probes.ts';
import { probeText, type Probe, type ProbeResult } from './probe.ts';
import { describeMachine, json, markdown, rowText } from './report.ts';
import type { Protocol, Workload } from './workload.ts';

const workloads: readonly Workload[] = [...postgresWorkloads, ...mysqlWorkloads];
const probes: readonly Probe[] = [idleSessions, manyHolds, auditSearch, sshTrue, sftpDown, sftpUp, ...agentProbes];

async function main(args: readonly string[]): Promise<number> {
  const options = readOptions(args);
  if (options.help) return say(help);
  if (options.list) return say(`${[...workloads, ...probes].map(({ name, title }) => `${name.padEnd(20)} ${title}`).join('\n')}\n`);
  const wanted = (name: ContenderName) => options.contenders.length === 0 || options.contenders.includes(name);
  const asked = new Set(chosen<Workload | Probe>([...workloads, ...probes], options.only).map(({ name }) => name));
  const rows = workloads.filter(({ name }) => asked.has(name)).map((row) => ({ ...row, contenders: row.contenders.filter(wanted) }));
  const cleanup = new Cleanup();
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort(new Error(`ended by ${signal}`)));
  const measured: Measured[] = [];
  const versions: Record<string, string> = {};
  const probed: { name: string; result: ProbeResult }[] = [];
  try {
    for (const protocol of ['postgres', 'mysql'] as const) {
      const own = rows.filter((row) => row.protocol === protocol);
      if (own.length === 0) continue;
      progress(`starting ${protocol}`);
      const stage = await startStage(protocol, own, options, cleanup);
      Object.assign(versions, stage.versions);
      for (const row of own) {
        const result = await measure(
          row,
          stage,
          options,
          options.rounds,
          ({ contender, round, perSecond }) => {
            progress(`${row.name} round ${round + 1}/${options.rounds} ${contender} ${perSecond.toFixed(0)}/s`);
          },
          interrupted.signal,
        );
        measured.push(result);
        progress('');
        process.stdout.write(`${rowText(result)}\n\n`);
      }
      await cleanup.run();
    }
    for (const probe of probes.filter(({ name }) => asked.has(name))) {
      progress(probe.name);
      const result = await probe.run(cleanup, options);
      probed.push({ name: probe.name, result });
      progress('');
      process.stdout.write(`${probeText(probe, result)}\n\n`);
      await cleanup.run();
    }
  } finally {
    await cleanup.run();
  }
  process.stdout.write(`${markdown(measured)}\n\n`);
  const noisy = measured.filter(({ foreignLoad }) => foreignLoad > foreignLoadMax);
  if (noisy.length > 0) {
    process.stdout.write(`The machine was busy with other work before ${noisy.map((it) => it.workload.name).join(', ')}: not judged.\n`);
  }
  if (options.out !== null) {
    const path = resolve(options.out);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, `${JSON.stringify({ ...json(describeMachine(versions), measured, options), probes: probed }, null, 2)}\n`);
    progress(`numbers are in ${path}`);
    process.stderr.write('\n');
  }
  return 0;
}

async function startStage(
  protocol: Protocol,
  rows: readonly Workload[],
  { profile, before }: { profile: string | null; before: string | null },
  cleanup: Cleanup,
): Promise<Stage> {
  const wanted = new Set<ContenderName>(rows.flatMap((row) => row.contenders));
  const nodeFlags = profile === null ? [] : ['--cpu-prof', '--cpu-prof-interval=200', `--cpu-prof-dir=${resolve(profile)}`];
  const options = { wanted, nodeFlags, before: before === null ? null : resolve(before) };
  switch (protocol) {
    case 'postgres':
      return (await import('./postgres-stage.ts')).startPostgresStage(cleanup, options);
    case 'mysql':
      return (await import('./mysql-stage.ts')).startMysqlStage(cleanup, options);
  }
}

function say(words: string): number {
  process.stdout.write(words);
  return 0;
}

function progress(words: string): void {
  if (process.stderr.isTTY === true) process.stderr.write(`\r\u001b[2K${words}`);
  else if (words !== '' && process.env['BENCH_QUIET'] === undefined) process.stderr.write(`${words}\n`);
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (thrown) {
  process.stderr.write(`${thrown instanceof Error ? thrown.message : String(thrown)}\n`);
  process.exitCode = 1;
}
