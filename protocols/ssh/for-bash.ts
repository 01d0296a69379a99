// What only bash reads as it was judged (src/core/bash-words.ts): a line before it ends dash, ash, zsh and ksh before they come to it;
// fish can't read the line, and runs nothing.

import { isForBash } from '../../src/core/bash-words.ts';
import { refusedStatus } from './refusal.ts';

const words = 'sallyport: the shell of this account is not bash, and would read this command in another way';
const check = `test -n "$BASH_VERSION" || { echo '${words}' >&2; exit ${refusedStatus}; }`;

/** What is sent to the target for a text that was judged; `around` is that text with what a wrapper adds. */
export function forBash(text: string, around: string = text): string {
  return isForBash(text) ? `${check}\n${around}` : around;
}
