// What a soak works on: PostgreSQL, MariaDB and sshd that write down what they really ran, a gateway in front of them, one target behind
// an agent, and lines in between that can be cut.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import type { AgentView, EnrolmentTokenIssued } from '../../src/api/contract.ts';
import { PostgresServer } from '../../docker/demo/postgres-server.ts';
import { postgresBinaries } from '../../docker/demo/postgres-binaries.ts';
import { makeKeyPair, publicKeyOf, SshServer } from '../../docker/demo/ssh-server.ts';
import { unprivilegedUser } from '../../docker/demo/unprivileged.ts';
import { temporaryDirectory } from '../support/directories.ts';
import type { Teardown } from '../support/directories.ts';
import { eventually } from '../support/eventually.ts';
import { sallyport } from '../support/gateway-process.ts';
import { startMariadb } from '../support/mariadb.ts';
import type { TestMariadb } from '../support/mariadb.ts';
import { freePort } from '../support/ports.ts';
import { start } from '../support/processes.ts';
import type { Running } from '../support/processes.ts';
import { sshPolicies } from '../support/ssh.ts';
import { GatewayRunner } from './gateway-runner.ts';
import { Line } from './line.ts';

const engineers = ['alice', 'amy', 'abel'];
const password = 'superuser-of-the-soak';

export const policies: Readonly<Record<string, string>> = {
  'soak.yaml': `policy: soak
applies_to: { protocols: [postgres, mysql] }
rules:
  - { id: open, title: Everybody may open sessions, actions: [connect], decision: allow }
  - { id: reads, title: Reading is free, actions: [statement], effects: { access: [read, session] }, fence: read-only, decision: allow }
  - { id: new-rows, title: New rows are free, effects: { verbs: [insert, bulk-load] }, decision: allow }
  - { id: no-changes, title: Nothing is changed, effects: { verbs: [update] }, decision: deny }
  - { id: deletes, title: Deleting waits, effects: { verbs: [delete] }, decision: hold, approvers: { groups: [dba] }, expires: 5s, expires_in_transaction: 5s }
`,
  'production-ssh.yaml': sshPolicies()['production-ssh.yaml'] ?? '',
};

export interface World {
  readonly t: Teardown;
  readonly gateway: GatewayRunner;
  readonly postgres: Postgres;
  readonly mariadb: TestMariadb;
  readonly mariadbLog: string;
  readonly ssh: { readonly server: SshServer; readonly log: string; readonly key: string; readonly knownHosts: string };
  readonly agent: Agent;
  /** Between the gateway and PostgreSQL, MariaDB; between the agent and the gateway. */
  readonly lines: { readonly postgres: Line; readonly mariadb: Line; readonly agent: Line };
  readonly people: readonly string[];
}

export async function buildWorld(t: Teardown, relayThreads: number): Promise<World> {
  const postgres = await Postgres.start(t);
  await postgres.sql('CREATE TABLE soak_rows (tag text PRIMARY KEY, n int); CREATE TABLE soak_copies (tag text, n int)');
  const logs = temporaryDirectory(t, 'soak-logs');
  const mariadb = await startMariadb(t, ['--general-log=1', '--general-log-file=general.log', '--log-output=FILE']);
  await mariadb.sql('CREATE TABLE soak_rows (tag varchar(40) PRIMARY KEY, n int)');
  const dataDir = (await mariadb.sql('SELECT @@datadir AS dir'))[0]?.['dir'] as string;
  const ssh = await startSsh(t, logs);
  const lines = {
    postgres: await Line.open(t, postgres.port),
    mariadb: await Line.open(t, mariadb.port),
    agent: await Line.open(t, null),
  };
  const key = join(logs, 'alice');
  makeKeyPair(key, 'alice');
  const people = [
    { name: 'alice', groups: ['engineers'], ssh_keys: [publicKeyOf(key)] },
    { name: 'amy', groups: ['engineers'] },
    { name: 'abel', groups: ['engineers'] },
    { name: 'bob', groups: ['dba'] },
    { name: 'carol', groups: ['auditors'] },
    { name: 'erin', groups: ['operators'] },
  ];
  const gateway = await GatewayRunner.start(t, policies, people, (directory) => {
    const secret = (name: string, text: string) => {
      writeFileSync(join(directory, name), text, { mode: 0o600 });
      return name;
    };
    const asPostgres = {
      protocol: 'postgres',
      user: 'postgres',
      password_file: secret('pg', password),
      database: 'postgres',
      host: '127.0.0.1',
    };
    return {
      relay_threads: relayThreads,
      limits: { holds_per_person: 200 },
      targets: [
        { name: 'orders', ...asPostgres, port: lines.postgres.port },
        { name: 'far', ...asPostgres, port: postgres.port, agent: 'vpc' },
        {
          name: 'shop',
          ...{ protocol: 'mysql', host: '127.0.0.1', port: lines.mariadb.port, user: mariadb.user, database: mariadb.database },
          password_file: secret('my', mariadb.password),
        },
        {
          name: 'web',
          ...{ protocol: 'ssh', host: '127.0.0.1', port: ssh.server.port, user: ssh.server.user, labels: { env: 'production' } },
          ...{ host_keys: [ssh.server.hostKey], private_key_file: ssh.server.privateKeyFile },
        },
      ],
    };
  });
  const knownHosts = join(logs, 'known_hosts');
  const hostKey = publicKeyOf(join(gateway.dataDir, 'ssh_host_ed25519_key'));
  writeFileSync(knownHosts, `[127.0.0.1]:${gateway.ports.ssh} ${hostKey}\n`);
  const agent = new Agent(t, gateway, lines.agent, postgres.port, join(logs, 'agent'));
  await agent.start();
  const own = { ...ssh, key, knownHosts };
  return { t, gateway, postgres, mariadb, mariadbLog: join(dataDir, 'general.log'), ssh: own, agent, lines, people: engineers };
}

