// npm run bench: starts real servers and everything that is measured in front of them, runs the rows, prints and writes.

import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { auditSearch } from './audit-search.ts';
import { Cleanup } from './contender.ts';
import type { ContenderName, Stage } from './contender.ts';
import { policyRules } from './policy-rules.ts';
import { dayRecording } from './day-recording.ts';
import { dayReplay } from './day-replay.ts';
import { foreignLoadMax } from './judge.ts';
import { idleSessions, manyHolds } from './many-sessions.ts';
import { measure } from './measure.ts';
import type { Measured, Sample } from './measure.ts';
import { mysqlTlsWorkloads, mysqlWorkloads } from './mysql-workloads.ts';
import { chosen, help, readOptions } from './options.ts';
import type { Options } from './options.ts';
import type { StageOptions } from './postgres-stage.ts';
import { postgresTlsWorkloads, postgresWorkloads } from './postgres-workloads.ts';
import { probeLine, probeText, type Probe, type ProbeResult } from './probe.ts';
import { describeMachine, json, markdown, rowText } from './report.ts';
import type { SshEndpoint } from './ssh-stage.ts';
import { sshWorkloads } from './ssh-workloads.ts';
import type { Workload } from './workload.ts';

const databaseRows: readonly Workload[] = [...postgresWorkloads, ...postgresTlsWorkloads, ...mysqlWorkloads, ...mysqlTlsWorkloads];
const probes: readonly Probe[] = [policyRules, dayRecording, dayReplay, auditSearch, idleSessions, manyHolds];
type Row = Workload | Workload<SshEndpoint> | Probe;
const allRows: readonly Row[] = [...databaseRows, ...sshWorkloads, ...probes];

/** What one run of the benchmark has gathered so far. */
interface Gathered {
  readonly measured: Measured[];
  readonly probed: { readonly probe: Probe; readonly result: ProbeResult }[];
  readonly failed: { readonly name: string; readonly words: string }[];
  readonly versions: Record<string, string>;
}

async function main(args: readonly string[]): Promise<number> {
  const options = readOptions(args);
  if (options.help) return say(help);
  if (options.list) return say(`${allRows.map(({ name, title }) => `${name.padEnd(20)} ${title}`).join('\n')}\n`);
  const asked = new Set(chosen(allRows, options.only).map(({ name }) => name));
  const ofNames = <T extends { readonly name: string }>(rows: readonly T[]) => rows.filter(({ name }) => asked.has(name));
  const cleanup = new Cleanup();
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort(new Error(`ended by ${signal}`)));
  const gathered: Gathered = { measured: [], probed: [], failed: [], versions: {} };
  const attempt = async (name: string, work: () => Promise<void>) => {
    try {
      interrupted.signal.throwIfAborted();
      await work();
    } catch (thrown) {
      // One row that fails must not cost the others their half an hour.
      const words = thrown instanceof Error ? thrown.message : String(thrown);
      if (!interrupted.signal.aborted) gathered.failed.push({ name, words });
      process.stdout.write(`${name} failed: ${words}\n\n`);
    }
  };
  const onStage = async <Where>(protocol: Workload['protocol'], all: readonly Workload<Where>[], start: StartStage<Where>) => {
    const rows = ofNames(all).map((row) => ({ ...row, contenders: row.contenders.filter((it) => isWanted(options, it)) }));
    if (rows.length === 0 || interrupted.signal.aborted) return;
    await attempt(protocol, async () => {
      progress(`starting ${protocol}`);
      const stage = await start(cleanup, stageOptions(rows, options));
      Object.assign(gathered.versions, stage.versions);
      for (const row of rows) await attempt(row.name, () => measureRow(row, stage, options, gathered, interrupted.signal));
    });
    await cleanup.run();
  };
  const ofProtocol = (protocol: Workload['protocol']) => databaseRows.filter((row) => row.protocol === protocol);
  const { startPostgresStage } = await import('./postgres-stage.ts');
  await onStage('postgres', ofProtocol('postgres'), (t, it) => startPostgresStage(t, it));
  await onStage('postgres-tls', ofProtocol('postgres-tls'), (t, it) => startPostgresStage(t, it, 'tls'));
  const { startMysqlStage } = await import('./mysql-stage.ts');
  await onStage('mysql', ofProtocol('mysql'), (t, it) => startMysqlStage(t, it));
  await onStage('mysql-tls', ofProtocol('mysql-tls'), (t, it) => startMysqlStage(t, it, 'tls'));
  await onStage('ssh', sshWorkloads, (await import('./ssh-stage.ts')).startSshStage);
  for (const probe of ofNames(probes)) {
    await attempt(probe.name, async () => {
      progress(probe.name);
      const result = await probe.run(cleanup, options);
      gathered.probed.push({ probe, result });
      progress('');
      process.stdout.write(`${probeText(probe, result)}\n\n`);
    });
    await cleanup.run();
  }
  tell(gathered, options);
  return interrupted.signal.aborted || gathered.failed.length > 0 ? 1 : 0;
}

