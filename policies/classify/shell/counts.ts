// Commands whose output is a number, whatever they read: `$(ls | wc -l)`. Only one pipeline, and only what its last program says by
// itself: messages of the shell and of other programs go elsewhere.

import type { ParsedScript, Redirection, Word } from 'unbash';

/** The last program with its words, joined by blanks. `grep` and `wc` without files. */
const counting = /^(?:wc(?: -[clmw]+)*|nproc|date \+%s|id -[ug])$/;
const countingLines = /^grep -[ivEF]*c[ivEF]*$/;

/** `$(…)`, bare or in double quotes, and nothing else in the word. */
export function isCount({ parts }: Word): boolean {
  const [only, ...more] = parts ?? [];
  if (only === undefined || more.length > 0) return false;
  const [part, ...others] = only.type === 'DoubleQuoted' ? only.parts : [only];
  return part?.type === 'CommandExpansion' && others.length === 0 && givesCount(part.script);
}

export function givesCount(script: ParsedScript | undefined): boolean {
  const [statement, ...more] = script?.commands ?? [];
  if (statement === undefined || more.length > 0 || (script?.errors ?? []).length > 0 || statement.background === true) return false;
  const { command } = statement;
  if (command.type === 'Pipeline' && command.prefixes.length > 0) return false;
  const last = command.type === 'Pipeline' ? command.commands.at(-1) : command;
  if (last?.type !== 'Command' || last.name === undefined || last.prefix.length > 0 || !last.redirects.every(isInput)) return false;
  const words = [last.name, ...last.args].map((it) => (it.type === 'Word' && it.parts === undefined ? it.value : null));
  if (command.type === 'Pipeline' && countingLines.test(words.slice(0, 2).join(' ')))
    return last.args.length === 2 && isPattern(last.args[1]);
  return !words.includes(null) && counting.test(words.join(' '));
}

function isInput(redirect: Redirection): boolean {
  return redirect.type === 'Redirect' && redirect.operator === '<' && redirect.descriptor === undefined;
}

/** A pattern that stands there; an option would make grep say more. */
function isPattern(word: { readonly type: string; readonly text: string } | undefined): boolean {
  return word?.type === 'Word' && /^(?:'[^']*'|[\w.]+)$/.test(word.text) && !word.text.startsWith("'-");
}