/** sshd that writes down each command before it runs it. */
async function startSsh(t: Teardown, logs: string): Promise<{ server: SshServer; log: string }> {
  const log = join(logs, 'ssh-ran.log');
  const noting = join(logs, 'noting');
  const directory = join(temporaryDirectory(t, 'soak-ssh'), 'web');
  writeFileSync(log, '', { mode: 0o666 });
  writeFileSync(
    noting,
    `#!/bin/sh\nprintf '%s %s\\n' "$(date +%s.%N)" "$SSH_ORIGINAL_COMMAND" >> ${log}\nexec ${join(directory, 'run')}\n`,
    {
      mode: 0o755,
    },
  );
  const place = { directory, user: unprivilegedUser(), settings: `ForceCommand ${noting}` };
  const server = await SshServer.start(place, await freePort());
  t.teardown(() => server.stop());
  return { server, log };
}

/** PostgreSQL that can be killed and started again on its data; the logs of all runs are kept. */
export class Postgres {
  readonly port: number;
  #server: PostgresServer;
  #earlierLog = '';

  private constructor(server: PostgresServer) {
    this.#server = server;
    this.port = server.port;
  }

  static async start(t: Teardown): Promise<Postgres> {
    const user = unprivilegedUser();
    const place = { binaries: postgresBinaries(user), directory: join(temporaryDirectory(t, 'soak-postgres'), 'cluster'), user };
    const postgres = new Postgres(await PostgresServer.start(place, options(await freePort())));
    t.teardown(() => postgres.#server.stop());
    return postgres;
  }

  /** What it logged, of all its runs. */
  get log(): string {
    return this.#earlierLog + readFileSync(this.#logFile, 'utf8');
  }

  get #logFile(): string {
    return `${this.#server.place.directory}.log`;
  }

  /** The process that starts all others. */
  get pid(): number {
    return Number(readFileSync(join(this.#server.place.directory, 'postmaster.pid'), 'utf8').split('\n')[0]);
  }

  /** It, and those that it has started. */
  processes(): number[] {
    const children = readFileSync(`/proc/${this.pid}/task/${this.pid}/children`, 'utf8').trim().split(' ').map(Number); // prettier-ignore
    return [this.pid, ...children];
  }

  /** An immediate shutdown, as by a crash, and a new start. */
  async restart(): Promise<void> {
    process.kill(this.pid, 'SIGQUIT');
    await this.#server.ended;
    this.#earlierLog += readFileSync(this.#logFile, 'utf8');
    this.#server = await PostgresServer.start(this.#server.place, options(this.port));
  }

  async sql(text: string): Promise<Record<string, unknown>[]> {
    const settings = { host: '127.0.0.1', port: this.port, user: 'postgres', password, database: 'postgres', ssl: false };
    const client = new pg.Client({ ...settings, application_name: 'soak-itself' });
    client.on('error', () => undefined);
    await client.connect();
    try {
      return ((await client.query(text)) as pg.QueryResult<Record<string, unknown>>).rows ?? [];
    } finally {
      await client.end();
    }
  }
}

function options(port: number) {
  const settings = { fsync: 'off', full_page_writes: 'off', log_statement: 'all', log_line_prefix: '%n|%p|%a|', max_connections: '200' };
  return { port, superuserPassword: password, settings };
}

/** The agent in front of target `far`, which goes through a line. */
export class Agent {
  readonly #t: Teardown;
  readonly #gateway: GatewayRunner;
  readonly #arguments: readonly string[];
  readonly #stateDir: string;
  #running: Running | null = null;

  constructor(t: Teardown, gateway: GatewayRunner, line: Line, targetPort: number, stateDir: string) {
    this.#t = t;
    this.#gateway = gateway;
    this.#stateDir = stateDir;
    const allow = `127.0.0.1:${targetPort}`;
    const route = ['--gateway', gateway.http.replace('http', 'ws'), '--proxy', `http://127.0.0.1:${line.port}`];
    this.#arguments = ['agent', ...route, '--state', stateDir, '--allow', allow];
  }

  async start(): Promise<void> {
    const issued = existsSync(join(this.#stateDir, 'credential'))
      ? undefined
      : (await this.#gateway.api('erin').post<EnrolmentTokenIssued>('/agents/enrolment-tokens', { name: 'vpc' })).body.token;
    this.#running = start(this.#t, process.execPath, [sallyport, ...this.#arguments], { env: { SALLYPORT_AGENT_TOKEN: issued } });
    await this.linked();
  }

  /** Resolves when the gateway sees it. */
  async linked(): Promise<void> {
    const erin = this.#gateway.api('erin');
    const sees = async () => (await erin.get<{ items: AgentView[] }>('/agents')).body.items.some(({ connected }) => connected);
    await eventually('the agent is linked', sees, 60_000).catch((thrown: unknown) => {
      throw new Error(`the agent is not linked: ${this.#running?.output ?? ''}`, { cause: thrown });
    });
  }

  signal(signal: NodeJS.Signals): void {
    this.#running?.kill(signal);
  }

  async kill(): Promise<void> {
    this.#running?.kill('SIGKILL');
    await this.#running?.end();
  }
}
