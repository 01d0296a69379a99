// Tools with verbs (systemctl, ip, docker, kubectl, …): the verbs that show are known, every other one changes something.

import type { Reader } from './call.ts';
import { reads, unsure } from './call.ts';
import { searchOptions } from './options.ts';
import type { Argument } from './words.ts';

interface VerbRules {
  readonly verbs: readonly string[];
  /** Verbs of two words, by the first. */
  readonly subverbs?: Readonly<Record<string, readonly string[]>>;
  /** Options that may stand before the verb; anything else there is not understood. */
  readonly before?: readonly string[];
  /** Options that may stand there with a value, which is the next word or follows a `=`. */
  readonly beforeWithValue?: readonly string[];
  /** Short options that take a value: what follows in the same word is the value. */
  readonly values?: string;
  /** Options that may not stand anywhere. */
  readonly never?: readonly string[];
  /** Options that may stand there; others may do more. Default: all that are not in `never`. */
  readonly onlyOptions?: RegExp;
  /** It fetches what an address names (`-f https://…`). */
  readonly fetches?: boolean;
  /** It starts a pager on a terminal unless one of these is there. */
  readonly pagerUnless?: string;
  /** No verb at all only shows. */
  readonly alone?: boolean;
}

function byVerb(rules: VerbRules): Reader {
  return (call) => {
    const { args } = call;
    const unknown = args.find(({ text }) => text === null);
    if (unknown?.splits === true) return unsure(call, unknown.span, `this may become an option of ${call.name}`);
    const never = searchOptions(args, { options: rules.never ?? [], values: rules.values ?? '' });
    if (never.kind === 'found')
      return unsure(call, args[never.found[0]?.index ?? 0]?.span ?? call.span, `this option of ${call.name} makes it do more than show`);
    if (never.kind === 'unsure') return unsure(call, never.argument.span, `this may become an option of ${call.name}`);
    const other =
      rules.onlyOptions && args.find(({ text, prefix }) => prefix.startsWith('-') && rules.onlyOptions?.test(text ?? '-') !== true);
    if (other !== undefined) return unsure(call, other.span, `this option of ${call.name} is not known only to show`);
    const address = rules.fetches === true ? args.find(mayBeAddress) : undefined;
    if (address !== undefined) return unsure(call, address.span, `${call.name} may connect to this address`);
    const at = verbIndex(args, rules);
    const verb = at === -1 ? null : (args[at]?.text ?? '?');
    const second = verb === null ? undefined : rules.subverbs?.[verb];
    const shows =
      verb === null ? rules.alone === true : second === undefined ? rules.verbs.includes(verb) : second.includes(args[at + 1]?.text ?? '?');
    if (!shows) {
      const words = [verb, second === undefined ? null : args[at + 1]?.text].filter((word) => word != null);
      return unsure(call, args[at]?.span ?? call.span, `${[call.name, ...words].join(' ')} is not known only to show`);
    }
    if (rules.pagerUnless !== undefined && call.terminal && (asksForHelp(args) || !isQuiet(args, rules.pagerUnless, 'nptPHMso')))
      return unsure(call, call.span, `on a terminal it starts a pager, and that starts programs; use ${rules.pagerUnless}`);
    reads(call);
  };
}

/** True when the word may hold an address: "http://h", "-fhttp://h", or one that is not known as far as that. */
function mayBeAddress({ text, prefix }: Argument): boolean {
  return prefix.includes('://') || (text === null && /(?:^|[=f])h[tps:/]*$/.test(prefix));
}

/** Where the verb stands: the first word that is neither an option that may stand before it nor the value of one. */
function verbIndex(args: readonly Argument[], { before = [], beforeWithValue = [] }: VerbRules): number {
  let at = 0;
  for (; at < args.length; at++) {
    const text = args[at]?.text ?? null;
    if (text === null) return at;
    if (before.includes(text) || beforeWithValue.some((it) => it.startsWith('--') && text.startsWith(`${it}=`))) continue;
    if (!beforeWithValue.includes(text)) return at;
    if (args[at + 1]?.several !== false) return at;
    at += 1;
  }
  return -1;
}

/**
 * True when the option surely is one: it stands before any `--`, and is not the value of the option before it. `values` are the
 * short options that take one.
 */
