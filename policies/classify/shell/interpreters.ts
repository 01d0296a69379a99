// Programs that run a text: shells, whose texts are read like the command itself, and languages, whose texts nobody reads here.

import { isForBash } from '../../../src/core/bash-words.ts';
import type { Span } from '../../../src/core/classification.ts';
import type { Call, Reader } from './call.ts';
import type { Argument } from './words.ts';
import { mayBeOption } from './words.ts';

/** sh and its family: -c TEXT, a here-document, a file, or whatever comes in. */
const shell: Reader = (call) => {
  const { args, input, found, span } = call;
  for (let at = 0; at < args.length; at++) {
    const it = args[at] as Argument;
    const { text } = it;
    if (text === null) {
      if (mayBeOption(it)) return call.opaque(it.span, `this may become a text that ${call.name} runs`);
      return runsFile(call, it);
    }
    if (text === '--') continue;
    if (!/^[-+]/.test(text)) return runsFile(call, it);
    if (text === '-s' || text === '-') return runsInput(call);
    if (text === '-o' || text === '+o') {
      at += 1;
      if (!['errexit', 'nounset', 'pipefail'].includes(args[at]?.text ?? '')) return opaqueOption(call, it);
      continue;
    }
    if (!/^[-+][ceux]+$/.test(text)) return opaqueOption(call, it);
    if (!text.includes('c')) continue;
    const script = args[at + 1];
    if (script?.text == null) return call.opaque(script?.span ?? span, `the text that ${call.name} would run is only known when it runs`);
    found.effect('run', 'session', 'program', call.name);
    return runsText(call, script.text, script.span);
  }
  if (input.kind === 'client') {
    found.effect('shell', 'unknown', 'program', call.name);
    return found.risk(span, 'a shell: what is typed into it is not judged');
  }
  runsInput(call);
};

function runsFile(call: Call, { text, span }: Argument): void {
  call.found.effect('code', 'unknown', 'file', text);
  call.found.risk(span, 'runs the commands of a file');
}

/** It is judged as bash reads it, and the others of the family are plainer. */
function runsText(call: Call, text: string, span: Span): void {
  if (!/^r?bash$/.test(call.name) && isForBash(text)) {
    call.found.effect('code', 'unknown', 'program', call.name);
    call.found.risk(span, `${call.name} may read this in another way than bash does; use bash -c`);
  }
  call.script(text, span);
}

function runsInput(call: Call): void {
  const { input, found, span } = call;
  if (input.kind === 'text' && input.text !== null) {
    found.effect('run', 'session', 'program', call.name);
    // It reads one line, runs that, and reads on: what a command took in between is not read as it stands here.
    if (input.text.trimEnd().includes('\n')) {
      found.effect('code', 'unknown', 'program', call.name);
      found.risk(span, `${call.name} reads these lines one by one, and a command in them can take the next; use ${call.name} -c`);
    }
    return runsText(call, input.text, span);
  }
  found.effect('code', 'unknown', 'program', call.name);
  found.risk(span, input.kind === 'client' ? 'a shell: what is typed into it is not judged' : 'runs whatever comes in as commands');
}

function opaqueOption(call: Call, { span }: Argument): void {
  call.found.effect('code', 'unknown', 'program', call.name);
  call.found.risk(span, `an option of ${call.name} that is not known`);
}

/** Other shells read the same words differently. */
const foreignShell: Reader = (call) => {
  call.found.effect('shell', 'unknown', 'program', call.name);
  call.found.risk(call.span, `${call.name} reads commands in a way of its own`);
};

/** They open a terminal by a way of their own, past the session. */
const terminalServer: Reader = (call) => {
  call.found.effect('shell', 'unknown', 'program', call.name);
  call.found.effect('network', 'unknown');
  call.found.risk(call.span, 'opens a terminal that goes past the gateway: what is typed into it is neither judged nor recorded');
};

/** Only its own words for its version count: `-v` alone makes some of them talkative, and then they run what comes in. */
const language =
  (versions: readonly string[]): Reader =>
  (call) => {
    if (call.args.length === 1 && versions.includes(call.args[0]?.text ?? ''))
      return call.found.effect('run', 'read', 'program', call.name);
    call.found.effect('code', 'unknown', 'program', call.name);
    call.found.risk(call.span, `runs a program text of ${call.name}`);
  };

/** They take keys, and among those are some that run commands. */
const interactive: Reader = (call) => {
  call.found.effect('code', 'unknown', 'program', call.name);
  call.found.risk(call.span, `${call.name} runs commands that are typed into it; cat, head, tail and grep only show`);
};

const shells = 'sh bash dash ash rbash';
const foreignShells = 'zsh ksh mksh fish csh tcsh pwsh nu elvish xonsh screen tmux byobu';
const terminalServers = 'mosh-server etserver etterminal ttyd gotty tmate sshx sshd dropbear telnetd code-server';
/** Languages, and what each of them only says its version for. */
const languages: Readonly<Record<string, string>> = {
  'python python2 python3 pypy3 deno cargo psql mysql mariadb': '-V --version',
  'ruby irb node nodejs bun julia groovy guile expect make gmake gdb lldb bc redis-cli': '-v --version',
  perl: '-v -V --version',
  ghci: '-V --version',
  dc: '-V --version',
  'lua luajit': '-v',
  'java scala sqlite3': '-version --version',
  'Rscript R racket sbcl ninja cmake mongo mongosh': '--version',
  'tclsh wish php go': '',
};

const interactives = 'vi vim nvim view ex ed nano emacs pico joe mcedit less more most man info';

const all = (names: string, reader: Reader): [string, Reader][] => names.split(' ').map((name) => [name, reader]);

export const interpreters: ReadonlyMap<string, Reader> = new Map([
  ...all(shells, shell),
  ...all(foreignShells, foreignShell),
  ...all(terminalServers, terminalServer),
  ...Object.entries(languages).flatMap(([names, versions]) => all(names, language(versions.split(' ').filter((it) => it !== '')))),
  ...all(interactives, interactive),
]);
