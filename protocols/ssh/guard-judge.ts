// What the guarded shell answers to its questions: whole lines are judged as commands of the session; the simple commands that
// bash then runs are part of their line, unless they are something that the line did not show. No channel in here.

import type { Classification } from '../../src/core/classification.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import type { Permit } from '../../src/core/permit.ts';
import type { HoldNotice } from '../../src/core/ruling.ts';
import type { Session, Submission } from '../../src/core/session.ts';
import { notUnderstood } from '../../src/core/summary.ts';
import * as actions from './actions.ts';
import { completed, finish } from './outcomes.ts';
import { plainLines, refusalLines } from './refusal.ts';
import { isUnfinished } from './unfinished.ts';

/** Text of one command over several lines. */
const commandCharsMax = 64 * 1024;
/** Commands that one line made out of what it did not show; more end it. */
const permitsMax = 1000;
/** The guard's own names, as they are written; quotes and escapes hide them from it, not from what bash makes of the line. */
const ownNames = /__sp_/;
const ownNamesWords = 'the names of the guard itself are not used';
/** A function can take the place of anything later, also of the words that the guard itself is made of. */
const functionDefinition = /\(\s*\)|(?:^|[\s;&|(){}])function\s/;

/**
 * `all`: and everything that comes of it; people said so. `unfinished`: more lines belong to it. `interrupt`: refuse, and abandon the
 * lines that came before it.
 */
export type Answer = 'yes' | 'all' | 'unfinished' | 'no' | 'interrupt';

export interface JudgeHost {
  readonly session: Session;
  say(lines: readonly string[]): void;
  onHold(notice: HoldNotice): void;
}

/** Of what is pasted at once, so many lines are looked at one by one; with more than these nobody says which of them would run. */
const pastedLinesMax = 200;
const notWholeWords = 'the last command of these lines is not whole, so none of them ran: the arrow key brings them back';

export class GuardJudge {
  readonly #host: JudgeHost;
  /** Lines of a command since the prompt; empty when none was begun. */
  #lines = '';
  #line: { readonly permit: Permit; readonly text: string; readonly byPeople: boolean } | null = null;
  readonly #others: Permit[] = [];
  #runs = false;
  #refused = false;

  constructor(host: JudgeHost) {
    this.#host = host;
  }