function isQuiet(args: readonly Argument[], option: string, values: string): boolean {
  const at = args.findIndex(({ text }) => text === option || text === '--');
  if (args[at]?.text !== option) return false;
  const before = args[at - 1]?.text ?? '';
  if (before.startsWith('--')) return before.includes('=') || longFlags.has(before);
  return !before.startsWith('-') || !values.includes(before.at(-1) ?? '');
}

/** Help is shown where its option stands, through a pager that an option behind it comes too late for. */
function asksForHelp(args: readonly Argument[]): boolean {
  return searchOptions(args, { options: ['-h', '--help'] }).kind !== 'none';
}

const longFlags = new Set(
  '--all --catalog --dmesg --failed --follow --full --merge --no-full --no-hostname --no-legend --no-tail --pager-end --plain --quiet --reverse --system --user --utc'.split(
    ' ',
  ),
);

/** journalctl has no verbs; what is not reading has long options. */
const journalctl: Reader = (call) => {
  const never = [
    '--vacuum-size',
    '--vacuum-time',
    '--vacuum-files',
    '--rotate',
    '--flush',
    '--sync',
    '--relinquish-var',
    '--smart-relinquish-var',
    '--update-catalog',
    '--setup-keys',
    '--cursor-file',
    '--verify-key',
    '--force',
    '--image',
    '--root',
    '-M',
    '--machine',
  ];
  const search = searchOptions(call.args, { options: never, values: 'nuptSUgcDo' });
  if (search.kind === 'found')
    return unsure(call, call.args[search.found[0]?.index ?? 0]?.span ?? call.span, 'this option changes the journal');
  if (search.kind === 'unsure') return unsure(call, search.argument.span, 'this may become an option of journalctl');
  if (call.terminal && (asksForHelp(call.args) || !isQuiet(call.args, '--no-pager', 'nuptSUgcDoTF')))
    return unsure(call, call.span, 'on a terminal it starts a pager, and that starts programs; use --no-pager');
  reads(call);
};

/** ip OBJECT [show …]: without a verb, or with one of these, it shows. */
const ip: Reader = (call) => {
  const words = call.args.map(({ text }) => text);
  const at = words.findIndex(
    (text) => text === null || !/^-(?:4|6|s|d|o|j|p|br|brief|c|color|stats|details|oneline|json|pretty)$/.test(text),
  );
  const [object, verb] = at === -1 ? [null, null] : [words[at], words[at + 1]];
  // `ip link s` means set.
  const shows =
    object != null &&
    !(/^l/.test(object) && verb === 's') &&
    ((/^(?:a|addr|address|l|link|r|route|n|neigh|rule|maddr)$/.test(object) &&
      (verb === undefined || /^(?:s|sh|show|ls|list|get)$/.test(verb ?? '?'))) ||
      (/^(?:netns|tunnel|tuntap|vrf|nexthop|mroute)$/.test(object) && /^(?:show|list)$/.test(verb ?? '?')));
  if (!shows || words.includes(null)) return unsure(call, call.span, 'ip in this form may change the network');
  reads(call);
};

/** dpkg's queries. On a terminal the long ones start a pager. */
const dpkg: Reader = (call) => {
  const words = call.args.map(({ text }) => text);
  const [first, ...rest] = words.filter((text) => text !== '--no-pager');
  if (
    /^(?:-[lLsSp]|--list|--listfiles|--status|--search)$|^-W$/.test(first ?? '') &&
    (first !== '-W' || call.name === 'dpkg-query') &&
    rest.every((text) => text !== null && (!text.startsWith('-') || (first === '-W' && /^(?:-f=|--showformat=)/.test(text))))
  ) {
    if (!call.terminal || isQuiet(call.args, '--no-pager', '')) return reads(call);
    return unsure(call, call.span, 'on a terminal it starts a pager, and that starts programs; use --no-pager');
  }
  unsure(call, call.span, 'it may install or remove packages');
};

