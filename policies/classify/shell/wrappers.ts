// Programs that run another one. What is inside is judged as if it stood alone; what the wrapper adds (another account, another
// host) is an effect of its own.

import type { Span } from '../../../src/core/classification.ts';
import { assign } from './assignments.ts';
import type { Call, Reader } from './call.ts';
import { reads, unsure, writes, writesFiles } from './call.ts';
import { find } from './find.ts';
import { afterOptions, operands } from './options.ts';
import type { Argument } from './words.ts';
import { literal, mayBeOption, unknownPath } from './words.ts';

interface WrapperRules {
  readonly flags?: readonly string[];
  readonly values?: readonly string[];
  /** Operands of its own before the command (timeout's duration). */
  readonly skip?: number;
  /** Without a command it only shows something. */
  readonly alone?: 'reads';
}

function wrapper(rules: WrapperRules): Reader {
  return (call) => {
    const rest = afterOptions(call.args, rules.flags ?? [], rules.values ?? []);
    if (rest === null) return call.opaque(call.span, `an option of ${call.name} that is not known`);
    const inner = rest.slice(rules.skip ?? 0);
    if (inner.length === 0) return rules.alone === 'reads' ? reads(call) : unsure(call, call.span, `${call.name} without a command`);
    if (rest.slice(0, rules.skip ?? 0).some(({ several }) => several))
      return call.opaque(call.span, `nobody knows what ${call.name} would run`);
    call.found.effect('run', 'session', 'program', call.name);
    call.command(inner);
  };
}

/** What it runs writes to a file instead of to a terminal. */
const nohup: Reader = (call) => {
  if (call.terminal) {
    writes(call);
    writesFiles(call, [literal('nohup.out', call.span)]);
  }
  wrapper({})(call);
};

/** It gives what it runs a terminal of its own, and with -p the keys that come in. */
const unbuffer: Reader = (call) => {
  unsure(call, call.span, 'unbuffer gives what it runs a terminal, and programs that page there start others');
  wrapper({ flags: ['-p'] })(call);
};

/** Another account: never free, whatever runs. */
function privileged(flags: readonly string[], values: readonly string[]): Reader {
  return (call) => {
    const rest = afterOptions(call.args, flags, values);
    const user = valuesOf(call.args, ['-u', '--user'])[0] ?? 'root';
    call.found.effect('run', 'session', 'program', call.name);
    call.found.effect('privilege', 'unknown', 'role', user);
    call.found.risk(call.span, `runs as ${user}`);
    if (rest === null) return unsure(call, call.span, `an option of ${call.name} that is not known, or a shell`);
    const command = withoutAssignments(call, rest);
    if (command.length === 0) return unsure(call, call.span, `${call.name} without a command`);
    call.command(command);
  };
}

/** su and runuser: the command is a text. */
const switchUser: Reader = (call) => {
  call.found.effect('privilege', 'unknown', 'role', null);
  call.found.effect('shell', 'unknown', 'program', call.name);
  call.found.risk(call.span, 'runs as another account');
  const text = valueArgument(call.args, ['-c', '--command']);
  if (text?.text != null) call.script(text.text, text.span);
};

const env: Reader = (call) => {
  let { args } = call;
  for (;;) {
    const [first, second] = args;
    const text = first?.text ?? null;
    if (first === undefined) return reads(call);
    if (text === '-i' || text === '--ignore-environment' || text === '-') args = args.slice(1);
    else if ((text === '-u' || text === '-C' || text === '--unset' || text === '--chdir') && second?.several !== true) args = args.slice(2);
    else if (text === '-S' || text === '--split-string')
      return splitString(call, second?.text ?? null, args.slice(2), second?.span ?? call.span);
    else if (text?.startsWith('-S') === true) return splitString(call, text.slice(2), args.slice(1), first.span);
    else if (text?.startsWith('--split-string=') === true)
      return splitString(call, text.slice('--split-string='.length), args.slice(1), first.span);
    else if (text !== null && /^(?:-u.+|-C.+|--unset=.*|--chdir=.*)$/.test(text)) args = args.slice(1);
    else if (mayBeOption(first)) return call.opaque(first.span, 'an option of env that is not known');
    else break;
  }
  const rest = withoutAssignments(call, args);
  if (rest.length === 0) return reads(call);
  call.found.effect('run', 'session', 'program', 'env');
  call.command(rest);
};

