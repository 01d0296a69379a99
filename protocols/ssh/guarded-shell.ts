// A raw terminal with the target's own bash in it, which asks before it takes a line and before it runs a command
// (guard-script.ts). Its questions are answered here, inside the session: while one waits, the person reads why in the terminal, and
// Ctrl-C withdraws it. A command that runs without having been released ends the shell.

import { randomBytes } from 'node:crypto';
import type { ClientChannel, PseudoTtyInfo, ServerChannel } from 'ssh2';
import type { Permit } from '../../src/core/permit.ts';
import type { TerminalRecorder } from '../../src/core/recording.ts';
import type { Session } from '../../src/core/session.ts';
import { GuardJudge } from './guard-judge.ts';
import type { Answer } from './guard-judge.ts';
import { answerTo, GuardReader } from './guard-messages.ts';
import type { GuardMessage } from './guard-messages.ts';
import { guardCommand } from './guard-script.ts';
import type { ShellOwner } from './mediated-shell.ts';
import { outcomeOf } from './outcomes.ts';
import { holdLines, plainLines, refusedStatus, terminalText } from './refusal.ts';
import { whenClosed } from './relay.ts';
import type { Ending } from './relay.ts';
import { releaseQueue } from './ssh2-channels.ts';
import type { Program, Upstream } from './upstream.ts';

/** Typed while a question is open; beyond it the client is not read. */
const typedMax = 64 * 1024;
/** From the start of bash to its first prompt. */
const readyMs = 15_000;
/**
 * After a line was taken its first command asks: what was typed ahead waits for that, or the question would swallow it. Lines that ask
 * nothing more have it after this time.
 */
const settleMs = 150;
/**
 * No key reaches the shell between the answer for a line and what becomes of it: keys can ask without Enter, and would change the line
 * that was judged. A shell that does nothing with the answer for so long is interrupted, and forgets it.
 */
const takenMs = 3_000;
/** What readline draws of a refused line is not shown; more than that is not its drawing. */
const mutedMax = 16 * 1024;
const ctrlC = 0x03;

export interface GuardedParts {
  readonly permit: Permit;
  readonly channel: ServerChannel;
  readonly session: Session;
  readonly owner: ShellOwner;
  readonly terminal: PseudoTtyInfo;
  readonly upstream: Upstream;
  readonly carried: Pick<Program, 'agent' | 'x11'>;
  readonly environment: Readonly<Record<string, string>>;
  readonly typed: readonly Buffer[];
  readonly recorder: TerminalRecorder | null;
  readonly nowMs: () => number;
  readonly touch: () => void;
}

export interface GuardedEnding extends Ending {
  /** Why the gateway ended it; null when it ended by itself. */
  readonly why: string | null;
}

/** Runs until the shell ends. Rejects when the target opens no channel. */
export async function runGuardedShell(parts: GuardedParts): Promise<GuardedEnding> {
  const token = randomBytes(16).toString('hex');
  const { upstream, permit, terminal, environment, carried } = parts;
  const target = await upstream.exec(permit, guardCommand(token), { terminal, environment, ...carried });
  return new GuardedShell(parts, target, token).run();
}

class GuardedShell {
  readonly #parts: GuardedParts;
  readonly #target: ClientChannel;
  readonly #reader: GuardReader;
  readonly #judge: GuardJudge;
  /** Questions of which the shell has not said that it read the answer: the answer, or null while there is none. */
  readonly #open = new Map<string, string | null>();
  #typed: Buffer[];
  #typedBytes = 0;
  /** Set while a question waits for people. */
  #withdraw: (() => void) | null = null;
  #waiting = new AbortController();
  /** Sent when the answer was read: abandons the lines before a refused one. */
  #interruptAfter = false;
  #ready = false;
  #settling: NodeJS.Timeout | null = null;
  /** A line of the shell has its answer, and was not seen to be taken. */
  #taking = false;
  /** It is the beginning of a command, and the shell reads more. */
  #readsOn = false;
  #muted: number | null = null;
  #why: string | null = null;
  #status: number | null = null;

