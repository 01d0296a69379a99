// The shell's own commands. Some change only this shell, some run a text that they are given, and some evaluate a name as
// arithmetic, which runs the commands in it.

import { isForBash } from '../../../src/core/bash-words.ts';
import type { Span } from '../../../src/core/classification.ts';
import { assign, isOwnVariable } from './assignments.ts';
import type { Call, Reader } from './call.ts';
import { reads, unsure } from './call.ts';
import { afterOptions } from './options.ts';
import type { Argument } from './words.ts';
import { literal, mayBeOption, unknownPath } from './words.ts';

const plainName = /^[A-Za-z_]\w*$/;

const session: Reader = (call) => call.found.effect('session', 'session');

/** eval joins its words and reads them again. */
const evaluate: Reader = (call) => {
  const text = joined(call.args);
  if (text === null) return call.opaque(call.span, 'the text that eval would run is only known when it runs');
  call.found.effect('session', 'session');
  readAgain(call, text, call.span);
};

/** By the shell that reads all of it, whichever that is: what is for bash alone is hidden from it by quotes here. */
function readAgain(call: Call, text: string, span: Span): void {
  if (isForBash(text)) unsure(call, span, `shells other than bash may read this text of ${call.name} in another way`);
  call.script(text, span);
}

const sourceFile: Reader = (call) => {
  call.found.effect('code', 'unknown', 'file', call.args[0]?.text ?? null);
  call.found.risk(call.span, 'runs the commands of a file');
};

/** trap TEXT SIGNAL…; without a text it only lists. */
const trap: Reader = (call) => {
  const [text, ...signals] = call.args;
  call.found.effect('session', 'session');
  if (text === undefined || signals.length === 0) return;
  if (text.text === null) return call.opaque(text.span, 'the text of the trap is only known when it runs');
  if (text.text !== '-' && text.text !== '') readAgain(call, text.text, text.span);
};

const execute: Reader = (call) => {
  const rest = afterOptions(call.args, ['-c', '-l'], ['-a']);
  if (rest === null) return call.opaque(call.span, 'an option of exec that is not known');
  call.found.effect('session', 'session');
  call.command(rest);
};

/** command and builtin run the next word; `command -v` only looks it up. */
const command: Reader = (call) => {
  const first = call.args[0]?.text ?? null;
  if (first === '-v' || first === '-V') return reads(call);
  const rest = afterOptions(call.args, ['-p'], []);
  if (rest === null) return call.opaque(call.span, `an option of ${call.name} that is not known`);
  call.found.effect('session', 'session');
  call.command(rest);
};

