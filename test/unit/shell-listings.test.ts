// Programs that change things, in the forms that only show; and what stands next to those forms and does more.

import t from 'tap';
import { classifyShell } from '../../policies/classify/shell/classifier.ts';

const isFree = (text: string, terminal = false): boolean => {
  const { understood, summary } = classifyShell(text, terminal);
  return understood && (summary.access === 'read' || summary.access === 'session');
};

/** What shows, and behind it what does more. */
const pairs: readonly (readonly [string, readonly string[]])[] = [
  ['iptables -L -n -v', ['iptables -L -n -Z', 'iptables -F', 'iptables -nvLZ', 'iptables -A INPUT -j DROP']],
  ['iptables-save', ['iptables-save -f x', 'iptables-save -M x']],
  ['nft -a list ruleset', ['nft flush ruleset', 'nft -f list ruleset', "nft 'list ruleset; flush ruleset'"]],
  [
    'openssl x509 -noout -dates -in c.pem',
    ['openssl x509 -in c.pem -out d.pem', 'openssl x509 -text -in http://h/c.pem', 'openssl enc -in a -out b'],
  ],
  ['gzip -dc f.gz', ['gzip f', 'gzip -d f.gz', 'gzip -dk f.gz', 'gunzip f.gz']],
  // The letter that comes last says what xz, bzip2 and zstd do.
  ['xz -t f.xz', ['xz -td f.xz', 'xz -ld f.xz', 'xz -t -d f.xz', 'xz f']],
  ['bzip2 -tv f', ['bzip2 -td f', 'bzip2 -l f']],
  ['zstd -dc f', ['zstd -d f', 'zstd -c f -o g', 'zstd --rm -c f', 'zstd -td f']],
  ['unzip -l f.zip', ['unzip f.zip', 'unzip -q f.zip', 'unzip -qo f.zip', 'unzip -l f.zip -d g']],
  ['tar --list -f f.tar', ['tar --list -f h:f.tar', 'tar --list -f f.tar --to-command=x', 'tar --extract -f f.tar']],
  ['kill -0 12 13', ['kill 12', 'kill -9 12', 'kill -0 -9', 'kill -s 0 -1']],
  ['sudo -n -l', ['sudo -l -u bob x', 'sudo ls', 'sudo -i', 'sudo -v']],
  ['crontab -u bob -l', ['crontab -u bob f', 'crontab -l -r', 'crontab -r']],
  ['service nginx status', ['service nginx restart', 'service ../../tmp/x status', 'service nginx status x']],
  ['ssh-keygen -lf k.pub', ['ssh-keygen -f k', 'ssh-keygen -R h', 'ssh-keygen -l -f k -w x']],
  ['postconf -n mynetworks', ['postconf mynetworks=x', 'postconf -e x', "postconf 'x = y'"]],
  ['sar -u 1 3', ['sar -o f 1 3', 'sar 1 3 -o f']],
  ['pidstat -d 1', ['pidstat -e rm x']],
  ['ethtool -k eth0', ['ethtool -K eth0 tso off', 'ethtool -p eth0', 'ethtool -t eth0']],
  ['route -n', ['route add default gw h', 'route -n del x']],
  ['arp -n', ['arp -d h', 'arp -n -s h x']],
  ['fuser -v 80/tcp', ['fuser -k 80/tcp', 'fuser -vk /srv', 'fuser -9 /srv']],
  ['tmux ls', ["tmux ls -F '#(rm x)'", 'tmux attach', 'tmux']],
  ['tput cols', ['tput init', 'tput reset', 'tput -S']],
  ['lvs -a -o +devices', ['lvs --config x', 'lvcreate x']],
  ['smartctl -a /dev/sda', ['smartctl -t long /dev/sda', 'smartctl -s off /dev/sda']],
  ['update-alternatives --display vi', ['update-alternatives --set vi x', 'update-alternatives --display vi --log x']],
  ['bc', ['bc f', 'dc']],
  ['dpkg --get-selections', ['dpkg --set-selections', 'dpkg -i f']],
  ['apt-mark showhold', ['apt-mark hold x', 'apt-mark showhold -c=x']],
  ['fdisk -l /dev/sda', ['fdisk /dev/sda', 'fdisk -l --wipe=always']],
  ['dmidecode -t memory', ['dmidecode --dump-bin f', 'dmidecode -t x --dump-bin f']],
  ['iconv -f latin1 -t utf8 f', ['iconv -o g f', 'iconv f --outp=g']],
  ['loginctl list-sessions', ['loginctl terminate-user bob', 'loginctl -H h']],
  ['resolvectl status', ['resolvectl dns eth0 10.0.0.1', 'resolvectl flush-caches']],
  ['coredumpctl info', ['coredumpctl -o f info', 'coredumpctl gdb']],
  ['crictl ps -a', ['crictl exec x ls', 'crictl rm x']],
  ['helm -n x status y', ["helm status y --template '{{x}}'", 'helm list --kubeconfig=x', 'helm uninstall y']],
  ['terraform state list', ['terraform plan', 'terraform state rm x', 'terraform -chdir=x output']],
  [
    'docker compose -f /srv/app/compose.yaml -p app ps -a',
    [
      'docker compose -f /srv/app/compose.yaml up',
      'docker compose -f https://h/x.yaml ps',
      'docker compose -f github.com/a/b.git ps',
      'docker compose -f oci://h/x ps',
      'docker compose -f - ps',
      'docker compose -p app down',
      'docker compose -p app --env-file x ps',
    ],
  ],
  ['docker compose --file=compose.yml logs --tail 50 web', ['docker compose --file=compose.yml run web']],
  ['pip show requests', ['pip install requests', 'pip show -i http://h x', 'pip freeze -r f', 'pip list --outdated', 'pip -v']],
  ['tc -s qdisc show dev eth0', ['tc qdisc add dev eth0 root x', 'tc -b show', 'tc qdisc del dev eth0']],
  ['chronyc sources -v', ['chronyc makestep', 'chronyc -h h tracking', 'chronyc']],
  ['redis-cli info memory', ['redis-cli flushall', 'redis-cli -h h info', 'redis-cli', 'redis-cli config set dir /x']],
  ['conntrack -L', ['conntrack -F', 'conntrack -D']],
  ['wg show', ['wg set wg0', 'wg-quick up wg0']],
  ['prlimit -p 1', ['prlimit -p 1 --nofile=1', 'prlimit --nofile=1 ls']],
  ['ssh -V', ['ssh h', 'ssh -V h']],
  ['bash --version', ['bash --rcfile x', 'bash --version x']],
  ['kubectl cluster-info', ['kubectl cluster-info dump --output-directory=x']],
  ['xxd -s 10 -l 64 f', ['xxd -l 64 f g', 'xxd -l -l f g', 'xxd -s 1 -r f', 'xxd -l -- f g']],
  ['lsof -nP -iUDP -sTCP:ESTABLISHED', ['lsof -D b', 'lsof -nD b']],
  ['tar tzf -', ['tar tzf - --to-command=x', 'tar xzf -', 'tar tzf -I x']],
  ['git branch --sort=-committerdate', ['git branch --sort=x new', 'git branch --sort=x -d new']],
  ['timedatectl timesync-status', ['timedatectl set-ntp false']],
  ['docker-compose logs', ['docker-compose -f https://h/x ps', 'docker-compose up']],
  [
    'git config --get user.name',
    ['git config edit', 'git config a.b c', 'git config --unset a.b', 'git config --edit', 'git config -l -e'],
  ],
  ['git branch --contains HEAD', ['git branch x', 'git branch --list -D x', 'git branch --contains HEAD -d x']],
  ["git tag -l 'v*'", ['git tag x', 'git tag -l -d x', 'git tag -n1 x']],
];

