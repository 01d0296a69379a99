// Calls that only show, of programs that otherwise change something or are not known: each form is written out, and a call
// counts only if all of its words are. A program that pages, caches or asks other machines in a form has no such form here.

import type { Call } from './call.ts';

/** An operand: none begins with a dash, and none holds what some program reads as a list, an assignment or an address. */
const word = String.raw`(?!-)[\w.,@%+/*:-]+`;
/** A file, and no address. */
const file = String.raw`(?!-)[\w.,@%+/*-]+`;

/** A file here: no address, and nothing that is read as one (`github.com/a/b`). */
const localFile = String.raw`(?:(?:/|\./|\.\./)[\w./@%+-]+|\w[\w.-]*\.ya?ml)`;

/** Any of these, each of them one word or more, in any order. */
const some = (...parts: readonly string[]): string => `(?:(?:${parts.join('|')})(?: |$))*`;

const toOutput = '(?:-[dkqvf0-9]+ )*-[dkqvf0-9]*c[cdkqvf0-9]*(?: -[cdkqvf0-9]+)*(?: FILE)*';
/** A letter for unpacking behind the one for testing would count. */
const tests = '(?:-[qv]+ )*-[qv]*t[tqv]*(?: -[tqv]+)*(?: FILE)*';
const lists = '(?:-[qv]+ )*-[qv]*l[lqv]*(?: FILE)*';

/** Compose's own options before its verb, and what shows behind it. */
const composes = `(?:(?:-f|--file)[= ]LOCAL |(?:-p|--project-name|--profile)[= ]WORD )+(?:ps|logs|images|top|ls)(?: -[aqftn]+| --(?:all|quiet|services|follow|timestamps|no-trunc|no-color|no-log-prefix)| --(?:tail|since|until|status|format)[= ]WORD| WORD)*`;

