// Texts that bash and a plainer shell read in different ways: in bash they do what was judged, in dash nothing.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { forBash } from '../../protocols/ssh/for-bash.ts';

/** To bash each of them only reads; to dash it changes the file "victim". */
const readTwoWays = [
  '[[ a > victim ]]',
  '[[ a || rm == victim ]]',
  '! [[ a && rm == victim ]]',
  'rm=1; victim=1; (( rm + victim ))',
  "echo $'\\'\nrm victim\n: \\''",
  'a+=/../remove',
  'x=/../remove; a\\\n+\\\n="$x"',
];

function keeps(shell: string, text: string): boolean {
  const cwd = mkdtempSync(join(tmpdir(), 'for-bash-'));
  const victim = join(cwd, 'victim');
  writeFileSync(victim, 'kept');
  mkdirSync(join(cwd, 'a+='));
  writeFileSync(join(cwd, 'remove'), '#!/bin/sh\nrm victim\n', { mode: 0o755 });
  spawnSync(shell, ['-c', text], { cwd });
  const kept = existsSync(victim) && readFileSync(victim, 'utf8') === 'kept';
  rmSync(cwd, { recursive: true });
  return kept;
}

t.test('what only bash reads as it was judged is not read by dash', async (t) => {
  for (const text of readTwoWays) {
    t.notOk(keeps('dash', text), `it is an attack: ${text}`);
    t.ok(keeps('dash', forBash(text)), text);
    t.ok(keeps('bash', forBash(text)), text);
  }
});

t.test('it says so, as a refusal does', async (t) => {
  const { status, stderr } = spawnSync('dash', ['-c', forBash('[[ -f x ]]; echo ran')]);
  t.equal(status, 126);
  t.match(stderr.toString(), /^sallyport: the shell of this account is not bash/);
});

t.test('bash runs it as it stands', async (t) => {
  const run = (text: string) => {
    const { status, stdout } = spawnSync('bash', ['-c', text, 'name', 'one']);
    return `${status} ${stdout.toString()}`;
  };
  for (const text of ['[[ a < b ]] && echo $1', 'i=3; ((i--)); echo $i; exit 7', "cat <<'E'\n[[ $'\nE\nfalse"])
    t.equal(run(forBash(text)), run(text), text);
});

t.test('what all shells read alike is sent as it is', async (t) => {
  for (const text of [
    'ls -l | grep x',
    'scp -f a',
    '[ a = b ]',
    "echo '$x'",
    'echo $((1 + 1)) $(((1 + 2) * 3)) "$((x))"',
    "grep -v '^$' f | sed 's/[[:space:]]*$//'",
    'grep "x$" f',
    "awk '{s+=$1} END {print s}' f; x=a+=b",
    'awk \'{if (($1 > 5)) print "[[ "}\' f',
    "echo it\\'s '[[ a > b ]]' \"((\"",
  ])
    t.equal(forBash(text), text);
});

t.test('in doubt where quotes end it is for bash', async (t) => {
  for (const text of [
    "cat <<E\nit's\nE\necho $'\\'\nrm victim\n: \\''",
    "ls # it's\necho $'\\'\nrm victim\n: \\''",
    'echo "$(echo "a" "[[ ")"; [[ a > victim ]]',
    "echo \"${x:-'}\" $'\\'\nrm victim\n: \\''",
    "echo \\' [[ a > victim ]] \\'",
    'echo "a\\" [[ "; [[ a > victim ]]',
    'x=1;((x>2))',
    '[[\\\n a > victim ]]',
    "echo ''$'\\'\nrm victim\n: \\''",
  ])
    t.not(forBash(text), text, text);
});
