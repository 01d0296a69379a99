// Copying programs at their serving end (scp -t, rsync --server, git-upload-pack), archives, and git.

import type { Call, Reader } from './call.ts';
import { reads, readsFiles, unsure, writes, writesFiles } from './call.ts';
import { operands, searchOptions } from './options.ts';
import { mayBeOption } from './words.ts';

/** `scp -f` sends files, `scp -t` takes them; otherwise it is a client that connects to somewhere. */
const scp: Reader = (call) => {
  const letters = call.args.map(({ text }) => text ?? '?').filter((text) => text.startsWith('-'));
  const known = letters.every((text) => /^-[prvdqtf-]+$/.test(text)) && !call.args.some((it) => it.text === null && mayBeOption(it));
  const sink = letters.some((text) => text.includes('t'));
  const source = letters.some((text) => text.includes('f'));
  if (!known || sink === source) return leaves(call);
  const files = operands(call.args);
  if (sink) {
    writes(call);
    return writesFiles(call, files);
  }
  reads(call);
  readsFiles(call, files);
};

/** The letter s (before `e.`) makes it read its real arguments from the client, who may send others than these. */
const rsync: Reader = (call) => {
  const words = call.args.map(({ text }) => text);
  if (words[0] !== '--server') return leaves(call);
  const sender = words[1] === '--sender';
  const rest = call.args.slice(sender ? 2 : 1);
  const options = rest.filter(({ prefix }) => prefix.startsWith('-'));
  const files = operands(rest).filter(({ text }) => text !== '.');
  const known = options.every(
    ({ text }) => text !== null && (/^-[a-rt-zA-Z]*(?:e\d*\.[a-zA-Z]*)?$/.test(text) || harmlessRsync.test(text)),
  );
  if (!known || rest.some(({ splits }) => splits)) return unsure(call, call.span, 'rsync with an option that is not known to be harmless');
  if (sender) {
    reads(call);
    return readsFiles(call, files);
  }
  writes(call);
  if (options.some(({ text }) => text?.startsWith('--delete') === true)) {
    call.found.effect('file-remove', 'write', 'file', files.at(-1)?.text ?? null);
    call.found.risk(call.span, 'removes what the sender does not have');
  }
  writesFiles(call, files);
};
const harmlessRsync =
  /^--(?:partial|inplace|append|size-only|ignore-existing|existing|numeric-ids|bwlimit=\d+|timeout=\d+|stats|info=\w+|no-[a-z-]+|delete(?:-before|-during|-after|-excluded)?|from0|checksum-seed=\d+|compress-level=\d+|max-size=\w+|min-size=\w+)$/;

/** Only listing is known to be harmless; making and unpacking name what they write. */
const tar: Reader = (call) => {
  const first = call.args[0]?.text ?? null;
  const letters = first === null ? null : (/^-?([a-zA-Z]+)$/.exec(first)?.[1] ?? null);
  const others = call.args.slice(1);
  if (letters === null) return unsure(call, call.span, 'tar in this form is not understood');
  if (/^[tvfzjJ]+$/.test(letters) && letters.includes('t')) {
    const remote = others.find(({ text }) => text === null || /^-.|:/.test(text));
    if (remote !== undefined) return unsure(call, remote.span, 'tar may run a program for this');
    reads(call);
    return readsFiles(call, others.slice(0, 1));
  }
  call.found.effect('run', 'unknown', 'program', 'tar');
  call.found.risk(call.span, letters.includes('x') ? 'unpacks over files' : 'writes an archive');
  if (/[cru]/.test(letters) && letters.endsWith('f') && others[0] !== undefined) writesFiles(call, others.slice(0, 1));
};

