// What an agent is shipped as: one file that runs where nothing else of the project is, a service, an image, manifests. What can't
// be run here (systemd, a container engine, a cluster) is read for what it has to say.

import { execFile } from 'node:child_process';
import { copyFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parse, parseAllDocuments } from 'yaml';
import t from 'tap';
import { temporaryDirectory } from '../support/directories.ts';
import { eventually } from '../support/eventually.ts';
import { run, start } from '../support/processes.ts';
import { startSide } from './agent-fixture.ts';

const root = join(import.meta.dirname, '../..');
const text = (path: string): string => readFileSync(join(root, 'docker', path), 'utf8');

t.test('one file: built, alone in a folder, and it links', { timeout: 60_000 }, async (t) => {
  const directory = temporaryDirectory(t, 'one-file');
  const vite = join(root, 'node_modules/.bin/vite');
  await promisify(execFile)(
    process.execPath,
    [vite, 'build', '--config', 'agent/vite.config.ts', '--outDir', directory, '--logLevel', 'error'],
    {
      cwd: root,
    },
  );
  const alone = join(temporaryDirectory(t, 'alone'), 'sallyport-agent.mjs');
  copyFileSync(join(directory, 'sallyport-agent.mjs'), alone);
  const asked = (args: readonly string[]) => run(t, process.execPath, [alone, ...args]);
  t.match((await asked(['--version'])).stdout, /^\d+\.\d+\.\d+/);
  t.match(await asked(['--gateway', 'ws://gateway.example', '--state', directory, '--allow', 'x:1']), {
    code: 2,
    stderr: /is not encrypted/,
  });
  const side = await startSide(t);
  const args = ['--gateway', side.url, '--state', join(directory, 'state'), '--allow', '127.0.0.1:5432'];
  // The token's file is gone at later starts, as a manifest's secret may be.
  const first = start(t, process.execPath, [alone, ...args, '--token-file', join(directory, 'gone')], {
    env: { SALLYPORT_AGENT_TOKEN: '' },
  });
  t.not((await first.end()).code, 0, 'without a token a new agent says so and ends');
  t.match(first.output, /give it a token/);
  t.match(first.output, /gone: there is no such file/, 'a misspelt file is told only where the token was needed');
  const running = start(t, process.execPath, [alone, ...args], { env: { SALLYPORT_AGENT_TOKEN: side.token('one-file') } });
  await eventually('it is linked', () => side.agents.list().some(({ name, isConnected }) => name === 'one-file' && isConnected), 20_000);
  running.kill('SIGTERM');
  t.equal((await running.end()).code, 0);
  const again = start(t, process.execPath, [alone, ...args, '--token-file', join(directory, 'gone')]);
  await eventually('it is back', () => side.agents.list().some(({ isConnected }) => isConnected), 20_000);
  again.kill('SIGTERM');
  await again.end();
});

t.test('what lies beside the sources stays out of images, and the gateway’s asks for its health', async (t) => {
  for (const name of ['gateway', 'agent']) {
    const [first, ...rest] = text(`${name}.Dockerfile.dockerignore`)
      .split('\n')
      .filter((line) => !line.startsWith('#') && line !== '');
    t.equal(first, '*', `${name}: nothing but what is named`);
    for (const line of rest) t.ok(existsSync(join(root, line.replace(/^!/, ''))), `${name}: ${line}`);
  }
  const [, command = ''] = /^HEALTHCHECK [^[]*CMD (\[.*\])$/m.exec(text('gateway.Dockerfile').replaceAll(/\\\n\s*/g, '')) ?? [];
  const [node, script = '', ...args] = JSON.parse(command) as string[];
  t.equal(node, 'node');
  const { stdout } = await run(t, process.execPath, [join(root, script.replace('/opt/sallyport/', '')), ...args, '--help']);
  t.match(stdout, /Usage: sallyport health/);
});

t.test('the service gives up what an agent does not need', (t) => {
  const unit = text('systemd/sallyport-agent.service');
  const value = (key: string) => new RegExp(`^${key}=(.*)$`, 'm').exec(unit)?.[1];
  for (const key of [
    'NoNewPrivileges',
    'DynamicUser',
    'ProtectHome',
    'PrivateDevices',
    'PrivateTmp',
    'LockPersonality',
    'RestrictNamespaces',
  ])
    t.equal(value(key), 'yes', key);
  t.same(
    [value('ProtectSystem'), value('CapabilityBoundingSet'), value('SocketBindDeny'), value('StateDirectoryMode')],
    ['strict', '', 'any', '0700'],
  );
  t.equal(value('RestartPreventExitStatus'), '2 3', 'the exit codes of agent/run-agent.ts that another try does not change');
  t.notMatch(unit, /spe_[A-Za-z0-9]/);
  t.end();
});

t.test('the image and the compose file: not root, read-only, networks apart', (t) => {
  const image = text('agent.Dockerfile');
  t.match(image, /^FROM gcr\.io\/distroless\/\S+:nonroot$/m);
  t.match(image, /^ENTRYPOINT \["\/nodejs\/bin\/node", "\/sallyport-agent\.mjs", "--state", "\/state"\]$/m);
  const { services, networks } = parse(text('compose.agents.yaml'), { merge: true }) as {
    services: Record<string, { networks: string[]; read_only?: boolean; cap_drop?: string[]; security_opt?: string[]; ports?: string[] }>;
    networks: Record<string, { internal?: boolean }>;
  };
  for (const side of ['east', 'west']) {
    t.equal(networks[side]?.internal, true, `${side} has no way out and none in`);
    t.match(services[`${side}-agent`], { read_only: true, cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'] });
    t.same(services[`${side}-agent`]?.ports, undefined, 'it listens nowhere');
    t.same(services[`${side}-db`]?.networks, [side]);
    t.same(services[`${side}-agent`]?.networks, ['public', side]);
  }
  t.same(services['gateway']?.networks, ['public'], 'the gateway has no way to the databases');
  t.end();
});

t.test('the manifest', (t) => {
  const documents = parseAllDocuments(text('kubernetes/agent.yaml'));
  for (const document of documents) t.same([...document.errors, ...document.warnings], []);
  const objects = documents.map((document) => document.toJS() as { kind: string; metadata: { namespace: string }; spec?: object });
  t.ok(objects.every(({ metadata }) => metadata.namespace === 'sallyport'));
  const of = (kind: string) => objects.find((it) => it.kind === kind);
  t.match(of('ServiceAccount'), { automountServiceAccountToken: false });
  t.match(of('StatefulSet')?.spec, {
    template: {
      spec: {
        automountServiceAccountToken: false,
        securityContext: { runAsNonRoot: true, fsGroupChangePolicy: 'OnRootMismatch', seccompProfile: { type: 'RuntimeDefault' } },
        containers: [
          {
            securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
            resources: { limits: { memory: '512Mi' } },
          },
        ],
      },
    },
  });
  t.match(of('NetworkPolicy')?.spec, { policyTypes: ['Ingress', 'Egress'], ingress: [] });
  t.notMatch(JSON.stringify(of('StatefulSet')), /containerPort|hostNetwork|hostPath/);
  t.end();
});
