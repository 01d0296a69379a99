// Policies from a real git repository, with real signed commits: what is taken, what is refused, and that a bad commit never replaces
// a good one.

import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { openGitPolicies } from '../../policies/engine/git-policies.ts';
import type { GitOptions, GitPolicies } from '../../policies/engine/git-policies.ts';
import { messageOf } from '../../src/core/errors.ts';
import { eventually } from '../support/eventually.ts';

const home = mkdtempSync(join(tmpdir(), 'policy-git-'));
t.teardown(() => rmSync(home, { recursive: true, force: true }));

for (const name of ['alice', 'mallory']) {
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', join(home, name)]);
}
const allowedSigners = join(home, 'allowed');
const key = execFileSync('cat', [join(home, 'alice.pub')], { encoding: 'utf8' });
writeFileSync(allowedSigners, `alice@example.com namespaces="git" ${key}`);

const rule = (id: string, decision = 'allow') => `policy: p\nrules:\n  - { id: ${id}, decision: ${decision} }\n`;

class Repository {
  readonly dir: string;

  constructor(name: string) {
    this.dir = join(home, name);
    mkdirSync(this.dir);
    this.git('init', '-q', '-b', 'main');
  }

  git(...args: string[]): string {
    const environment = { ...process.env, HOME: home, GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null' };
    const who = ['-c', 'user.name=Alice', '-c', 'user.email=alice@example.com', '-c', 'gpg.format=ssh'];
    return execFileSync('git', [...who, ...args], { cwd: this.dir, encoding: 'utf8', env: environment, stdio: 'pipe' }).trim();
  }

  write(name: string, text: string): void {
    mkdirSync(join(this.dir, name, '..'), { recursive: true });
    writeFileSync(join(this.dir, name), text);
  }

  commit(subject: string, signer: 'alice' | 'mallory' | null = null): string {
    this.git('add', '-A');
    if (signer === null) this.git('commit', '-q', '--allow-empty', '-m', subject);
    else this.git('-c', `user.signingkey=${join(home, signer)}`, 'commit', '-q', '--allow-empty', '-S', '-m', subject);
    return this.git('rev-parse', 'HEAD');
  }
}

let count = 0;

function options(repository: Repository, over: Partial<GitOptions['origin']> & { required?: boolean; pollMs?: number } = {}): GitOptions {
  const { required = false, pollMs = 3_600_000, ...origin } = over;
  return {
    origin: {
      url: repository.dir,
      ref: { kind: 'branch', name: 'main' },
      folder: '',
      allowedSigners: null,
      sshKey: null,
      knownHosts: null,
      token: null,
      ...origin,
    },
    isSignatureRequired: required,
    pollMs,
  };
}

interface Opened {
  readonly policies: GitPolicies;
  readonly loaded: string[];
  readonly rejected: string[];
  readonly putBack: string[];
  readonly dir: string;
}

async function open(t: Tap, asked: GitOptions, dir = join(home, `copy-${++count}`)): Promise<Opened> {
  const loaded: string[] = [];
  const rejected: string[] = [];
  const putBack: string[] = [];
  const policies = await openGitPolicies(dir, asked, {
    onLoaded: (set) => void loaded.push(set.version),
    onRejected: (problems) => void rejected.push(...problems.map(({ message }) => message)),
    onPutBack: (set) => void putBack.push(set.version),
  });
  t.teardown(() => policies.close());
  return { policies, loaded, rejected, putBack, dir };
}

type Tap = Pick<typeof t, 'teardown'>;

const ids = ({ policies }: Opened) => policies.current().rules.map(({ id }) => id);

t.test('a branch is followed, and each version carries its commit', async (t) => {
  const repository = new Repository('branch');
  repository.write('p.yaml', rule('one'));
  repository.write('p.test.yaml', 'not a policy');
  repository.write('README.md', 'neither');
  const first = repository.commit('First rules');
  const opened = await open(t, options(repository, { pollMs: 50 }));
  t.strictSame(ids(opened), ['p/one']);
  t.match(opened.policies.current().version, new RegExp(`^[0-9a-f]{12}@${first.slice(0, 12)}$`));
  const decision = opened.policies.current().rules[0];
  t.equal(decision?.path, 'p.yaml');
  const source = opened.policies.source();
  t.match(source, { id: first, author: 'Alice <alice@example.com>', subject: 'First rules', ref: 'main', signedBy: null });
  t.strictSame(opened.loaded, [], 'the first version is not told');

  repository.write('p.yaml', rule('two'));
  const second = repository.commit('Second rules');
  await eventually('the second version is in force', () => opened.loaded.length === 1);
  t.match(opened.loaded[0], new RegExp(`@${second.slice(0, 12)}$`));
  t.strictSame(ids(opened), ['p/two']);

  repository.write('README.md', 'changed');
  repository.commit('Words only');
  await eventually('the commit of a version is part of it', () => opened.loaded.length === 2);
});

t.test('a bad commit is told once, and the good one stays in force', async (t) => {
  const repository = new Repository('bad');
  repository.write('p.yaml', rule('one'));
  const good = repository.commit('Good');
  const opened = await open(t, options(repository));
  repository.write('p.yaml', rule('two', 'perhaps'));
  const bad = repository.commit('Bad');
  await opened.policies.reload();
  await opened.policies.reload();
  t.strictSame(ids(opened), ['p/one']);
  t.equal(opened.policies.source().id, good);
  t.equal(opened.rejected.length, 1);
  t.match(opened.policies.rejected()[0], new RegExp(`^${bad.slice(0, 12)}:p.yaml:3:\\d+: decision: unknown word "perhaps"`));
  repository.write('p.yaml', rule('three'));
  repository.commit('Better');
  await opened.policies.reload();
  t.strictSame(ids(opened), ['p/three']);
  t.strictSame(opened.policies.rejected(), []);
  t.strictSame(opened.putBack, [], 'that is a new version');
  repository.write('p.yaml', rule('four', 'perhaps'));
  repository.commit('Bad again');
  await opened.policies.reload();
  repository.git('reset', '--quiet', '--hard', 'HEAD^');
  await opened.policies.reload();
  await opened.policies.reload();
  t.strictSame(opened.putBack, [opened.policies.current().version]);
});

t.test('only commits that an allowed signer signed count, where that is required', async (t) => {
  const repository = new Repository('signed');
  repository.write('p.yaml', rule('one'));
  const first = repository.commit('Signed', 'alice');
  const opened = await open(t, options(repository, { required: true, allowedSigners }));
  t.equal(opened.policies.source().signedBy, 'alice@example.com');
  for (const signer of [null, 'mallory'] as const) {
    repository.write('p.yaml', rule(`by-${signer ?? 'nobody'}`));
    repository.commit('Not signed by Alice', signer);
    await opened.policies.reload();
    t.strictSame(ids(opened), ['p/one'], signer ?? 'unsigned');
    t.match(opened.policies.rejected().join(), /is not signed by anybody in/);
  }
  repository.write('p.yaml', rule('two'));
  const second = repository.commit('Signed again', 'alice');
  await opened.policies.reload();
  t.equal(opened.policies.source().id, second, 'the head is what has to be signed');

  repository.git('reset', '-q', '--hard', first);
  await opened.policies.reload();
  t.equal(opened.policies.source().id, second, 'an old commit with a good signature is not brought back');
  t.match(opened.policies.rejected().join(), /does not follow from .* history was rewritten/);
  opened.policies.close();
  const again = await open(t, options(repository, { required: true, allowedSigners }), opened.dir);
  t.equal(again.policies.source().id, second, 'nor by starting again');
});

t.test('a gateway whose first commit is not good does not start', async (t) => {
  const repository = new Repository('never');
  repository.write('p.yaml', rule('one'));
  repository.commit('Not signed');
  const fails = async (asked: GitOptions) =>
    openGitPolicies(join(home, `copy-${++count}`), asked, {
      onLoaded: () => undefined,
      onRejected: () => undefined,
      onPutBack: () => undefined,
    }).then(
      () => 'started',
      (thrown: unknown) => messageOf(thrown),
    );
  t.match(await fails(options(repository, { required: true, allowedSigners })), /is not signed by anybody/);
  t.match(
    await fails(options(repository, { ref: { kind: 'branch', name: 'nowhere' } })),
    /branch nowhere can't be fetched: git fetch: .*nowhere/,
  );
  t.match(await fails(options(repository, { url: join(home, 'no-such-repository') })), /can't be fetched/);
  t.match(await fails(options(repository, { folder: 'nowhere' })), /nowhere/);
  t.match(await fails(options(repository, { url: 'ext::sh -c "touch /tmp/owned"' })), /not allowed/, 'only some protocols');
  t.match(await fails(options(repository, { url: '--upload-pack=touch' })), /can't be fetched/, 'an address is no option');
});

t.test('without the repository the last commit that was in force is', async (t) => {
  const repository = new Repository('gone');
  repository.write('policies/p.yaml', rule('one'));
  const commit = repository.commit('Good');
  const asked = options(repository, { folder: 'policies' });
  const opened = await open(t, asked);
  opened.policies.close();
  rmSync(repository.dir, { recursive: true });
  const again = await open(t, asked, opened.dir);
  t.equal(again.policies.source().id, commit);
  t.match(again.policies.rejected().join(), /can't be fetched/);
  t.equal(again.rejected.length, 1);
});

t.test('a tag is followed where one is named', async (t) => {
  const repository = new Repository('tags');
  repository.write('p.yaml', rule('one'));
  repository.commit('One');
  repository.git('tag', '-a', 'release', '-m', 'release');
  repository.write('p.yaml', rule('two'));
  repository.commit('Two');
  const opened = await open(t, options(repository, { ref: { kind: 'tag', name: 'release' } }));
  t.strictSame(ids(opened), ['p/one']);
  repository.git('tag', '-f', '-a', 'release', '-m', 'release');
  await opened.policies.reload();
  t.strictSame(ids(opened), ['p/two']);
});

t.test('nothing in a repository is run or followed', async (t) => {
  const repository = new Repository('hostile');
  const marker = join(home, 'hook-ran');
  repository.write('p.yaml', rule('one'));
  repository.write('.gitattributes', '*.yaml filter=evil\n');
  for (const hook of ['post-checkout', 'post-merge', 'reference-transaction', 'pre-receive']) {
    const path = join(repository.dir, '.git', 'hooks', hook);
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, `#!/bin/sh\ntouch ${marker}\n`);
    chmodSync(path, 0o755);
  }
  repository.git('-c', 'core.hooksPath=/dev/null', 'add', '-A');
  repository.git('-c', 'core.hooksPath=/dev/null', 'commit', '-q', '-m', 'One');
  const opened = await open(t, options(repository));
  t.strictSame(ids(opened), ['p/one']);
  t.notOk(existsSync(marker));
  writeFileSync(join(home, 'secret.yaml'), rule('secret'));
  symlinkSync(join(home, 'secret.yaml'), join(repository.dir, 'link.yaml'));
  repository.git('-c', 'core.hooksPath=/dev/null', 'add', '-A');
  repository.git('-c', 'core.hooksPath=/dev/null', 'commit', '-q', '-m', 'A link');
  await opened.policies.reload();
  t.match(opened.policies.rejected().join(), /link\.yaml is no plain file/);
  t.strictSame(ids(opened), ['p/one']);
});