const gitReads = new Set(
  'status log show diff rev-parse ls-files describe blame shortlog cat-file ls-tree rev-list name-rev merge-base cherry version grep show-ref for-each-ref count-objects'.split(
    ' ',
  ),
);
/** Verbs that list when these words follow, each behind a blank; with others they make, change or remove something. */
const gitLists = new Map([
  [
    'branch',
    /^(?: (?:-[arv]{1,3}|--sort=[\w:-]+|--all|--remotes|--verbose|--show-current|--list|--(?:no-)?(?:merged|contains) \w[\w./-]*))*$/,
  ],
  ['remote', /^(?: (?:-v|--verbose))?$/],
  ['tag', /^(?: (?:-n\d*|-l|--list|--sort=[\w:-]+))*$|^(?: -n\d*)? (?:-l|--list)(?: (?!-)[\w.*/-]+)*$/],
  ['stash', /^ (?:list|show(?: (?:-p|--stat))?)$/],
  ['worktree', /^ list(?: --porcelain)?$/],
  // A word without a dot may be a verb of newer versions ("edit").
  [
    'config',
    /^(?: --(?:global|local|system|show-origin|show-scope|name-only))*(?: (?:-l|--list)(?: --(?:show-origin|show-scope|name-only))*| (?:--get(?:-all)? )?\w[\w-]*\.\w[\w.-]*)$/,
  ],
  ['reflog', /^(?: show)?$/],
]);
const gitOptions = [
  '--output',
  '--ext-diff',
  '--textconv',
  '--filters',
  '-O',
  '--open-files-in-pager',
  '-c',
  '--exec-path',
  '--upload-pack',
  '--exec',
  '--batch-command',
  '--orderfile',
  // It shows a manual page, with the pager of that.
  '--help',
];

/** Settings can make git run programs (aliases, pagers, filters), so only plain forms of what reads are known. */
const git: Reader = (call) => {
  const { args } = call;
  let at = 0;
  let pager = true;
  for (; at < args.length; at++) {
    const text = args[at]?.text ?? null;
    if (text === '--no-pager' || text === '-P') pager = false;
    else if (text === '-C' && args[at + 1]?.several === false) at += 1;
    else if (text !== '--no-optional-locks') break;
  }
  const verb = args[at]?.text ?? null;
  const rest = args.slice(at + 1);
  const lists = gitLists.get(verb ?? '')?.test(rest.map(({ text }) => ` ${text ?? '?'}`).join('')) === true;
  if (verb === null || !(gitReads.has(verb) || lists))
    return unsure(call, args[at]?.span ?? call.span, `git ${verb ?? ''} may change something or run a program`);
  const search = searchOptions(rest, { options: gitOptions, values: '' });
  if (search.kind === 'found')
    return unsure(call, rest[search.found[0]?.index ?? 0]?.span ?? call.span, 'this option of git writes a file or runs a program');
  if (search.kind === 'unsure') return unsure(call, search.argument.span, 'this may become an option of git');
  if (pager && call.terminal)
    return unsure(call, call.span, 'on a terminal git starts a pager, and that starts programs; use git --no-pager');
  reads(call);
};

/** git over SSH: fetching reads, pushing writes. */
const gitPack =
  (access: 'read' | 'write'): Reader =>
  (call) => {
    const wrong = call.args.find(
      (it) => it.text?.startsWith('-') === true && !/^--(?:strict|timeout=\d+|stateless-rpc|advertise-refs)$/.test(it.text),
    );
    if (wrong !== undefined) return unsure(call, wrong.span, 'an option that is not known');
    if (access === 'read') {
      reads(call);
      return readsFiles(call, operands(call.args));
    }
    writes(call);
    writesFiles(call, operands(call.args));
  };

function leaves(call: Call): void {
  call.found.effect('run', 'unknown', 'program', call.name);
  call.found.effect('network', 'unknown');
  call.found.risk(call.span, 'connects to another machine');
}

export const transfer: ReadonlyMap<string, Reader> = new Map([
  ['scp', scp],
  ['rsync', rsync],
  ['tar', tar],
  ['git', git],
  ['git-upload-pack', gitPack('read')],
  ['git-upload-archive', gitPack('read')],
  ['git-receive-pack', gitPack('write')],
]);
