// A database that only an agent can reach: PostgreSQL on the loopback address of another network namespace, the gateway
// outside, and between them one cable, which is cut and spoiled. The tools are plain psql and sallyport's own command.

import { existsSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import type { AgentView, EnrolmentTokenIssued } from '../../src/api/contract.ts';
import { temporaryDirectory } from '../support/directories.ts';
import type { Teardown } from '../support/directories.ts';
import { eventually } from '../support/eventually.ts';
import { startTestGateway, targetOf } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { privateNetwork } from '../support/namespaces.ts';
import type { PrivateNetwork } from '../support/namespaces.ts';
import { freePort } from '../support/ports.ts';
import { startPostgres } from '../support/postgres.ts';
import type { TestPostgres } from '../support/postgres.ts';
import { run, start } from '../support/processes.ts';
import type { Running } from '../support/processes.ts';
import { tool } from '../support/tools.ts';
import { certificateFiles } from '../unit/agent-fixture.ts';

const sallyport = join(import.meta.dirname, '../../bin/sallyport.mjs');
type Test = Teardown;

interface Setting {
  readonly network: PrivateNetwork;
  readonly gateway: TestGateway;
  readonly certificate: string;
  startAgent(): Promise<Running>;
  psql(args: readonly string[]): Promise<{ code: number | null; stdout: string; stderr: string }>;
  session(): Running;
  /** sallyport … as this person. */
  command<T>(person: string, ...args: readonly string[]): Promise<T>;
  linked(): Promise<AgentView>;
}

t.test('a target behind an agent', { timeout: 150_000 }, async (t) => {
  const network = privateNetwork(t);
  if ('why' in network) return void t.pass('not tried', { skip: network.why });
  const setting = await build(t, network);
  const { psql, linked, command } = setting;
  let agent = await setting.startAgent();
  await linked();

  await t.test('psql works unchanged, and nothing else gets there', async (t) => {
    t.equal((await psql(['-Atc', 'SELECT count(*) FROM payments'])).stdout, '1000\n');
    const copied = await psql(['-Atc', "COPY (SELECT repeat('x', 1000) FROM generate_series(1, 20000)) TO STDOUT"]);
    t.equal(copied.stdout.length, 20_000 * 1001, 'a copy of 20 MB is whole');
    const reached = await new Promise((resolve) => {
      const socket = createConnection({ host: network.insideAddress, port: setting.gateway.running.addresses.postgres?.port ?? 1 });
      socket.on('connect', () => resolve('connected')).on('error', (error: NodeJS.ErrnoException) => resolve(error.code));
      t.teardown(() => socket.destroy());
    });
    t.not(reached, 'connected');
    const seen = await linked();
    t.match(seen, { name: 'vpc', connected: true, labels: { region: 'eu' }, allow: [/^127\.0\.0\.1:/], link_version: 2 });
    t.ok(seen.bytes_received > 20_000_000 && (seen.latency_ms ?? -1) >= 0);
  });

  await t.test('a risky statement waits and runs after approval, as without an agent', async () => {
    const session = setting.session();
    session.write('DELETE FROM payments;\n');
    const [, hold = ''] = await session.waitFor(/NOTICE: {2}hold (h-\w+)/);
    await command('bob', 'approve', hold, '--reason', 'agreed');
    await session.waitFor(/DELETE 1000/);
    session.endInput();
    await session.end();
  });

  await t.test('the cable is cut during a statement: told within seconds, outcome unknown, and back when it is mended', async (t) => {
    const session = setting.session();
    session.write('SELECT pg_sleep(120);\n');
    await eventually('it runs', async () => (await linked()).streams >= 1);
    const fromMs = performance.now();
    network.cut();
    await session.waitFor(/server closed the connection|terminating|lost|agent/i, 20_000);
    t.ok(performance.now() - fromMs < 15_000, `noticed after ${Math.round(performance.now() - fromMs)} ms`);
    await eventually('audited as unknown', async () => {
      const events = await command<{ detail: { outcome?: string } }[]>(
        'carol',
        'audit',
        '--type',
        'action.finished',
        '--limit',
        '5',
        '--json',
      );
      return events.some(({ detail }) => detail.outcome === 'unknown');
    });
    const refused = await psql(['-c', 'SELECT 1']);
    t.not(refused.code, 0);
    t.match(refused.stderr, /agent "vpc" is not connected/, 'new sessions are refused in words at once');
    network.mend();
    await linked();
    t.equal((await psql(['-Atc', 'SELECT 41 + 1'])).stdout, '42\n');
  });

  await t.test('the agent is killed and started again', async (t) => {
    const session = setting.session();
    session.write("SELECT 'here';\n");
    await session.waitFor(/here/);
    agent.kill('SIGKILL');
    await agent.end();
    await eventually('the gateway sees it', async () => !(await agents(setting))[0]?.connected);
    session.write('SELECT 1;\n'); // psql looks at its connection when it needs it
    await session.waitFor(/closed the connection|terminating|lost|agent/i);
    session.endInput();
    await session.end();
    agent = await setting.startAgent();
    await linked();
    t.equal((await psql(['-Atc', 'SELECT 41 + 1'])).stdout, '42\n');
    t.equal((await agents(setting)).length, 1, 'it is the same agent, without a new token');
  });

  await t.test('the gateway restarts: the agent comes back by itself', async (t) => {
    await setting.gateway.restart();
    await linked();
    t.equal((await psql(['-Atc', 'SELECT 41 + 1'])).stdout, '42\n');
    t.ok(agent.running);
  });

  await t.test('100 ms and 5 % loss in each direction', async (t) => {
    const why = network.spoil(50, 5); // 100 ms there and back
    if (why !== null) return void t.pass('not tried', { skip: why });
    t.equal((await psql(['-Atc', 'SELECT 41 + 1'])).stdout, '42\n');
    const copied = await psql(['-Atc', "COPY (SELECT repeat('x', 1000) FROM generate_series(1, 500)) TO STDOUT"]);
    t.equal(copied.stdout.length, 500 * 1001, 'a copy of half a megabyte is whole');
    const seen = await linked();
    t.ok((seen.latency_ms ?? 0) > 50, `latency is seen: ${seen.latency_ms} ms`);
    t.equal(network.spoil(0, 0), null);
  });

  await t.test('revoked: out at once, and it ends by itself', async (t) => {
    t.same(await command('erin', 'agents', 'revoke', 'vpc', '--json'), { revoked: 1 });
    const { code, stderr } = await agent.end();
    t.equal(code, 3);
    t.match(stderr, /was revoked/);
    t.match((await psql(['-c', 'SELECT 1'])).stderr, /is not connected/);
  });
});

async function agents({ command }: Pick<Setting, 'command'>): Promise<AgentView[]> {
  return command<AgentView[]>('erin', 'agents', '--json');
}

async function build(t: Test, network: PrivateNetwork): Promise<Setting> {
  const database = await startPostgres(t);
  await database.sql('CREATE TABLE payments AS SELECT n AS id FROM generate_series(1, 1000) AS n');
  await moveInside(t, network, database);
  const certificate = certificateFiles(t, network.outsideAddress);
  const [http, postgres] = [await freePort(), await freePort()];
  const gateway = await startTestGateway(t, {
    targets: [targetOf(database, 'orders', { env: 'production' })],
    config: {
      listen: { http: { host: '0.0.0.0', port: http }, postgres: { host: '127.0.0.1', port: postgres } },
      public_url: `https://${network.outsideAddress}:${http}`,
      tls: { certificate: certificate.cert, key: certificate.key },
      targets: [
        {
          name: 'orders',
          protocol: 'postgres',
          host: '127.0.0.1',
          port: database.port,
          user: database.user,
          password_file: 'orders.password',
          database: 'postgres',
          labels: { env: 'production' },
          agent: { region: 'eu' },
        },
        {
          name: 'by-name',
          protocol: 'postgres',
          host: '127.0.0.1',
          port: database.port,
          user: database.user,
          password_file: 'orders.password',
          database: 'postgres',
          labels: { env: 'production' },
          agent: 'vpc',
        },
      ],
    },
  });
  const env = { NODE_EXTRA_CA_CERTS: certificate.cert, SALLYPORT_SERVER: `https://127.0.0.1:${http}` };
  const command = async <T>(person: string, ...args: readonly string[]): Promise<T> => {
    const ended = await run(t, process.execPath, [sallyport, ...args], { env: { ...env, SALLYPORT_TOKEN: gateway.token(person) } });
    if (ended.code !== 0) throw new Error(`sallyport ${args.join(' ')}: ${ended.stderr}`);
    return (ended.stdout.startsWith('{') || ended.stdout.startsWith('[') ? JSON.parse(ended.stdout) : ended.stdout) as T;
  };
  const stateDir = join(temporaryDirectory(t, 'agent'), 'state');
  const psqlTool = tool('psql', 'postgresql-client');
  const url = (target: string) => `${gateway.url('alice', target)}?sslmode=require`;
  return {
    network,
    gateway,
    certificate: certificate.cert,
    command,
    psql: (args) => run(t, psqlTool, [url('by-name'), ...args], { timeoutMs: 60_000 }),
    session: () => start(t, psqlTool, [url('orders'), '-At']),
    startAgent: async () => {
      const enrolled = existsSync(join(stateDir, 'credential'));
      const issued = enrolled
        ? null
        : await command<EnrolmentTokenIssued>('erin', 'agents', 'token', 'vpc', '--label', 'region=eu', '--json');
      const [program = '', ...before] = network.inside;
      const flags = [
        '--gateway',
        `wss://${network.outsideAddress}:${http}`,
        '--state',
        stateDir,
        '--ca',
        certificate.cert,
        '--allow',
        `127.0.0.1:${database.port}`,
      ];
      return start(t, program, [...before, process.execPath, sallyport, 'agent', ...flags], {
        env: { SALLYPORT_AGENT_TOKEN: issued?.token },
      });
    },
    linked: () => eventually('the agent is linked', async () => (await agents({ command })).find(({ connected }) => connected), 40_000),
  };
}

/** Starts the cluster again where only the private network reaches it. */
async function moveInside(t: Test, network: PrivateNetwork, { server, port, stop }: TestPostgres): Promise<void> {
  await stop();
  const { binaries, directory, user } = server.place;
  const as = user === null ? [] : [tool('setpriv', 'util-linux'), `--reuid=${user.uid}`, `--regid=${user.gid}`, '--clear-groups'];
  const [program = '', ...before] = network.inside;
  const settings = ['-c', `port=${port}`, '-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories=', '-c', 'fsync=off'];
  const running = start(t, program, [...before, ...as, join(binaries, 'postgres'), '-D', directory, ...settings]);
  await running.waitFor(/ready to accept connections/);
}
