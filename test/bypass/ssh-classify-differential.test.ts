// Commands in a throw-away directory: what the shell classifier calls free must have left every file as it was. The same program
// is tried in forms that read and forms that write, and written in the ways that a shell offers to hide a word.

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { classifyShell } from '../../policies/classify/shell/classifier.ts';

/** What reads, what writes, and what looks like the other of the two. All names are of files in the directory. */
const commands = [
  'ls -la', 'cat a.txt', 'cat a.txt > b.txt', 'cat a.txt >> a.txt', 'cat < a.txt', 'cat <> new.txt', 'cat a.txt > /dev/null', 'cat a.txt 2> errors', 'head -1 a.txt', 'tail -n 1 a.txt', 'wc -l a.txt',
  'grep x a.txt', 'grep -r x .', 'sed s/x/y/ a.txt', 'sed -i s/x/y/ a.txt', 'sed -n "w out.txt" a.txt', "sed 's/x/y/w out.txt' a.txt", "sed 's/x/touch owned/e' a.txt", "sed '1e touch owned' a.txt", 'sed --in-place s/x/y/ a.txt', 'sed -ni.bak p a.txt', 'sed -E --quiet p a.txt',
  'find . -name a.txt', 'find . -name a.txt -delete', 'find . -exec rm {} +', 'find . -name a.txt -fprint out', "find . -exec sh -c 'touch owned' ;", 'find . -type f -exec cat {} +', 'find . -ok rm {} ;', 'find . -fls out',
  'sort a.txt', 'sort -o a.txt b.txt', 'sort a.txt -oout', 'sort --output=out a.txt', 'uniq a.txt', 'uniq a.txt out', 'cut -c1 a.txt', 'tr x y < a.txt', 'tee out < a.txt', 'awk 1 a.txt', "awk '{print > \"out\"}' a.txt", "awk 'BEGIN{system(\"touch owned\")}'", 'diff a.txt b.txt',
  'cp a.txt c.txt', 'mv a.txt c.txt', 'rm a.txt', 'rmdir empty', 'mkdir made', 'touch a.txt made', 'ln -s a.txt link', 'chmod 600 a.txt', 'truncate -s 0 a.txt', 'dd if=a.txt of=out', 'dd if=a.txt', 'install a.txt out', 'split a.txt', 'csplit a.txt 1', 'shred a.txt',
  'echo hi', 'echo hi > a.txt', 'printf hi', 'printf hi >out', 'true', 'false', ':', ': > a.txt', '> a.txt', 'pwd', 'date', 'id', 'whoami', 'uname -a', 'env', 'env touch owned', 'printenv', 'hostname', 'uptime', 'du -s .', 'df .', 'stat a.txt', 'file a.txt', 'md5sum a.txt', 'sha256sum a.txt', 'base64 a.txt', 'od a.txt',
  'tar cf out.tar a.txt', 'tar tf a.tar', 'tar xf a.tar', 'tar cf /dev/null a.txt --checkpoint=1 --checkpoint-action=exec=./evil.sh', 'gzip a.txt', 'gzip -c a.txt', 'zcat a.txt', 'xargs rm < list', 'xargs echo < list', 'xargs < list', 'nice touch owned', 'nohup touch owned', 'timeout 5 touch owned', 'stdbuf -o0 touch owned',
  'time touch owned', 'command touch owned', 'builtin echo hi', 'exec touch owned', 'eval touch owned', "eval 'touch owned'", 'sh -c "touch owned"', "bash -c 'touch owned'", 'sh evil.sh', './evil.sh', '. ./evil.sh', 'source evil.sh', "sh <<< 'touch owned'", "sh << E\ntouch owned\nE", "cat << E\ntouch owned\nE", "cat << E\n$(touch owned)\nE", "cat << 'E'\n$(touch owned)\nE",
  'python3 -c "open(\'owned\',\'w\')"', "perl -e 'open F,\">owned\"'", 'less a.txt', 'more a.txt', 'vi a.txt', 'test -f a.txt', '[ -f a.txt ]', '[[ -f a.txt ]]', '[[ -v x[$(touch owned)] ]]', 'test -v "x[$(touch owned)]"', '(( x = 1 ))', "(( a[\$(touch owned)] ))", 'let x=1', 'x=1', 'x=$(touch owned)', 'export x=1', 'readonly y=`touch owned`', 'declare z=$(touch owned)', 'printf -v x hi', 'read x < a.txt', 'mapfile x < a.txt',
  'if true; then touch owned; fi', 'for f in *; do rm $f; done', 'for f in *; do cat $f; done', 'while false; do :; done', 'case a in a) touch owned;; esac', 'f() { touch owned; }; f', 'f() { touch owned; }', 'cat() { touch owned; }; cat a.txt', 'alias cat="touch owned"; cat a.txt', 'trap "touch owned" EXIT', 'cat a.txt | tee out', 'cat a.txt | sh', 'cat list | xargs touch', '(touch owned)', '{ touch owned; }', 'touch owned &', 'coproc touch owned', '! touch owned',
  'cat $(touch owned) a.txt', 'cat `touch owned` a.txt', 'cat <(touch owned)', 'cat >(touch owned) < a.txt', 'cat "${x:=$(touch owned)}"', 'cat ${x:-a.txt}', 'echo $((x=$(touch owned)1))', 'echo ${x[$(touch owned)]}', 'echo "$(<a.txt)"', 'PATH=. ls', 'PATH=.:$PATH evil.sh', 'LD_PRELOAD=./x ls', 'BASH_ENV=evil.sh bash -c :', 'ENV=evil.sh sh -c :', "PROMPT_COMMAND='touch owned'", 'GIT_PAGER="touch owned" cat a.txt', 'cd sub && rm x', 'cd sub; cat x', 'pushd sub', 'umask 077', 'ulimit -n', 'set -x', 'shopt -s extglob', 'exec > out', 'exec 3> out', 'echo hi >&2', 'echo hi >& out', 'echo hi &> out', 'echo hi >| out', 'hash -p ./evil.sh ls; ls', 'enable -f ./x y', 'cat a.txt;touch owned', 'cat a.txt\ntouch owned', 'cat a.txt # touch owned', 'git status', 'git init -q', 'make', 'crontab -l', 'patch < list', 'ed -s a.txt', 'ex -s a.txt', 'logger hi -f a.txt', 'script -c "touch owned" /dev/null', 'setsid touch owned', 'flock lockfile true', 'mktemp -p .', 'mkfifo pipe', 'unlink a.txt', 'link a.txt hard', 'sync', 'tac a.txt', 'rev a.txt', 'nl a.txt', 'comm a.txt b.txt', 'join a.txt b.txt', 'paste a.txt b.txt', 'cmp a.txt b.txt', 'strings a.txt', 'readlink -f a.txt', 'realpath a.txt', 'basename a.txt', 'dirname a.txt', 'seq 3', 'expr 1 + 1', 'sleep 0', 'yes | head -1', 'column -t a.txt', 'fold a.txt', 'fmt a.txt', 'xxd a.txt', 'xxd a.txt out', 'xxd -r a.txt out', 'hexdump a.txt', 'iconv -o out a.txt', 'openssl version', 'jq . a.txt', 'ps', 'getent passwd root', 'which ls', 'type ls', 'groups', 'tty', 'stty -a', 'locale',
]; // prettier-ignore