/** declare, export, readonly, local: names with or without a value. */
const declares =
  (use: 'plain' | 'exported'): Reader =>
  (call) => {
    let exported = use === 'exported';
    for (const { text, prefix, splits, span } of call.args) {
      const option = /^-([a-zA-Z]+)$/.exec(text ?? '')?.[1];
      if (option !== undefined && /^[xrpag]+$/.test(option)) {
        exported ||= option.includes('x');
        continue;
      }
      const name = /^([A-Za-z_]\w*)(?:\+?=|$)/.exec(prefix)?.[1];
      if (splits || name === undefined || (text === null && !prefix.includes('='))) {
        return call.opaque(span, `${call.name} evaluates what it is given here`);
      }
      const value = text?.slice(name.length + 1) ?? '$';
      // declare reads "(…)" in a quoted value as an array, and evaluates its subscripts.
      if (/[([]/.test(prefix.slice(name.length)) || (text === null && splitsValue(prefix, name))) {
        return call.opaque(span, `${call.name} evaluates what it is given here`);
      }
      if (!/^\d*$/.test(value)) call.assigns(name);
      assign(
        name,
        null,
        { found: call.found, span, opaque: (at, why) => call.opaque(at, why) },
        exported ? 'exported' : 'plain',
        text === null ? null : value,
      );
    }
    call.found.effect('session', 'session');
  };

/** An unknown value right after the sign may begin with a bracket. */
function splitsValue(prefix: string, name: string): boolean {
  return prefix.slice(name.length).replace(/^\+?=/, '') === '';
}

/** read NAME…: what comes in is only stored. With -e keys are read by an editor, and some of its keys run what was typed. */
const read: Reader = (call) => {
  const names = afterOptions(call.args, ['-r', '-s'], ['-p', '-n', '-N', '-t', '-d', '-u', '-a']);
  if (names === null) return call.opaque(call.span, 'an option of read that is not known');
  const array = call.args.findIndex(({ text }) => text?.startsWith('-a') === true);
  const joined = call.args[array]?.text?.slice(2) ?? '';
  const arrays = array === -1 ? [] : [joined === '' ? call.args[array + 1] : literal(joined, call.span)];
  for (const name of [...names, ...arrays]) {
    const { text, span } = name ?? unknownPath('', call.span);
    if (text === null || !plainName.test(text)) return call.opaque(span, 'read evaluates the subscript of a name');
    call.assigns(text);
    assign(text, null, { found: call.found, span, opaque: (at, why) => call.opaque(at, why) }, 'plain', null);
  }
  call.found.effect('session', 'session');
};

/** With -v it evaluates a name; `%n` gives a number to the variable that an argument names. */
const printf: Reader = (call) => {
  const [first] = call.args;
  if (first !== undefined && (first.several || mayBeOption(first)) && first.text !== '--')
    return call.opaque(first.span, 'printf -v evaluates the name that it writes to');
  const [format, ...values] = first?.text === '--' ? call.args.slice(1) : call.args;
  const counts = format !== undefined && (format.text === null || /%[^%a-zA-Z]*[hjlLtz]*n/.test(format.text.replaceAll('%%', '')));
  const named = counts ? values.find(({ text }) => text === null || (plainName.test(text) && !isOwnVariable(text))) : undefined;
  if (named !== undefined) unsure(call, named.span, 'printf may give this variable a value, and programs may read it');
  else reads(call);
};

/** test -v evaluates a subscript; an unknown word may be -v. */
const test: Reader = (call) => {
  for (const [index, argument] of call.args.entries()) {
    if (argument.text === '-v' && !plainName.test(call.args[index + 1]?.text ?? ''))
      return call.opaque(argument.span, 'a test of a subscript evaluates it');
    if (argument.splits) return call.opaque(argument.span, 'this may become an operator of the test; put it in double quotes');
    if (argument.text === null && '-v'.startsWith(argument.prefix) && holdsSubscript(call.args[index + 1]))
      return call.opaque(argument.span, 'this may become an operator of the test');
  }
  reads(call);
};

/** A word that may be a name with a subscript, which `test -v` would evaluate. The bracket that ends `[` is none. */
function holdsSubscript(name: Argument | undefined): boolean {
  return name !== undefined && (name.text === null || /.\[/.test(name.text));
}

const unset: Reader = (call) => {
  for (const { text, span } of call.args) {
    if (text === null || !/^(?:-[fvn]|[A-Za-z_]\w*)$/.test(text)) return call.opaque(span, 'unset evaluates the subscript of a name');
    if (/^(?:IFS|PATH|HOME|[A-Z]\w*)$/.test(text)) return unsure(call, span, `without ${text} programs may do something else`);
  }
  call.found.effect('session', 'session');
};

const harmlessModes = new Set(['errexit', 'nounset', 'pipefail', 'noglob', 'noclobber', 'verbose', 'errtrace']);

/** set: a few harmless options, or new positional parameters. */
const set: Reader = (call) => {
  for (const [index, { text, span }] of call.args.entries()) {
    if (text === '--') break;
    if (text === null || (/^[-+]/.test(text) && !/^[-+][eufCEvx]*o?$/.test(text)))
      return unsure(call, span, 'it changes how commands are read');
    if (!/^[-+].*o$/.test(text)) continue;
    const next = call.args[index + 1];
    if (next !== undefined && !harmlessModes.has(next.text ?? '?'))
      return unsure(call, span, `set -o ${next.text ?? ''} changes how commands are read`);
  }
  call.found.effect('session', 'session');
};

/** Shows with these words; anything else changes how later words are read. */
const showsOnly =
  (harmless: RegExp, why: string): Reader =>
  (call: Call) => {
    const wrong = call.args.find(({ text }) => text === null || !harmless.test(text));
    if (wrong === undefined) return reads(call);
    unsure(call, wrong.span, why);
  };

/** Any word is one name of a program, a job or a number. */
const evaluates =
  (why: string): Reader =>
  (call) =>
    call.opaque(call.span, why);

function joined(args: readonly Argument[]): string | null {
  return args.some(({ text }) => text === null) ? null : args.map(({ text }) => text).join(' ');
}

export const builtins: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  ...'cd : exit return break continue shift bg fg disown umask ulimit pushd popd dirs suspend logout'
    .split(' ')
    .map((name): [string, Reader] => [name, session]),
  ...'type which whereis'.split(' ').map((name): [string, Reader] => [name, reads]),
  ['eval', evaluate],
  ['.', sourceFile],
  ['source', sourceFile],
  ['trap', trap],
  ['exec', execute],
  ['command', command],
  ['builtin', command],
  ['declare', declares('plain')],
  ['typeset', declares('plain')],
  ['local', declares('plain')],
  ['readonly', declares('plain')],
  ['export', declares('exported')],
  ['read', read],
  ['printf', printf],
  ['test', test],
  ['[', test],
  ['unset', unset],
  ['set', set],
  ['alias', showsOnly(/^-p$/, 'an alias changes what a word means')],
  ['unalias', showsOnly(/^$/, 'it changes what a word means')],
  ['hash', showsOnly(/^-[rlt]$/, 'it changes which program a word means')],
  ['shopt', showsOnly(/^(?:-[pq]|-s nullglob)$/, 'it changes how commands are read')],
  ['enable', showsOnly(/^-[ap]$/, 'it changes what a word means')],
  ['history', showsOnly(/^\d+$/, 'it changes or runs lines of the history')],
  ['fc', showsOnly(/^-l$/, 'it runs lines of the history')],
  ['complete', showsOnly(/^-p$/, 'it runs code while somebody types')],
  ['bind', showsOnly(/^-[lpPsSvV]$/, 'it gives keys a meaning')],
  ['jobs', showsOnly(/^-[lnprs]+$|^%/, 'jobs -x runs a command')],
  ['wait', showsOnly(/^(?:-n|-f|%?\d+)$/, 'wait -p evaluates the name that it writes to')],
  ['getopts', evaluates('getopts evaluates the name that it writes to')],
  ['let', evaluates('let evaluates arithmetic, and a command in it would run')],
  ['mapfile', evaluates('mapfile evaluates a name, and may run a callback')],
  ['readarray', evaluates('readarray evaluates a name, and may run a callback')],
  ['coproc', evaluates('coproc in this form is not understood')],
]);
