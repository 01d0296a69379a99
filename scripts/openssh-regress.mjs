// OpenSSH's own regression scripts with the gateway in the way: every `ssh` they call goes to a target behind it, whatever host their
// configuration names. Not part of `npm test`: it needs OpenSSH's sources (Debian's source package, fetched when no folder is given) and
// some minutes. What differs, and why, is listed in docs/ssh-differences.md.
//   node scripts/openssh-regress.mjs [--sources FOLDER] [--direct] [TEST …]

import { execFileSync, spawn } from 'node:child_process';
import {
  createWriteStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { people } from '../docker/demo/gateway-files.ts';
import { makeKeyPair, publicKeyOf, SshServer } from '../docker/demo/ssh-server.ts';
import { startTestGateway } from '../test/support/gateway.ts';
import { freePort } from '../test/support/ports.ts';

/** Those in which a gateway between client and server is what is tried. The others test keys, agents, and sshd's own settings. */
const scripts = [
  'connect connect-uri exit-status exit-status-signal envpass transfer rekey stderr-data stderr-after-eof broken-pipe try-ciphers',
  'yes-head dynamic-forward forwarding multiplex scp scp3 scp-uri sftp sftp-cmds sftp-batch sftp-badcmds sftp-glob sftp-uri kextype keytype',
].flatMap((line) => line.split(' '));
const scriptTimeoutMs = 300_000;
const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { sources: { type: 'string' }, direct: { type: 'boolean', default: false } },
});
const work = mkdtempSync(join(tmpdir(), 'openssh-regress-'));
const undo = [() => rmSync(work, { recursive: true, force: true })];
const t = { teardown: (step) => undo.unshift(step) };

/** Debian's source package, by a list of sources of its own, so that the machine's stays as it is. */
function fetchSources() {
  const dir = join(work, 'sources');
  const own = ['parts', 'lists/partial', 'source'].map((name) => join(dir, name));
  for (const path of own) mkdirSync(path, { recursive: true });
  const listed = readFileSync('/etc/apt/sources.list.d/debian.sources', 'utf8');
  writeFileSync(join(own[0], 'source.sources'), listed.replaceAll(/^Types: deb$/gm, 'Types: deb-src'));
  const apt = [
    '-q',
    '-o',
    'Dir::Etc::sourcelist=/dev/null',
    '-o',
    `Dir::Etc::sourceparts=${own[0]}`,
    '-o',
    `Dir::State::lists=${join(dir, 'lists')}`,
  ];
  execFileSync('apt-get', [...apt, 'update'], { stdio: 'ignore' });
  execFileSync('apt-get', [...apt, 'source', '--download-only', 'openssh'], { cwd: own[2], stdio: 'ignore' });
  const archive = readdirSync(own[2]).find((name) => /\.orig\.tar/.test(name));
  execFileSync('tar', ['xf', archive], { cwd: own[2] });
  return join(
    own[2],
    readdirSync(own[2]).find((name) => existsSync(join(own[2], name, 'regress'))),
  );
}

/** A copy in which scp goes over SSH, too: as it is, it starts the other side on this machine by itself. */
function prepared(sources, ssh) {
  const dir = join(work, 'regress');
  execFileSync('cp', ['-r', join(sources, 'regress'), dir]);
  writeFileSync(join(dir, 'scp-ssh-wrapper.sh'), `#!/bin/sh\nexec ${ssh} "$@"\n`, { mode: 0o755 });
  return dir;
}

/** sftp over SSH where a script names a server's program (-D) instead of a host. */
function sftpProgram(ssh) {
  const text = `#!/bin/sh
host=
count=$#
while [ $count -gt 0 ]; do
  word=$1
  shift
  count=$((count - 1))
  if [ "$word" = -D ]; then
    host=somehost
    shift
    count=$((count - 1))
  else
    set -- "$@" "$word"
  fi
done
[ -z "$host" ] && exec /usr/bin/sftp "$@"
exec /usr/bin/sftp -S ${ssh} "$@" $host
`;
  const path = join(work, 'sftp');
  writeFileSync(path, text, { mode: 0o755 });
  return path;
}