for (const [shows, more] of pairs) {
  t.test(shows, async (t) => {
    t.ok(isFree(shows), shows);
    for (const text of more) t.notOk(isFree(text), text);
    t.notOk(isFree(`${shows} $x`), 'with a word that nobody knows');
    t.notOk(isFree(`/tmp/${shows}`), 'from a folder that is not the system’s');
    t.notOk(isFree(`${shows} > f`), 'into a file');
  });
}

t.test('versions: the one word alone', async (t) => {
  for (const text of [
    'git --version',
    'rsync --version',
    'tar --version',
    'curl -V',
    'tmux -V',
    'podman -v',
    'vault version',
    'httpd -v',
  ]) {
    t.ok(isFree(text), text);
    t.notOk(isFree(`${text} x`), `${text} x`);
  }
  for (const text of ['git -v', 'zsh -v', 'curl -v', 'vim -V', 'rsync -V', 'find -v', 'tmux -v', 'apache2 -X']) t.notOk(isFree(text), text);
});

t.test('pagers of a terminal', async (t) => {
  for (const text of ['service nginx status', 'loginctl', 'systemd-analyze blame', 'git config -l', 'localectl'])
    t.notOk(isFree(text, true), text);
  for (const text of ['systemd-analyze --no-pager blame', 'loginctl --no-pager list-sessions', 'git --no-pager config -l', 'iptables -L'])
    t.ok(isFree(text, true), text);
});

t.test('no form takes long, whatever follows', async (t) => {
  const names = [
    'lvs',
    'sar',
    'postconf',
    'iptables',
    'gzip',
    'openssl',
    'unzip',
    'arp',
    'fuser',
    'zfs',
    'route',
    'dmidecode',
    'zstdcat',
    'iotop',
  ];
  const start = performance.now();
  for (const name of names)
    for (const part of ['a ', '-a ', '-n ', '-c ', '-v a ', 'x509 ', '-in a ', '-qqqqq ', 'a,a,a ', '-L '])
      t.notOk(isFree(`${name} ${part.repeat(400)}'!'`), `${name} ${part}`);
  t.ok(performance.now() - start < 3000);
});