  /** May the line be taken? A line after an unfinished one is judged together with it. */
  async line(text: string, folder: string, signal: AbortSignal): Promise<Answer> {
    if (this.#runs) return this.command(text, folder, signal); // something that runs reads lines with an editor
    const begun = this.#lines !== '';
    const no = begun ? 'interrupt' : 'no';
    if (this.#refused) return no;
    const whole = begun ? `${this.#lines}\n${text}` : text;
    if (whole.trim() === '') return 'yes';
    if (ownNames.test(whole.replaceAll('\\\n', ''))) return this.#refuse(no, plainLines(ownNamesWords));
    if (whole.length > commandCharsMax) return this.#refuse(no, plainLines('the command is too long'));
    const submission = this.#submission(whole, folder);
    const classification = await this.#host.session.classify(submission);
    if (setsOwnName(classification)) return this.#refuse(no, plainLines(ownNamesWords));
    if (await isUnfinished(this.#host.session, submission, classification)) {
      if (await this.#runsBefore(whole.length - text.length, whole, folder)) return this.#refuse(no, plainLines(notWholeWords));
      this.#lines = whole; // should bash think it whole, the guard kills the shell before it runs
      return 'unfinished';
    }
    const { problem } = classification;
    if (problem?.kind === 'syntax') return this.#refuse(no, plainLines(problem.message));
    this.#finishLine({ kind: 'completed', rows: null, error: null });
    const ruled = await this.#submit(guarded(submission, classification), signal);
    if (ruled === null) return this.#refuse(no, []);
    this.#lines = whole;
    this.#line = { ...ruled, text: whole };
    return ruled.byPeople ? 'all' : 'yes';
  }

  /** Whether one of the lines from `from` on is, or may be, the end of a command that the shell would run before it reads the next. */
  async #runsBefore(from: number, text: string, folder: string): Promise<boolean> {
    let lines = 0;
    for (let end = text.indexOf('\n', from); end !== -1; end = text.indexOf('\n', end + 1)) {
      lines += 1;
      if (lines > pastedLinesMax) return true;
      const head = this.#submission(text.slice(0, end), folder);
      const classification = await this.#host.session.classify(head);
      const runs = classification.statements.length > 0 || classification.problem !== null;
      if (runs && !(await isUnfinished(this.#host.session, head, classification))) return true;
    }
    return false;
  }

  /** May this simple command run? */
  async command(text: string, folder: string, signal: AbortSignal): Promise<Answer> {
    if (this.#refused) return 'no';
    if (this.#line !== null && (this.#line.byPeople || this.#line.text === text)) return 'yes';
    const plain = this.#submission(text, folder);
    const classification = await this.#host.session.classify({ ...plain, text: completedHead(text) });
    if (setsOwnName(classification)) return this.#refuse('no', plainLines(ownNamesWords));
    const submission = guarded({ ...plain, classified: classification }, classification);
    if (this.#line !== null && this.#host.session.foresee(submission, submission.classified ?? classification) === 'allow') return 'yes';
    if (this.#others.length >= permitsMax) return this.#refuse('no', plainLines('one line runs too many commands that it did not show'));
    const ruled = await this.#submit(submission, signal);
    if (ruled === null) return this.#refuse('no', []);
    this.#others.push(ruled.permit);
    return 'yes';
  }

  /** Something runs: what reads lines now is a program, not the shell. */
  get isRunning(): boolean {
    return this.#runs;
  }

  /** A command begins to run. The text of its line, or null when nothing was released: then the guard was got around. */
  runs(): string | null {
    this.#runs = true;
    if (this.#line !== null) return this.#line.text;
    return this.#refused ? '' : null;
  }

  prompt(status: number): void {
    this.end(completed(status));
    this.#lines = '';
    this.#runs = this.#refused = false;
  }

  /** Closes what is open. */
  end(outcome: Outcome): void {
    this.#finishLine(outcome);
    for (const permit of this.#others.splice(0)) finish(this.#host.session, permit, outcome);
  }

  async #submit(submission: Submission, signal: AbortSignal): Promise<{ permit: Permit; byPeople: boolean } | null> {
    let byPeople = false;
    const onHold = (notice: HoldNotice) => {
      byPeople = true;
      this.#host.onHold(notice);
    };
    const ruling = await this.#host.session.submit(submission, { signal, onHold });
    if (ruling.kind === 'refuse') {
      this.#host.say(refusalLines(ruling.refusal));
      return null;
    }
    ruling.permit.open();
    return { permit: ruling.permit, byPeople };
  }

  #refuse(answer: 'no' | 'interrupt', words: readonly string[]): Answer {
    this.#refused = true;
    if (words.length > 0) this.#host.say(words);
    return answer;
  }

  #finishLine(outcome: Outcome): void {
    if (this.#line !== null) finish(this.#host.session, this.#line.permit, outcome);
    this.#line = null;
  }

  /** The folder changes what a command means, so it is judged, shown and bound with the text. */
  #submission(text: string, folder: string): Submission {
    const plain = actions.command(text, true);
    return { ...plain, parameters: [{ type: 'folder', text: folder }], digest: () => `${plain.digest()}:${folder}` };
  }
}

/** A variable of the guard that is read-only answers its questions: no line sets one, however the name is quoted. */
function setsOwnName({ summary }: Classification): boolean {
  return summary.effects.some(({ verb, object }) => verb === 'environment' && object !== null && ownNames.test(object));
}

/** What is harmless as one command of its own is not when it stays in the shell. */
function guarded(submission: Submission, classification: Classification): Submission {
  if (!classification.understood) return submission;
  if (!functionDefinition.test(submission.text.replaceAll('\\\n', ''))) return submission;
  const classified = notUnderstood('unknown-construct', 'a function stays in the shell, and can take the place of any command later');
  return { ...submission, classified };
}

/** bash asks with the head of a loop alone ("for x in 1 2"): it is read as the whole statement. */
function completedHead(text: string): string {
  if (/^(?:for|select)\s/.test(text)) return `${text}; do :; done`;
  return /^case\s.*\sin\s*$/s.test(text) ? `${text} esac` : text;
}
