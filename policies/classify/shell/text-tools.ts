// sed and awk: little languages that mostly read. A script is harmless only when all of it was understood.

import type { Call, Reader } from './call.ts';
import { reads, readsFiles, unsure, writesFiles } from './call.ts';
import { sedIsHarmless } from './sed-script.ts';
import type { Argument } from './words.ts';
import { mayBeOption } from './words.ts';

interface ScriptCall {
  readonly scripts: readonly Argument[];
  readonly files: readonly Argument[];
}

const sed: Reader = (call) => {
  const inPlace = call.args.find(({ text }) => text !== null && /^(?:-[nErsuz]*i|--in-place)/.test(text));
  const parts = scriptCall(call, /^-[nErsuz]+$|^--(?:quiet|silent|regexp-extended|posix|separate|unbuffered|null-data|debug|sandbox)$/, [
    '-e',
    '--expression',
  ]);
  if (inPlace !== undefined) {
    call.found.effect('run', 'write', 'program', 'sed');
    return writesFiles(call, call.args.filter(({ text }) => text === null || !text.startsWith('-')).slice(1));
  }
  if (parts === null) return;
  const doubtful = parts.scripts.find(({ text }) => text === null || !sedIsHarmless(text));
  if (doubtful !== undefined)
    return unsure(call, doubtful.span, 'sed can write files and run programs, and this script is not known to be harmless');
  reads(call);
  readsFiles(call, parts.files);
};

const awk: Reader = (call) => {
  const parts = scriptCall(
    call,
    /^-F.*$|^--(?:field-separator=.*|posix|traditional|re-interval|sandbox)$/,
    [],
    ['-F', '-v', '--assign', '--field-separator'],
    /^-v.+$|^--assign=.*$/,
  );
  if (parts === null) return;
  const network = parts.files.find(({ text, prefix }) => /^\/+inet[46]?\//.test(prefix) || (text === null && mayBeInet(prefix)));
  if (network !== undefined) return unsure(call, network.span, 'awk opens a network connection by this name');
  const doubtful = parts.scripts.find(({ text }) => text === null || !awkIsHarmless(text));
  if (doubtful !== undefined) return unsure(call, doubtful.span, 'awk can write files and run programs, and this one is not known not to');
  reads(call);
  readsFiles(call, parts.files);
};

/** Takes a call apart: options of these forms, scripts, files. Null when it was not understood, and that was noted. */
function scriptCall(
  call: Call,
  flags: RegExp,
  scriptOptions: readonly string[],
  valueOptions: readonly string[] = [],
  joinedValue = /^$/,
): ScriptCall | null {
  const scripts: Argument[] = [];
  const rest: Argument[] = [];
  const { args } = call;
  for (let at = 0; at < args.length; at++) {
    const it = args[at] as Argument;
    const { text } = it;
    if (text === null && mayBeOption(it)) {
      unsure(call, it.span, `this may become an option or the script of ${call.name}`);
      return null;
    }
    if (text === null || !text.startsWith('-') || text === '-') {
      rest.push(it);
      continue;
    }
    const next = args[at + 1];
    if (scriptOptions.includes(text) && next !== undefined) scripts.push(next);
    else if (valueOptions.includes(text) && next !== undefined && !next.several) at += 0;
    else if (flags.test(text) || joinedValue.test(text)) continue;
    else {
      unsure(call, it.span, `an option of ${call.name} that is not known to be harmless`);
      return null;
    }
    at += 1;
  }
  const first = scripts.length === 0 ? rest.shift() : undefined;
  if (first !== undefined) scripts.push(first);
  return { scripts, files: rest };
}

/** The name of a file that is known to here only may be one of gawk's connections (`/inet/tcp/0/HOST/PORT`). */
function mayBeInet(prefix: string): boolean {
  return prefix !== '' && ['/inet/', '/inet4/', '/inet6/'].some((it) => it.startsWith(prefix));
}

/**
 * awk writes and runs by `>` and `|` after print, by `| getline`, system(), and `@`, and opens what ARGV names. A text in which every `>` and `|` stands
 * before the first print, and the others do not occur, does none of it, whatever its strings and patterns look like.
 */
function awkIsHarmless(text: string): boolean {
  if (/system|getline|@|\\\r?\n|close|fflush|ARGV|SYMTAB/.test(text)) return false;
  const plain = withoutStrings(text);
  const firstPrint = plain.indexOf('print');
  if (firstPrint === -1) return true;
  return !/[>|]/.test(plain.slice(firstPrint).replaceAll('||', ''));
}

/** Only where a quote surely begins or ends a string: no patterns, escapes or comments are near. */
function withoutStrings(text: string): string {
  return /[/\\#]/.test(text) ? text : text.replace(/"[^"\n]*"/g, '""');
}

export const textTools: ReadonlyMap<string, Reader> = new Map([
  ['sed', sed],
  ['awk', awk],
  ['gawk', awk],
  ['mawk', awk],
  ['nawk', awk],
]);