/** apt's lists. Its options can name programs to run, so only some are known. */
function packageLists(verbs: readonly string[]): Reader {
  const harmless = /^(?:[^-].*|-a|-n|-q|-qq|--installed|--upgradable|--all-versions|--names-only|--version)$/;
  return (call) => {
    const words = call.args.map(({ text }) => text);
    const wrong = call.args.find(({ text }) => text === null || !harmless.test(text));
    const verb = words.find((text) => text === '--version' || text?.startsWith('-') === false);
    if (wrong !== undefined || !verbs.includes(verb ?? '?')) {
      call.found.effect('admin', 'write');
      return unsure(call, wrong?.span ?? call.span, 'it may install or remove packages');
    }
    if (call.terminal) return unsure(call, call.span, 'on a terminal it starts a pager, and that starts programs; use dpkg -l --no-pager');
    reads(call);
  };
}

/** rpm's questions about what is installed. Formats, macros and pipes of other options can run programs. */
const rpm: Reader = (call) => {
  const [first, ...rest] = call.args.map(({ text }) => text);
  const known =
    /^-q[aiflRcds]*$/.test(first ?? '') &&
    rest.every((text) => text !== null && (!text.startsWith('-') || /^--(?:last|changelog|scripts|provides|requires)$/.test(text)));
  if (known) return reads(call);
  call.found.effect('admin', 'write');
  unsure(call, call.span, 'it may install or remove packages');
};

