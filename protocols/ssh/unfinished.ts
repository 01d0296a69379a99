// Whether a line that was typed is only the beginning of a command, so that a shell would read on: an open quote or loop, a
// here-document without its end, a backslash at the end of the line.

import type { Classification } from '../../src/core/classification.ts';
import type { Session, Submission } from '../../src/core/session.ts';

const open = /unterminated|to close|expected '(?:do|then|done|fi|esac)'/;
const openGroup = /expected command in (?:brace group|subshell)/;

/** `classification` is that of the submission. */
export async function isUnfinished(session: Session, submission: Submission, classification: Classification): Promise<boolean> {
  const { text } = submission;
  const { problem } = classification;
  if (problem?.kind === 'syntax') {
    if ((problem.offset ?? 0) >= text.length || open.test(problem.message)) return true;
    return openGroup.test(problem.message) && /[{(]\s*$/.test(text);
  }
  if (!/<<|\\$/.test(text) || (problem !== null && problem.kind !== 'unknown-construct')) return false;
  // One more command on a line of its own: what is unfinished takes it in.
  const { statements, problem: broken } = await session.classify({ ...submission, text: `${text}\n:` });
  if (broken !== null && broken.kind !== 'unknown-construct') return false;
  return !statements.some(({ kind, span }) => kind === ':' && span.start === text.length + 1);
}
