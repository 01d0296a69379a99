// Words that only bash reads: they were judged as bash reads them, and a plainer shell makes other commands of them. To dash
// `[[ a > b ]]` writes a file, `((rm + x))` removes one, and the quotes of `$'\''` end elsewhere. So a line before them ends dash, ash,
// zsh and ksh before they come to them; fish can't read the line, and runs nothing.

import { refusedStatus } from './refusal.ts';

const bashWords = /\[\[|\(\(|\$['"[]/;

const words = 'sallyport: the shell of this account is not bash, and would read this command in another way';
const check = `test -n "$BASH_VERSION" || { echo '${words}' >&2; exit ${refusedStatus}; }`;

/** What is sent to the target for a text that was judged; `around` is that text with what a wrapper adds. */
export function forBash(text: string, around: string = text): string {
  return bashWords.test(text) ? `${check}\n${around}` : around;
}
