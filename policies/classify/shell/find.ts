// find: an expression language with actions that run programs, remove and write files. Only listed words are understood.

import type { Reader } from './call.ts';
import { reads, readsFiles, unsure, writes, writesFiles } from './call.ts';
import type { Argument } from './words.ts';
import { mayBeOption, unknownPath } from './words.ts';

const tests = new Set(
  '( ) ! , -a -and -o -or -not -H -L -P -O0 -O1 -O2 -O3 -daystart -depth -d -follow -mount -xdev -noleaf -ignore_readdir_race -noignore_readdir_race -warn -nowarn -empty -executable -false -true -nogroup -nouser -readable -writable -print -print0 -ls -prune -quit'.split(
    ' ',
  ),
);
const testsWithValue = new Set(
  '-D -maxdepth -mindepth -regextype -amin -anewer -atime -cmin -cnewer -ctime -fstype -gid -group -ilname -iname -inum -ipath -iregex -iwholename -links -lname -mmin -mtime -name -newer -path -perm -regex -samefile -size -type -uid -used -user -wholename -xtype -context -printf'.split(
    ' ',
  ),
);
const runs = new Set(['-exec', '-execdir', '-ok', '-okdir']);
const writesTo = new Set(['-fprint', '-fprint0', '-fls', '-fprintf']);

export const find: Reader = (call) => {
  const { args } = call;
  const starts: Argument[] = [];
  let changes = false;
  let at = 0;
  for (; at < args.length; at++) {
    const it = args[at] as Argument;
    if (it.text === null ? mayBeOption(it) : /^[-(!,)]/.test(it.text)) break;
    starts.push(it);
  }
  for (; at < args.length; at++) {
    const it = args[at] as Argument;
    const word = it.text;
    if (word === null) return unsure(call, it.span, 'this may become an action of find');
    if (tests.has(word)) continue;
    if (testsWithValue.has(word) || /^-newer[aBcm][aBcmt]$/.test(word)) {
      at += 1;
      if (maySplit(args[at])) return unsure(call, it.span, 'this may become an action of find');
      continue;
    }
    if (word === '-delete') {
      changes = true;
      call.found.effect('file-remove', 'write', 'file', null);
      call.found.risk(it.span, 'removes what it finds');
      continue;
    }
    if (writesTo.has(word)) {
      changes = true;
      at += 1;
      if (args[at] !== undefined) writesFiles(call, [args[at] as Argument]);
      if (word === '-fprintf') at += 1;
      continue;
    }
    if (!runs.has(word)) return unsure(call, it.span, `"${word}" is not known as a part of find's expression`);
    const from = at + 1;
    while (at < args.length && args[at]?.text !== ';' && !(args[at]?.text === '+' && args[at - 1]?.text === '{}')) at += 1;
    const words = args.slice(from, at);
    const early = words.find(mayEndHere);
    if (early !== undefined) return unsure(call, early.span, 'this may end the command that find runs, and what follows may be an action');
    const start = starts[0]?.prefix ?? './';
    const inner = words.map((part) => (part.text?.includes('{}') === true ? found(part, start) : part));
    call.command(inner, { kind: 'data' });
  }
  if (changes) writes(call);
  else reads(call);
  readsFiles(call, starts);
};

/** The value of a test that may become words of the expression. No word of find's own ends as `*.log` does. */
function maySplit(value: Argument | undefined): boolean {
  return value !== undefined && (value.splits || (value.several && !value.suffix.includes('.')));
}

/** A word of `-exec` that may turn out as its end (`;`, or `{}` before a `+`), where find could go on behind it, with an action. */
function mayEndHere(word: Argument, index: number, words: readonly Argument[]): boolean {
  if (maySplit(word)) return true;
  const [next, ...more] = words.slice(index + 1);
  if (word.text !== null || next === undefined || ![';', '{}'].some((end) => end.startsWith(word.prefix) && end.endsWith(word.suffix)))
    return false;
  return mayGoOn(next) && [next, ...more].some(mayAct);
}

function mayGoOn(word: Argument): boolean {
  if (word.text === null) return mayBeOption(word);
  return tests.has(word.text) || word.text === '+' || /^-[a-z].+/i.test(word.text);
}

function mayAct(word: Argument): boolean {
  if (word.text === null) return mayBeOption(word);
  return word.text === '-delete' || runs.has(word.text) || writesTo.has(word.text);
}

/** `{}` becomes a path that begins as the place where find started; "-execdir" puts "./" before it. */
function found(part: Argument, start: string): Argument {
  const before = part.prefix.slice(0, part.prefix.indexOf('{}'));
  return unknownPath(before === '' ? start : before, part.span);
}
