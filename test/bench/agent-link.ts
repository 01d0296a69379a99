// The agent link alone: a gateway's end in this process, an agent and a target that answers in processes of their own, TLS between.
// Prints the rate and the CPU of either end for each round trip, each MB or each connection.
// node agent-link.ts [ask|down|up|connect] [STREAMS] [SECONDS] [CHECKOUT]; BUSY_POLL_US, AGENT_NODE_FLAGS and AGENT_LOG are looked at

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import type { Duplex } from 'node:stream';
import type * as BusyPoll from '../../src/core/busy-poll.ts';
import type * as ChunkReader from '../../src/core/chunk-reader.ts';
import type * as Fixture from '../unit/agent-fixture.ts';
import { cpuMicros } from './process-usage.ts';

const [work = 'ask', streamsText = '1', secondsText = '3', checkout = join(import.meta.dirname, '../..')] = process.argv.slice(2);

/** What pgbench -S asks and is told. */
const askedBytes = 100;
const answerBytes = 200;
const bulkBytes = 64 * 1024;
const dialMs = 5_000;

if (work === 'target') await serve();
else await measure();

/** A target: answers what is asked; sends for ever when the first byte is 1, swallows when it is 2. */
async function serve(): Promise<void> {
  const answer = Buffer.alloc(answerBytes);
  const bulk = Buffer.alloc(bulkBytes);
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => undefined);
    socket.once('data', (first: Buffer) => {
      if (first[0] === 2) return void socket.resume();
      if (first[0] !== 1) return void socket.on('data', () => socket.write(answer)).write(answer);
      const more = (): void => {
        while (!socket.destroyed && socket.write(bulk));
      };
      socket.on('drain', more);
      more();
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
  process.stdin.on('end', () => process.exit(0)).resume();
}

async function measure(): Promise<void> {
  const fixture = (await import(join(resolve(checkout), 'test/unit/agent-fixture.ts'))) as typeof Fixture;
  const ends: (() => void)[] = [];
  const t = { teardown: (end: () => void) => void ends.unshift(end) };
  const target = spawn(process.execPath, [import.meta.filename, 'target'], { stdio: ['pipe', 'pipe', 'inherit'] });
  const port = Number(String(((await once(target.stdout, 'data')) as [Buffer])[0]));
  const files = fixture.certificateFiles(t);
  const { readFileSync } = await import('node:fs');
  const side = await fixture.startSide(t, { tls: { cert: readFileSync(files.cert, 'utf8'), key: readFileSync(files.key, 'utf8') } });
  const state = join(files.cert, '../state');
  const flags = ['--gateway', side.url, '--state', state, '--ca', files.cert, '--allow', `127.0.0.1:${port}`];
  const poll = process.env['BUSY_POLL_US'];
  if (poll !== undefined) {
    const { setBusyPoll } = (await import(join(resolve(checkout), 'src/core/busy-poll.ts'))) as typeof BusyPoll;
    setBusyPoll(Number(poll));
    flags.push('--busy-poll-us', poll);
  }
  const nodeFlags = (process.env['AGENT_NODE_FLAGS'] ?? '').split(' ').filter((flag) => flag !== '');
  const agent = spawn(process.execPath, [...nodeFlags, join(resolve(checkout), 'bin/sallyport.mjs'), 'agent', ...flags], {
    env: { ...process.env, SALLYPORT_AGENT_TOKEN: side.token('vpc') },
    stdio: process.env['AGENT_LOG'] === undefined ? 'ignore' : ['ignore', 'inherit', 'inherit'],
  });
  const agentPid = agent.pid as number;
  while (side.agents.list()[0]?.isConnected !== true) await new Promise((done) => setTimeout(done, 20));
  const aim = fixture.targetAt(port, fixture.byName('vpc'));
  const dial = (): Promise<Duplex> => side.agents.dial(aim, new AbortController().signal, dialMs);

  const { readInPlace } = (await import(join(resolve(checkout), 'src/core/chunk-reader.ts'))) as typeof ChunkReader;
  const world = { dial, readInPlace, done: 0, stop: false };
  const streams = await Promise.all(Array.from({ length: Number(streamsText) }, () => begin(world)));
  await new Promise((done) => setTimeout(done, 1_000));
  process.stderr.write(`gateway ${process.pid} agent ${agentPid}\n`);
  const [done, ours, theirs, fromMs] = [world.done, process.cpuUsage(), cpuMicros(agentPid), performance.now()];
  await new Promise((over) => setTimeout(over, Number(secondsText) * 1000));
  const count = world.done - done;
  const used = process.cpuUsage(ours);
  const tookMs = performance.now() - fromMs;
  const each = (micros: number): string => (micros / count).toFixed(1);
  const user = each(used.user);
  process.stdout.write(
    `${work} ${streamsText}: ${((count / tookMs) * 1000).toFixed(0)}/s; CPU us each: gateway ${each(used.user + used.system)} (user ${user}), agent ${each(cpuMicros(agentPid) - theirs)}\n`,
  );
  world.stop = true;
  for (const stream of streams) stream?.destroy();
  target.kill();
  agent.kill();
  await once(agent, 'exit');
  ends.forEach((end) => end());
  process.exit(0);
}

interface World {
  readonly dial: () => Promise<Duplex>;
  /** As SSH reads its targets. */
  readonly readInPlace: typeof ChunkReader.readInPlace;
  /** Round trips, MB or connections so far. */
  done: number;
  stop: boolean;
}

async function begin(world: World): Promise<Duplex | null> {
  const question = Buffer.alloc(askedBytes);
  if (work === 'connect') {
    void (async () => {
      while (!world.stop) {
        const stream = await world.dial();
        stream.on('error', () => undefined).write(question);
        await once(stream, 'data');
        stream.destroy();
        world.done += 1;
      }
    })();
    return null;
  }
  const stream = await world.dial();
  stream.on('error', () => undefined);
  switch (work) {
    case 'ask':
      stream.on('data', () => {
        world.done += 1;
        stream.write(question);
      });
      stream.write(question);
      return stream;
    case 'down':
      question[0] = 1;
      stream.write(question);
      return world
        .readInPlace(stream)
        ?.on('data', (chunk: Buffer) => (world.done += chunk.length / 1e6))
        .resume() as Duplex;
    case 'up': {
      question[0] = 2;
      stream.write(question);
      const bulk = Buffer.alloc(bulkBytes);
      const more = (): void => {
        for (let isTaken = true; isTaken && !world.stop; world.done += bulkBytes / 1e6) isTaken = stream.write(bulk);
      };
      stream.on('drain', more);
      more();
      return stream;
    }
    default:
      throw new Error('node agent-link.ts [ask|down|up|connect] [STREAMS] [SECONDS] [CHECKOUT]');
  }
}
