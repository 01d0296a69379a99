// A shell without a terminal behind it: the gateway reads whole lines, has each judged as a command, and runs each by itself on
// the target, in the folder that the last one ended in. Standard input of what runs is empty, so nothing typed reaches the
// target without having been judged.

import type { ServerChannel } from 'ssh2';
import { messageOf } from '../../src/core/errors.ts';
import type { Permit } from '../../src/core/permit.ts';
import type { TerminalRecorder } from '../../src/core/recording.ts';
import type { Lane, Session, Submission } from '../../src/core/session.ts';
import * as actions from './actions.ts';
import { LineEditor } from './line-editor.ts';
import { runMediatedCommand } from './mediated-command.ts';
import { holdLines, plainLines, refusalLines, refusedStatus, terminalText } from './refusal.ts';
import type { Ending } from './relay.ts';
import { finish, outcomeOf } from './outcomes.ts';
import { isUnfinished } from './unfinished.ts';
import type { Upstream } from './upstream.ts';

/** Typed while something runs. */
const typedAheadMax = 64 * 1024;
/** A command of several lines. */
const commandCharsMax = 64 * 1024;

/** What the shell needs of the channel it lives in. */
export interface ShellOwner {
  readonly terminal: { readonly cols: number; readonly rows: number } | null;
  readonly clientGone: AbortSignal;
  onResize: (size: { rows: number; cols: number; height: number; width: number }) => void;
  onSignal: (name: string) => void;
  say(lines: readonly string[]): boolean;
}

export interface MediatedParts {
  readonly channel: ServerChannel;
  readonly session: Session;
  readonly owner: ShellOwner;
  readonly upstream: Upstream;
  readonly environment: Readonly<Record<string, string>>;
  readonly typed: readonly Buffer[];
  readonly nowMs: () => number;
  readonly touch: () => void;
  readonly recorder: TerminalRecorder | null;
}

/**
 * The shell of one line ended inside of it, and one of these is why: what stands behind it in a script must not run. Without such a word it
 * may have died of what only ends shells that nobody types into (`${x:?}`).
 */
const leavingWords = /\b(?:exit|exec|logout)\b/;

/** Runs until the person leaves; gives the exit status. */
export function runMediatedShell(parts: MediatedParts): Promise<number> {
  return new MediatedShell(parts).run();
}

class MediatedShell {
  readonly #parts: MediatedParts;
  readonly #raw: boolean;
  readonly #editor: LineEditor;
  #ahead: Buffer;
  #folder: string | null = null;
  #unfinished = '';
  #status = 0;
  /** A line ended the shell: `cd /srv || exit 1`. */
  #left = false;
  /** Set while something waits or runs: what Ctrl-C does. */
  #interrupt: (() => void) | null = null;
  /** A line is being judged or run; Ctrl-C came while neither could be interrupted yet. */
  #busy = false;
  #interruptWanted = false;
  #inputEnded = false;
  #wake: () => void = () => undefined;

  constructor(parts: MediatedParts) {
    this.#parts = parts;
    this.#raw = parts.owner.terminal !== null;
    this.#editor = new LineEditor(parts.owner.terminal?.cols ?? 0);
    this.#ahead = Buffer.concat([...parts.typed]);
  }