const forms: Readonly<Record<string, string>> = {
  // ── network ──
  'iptables ip6tables':
    '(?:-t WORD )?(?:-[nvx]+ |--line-numbers )*(?:-[nvx]*[LS]|--list|--list-rules)(?: WORD)?(?: -[nvx]+| --line-numbers)*',
  'iptables-save ip6tables-save': '(?:-c|-t WORD)?',
  nft: '(?:-[anst]+ )*list (?:ruleset|tables|chains|sets|(?:table|chain|set)(?: WORD)+)',
  ufw: 'status(?: verbose| numbered)?',
  'firewall-cmd':
    '(?:--zone=WORD )?--(?:state|list-all|list-all-zones|list-ports|list-services|get-zones|get-active-zones|get-default-zone)(?: --zone=WORD)?',
  'fail2ban-client': 'status(?: WORD)?',
  bridge: '(?:-[sdj] )*(?:link|fdb|vlan|mdb)(?: show(?: WORD)*)?',
  brctl: 'show(?: WORD)?|showmacs WORD',
  tc: '(?:-(?:s|d|j|p) )*(?:qdisc|class|filter)(?: (?:show|list|ls)(?: dev WORD)?)?',
  conntrack: '-L',
  ipset: '(?:-t )?list(?: -t)?(?: WORD)?',
  ipvsadm: '-[lL](?:n| -n)?',
  wg: 'show(?: WORD)?',
  chronyc: '(?:-n )?(?:tracking|activity|(?:sources|sourcestats)(?: -v)?)',
  ntpq: '-pn?|-np|-p -n|-n -p',
  ethtool: '(?:-[acgiklmnPSTux] )?WORD',
  route: some('-n', '-ee?', '-4', '-6'),
  arp: '(?:-[anev]+ ?)*(?: WORD)?',
  iw: 'dev|list|reg get|dev WORD (?:info|link)',
  fuser: '(?:-[vmuan46]+ |-n (?:tcp|udp) )*WORD(?: WORD)*',
  // ── machine ──
  mount: some('-[lv]+', '--show-labels', '(?:-t|--types) WORD'),
  swapon: '(?:--show(?:=WORD)?|-s|--summary)(?: --noheadings| --bytes)*',
  fdisk: '-l(?: WORD)*',
  'lvs vgs pvs lvdisplay vgdisplay pvdisplay': some('-[av]+', '--units [a-zA-Z]', '-o WORD', 'WORD'),
  mdadm: '(?:--detail|-D)(?: --scan| WORD)+',
  smartctl: '(?:-[aHixA]|--all|--health|--info|--xall)(?: -d WORD)? WORD',
  dmidecode: some('-[ts] WORD', '-q'),
  lshw: some('-(?:short|businfo|sanitize)', '-(?:C|class) WORD'),
  'sensors getenforce aa-status rc-status mailq atq systemd-detect-virt': '',
  'nvidia-smi': '(?:-L|-q)?',
  sestatus: '(?:-[bv]+)?',
  getsebool: '-a|WORD',
  auditctl: '-[ls]',
  multipath: '-ll?',
  tune2fs: '-l WORD',
  dumpe2fs: '-h WORD',
  xfs_info: 'WORD',
  zfs: '(?:list|get)(?: -[rHp]+| -[dost] WORD| WORD)*',
  zpool: '(?:status|list|get|iostat)(?: -[vxHPLp]+| WORD)*',
  btrfs: '(?:filesystem|fi) (?:usage|df|show)(?: -[hbkmg]+)*(?: WORD)?',
  ldconfig: '-p',
  exportfs: '(?:-[sv])?',
  nfsstat: '(?:-[cmnsr]+)?',
  prlimit: String.raw`(?:(?:-p |--pid[= ])\d+)?`,
  pg_lsclusters: '(?:-h|--no-header)?',
  'redis-cli': '(?:-n [0-9]+ )?(?:ping|dbsize|info(?: [a-z]+)?)',
  screen: '-(?:ls|list)',
  tmux: '-V|ls|list-sessions',
  tput: 'cols|lines|colors|bold|sgr0|smul|rmul|(?:setaf|setab) [0-9]+',
  bc: '(?:-[lqsw]+)?',
  // ── processes and people ──
  kill: '-[lL]|-l [0-9]+|-0(?: [0-9]+)+',
  sudo: '(?:-n )?-ll?|-V',
  chage: '-l WORD',
  passwd: '-S(?: WORD)?',
  lastlog: some('-[utb] WORD'),
  crontab: '-V|-l(?: -u WORD)?|-u WORD -l',
  at: '-l',
  sar: some('-[ABbdFHhqrSuvWwyz]+', '-[nPsefi] WORD', '[0-9]+'),
  pidstat: some('-[dhIlrRstuvw]+', '-[pCGTU] WORD', '[0-9]+'),
  iotop: '(?:-[oPakqt]+ )*-[oPakqt]*b[oPakqt]*(?: -[oPakqt]+| -[nd] [0-9.]+)*',
  slabtop: '-o',
  service: '[a-zA-Z0-9_@][a-zA-Z0-9_@.-]* status',
  chkconfig: '--list(?: WORD)?',
  initctl: 'list',
  supervisorctl: 'status(?: WORD)*',
  rabbitmqctl:
    '(?:list_(?:queues|exchanges|bindings|connections|channels|consumers|vhosts|users|permissions)|status|cluster_status|version)(?: -p WORD| WORD)*',
  postqueue: '-[pj]',
  postconf: some('-[ndml]', '[a-z0-9_]+'),
  'ssh-add': '-[lL]',
  'ssh-keygen': '-l(?: -v)?(?: -E (?:md5|sha256))? -f FILE|-lf FILE',
  'cloud-init': 'status(?: --long)?',
  'qm pct': String.raw`list|(?:status|config) \d+`,
  // ── packages ──
  dpkg: '--(?:get-selections(?: WORD)*|print-architecture|print-foreign-architectures|audit|verify(?: WORD)*)|-V(?: WORD)*',
  'apt-mark': 'show(?:hold|manual|auto)(?: WORD)*',
  'apt-config': 'dump',
  // "pip list" of many versions asks the index for a newer pip.
  'pip pip3': '--version|-V|freeze|show(?: WORD)+|list(?: --format[= ](?:columns|freeze|json))? --disable-pip-version-check',
  snap: 'list|version|services(?: WORD)?',
  pacman: '-Q[iklqoest]*(?: WORD)*',
  apk: '(?:info|list)(?: -[ILRWadv]+| WORD)*',
  'update-alternatives alternatives': '--(?:list|display|query) WORD',
  // ── archives: to the standard output, or only looked at ──
  'gzip gunzip xz unxz zstd unzstd': `${toOutput}|${tests}|${lists}`,
  'bzip2 bunzip2': `${toOutput}|${tests}`,
  'zstdcat lzcat': some('FILE'),
  unzip: '-q*[lvtpc][lvtpcq]*(?: FILE)+',
  zipinfo: '(?:-[12lmsvtzhT]+ )?FILE',
  tar: '--version|--list (?:-f |--file=)FILE(?: FILE)*',
  // ── keys and certificates ──
  openssl: [
    'version(?: -[abdefopv])?',
    'x509(?: -(?:noout|text|dates|startdate|enddate|subject|issuer|serial|fingerprint|hash|purpose|email|modulus|pubkey|sha1|sha256|issuer_hash|subject_hash|ocsp_uri)| -checkend [0-9]+| -ext WORD| -inform (?:pem|der|PEM|DER)| -in FILE)+',
    'verify(?: -(?:CAfile|untrusted) FILE)*(?: FILE)+',
    '(?:req|rsa|ec|pkey|crl)(?: -(?:noout|text|subject|modulus|check|verify)| -in FILE)+',
    'dgst(?: -(?:md5|sha1|sha256|sha512|r))*(?: FILE)+',
    'ciphers(?: -v)?',
  ].join('|'),
  // ── which version ──
  'gcc cc g++ c++ clang rustc npm nginx haproxy': '--version|-[vV]',
  'bash zsh git rsync wget sed awk gawk find xargs ldd vim rpm containerd runc kubelet etcd postgres mysqld mariadbd mysqldump mariadb-dump':
    '--version',
  'curl pg_dump pg_restore': '-V|--version',
  'redis-server mongod podman': '-v|--version',
  'ssh strace ip': '-V',
  'apache2 httpd named php-fpm dig': '-v',
  'vault consul etcdctl': 'version',
  javac: '-version',
  java: '--?version',
  php: '-[imv]|--ini|--version',
  docker: `-v|--version|compose ${composes}`,
  'docker-compose': `-v|--version|${composes}`,
  kubectl: 'cluster-info',
  systemctl: '--version',
};

const listings = new Map<string, RegExp>();
for (const [names, form] of Object.entries(forms)) {
  const pattern = new RegExp(`^(?:${form.replaceAll('WORD', word).replaceAll('FILE', file).replaceAll('LOCAL', localFile)})$`);
  for (const name of names.split(' ')) {
    if (listings.has(name)) throw new Error(`${name} has two lists of forms`);
    listings.set(name, pattern);
  }
}

/** Longer calls are not compared. */
const lettersMax = 2_000;

/** These show a unit's state through a pager, where they have a terminal. */
const paging = new Set(['service', 'chkconfig']);

/** True when this very call is known only to show. */
export function onlyShows(name: string, { args, terminal }: Call): boolean {
  const pattern = listings.get(name);
  if (pattern === undefined || (terminal && paging.has(name)) || args.some(({ text }) => text === null || /\s/.test(text) || text === ''))
    return false;
  const text = args.map((it) => it.text).join(' ');
  return text.length <= lettersMax && pattern.test(text);
}