function run(dir, name, port, ssh, sftp) {
  return new Promise((done) => {
    const objects = join(work, `objects-${name}`);
    mkdirSync(objects);
    writeFileSync(join(objects, 'mkdtemp'), '#!/bin/sh\nexec mktemp -d "/tmp/$1"\n', { mode: 0o755 });
    for (const nc of ['/bin/nc', '/usr/bin/nc'])
      if (existsSync(nc) && !existsSync(join(objects, 'netcat'))) symlinkSync(nc, join(objects, 'netcat'));
    const env = {
      PATH: `${process.env.PATH}:/usr/sbin`,
      HOME: objects,
      USER: userInfo().username,
      LOGNAME: userInfo().username,
      TEST_SHELL: 'sh',
      TEST_SSH_SSH: ssh,
      TEST_SSH_SSHD: '/usr/sbin/sshd',
      TEST_SSH_SCP: '/usr/bin/scp',
      TEST_SSH_SFTP: sftp,
      TEST_SSH_SFTPSERVER: '/usr/lib/openssh/sftp-server',
      TEST_SSH_SSHAGENT: '/usr/bin/ssh-agent',
      TEST_SSH_PORT: String(port),
      TEST_SSH_UNSAFE_PERMISSIONS: '1',
    };
    const log = createWriteStream(join(work, `${name}.log`));
    const child = spawn(
      'timeout',
      ['-k', '5', String(scriptTimeoutMs / 1000), 'sh', join(dir, 'test-exec.sh'), objects, join(dir, `${name}.sh`)],
      { cwd: dir, env, stdio: ['ignore', 'pipe', 'pipe'] },
    );
    let text = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk) => {
        text += chunk;
        log.write(chunk);
      });
    child.on('close', (code) => done({ code, text }));
  });
}

try {
  const sources = options.sources === undefined ? fetchSources() : resolve(options.sources);
  const settings = 'AcceptEnv _XXX_TEST _XXX_TEST_*\nMaxSessions 100\n';
  const server = await SshServer.start({ directory: join(work, 'target'), user: null, settings }, await freePort());
  t.teardown(() => server.stop());
  const key = join(work, 'alice');
  makeKeyPair(key, 'alice');
  const policies = {
    'all.yaml': `policy: everything\nrules:\n  - { id: all, title: Everything, actions: [connect, command, shell, subsystem, file, forward, environment], decision: allow }\n`,
  };
  const target = { name: 'web-1', protocol: 'ssh', host: '127.0.0.1', port: server.port, user: server.user, host_keys: [server.hostKey] };
  const gateway = await startTestGateway(t, {
    targets: [{ ...target, private_key_file: server.privateKeyFile, shell: 'recorded' }],
    policies,
    people: people.map((person) => (person.name === 'alice' ? { ...person, ssh_keys: [publicKeyOf(key)] } : person)),
  });
  const way = options.direct
    ? { port: server.port, user: server.user, key: server.privateKeyFile, hostKey: server.hostKey }
    : { port: gateway.address('ssh').port, user: 'alice:web-1', key, hostKey: publicKeyOf(join(gateway.dataDir, 'ssh_host_ed25519_key')) };
  const knownHosts = join(work, 'known_hosts');
  writeFileSync(knownHosts, `gateway ${way.hostKey}\n`);
  const first = {
    HostName: '127.0.0.1',
    Port: way.port,
    User: way.user,
    IdentityFile: way.key,
    IdentitiesOnly: 'yes',
    UserKnownHostsFile: knownHosts,
    GlobalKnownHostsFile: '/dev/null',
    HostKeyAlias: 'gateway',
    HostKeyAlgorithms: 'ssh-ed25519',
    ProxyCommand: 'none',
  };
  const ssh = join(work, 'ssh');
  const words = Object.entries(first).map(([name, value]) => `-o '${name}=${value}'`);
  // Questions about the client itself (-Q, -V) stay as they are asked, and so does what goes through a tunnel of the script.
  writeFileSync(
    ssh,
    `#!/bin/sh\ncase " $* " in *" -p $TEST_SSH_PORT "*|*" -p$TEST_SSH_PORT "*) ;; *" -Q "*|*" -V "*|*ProxyCommand*|*" -p "*|*" -p"[0-9]*) exec /usr/bin/ssh "$@";; esac\nexec /usr/bin/ssh ${words.join(' ')} "$@"\n`,
    { mode: 0o755 },
  );
  const dir = prepared(sources, ssh);
  const sftp = sftpProgram(ssh);
  const wanted = positionals.length > 0 ? positionals : scripts;
  let failed = 0;
  for (const name of wanted) {
    const startedMs = performance.now();
    const { code, text } = await run(dir, name, await freePort(), ssh, sftp);
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
    if (code !== 0) failed += 1;
    console.log(`${code === 0 ? 'ok    ' : 'NOT ok'} ${name} (${seconds} s)`);
    if (code !== 0 || positionals.length > 0)
      console.log(
        text
          .trim()
          .split('\n')
          .slice(-25)
          .map((line) => `       ${line}`)
          .join('\n'),
      );
  }
  console.log(`${wanted.length - failed} of ${wanted.length} scripts pass`);
  process.exitCode = failed === 0 ? 0 : 1;
} finally {
  for (const step of undo) await step();
}
