// Programs that only read, with the options that make them do more. A program without such options may be called with any
// words; one with them only with words that are surely not one of those.

import type { Call, Reader } from './call.ts';
import { reads, readsFiles, unsure, writesFiles } from './call.ts';
import type { OptionRules } from './options.ts';
import { operands, searchOptions } from './options.ts';
import type { Argument } from './words.ts';
import { literal } from './words.ts';

interface ReaderRules extends Partial<OptionRules> {
  /** Its operands are files; of grep the first is a pattern. */
  readonly files?: boolean | 'after the first';
  /** Options whose value is a file that is written. */
  readonly writing?: readonly string[];
  /** Operands allowed at most: a further one is written to. */
  readonly operandsMax?: number;
  /** Every operand must begin with this. */
  readonly operandPrefix?: string;
  /** Words whose next one is their value, and no operand. */
  readonly valueFollows?: RegExp;
  /** It asks other machines for names of machines: a word that is not known here must be no such name. */
  readonly asksNames?: boolean;
}

function reader(rules: ReaderRules): Reader {
  const options = [...(rules.options ?? []), ...(rules.writing ?? [])];
  const strict = options.length > 0 || rules.operandsMax !== undefined || rules.operandPrefix !== undefined;
  return (call) => {
    const { args } = call;
    if (strict && !harmless(call, { ...rules, options }, rules)) return;
    reads(call);
    if (rules.files === undefined || rules.files === false) return;
    const files = operands(args);
    const patternInOption = args.some(({ text }) => text !== null && /^-(?:[a-zA-Z]*[ef]|-(?:regexp|file)\b)/.test(text));
    readsFiles(call, rules.files === 'after the first' && !patternInOption ? files.slice(1) : files);
  };
}

/** False when it was found to do more, and that was noted. */
function harmless(call: Call, search: OptionRules, rules: ReaderRules): boolean {
  const { args } = call;
  const result = searchOptions(args, search);
  if (result.kind === 'unsure') {
    const { prefix, splits, span } = result.argument;
    const better = prefix === '' && !splits ? '; a pattern that begins with ./ cannot' : '';
    unsure(call, span, `this may become an option of ${call.name}, and some of them change things${better}`);
    return false;
  }
  if (result.kind === 'found') {
    for (const { option, value, index } of result.found) {
      const span = args[index]?.span ?? call.span;
      const target: Argument | undefined = value === null ? args[index + 1] : literal(value, span);
      call.found.risk(span, `${option} makes ${call.name} do more than read`);
      if (rules.writing?.includes(option) === true && target !== undefined) writesFiles(call, [target]);
    }
    call.found.effect('run', 'unknown', 'program', call.name);
    return false;
  }
  const name = rules.asksNames === true ? args.find(({ text, prefix }) => text === null && !/^[:/]/.test(prefix)) : undefined;
  if (name !== undefined) {
    unsure(call, name.span, `${call.name} may ask other machines for this name, which is only known when it runs`);
    return false;
  }
  const plain = operands(rules.valueFollows === undefined ? args : withoutValues(args, rules.valueFollows));
  const { operandsMax, operandPrefix } = rules;
  const wrong =
    operandPrefix !== undefined
      ? plain.find(({ prefix }) => !prefix.startsWith(operandPrefix))
      : operandsMax === undefined
        ? undefined
        : (plain[operandsMax] ?? plain.find(({ several }) => several));
  if (wrong === undefined) return true;
  unsure(call, wrong.span, `${call.name} may change something with this operand`);
  return false;
}

/** Leaves out the value behind each of these words, if it surely is one word. */
function withoutValues(args: readonly Argument[], valueFollows: RegExp): readonly Argument[] {
  const end = args.findIndex(({ text }) => text === '--');
  return args.filter((it, index) => {
    const before = args[index - 1]?.text ?? '';
    return it.several || (end !== -1 && index > end) || !valueFollows.test(before) || valueFollows.test(args[index - 2]?.text ?? '');
  });
}

const anyWords =
  'pwd echo true false seq yes sleep id whoami groups logname uname arch nproc hostid uptime free vmstat mpstat iostat ps pgrep pidof w who users tty getconf locale lsblk lscpu lsmod lsusb printenv expr factor numfmt findmnt basename dirname times clear help cal pstree lsb_release envsubst modinfo locate mlocate plocate pinky whatis apropos lsscsi numastat lsns lsmem lslocks lsipc ipcs';
const anyFiles =
  'cat tac head tail zcat bzcat xzcat ls dir vdir wc nl od hexdump cut tr paste join comm fold fmt expand unexpand rev column cksum md5sum sha1sum sha224sum sha256sum sha384sum sha512sum b2sum sum realpath readlink stat df du diff cmp strings base64 base32 namei lsattr getfacl getfattr getcap last lastb jq tsort pr';