export const services: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  [
    'systemctl',
    byVerb({
      verbs: [
        'status',
        'show',
        'cat',
        'list-units',
        'list-unit-files',
        'list-timers',
        'list-sockets',
        'list-dependencies',
        'list-jobs',
        'list-paths',
        'list-automounts',
        'show-environment',
        'is-active',
        'is-enabled',
        'is-failed',
        'is-system-running',
        'get-default',
      ],
      before: ['--no-pager', '-q', '--quiet', '-a', '--all', '-l', '--full', '--plain', '--no-legend', '--user', '--failed'],
      beforeWithValue: ['-t', '--type', '--state', '-n', '--lines', '-o', '--output', '-p', '--property'],
      never: ['-H', '--host', '-M', '--machine', '--root', '--image'],
      pagerUnless: '--no-pager',
      alone: true,
    }),
  ],
  [
    'timedatectl',
    byVerb({
      verbs: ['status', 'show', 'list-timezones', 'timesync-status'],
      before: ['--no-pager'],
      never: ['-H', '--host', '-M', '--machine'],
      pagerUnless: '--no-pager',
      alone: true,
    }),
  ],
  [
    'loginctl',
    byVerb({
      verbs: [
        'list-sessions',
        'list-users',
        'list-seats',
        'session-status',
        'user-status',
        'seat-status',
        'show-session',
        'show-user',
        'show-seat',
      ],
      before: ['--no-pager', '--no-legend'],
      never: ['-H', '--host', '-M', '--machine'],
      pagerUnless: '--no-pager',
      alone: true,
    }),
  ],
  [
    'localectl',
    byVerb({
      verbs: ['status'],
      before: ['--no-pager'],
      never: ['-H', '--host', '-M', '--machine'],
      pagerUnless: '--no-pager',
      alone: true,
    }),
  ],
  ['resolvectl', byVerb({ verbs: ['status', 'statistics'], before: ['--no-pager'], pagerUnless: '--no-pager', alone: true })],
  [
    'networkctl',
    byVerb({ verbs: ['list', 'status', 'lldp'], before: ['--no-pager', '-a', '--all'], pagerUnless: '--no-pager', alone: true }),
  ],
  [
    'coredumpctl',
    byVerb({
      verbs: ['list', 'info'],
      before: ['--no-pager'],
      never: ['-o', '--output', '--debugger', '--debugger-arguments', '-A', '--root', '--image'],
      pagerUnless: '--no-pager',
      alone: true,
    }),
  ],
  [
    'systemd-analyze',
    byVerb({
      verbs: ['time', 'blame', 'critical-chain'],
      before: ['--no-pager'],
      never: ['-H', '--host', '-M', '--machine', '--root', '--image'],
      pagerUnless: '--no-pager',
      alone: true,
    }),
  ],
  ['hostnamectl', byVerb({ verbs: ['status', 'show'], never: ['-H', '--host', '-M', '--machine'], alone: true })],
  [
    'docker',
    byVerb({
      verbs: ['ps', 'images', 'logs', 'inspect', 'version', 'info', 'stats', 'port', 'top', 'history', 'diff', 'events'],
      subverbs: {
        container: ['ls', 'list', 'ps', 'logs', 'inspect', 'stats', 'top', 'port', 'diff'],
        image: ['ls', 'list', 'inspect', 'history'],
        network: ['ls', 'list', 'inspect'],
        volume: ['ls', 'list', 'inspect'],
        system: ['df', 'info', 'events'],
        compose: ['ps', 'logs', 'images', 'top', 'ls', 'version'],
        service: ['ls', 'list', 'ps', 'logs', 'inspect'],
        node: ['ls', 'list', 'ps', 'inspect'],
        stack: ['ls', 'list', 'ps', 'services'],
        context: ['ls', 'list', 'show', 'inspect'],
      },
    }),
  ],
  [
    'podman',
    byVerb({
      verbs: ['ps', 'images', 'logs', 'inspect', 'version', 'info', 'port', 'top', 'history', 'stats'],
      subverbs: {
        container: ['ls', 'list', 'ps', 'logs', 'inspect', 'top', 'port'],
        image: ['ls', 'list', 'inspect', 'history'],
        network: ['ls', 'inspect'],
        volume: ['ls', 'inspect'],
        pod: ['ls', 'list', 'ps', 'inspect', 'logs', 'top'],
        system: ['df', 'info'],
      },
      // It takes its own options behind the verb too: they name programs, other hosts and files to write, and new ones come.
      onlyOptions:
        /^-(?:[afntlqsw]+|-(?:all|filter|format|follow|latest|names|tail|since|until|timestamps|no-trunc|quiet|size|sort|type|digests|noheading|external|pod|watch|no-stream|no-reset|interval|version)(?:=.*)?)$/,
    }),
  ],
  [
    'kubectl',
    byVerb({
      verbs: ['get', 'describe', 'logs', 'top', 'version', 'explain', 'api-resources', 'api-versions', 'events'],
      subverbs: {
        config: ['current-context', 'get-clusters', 'get-contexts', 'get-users', 'view'],
        auth: ['can-i', 'whoami'],
        rollout: ['status', 'history'],
      },
      beforeWithValue: ['-n', '--namespace', '--context', '--cluster', '--request-timeout'],
      values: 'nolLc',
      fetches: true,
      // --raw asks any address of the API, pods and services behind it too; --as is another account.
      never: [
        '--kubeconfig',
        '--kuberc',
        '--cache-dir',
        '--profile-output',
        '--log-file',
        '--log-dir',
        '--token',
        '--server',
        '-s',
        '-k',
        '--kustomize',
        '--raw',
        '--as',
        '--as-group',
        '--as-uid',
        '--as-user-extra',
      ],
    }),
  ],
  ['docker-compose', byVerb({ verbs: ['ps', 'logs', 'images', 'top', 'ls', 'version'] })],
  ['crictl', byVerb({ verbs: ['ps', 'pods', 'images', 'logs', 'inspect', 'inspectp', 'inspecti', 'stats', 'statsp', 'info', 'version'] })],
  [
    'helm',
    byVerb({
      verbs: ['list', 'ls', 'status', 'history', 'hist', 'version'],
      subverbs: { get: ['values', 'manifest', 'notes', 'hooks', 'all', 'metadata'], repo: ['list', 'ls'] },
      beforeWithValue: ['-n', '--namespace', '--kube-context'],
      values: 'nofl',
      // Templates can ask for names of machines.
      never: [
        '--template',
        '--kubeconfig',
        '--kube-apiserver',
        '--kube-as-group',
        '--kube-as-user',
        '--kube-ca-file',
        '--kube-insecure-skip-tls-verify',
        '--kube-tls-server-name',
        '--kube-token',
        '--registry-config',
        '--repository-cache',
        '--repository-config',
      ],
    }),
  ],
  ['terraform', byVerb({ verbs: ['version', 'output'], subverbs: { state: ['list'], workspace: ['list', 'show'] } })],
  ['journalctl', journalctl],
  ['ip', ip],
  ['dpkg', dpkg],
  ['dpkg-query', dpkg],
  ['rpm', rpm],
  ['apt', packageLists(['list', 'show', 'policy', 'search', 'depends', 'rdepends', '--version'])],
  ['apt-cache', packageLists(['show', 'showpkg', 'policy', 'search', 'depends', 'rdepends', 'madison', 'stats', 'pkgnames'])],
]);