/** env's own splitting has quotes and escapes of its own: only plain words are read. */
function splitString(call: Call, text: string | null, rest: readonly Argument[], span: Span): void {
  if (text === null || !/^[A-Za-z0-9_./:=@%+, -]*$/.test(text)) return call.opaque(span, 'env -S splits this text in a way of its own');
  const words = text
    .split(' ')
    .filter((word) => word !== '')
    .map((word) => literal(word, span));
  env({ ...call, args: [...words, ...rest] });
}

function withoutAssignments(call: Call, args: readonly Argument[]): readonly Argument[] {
  let at = 0;
  for (; at < args.length; at++) {
    const name = /^([A-Za-z_]\w*)=/.exec(args[at]?.prefix ?? '')?.[1];
    if (name === undefined) break;
    const { span, text } = args[at] as Argument;
    assign(
      name,
      null,
      { found: call.found, span, opaque: (where, why) => call.opaque(where, why) },
      'for a program',
      text?.slice(name.length + 1) ?? null,
    );
  }
  return args.slice(at);
}

/** The long forms whose value is only taken from the same word (`--replace=R`) are flags when they stand alone. */
const xargsFlags = ['-0', '--null', '-r', '--no-run-if-empty', '-t', '--verbose', '-x', '--exit', '--replace', '--max-lines'];
const xargsValues = '-n -L -P -s -d -E -I -a --max-args --max-lines --max-procs --delimiter --replace --arg-file'.split(' ');

/** `-0I{}` is `-0 -I{}`: flags, and behind them an option with its value. Only before the command, whose words stay as they are. */
function apart(args: readonly Argument[]): readonly Argument[] {
  const own: Argument[] = [];
  for (let at = 0; at < args.length; at++) {
    const word = args[at] as Argument;
    if (word.text?.startsWith('-') !== true) return [...own, ...args.slice(at)];
    const [, flags, option] = /^(-[0rtx]+)([nLPsdEIa].*)$/s.exec(word.text) ?? [];
    if (flags === undefined) own.push(word);
    else own.push(literal(flags, word.span), literal(`-${option}`, word.span));
    const value = args[at + 1];
    if (value === undefined || !xargsValues.includes(own.at(-1)?.text ?? '')) continue;
    own.push(value);
    at += 1;
  }
  return own;
}

const xargs: Reader = (call) => {
  const args = apart(call.args);
  const rest = afterOptions(args, xargsFlags, xargsValues);
  if (rest === null) return call.opaque(call.span, 'an option of xargs that is not known');
  call.found.effect('run', 'session', 'program', 'xargs');
  const own = args.slice(0, args.length - rest.length);
  if (rest.length === 0) return call.command([literal('echo', call.span)]);
  const appended = () => call.command([...rest, unknownPath('', call.span)], { kind: 'data' });
  // The last one counts; what any of them would fill is not known.
  const markers = [...valuesOf(own, ['-I', '--replace']), ...(own.some(({ text }) => text === '--replace') ? ['{}'] : [])];
  if (markers.length === 0) return appended();
  const filled = rest.map((it) => {
    const known = it.text ?? it.prefix;
    const at = markers.map((marker) => known.indexOf(marker)).filter((index) => index !== -1);
    return at.length === 0 ? it : unknownPath(known.slice(0, Math.min(...at)), it.span);
  });
  call.command(filled, { kind: 'data' });
  // The last of these options counts: a number after -I makes xargs put what comes in at the end again.
  if (own.some(({ text }) => /^(?:-[nL]|--max-(?:args|lines))/.test(text ?? '-n'))) appended();
};

/**
 * It gives its words to sh -c, joined by blanks. Its key "s" writes what is on the screen into a file (procps 4.0.5 and later), and
 * it takes keys from a pipe as well.
 */
const watch: Reader = (call) => {
  const rest = afterOptions(call.args, ['-t', '-d', '-e', '-g', '-b', '-c', '-p', '-x'], ['-n', '--interval']);
  if (rest === null || rest.length === 0 || rest.some(({ text }) => text === null))
    return call.opaque(call.span, 'nobody knows what watch would run');
  unsure(call, call.span, 'a key of watch writes what it shows into a file; while sleep 2; do …; done only shows');
  const own = call.args.slice(0, call.args.length - rest.length);
  if (own.some(({ text }) => /^-[a-zA-Z]*x/.test(text ?? ''))) return call.command(rest); // no shell in between
  call.script(rest.map(({ text }) => text).join(' '), call.span);
};

