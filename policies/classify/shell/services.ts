// Tools with verbs (systemctl, ip, docker, kubectl, …): the verbs that show are known, every other one changes something.

import type { Reader } from './call.ts';
import { reads, unsure } from './call.ts';
import { searchOptions } from './options.ts';
import type { Argument } from './words.ts';

interface VerbRules {
  readonly verbs: readonly string[];
  /** Options that may stand before the verb; anything else there is not understood. */
  readonly before?: readonly string[];
  /** Options that may not stand anywhere. */
  readonly never?: readonly string[];
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
    const never = searchOptions(args, { options: rules.never ?? [], values: '' });
    if (never.kind === 'found')
      return unsure(call, args[never.found[0]?.index ?? 0]?.span ?? call.span, `this option of ${call.name} makes it do more than show`);
    if (never.kind === 'unsure') return unsure(call, never.argument.span, `this may become an option of ${call.name}`);
    const at = args.findIndex(({ text }) => text === null || !(rules.before ?? []).includes(text));
    const verb = at === -1 ? null : (args[at]?.text ?? '?');
    if (verb === null ? rules.alone !== true : !rules.verbs.includes(verb)) {
      return unsure(call, args[at]?.span ?? call.span, `${call.name} ${verb ?? ''} is not known only to show`);
    }
    if (rules.pagerUnless !== undefined && call.terminal && !isQuiet(args, rules.pagerUnless, 'nptPHMso'))
      return unsure(call, call.span, `on a terminal it starts a pager, and that starts programs; use ${rules.pagerUnless}`);
    reads(call);
  };
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
  if (call.terminal && !isQuiet(call.args, '--no-pager', 'nuptSUgcDoTF'))
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
    /^(?:a|addr|address|l|link|r|route|n|neigh|rule|maddr)$/.test(object) &&
    (verb === undefined || /^(?:s|sh|show|ls|list|get)$/.test(verb ?? '?'));
  if (!shows || words.includes(null)) return unsure(call, call.span, 'ip in this form may change the network');
  reads(call);
};

/** dpkg's queries. On a terminal the long ones start a pager. */
const dpkg: Reader = (call) => {
  const words = call.args.map(({ text }) => text);
  const [first, ...rest] = words.filter((text) => text !== '--no-pager');
  if (
    /^(?:-[lLsSp]|--list|--listfiles|--status|--search)$/.test(first ?? '') &&
    rest.every((text) => text !== null && !text.startsWith('-'))
  ) {
    if (!call.terminal || isQuiet(call.args, '--no-pager', '')) return reads(call);
    return unsure(call, call.span, 'on a terminal it starts a pager, and that starts programs; use --no-pager');
  }
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
        'is-active',
        'is-enabled',
        'is-failed',
        'is-system-running',
        'get-default',
        '--version',
      ],
      before: ['--no-pager', '-q', '--quiet', '-a', '--all', '-l', '--full', '--plain', '--no-legend', '--user', '--failed'],
      never: ['-H', '--host', '-M', '--machine', '--root', '--image'],
      pagerUnless: '--no-pager',
      alone: true,
    }),
  ],
  [
    'timedatectl',
    byVerb({
      verbs: ['status', 'show', 'list-timezones'],
      before: ['--no-pager'],
      never: ['-H', '--host', '-M', '--machine'],
      pagerUnless: '--no-pager',
      alone: true,
    }),
  ],
  ['docker', byVerb({ verbs: ['ps', 'images', 'logs', 'inspect', 'version', 'info', 'stats', 'port', 'top', 'history'] })],
  ['podman', byVerb({ verbs: ['ps', 'images', 'logs', 'inspect', 'version', 'info', 'port', 'top', 'history'] })],
  [
    'kubectl',
    byVerb({
      verbs: ['get', 'describe', 'logs', 'top', 'version', 'explain', 'api-resources'],
      never: ['--kubeconfig', '--cache-dir', '--profile-output', '--token', '--server', '-s', '-k', '--kustomize'],
    }),
  ],
  ['journalctl', journalctl],
  ['ip', ip],
  ['dpkg', dpkg],
]);