/** The word `touch`, as a shell would still read it. */
const disguises = ['t""ouch owned', "'touch' owned", 'to\\uch owned', "$'\\x74ouch' owned", 't$()ouch owned', '$0 -c "touch owned"', '/usr/bin/touch owned', '/usr/bin/t?uch owned', '{touch,owned}', 't=touch; $t owned', '${t:-touch} owned', '$(echo touch) owned', '`echo touch` owned', '/???/bin/touch owned', '~/../../usr/bin/touch owned', 'touch${IFS}owned', 'X= touch owned', '2>&1 touch owned', 'ls\\\n;touch owned', 'ls;;touch owned', 'ls|touch owned', 'ls||touch owned', 'ls&&touch owned', 'ls nothing||touch owned', "ls;'touch' owned"]; // prettier-ignore

const home = mkdtempSync(join(tmpdir(), 'shell-differential-'));
t.teardown(() => rmSync(home, { recursive: true, force: true }));
/** For one command; those that wait for input have none. */
const commandMs = 5_000;
let count = 0;

function fixture(): string {
  const dir = join(home, String((count += 1)));
  for (const name of ['', 'sub', 'empty']) mkdirSync(join(dir, name));
  writeFileSync(join(dir, 'a.txt'), 'x\ny\n');
  writeFileSync(join(dir, 'b.txt'), 'a\nx\n');
  writeFileSync(join(dir, 'list'), 'a.txt\n');
  writeFileSync(join(dir, 'sub', 'x'), 'in sub\n');
  writeFileSync(join(dir, 'Makefile'), 'all:\n\ttouch owned\n');
  writeFileSync(join(dir, 'evil.sh'), '#!/bin/sh\ntouch owned\n');
  chmodSync(join(dir, 'evil.sh'), 0o755);
  return dir;
}

/** Every file with its mode and content. */
function stateOf(dir: string): string {
  const entries = readdirSync(dir, { recursive: true, encoding: 'utf8' }).toSorted();
  const lines = entries.map((name) => {
    const path = join(dir, name);
    const found = lstatSync(path);
    const content = found.isSymbolicLink() ? readlinkSync(path) : found.isFile() ? readFileSync(path) : '';
    return `${name} ${found.mode} ${createHash('sha256').update(content).digest('hex')}`;
  });
  return lines.join('\n');
}

function runs(text: string, dir: string): Promise<void> {
  return new Promise((resolve) => {
    const env = { PATH: '/usr/bin:/bin', HOME: dir, TMPDIR: dir, LC_ALL: 'C' };
    const child = execFile('bash', ['-c', text], { cwd: dir, env, timeout: commandMs, killSignal: 'SIGKILL' }, () => resolve());
    child.stdin?.end();
  });
}

/** What a command of the list changes in the directory, or null when it changes nothing. */
async function changes(text: string): Promise<boolean> {
  const dir = fixture();
  const before = stateOf(dir);
  await runs(text, dir);
  const changed = stateOf(dir) !== before;
  rmSync(dir, { recursive: true, force: true });
  return changed;
}

t.test('what is called free changes no file', async (t) => {
  const counts = { free: 0, foretold: 0, unneeded: 0 };
  const queue = [...commands, ...disguises];
  const work = async (): Promise<void> => {
    for (let text = queue.shift(); text !== undefined; text = queue.shift()) {
      const { understood, summary } = classifyShell(text, false);
      const isFree = understood && (summary.access === 'read' || summary.access === 'session');
      const changed = await changes(text);
      if (isFree) counts.free += 1;
      if (isFree && changed) t.fail(`called free, and changed a file: ${JSON.stringify(text)}`);
      if (!isFree && changed) counts.foretold += 1;
      if (!isFree && !changed) counts.unneeded += 1;
    }
  };
  await Promise.all([work(), work()]);
  t.comment(JSON.stringify(counts));
  t.ok(counts.free > 60, 'plain commands are free');
  t.ok(counts.foretold > 90, 'and changing ones changed something');
});