  constructor(parts: GuardedParts, target: ClientChannel, token: string) {
    this.#parts = parts;
    this.#target = target;
    this.#reader = new GuardReader(token);
    this.#typed = [...parts.typed];
    this.#judge = new GuardJudge({
      session: parts.session,
      say: (lines) => this.#say(lines),
      onHold: (notice) => {
        this.#withdraw = () => this.#waiting.abort('cancelled by the client');
        this.#say(holdLines(notice, parts.nowMs()));
      },
    });
  }

  run(): Promise<GuardedEnding> {
    const { channel, owner, recorder, permit } = this.#parts;
    const target = this.#target;
    owner.onResize = ({ rows, cols, height, width }) => {
      recorder?.resize(cols, rows);
      target.setWindow(rows, cols, height, width);
    };
    owner.onSignal = (name) => (name === 'INT' && this.#withdraw !== null ? this.#withdraw() : permit.isOpen && target.signal(name));
    return new Promise((resolve) => {
      const late = setTimeout(() => this.#end('the target did not start a bash that asks'), readyMs);
      const clientGone = () => {
        releaseQueue(channel);
        target.resume();
        target.close();
      };
      target.on('error', () => undefined);
      target.stderr.resume();
      whenClosed(target, (ending) => {
        clearTimeout(late);
        this.#settled();
        releaseQueue(target);
        this.#withdraw?.();
        this.#judge.end(outcomeOf(ending, owner.clientGone.aborted));
        if (!this.#ready) this.#why ??= 'a guarded shell needs bash on the target';
        const status = this.#status ?? ending.status;
        resolve({ ...ending, status: this.#ready ? status : refusedStatus, why: this.#why });
      });
      target.on('data', (chunk: Buffer) => this.#output(chunk, () => clearTimeout(late)));
      channel.on('data', (chunk: Buffer) => this.#input(chunk));
      channel.once('end', () => target.writable && target.end());
      channel.resume();
      if (owner.clientGone.aborted) clientGone();
      else owner.clientGone.addEventListener('abort', clientGone, { once: true });
    });
  }

  #input(chunk: Buffer): void {
    this.#parts.touch();
    if (this.#withdraw !== null && chunk.includes(ctrlC)) {
      this.#typed = [];
      this.#typedBytes = 0;
      this.#withdraw();
      return;
    }
    // A shell that doesn't come to read its answer (two commands of one pipeline asked at once) can still be interrupted.
    const answered = this.#open.size > 0 && [...this.#open.values()].every((answer) => answer !== null);
    const free = this.#open.size === 0 && this.#settling === null && !this.#taking;
    if (this.#ready && (free || (answered && !this.#taking && chunk.includes(ctrlC)))) {
      if (answered) this.#open.clear();
      return this.#toTarget(chunk);
    }
    this.#typed.push(chunk);
    this.#typedBytes += chunk.length;
    if (this.#typedBytes > typedMax) this.#parts.channel.pause();
  }

  #output(chunk: Buffer, ready: () => void): void {
    this.#parts.touch();
    try {
      for (const part of this.#reader.take(chunk)) {
        if (part.kind === 'output') this.#show(part.bytes);
        else {
          if (part.message.kind === 'prompt') ready();
          this.#message(part.message);
        }
      }
    } catch {
      this.#end('the shell said something that the guard does not say');
    }
  }

  #message(message: GuardMessage): void {
    switch (message.kind) {
      case 'line':
      case 'command':
        void this.#question(message); // answers for itself; never rejects
        return;
      case 'answered':
        return this.#answered(message.nonce, message.swallowed);
      case 'runs': {
        this.#muted = null;
        if (this.#taking) this.#settle();
        const text = this.#judge.runs();
        if (text === null) this.#end('a line was taken that nobody had judged');
        else if (text !== '') this.#parts.recorder?.mark(text);
        return;
      }
      case 'continues':
        // After a whole command it is a text of several lines that is still being read, or a line that the shell reads otherwise.
        if (this.#readsOn) this.#flush();
        return;
      case 'prompt':
        this.#muted = null;
        this.#judge.prompt(message.status);
        this.#ready = true;
        return this.#flush();
      case 'background':
        return this.#say(plainLines(`a group of commands in the background cannot ask, and was refused: ${message.text}`));
      case 'unfit':
        this.#status = refusedStatus;
        this.#end(`a guarded shell needs bash 5.1 or later and /proc; the target has ${message.version}`);
    }
  }

  async #question({ kind, nonce, folder, text }: GuardMessage & { kind: 'line' | 'command' }): Promise<void> {
    if (this.#open.has(nonce)) return;
    this.#open.set(nonce, null);
    this.#settled();
    this.#waiting = new AbortController();
    const signal = AbortSignal.any([this.#waiting.signal, this.#parts.owner.clientGone]);
    let answer: Answer = 'no';
    try {
      answer = await (kind === 'line' ? this.#judge.line(text, folder, signal) : this.#judge.command(text, folder, signal));
    } catch {
      this.#say(plainLines('it could not be judged, and was refused'));
    }
    this.#withdraw = null;
    const no = answer === 'no' || answer === 'interrupt';
    if (no && kind === 'line') this.#muted = mutedMax;
    this.#interruptAfter = answer === 'interrupt';
    this.#taking ||= kind === 'line' && !this.#judge.isRunning;
    this.#readsOn = answer === 'unfinished';
    const words = answerTo(nonce, answer === 'interrupt' ? 'no' : answer);
    this.#open.set(nonce, words);
    this.#toTarget(Buffer.from(words));
  }

  /** What was typed before the answer was read with it: it is typed again, in order, and so is the answer to somebody else. */
  #answered(nonce: string, swallowed: string): void {
    if (!this.#open.delete(nonce)) return;
    let rest = swallowed;
    for (const words of this.#open.values()) {
      if (words === null || !rest.includes(words)) continue;
      rest = rest.replace(words, '');
      this.#toTarget(Buffer.from(words));
    }
    if (this.#interruptAfter) {
      this.#typed = [];
      return this.#interrupt();
    }
    if (rest !== '') this.#typed.unshift(Buffer.from(rest));
    if (this.#open.size > 0) return;
    if (this.#taking) this.#settling = setTimeout(() => this.#interrupt(), takenMs);
    else this.#flush();
  }

  /** The shell gives the line up, with its answer, and prompts. */
  #interrupt(): void {
    this.#settled();
    this.#interruptAfter = false;
    this.#toTarget(Buffer.from([ctrlC]));
  }

  #settle(): void {
    this.#settled();
    this.#taking = false;
    this.#settling = setTimeout(() => this.#flush(), settleMs);
  }

  #settled(): void {
    if (this.#settling !== null) clearTimeout(this.#settling);
    this.#settling = null;
  }

  #flush(): void {
    this.#settled();
    this.#taking = false;
    if (this.#open.size > 0) return;
    const typed = Buffer.concat(this.#typed);
    this.#typed = [];
    this.#typedBytes = 0;
    if (typed.length > 0) this.#toTarget(typed);
    this.#parts.channel.resume();
  }

  #toTarget(chunk: Buffer): void {
    const { permit, channel } = this.#parts;
    if (!permit.isOpen || !this.#target.writable) return;
    if (this.#target.write(chunk)) return;
    channel.pause();
    this.#target.once('drain', () => channel.resume());
  }

  #show(bytes: Buffer): void {
    if (this.#muted !== null) {
      this.#muted -= bytes.length;
      if (this.#muted > 0) return;
      this.#muted = null;
    }
    const { channel, recorder } = this.#parts;
    recorder?.output(bytes);
    if (!channel.writable || channel.write(bytes)) return;
    this.#target.pause();
    channel.once('drain', () => this.#target.resume());
  }

  #say(lines: readonly string[]): void {
    const muted = this.#muted;
    this.#muted = null;
    this.#show(Buffer.from(`\r${terminalText(lines, true)}`));
    this.#muted = muted;
  }

  /** The last veto: the channel is closed, and with it the terminal of whatever runs. */
  #end(why: string): void {
    if (this.#why !== null) return;
    this.#why = why;
    this.#say(plainLines(why));
    this.#status ??= refusedStatus;
    this.#target.close();
  }
}