type StartStage<Where> = (t: Cleanup, options: StageOptions) => Promise<Stage<Where>>;

/** An agent has a gateway at its end. */
function isWanted({ contenders }: Options, name: ContenderName): boolean {
  return contenders.length === 0 || contenders.includes(name) || (name === 'sallyport' && contenders.includes('agent'));
}

function stageOptions(
  rows: readonly { readonly contenders: readonly ContenderName[] }[],
  { profile, before, relayThreads }: Options,
): StageOptions {
  return {
    wanted: new Set(rows.flatMap((row) => row.contenders)),
    nodeFlags: profile === null ? [] : ['--cpu-prof', '--cpu-prof-interval=200', `--cpu-prof-dir=${resolve(profile)}`],
    before: before === null ? null : resolve(before),
    relayThreads,
  };
}

async function measureRow<Where>(
  row: Workload<Where>,
  stage: Stage<Where>,
  { seconds, warmUpSeconds, rounds, ...options }: Options,
  { measured }: Gathered,
  signal: AbortSignal,
): Promise<void> {
  const load = { seconds, megabytes: options.megabytes ?? row.megabytes ?? 0 };
  const onSample = ({ contender, round, perSecond }: Sample) =>
    progress(`${row.name} round ${round + 1}/${rounds} ${contender} ${perSecond.toFixed(0)}/s`);
  progress(`${row.name}: ${row.title}`);
  const result = await measure(row, stage, load, warmUpSeconds, rounds, onSample, signal);
  measured.push(result);
  progress('');
  process.stdout.write(`${rowText(result)}\n\n`);
}

/** The whole table, for people and as JSON. */
function tell({ measured, probed, failed, versions }: Gathered, options: Options): void {
  const table = [markdown(measured), ...probed.map(({ probe, result }) => probeLine(probe, result))].join('\n');
  process.stdout.write(`${table}\n\n`);
  const noisy = measured.filter(({ foreignLoad }) => foreignLoad > foreignLoadMax);
  if (noisy.length > 0) {
    process.stdout.write(`The machine was busy with other work before ${noisy.map((it) => it.workload.name).join(', ')}: not judged.\n`);
  }
  for (const { name, words } of failed) process.stdout.write(`Not measured: ${name}: ${words}\n`);
  if (options.out === null) return;
  const path = resolve(options.out);
  mkdirSync(dirname(path), { recursive: true });
  const results = probed.map(({ probe: { name, title, unit, must }, result }) => ({ name, title, unit, must, ...result }));
  writeFileSync(path, `${JSON.stringify({ ...json(describeMachine(versions), measured, options), probes: results, failed }, null, 2)}\n`);
  writeFileSync(path.replace(/(\.json)?$/, '.md'), `${table}\n`);
  progress(`numbers are in ${path}`);
  process.stderr.write('\n');
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