const flock: Reader = (call) => {
  const rest = afterOptions(
    call.args,
    ['-s', '-x', '-e', '-u', '-n', '-o', '-F', '--shared', '--exclusive', '--nonblock', '--close', '--no-fork'],
    ['-w', '-E', '--timeout', '--conflict-exit-code'],
  );
  if (rest === null) return call.opaque(call.span, 'an option of flock that is not known');
  const [file, second, third] = rest;
  if (file !== undefined) writesFiles(call, [file]);
  call.found.effect('run', 'session', 'program', 'flock');
  if (second === undefined) return;
  if (second.text !== '-c' && second.text !== '--command') return call.command(rest.slice(1));
  if (third?.text == null) return call.opaque(call.span, 'nobody knows what flock would run');
  call.script(third.text, third.span);
};

/** Runs something, and writes a file or more: never free; what is inside is shown. */
const records =
  (values: readonly string[]): Reader =>
  (call) => {
    unsure(call, call.span, `${call.name} writes a file or watches another program`);
    const text = valueArgument(call.args, ['-c', '-qc', '-ec', '-qec', '--command']);
    if (call.name === 'script' && text?.text != null) return call.script(text.text, text.span);
    const rest = afterOptions(call.args, ['-f', '-q', '-v', '-ff', '-c', '-T', '-t', '-tt', '-y', '-yy', '-p', '-a'], values);
    if (call.name !== 'script' && rest !== null && rest.length > 0) call.command(rest);
  };

export function valueArgument(args: readonly Argument[], names: readonly string[]): Argument | null {
  const index = args.findIndex(({ text }) => text !== null && names.includes(text));
  return index === -1 ? null : (args[index + 1] ?? null);
}

/** The values of these options, in their own words and joined to them. */
function valuesOf(args: readonly Argument[], names: readonly string[]): string[] {
  return args.flatMap(({ text }, index) => {
    if (text === null) return [];
    if (names.includes(text)) return args[index + 1]?.text ?? [];
    const head = names.map((it) => (it.startsWith('--') ? `${it}=` : it)).find((it) => text.startsWith(it));
    return head === undefined ? [] : [text.slice(head.length)];
  });
}

/** busybox and toybox: the next word is the program. */
const multiCall: Reader = (call) =>
  operands(call.args.slice(0, 1)).length === 0 ? unsure(call, call.span, `${call.name} without a program`) : call.command(call.args);

export const wrappers: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  [
    'sudo',
    privileged(
      ['-n', '-E', '-H', '-S', '-k', '-b', '-P', '--non-interactive', '--preserve-env', '--set-home', '--stdin'],
      ['-u', '-g', '-p', '-C', '-T', '-h', '-r', '-t', '--user', '--group', '--prompt'],
    ),
  ],
  ['doas', privileged(['-n'], ['-u', '-C'])],
  ['pkexec', privileged([], ['--user', '-u'])],
  ['su', switchUser],
  ['runuser', switchUser],
  ['env', env],
  ['nice', wrapper({ values: ['-n', '--adjustment'], alone: 'reads' })],
  ['ionice', wrapper({ flags: ['-t'], values: ['-c', '-n', '--class', '--classdata'] })],
  ['nohup', nohup],
  ['setsid', wrapper({ flags: ['-w', '-f', '-c', '--wait', '--fork', '--ctty'] })],
  ['stdbuf', wrapper({ values: ['-i', '-o', '-e', '--input', '--output', '--error'] })],
  [
    'timeout',
    wrapper({
      flags: ['-f', '-v', '--foreground', '--preserve-status', '--verbose'],
      values: ['-s', '-k', '--signal', '--kill-after'],
      skip: 1,
    }),
  ],
  ['chrt', wrapper({ flags: ['-b', '-i', '-o', '-f', '-r'], skip: 1 })],
  ['taskset', wrapper({ flags: ['-c'], skip: 1 })],
  ['unbuffer', unbuffer],
  ['time', wrapper({ flags: ['-p', '-v'], values: ['-f'] })],
  ['busybox', multiCall],
  ['toybox', multiCall],
  ['xargs', xargs],
  ['watch', watch],
  ['flock', flock],
  ['script', records([])],
  ['strace', records(['-o', '-e', '-p', '-s', '-u', '-S', '-P', '-E'])],
  ['ltrace', records(['-o', '-e', '-p', '-s', '-u'])],
  ['find', find],
]);