const withRules: Readonly<Record<string, ReaderRules>> = {
  grep: { files: 'after the first' },
  egrep: { files: 'after the first' },
  fgrep: { files: 'after the first' },
  zgrep: { files: 'after the first' },
  zegrep: { files: 'after the first' },
  zfgrep: { files: 'after the first' },
  xzgrep: { files: 'after the first' },
  iconv: { files: true, writing: ['-o', '--output'], values: 'ft' },
  rg: { files: 'after the first', options: ['--pre', '--hostname-bin', '--search-zip', '-z'] },
  sort: { files: true, writing: ['-o', '--output'], options: ['--compress-program', '-T', '--temporary-directory'], values: 'kStT' },
  shuf: { files: true, writing: ['-o', '--output'], values: 'in' },
  uniq: { files: true, operandsMax: 1 },
  xxd: {
    files: true,
    operandsMax: 1,
    options: ['-r', '-revert', '--revert'],
    valueFollows: /^--?(?:c|cols|g|l|len|s|seek|o)$/,
  },
  file: {
    files: true,
    options: ['-C', '--compile', '-z', '-Z', '--uncompress', '--uncompress-noreport', '-m', '--magic-file', '-p', '--preserve-date'],
  },
  tree: { files: true, writing: ['-o'], options: ['-R'] },
  date: { options: ['-s', '--set'], values: 'dfrI', operandPrefix: '+', valueFollows: /^(?:-[uR]*[dfr]|--(?:date|file|reference))$/ },
  hostname: { options: ['-F', '-b', '--file', '--boot'], operandsMax: 0 },
  dmesg: {
    // -H starts a pager on a terminal.
    options: ['-c', '-C', '-D', '-E', '-n', '-H', '--clear', '--read-clear', '--console-off', '--console-on', '--console-level', '--human'],
    values: 'FflsN',
  },
  lsof: { options: ['-D'], values: 'is', asksNames: true },
  // On BSD it sets the counters to zero.
  netstat: { options: ['-z'] },
  ss: { options: ['-K', '-D', '--kill', '--diag'], asksNames: true },
  lspci: { options: ['-F', '-O', '-A', '-M', '-q', '-Q'] },
  // -n and -N write its configuration.
  pmap: { options: ['-n', '-N', '--create-rc', '--create-rc-to'] },
};

/** crontab without anything reads a new table from its input. */
const crontab: Reader = (call) => {
  if (call.args.length === 1 && call.args[0]?.text === '-l') return reads(call);
  call.found.effect('run', 'write', 'program', call.name);
  call.found.risk(call.span, 'changes what runs later');
};

/** Only as one screenful for a pipe or a file: with keys it kills and renices. What stands behind a letter that takes a value is none. */
const top: Reader = (call) => {
  const batch = call.args.some(
    ({ text }, index) => /^-[1cHiIsS]*b/.test(text ?? '') && !/^-.*[dnpuUwoOeE]$/.test(call.args[index - 1]?.text ?? ''),
  );
  if (batch && call.args.every(({ text }) => text !== null)) return reads(call);
  unsure(call, call.span, 'with a keyboard top ends processes; top -b -n 1 only shows them');
};

/** Names are shown; a `=`, a file or --system sets. */
const sysctl: Reader = (call) => {
  const wrong = call.args.find(({ text }) => !/^(?:-[aneN]+|--all|--values|--names|\w[\w./-]*)$/.test(text ?? '?'));
  if (wrong === undefined && call.args.length > 0) return reads(call);
  call.found.effect('run', 'write', 'program', call.name);
  call.found.effect('admin', 'write');
  call.found.risk(call.span, 'changes the machine for everybody');
};

/** One interface is shown, or all; another word, with a dash as well (`-arp`), switches something. BSD switches all (`-a down`). */
const ifconfig: Reader = (call) => {
  const words = call.args.filter(({ text }) => !/^-[asv]$/.test(text ?? ''));
  const all = call.args.some(({ text }) => text === '-a');
  const wrong = words[all ? 0 : 1] ?? words.find(({ text, several }) => several || text?.startsWith('-') === true);
  if (wrong === undefined) return reads(call);
  unsure(call, wrong.span, 'it may change the network');
};

/** The settings of the terminal are shown; everything else sets them. */
const stty: Reader = (call) => {
  const wrong = call.args.find(({ text }) => !/^(?:-a|--all|-g|--save|size|speed)$/.test(text ?? '?'));
  if (wrong === undefined) return reads(call);
  unsure(call, wrong.span, 'it changes settings of the terminal');
};

export const readers: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  ...anyWords.split(' ').map((name): [string, Reader] => [name, reader({})]),
  ...anyFiles.split(' ').map((name): [string, Reader] => [name, reader({ files: true })]),
  ...Object.entries(withRules).map(([name, rules]): [string, Reader] => [name, reader(rules)]),
  ['crontab', crontab],
  ['ifconfig', ifconfig],
  ['top', top],
  ['stty', stty],
  ['sysctl', sysctl],
]);