  async run(): Promise<number> {
    const { channel, owner, session, recorder } = this.#parts;
    owner.onResize = ({ cols, rows }) => {
      this.#editor.resize(cols);
      recorder?.resize(cols, rows);
    };
    owner.onSignal = (name) => name === 'INT' && this.#interrupt?.();
    channel.on('data', (chunk: Buffer) => this.#typed(chunk));
    channel.once('end', () => {
      this.#inputEnded = true;
      this.#wake();
    });
    owner.clientGone.addEventListener('abort', () => {
      this.#inputEnded = true;
      this.#wake();
    });
    channel.resume();
    if (this.#raw) this.#say(plainLines(`every line is judged before it runs on ${session.target.name}; exit or Ctrl-D leaves`));
    for (;;) {
      const line = await this.#line();
      if (line === null) return this.#status;
      const leaves = /^\s*(?:exit|logout)(?:\s+(\d{1,3}))?\s*$/.exec(this.#unfinished === '' ? line : '');
      if (leaves !== null) return leaves[1] === undefined ? this.#status : Number(leaves[1]) & 0xff;
      this.#busy = true;
      await this.#command(this.#unfinished === '' ? line : `${this.#unfinished}\n${line}`);
      this.#busy = this.#interruptWanted = false;
      if (this.#left) return this.#status;
    }
  }

  #typed(chunk: Buffer): void {
    this.#parts.touch();
    if (this.#raw && this.#busy && chunk.includes(0x03)) {
      this.#ahead = Buffer.from(chunk.subarray(chunk.lastIndexOf(0x03) + 1));
      this.#write('^C\r\n');
      if (this.#interrupt === null) this.#interruptWanted = true;
      else this.#interrupt();
      return;
    }
    this.#ahead = Buffer.concat([this.#ahead, chunk]);
    if (this.#ahead.length > typedAheadMax) this.#parts.channel.pause();
    this.#wake();
  }

  /** The next whole line; null when the person leaves. */
  async #line(): Promise<string | null> {
    if (this.#raw) this.#write(this.#editor.begin(this.#prompt()));
    for (;;) {
      const line = this.#raw ? this.#edited() : this.#plainLine();
      if (line !== undefined) return line;
      if (this.#inputEnded) return null;
      this.#parts.channel.resume();
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  #edited(): string | null | undefined {
    while (this.#ahead.length > 0) {
      const { events, show, rest } = this.#editor.feed(this.#ahead);
      this.#ahead = rest;
      this.#write(show);
      const [event] = events;
      if (event === undefined) continue;
      if (event.kind === 'line') return event.text;
      if (event.kind === 'end') return null;
      this.#unfinished = '';
      this.#status = 130;
      this.#write(this.#editor.begin(this.#prompt()));
    }
    return undefined;
  }

  /** Without a terminal: lines as they come, for `ssh host < file`. */
  #plainLine(): string | undefined {
    const end = this.#ahead.indexOf(0x0a);
    if (end === -1 && !(this.#inputEnded && this.#ahead.length > 0)) return undefined;
    const line = this.#ahead.subarray(0, end === -1 ? this.#ahead.length : end).toString('utf8');
    this.#ahead = end === -1 ? Buffer.alloc(0) : this.#ahead.subarray(end + 1);
    return line;
  }

  async #command(text: string): Promise<void> {
    const { session } = this.#parts;
    this.#unfinished = '';
    if (text.trim() === '') return;
    const submission = this.#submission(text);
    const classification = await session.classify(submission);
    const more = !(this.#inputEnded && this.#ahead.length === 0) && text.length < commandCharsMax;
    if (more && (await isUnfinished(session, submission, classification))) {
      this.#unfinished = text;
      return;
    }
    if (classification.problem?.kind === 'syntax') {
      this.#status = 2;
      return this.#say(plainLines(classification.problem.message));
    }
    this.#editor.remember(text);
    this.#parts.recorder?.mark(text);
    const waiting = new AbortController();
    const lane: Lane = {
      signal: AbortSignal.any([waiting.signal, this.#parts.owner.clientGone]),
      onHold: (notice) => this.#say(holdLines(notice, this.#parts.nowMs())),
    };
    this.#interruptible(() => waiting.abort('cancelled by the client'));
    const ruling = await session.submit(submission, lane);
    this.#interrupt = null;
    if (ruling.kind === 'refuse') {
      this.#status = refusedStatus;
      return this.#say(refusalLines(ruling.refusal));
    }
    ruling.permit.open();
    try {
      const ending = await this.#execute(ruling.permit, text);
      this.#status = ending.status ?? 128;
      finish(session, ruling.permit, outcomeOf(ending, this.#parts.owner.clientGone.aborted));
    } catch (thrown) {
      this.#status = 255;
      finish(session, ruling.permit, { kind: 'failed', rows: null, error: { code: 'target', message: messageOf(thrown) } });
      this.#say(plainLines(messageOf(thrown)));
    }
  }

  /** The folder changes what a command means, so it is judged, shown and bound with the text. */
  #submission(text: string): Submission {
    const plain = actions.command(text, false);
    const folder = this.#folder ?? '~';
    return { ...plain, parameters: [{ type: 'folder', text: folder }], digest: () => `${plain.digest()}:${folder}` };
  }

  async #execute(permit: Permit, text: string): Promise<Ending> {
    const { channel, upstream, environment, owner } = this.#parts;
    let wentOn = false;
    const ending = await runMediatedCommand({
      permit,
      text,
      folder: this.#folder,
      upstream,
      environment,
      clientGone: owner.clientGone,
      output: { write: (chunk) => this.#output(chunk, false), taker: channel },
      errors: { write: (chunk) => this.#output(chunk, true), taker: this.#raw ? channel : channel.stderr },
      interruptible: (interrupt) => this.#interruptible(interrupt),
      endedIn: (folder) => {
        wentOn = true;
        this.#folder = folder;
      },
    });
    this.#interrupt = null;
    this.#left = !wentOn && ending.status !== null && leavingWords.test(text);
    return ending;
  }

  #interruptible(interrupt: () => void): void {
    this.#interrupt = interrupt;
    if (!this.#interruptWanted) return;
    this.#interruptWanted = false;
    interrupt();
  }

  #output(chunk: Buffer, stderr: boolean): boolean {
    this.#parts.touch();
    const { channel, owner } = this.#parts;
    if (chunk.length === 0 || owner.clientGone.aborted) return true;
    if (this.#raw) return this.#write(chunk.toString('latin1').replaceAll(/\r?\n/g, '\r\n'), 'latin1');
    return stderr ? channel.stderr.write(chunk) : channel.write(chunk);
  }

  #say(lines: readonly string[]): void {
    if (this.#raw) this.#write(terminalText(lines, true));
    else this.#parts.owner.say(lines);
  }

  #write(text: string, encoding: 'utf8' | 'latin1' = 'utf8'): boolean {
    const { channel, recorder } = this.#parts;
    const bytes = Buffer.from(text, encoding);
    recorder?.output(bytes);
    return bytes.length === 0 || !channel.writable || channel.write(bytes);
  }

  #prompt(): string {
    if (this.#unfinished !== '') return '> ';
    return `${this.#parts.session.target.name}:${this.#folder ?? '~'}$ `.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, '?');
  }
}
