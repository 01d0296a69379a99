// One session channel of a client (RFC 4254, 6): what it asks for before it starts, then one program, shell or subsystem. It is
// a lane: it waits, is withdrawn and is refused alone, and the other channels go on.

import type { ClientChannel, PseudoTtyInfo, ServerChannel, Session as SshSession, X11Options } from 'ssh2';
import { messageOf } from '../../src/core/errors.ts';
import type { TerminalRecorder } from '../../src/core/recording.ts';
import type { HoldNotice, Ruling } from '../../src/core/ruling.ts';
import type { Lane, Session, Submission } from '../../src/core/session.ts';
import type { ShellMode } from '../../src/core/target.ts';
import * as actions from './actions.ts';
import type { CarriedKind } from './carried.ts';
import type { Restrictions } from './certificate.ts';
import { completed, finish, outcomeOf } from './outcomes.ts';
import { forBash } from './for-bash.ts';
import { runGuardedShell } from './guarded-shell.ts';
import { runMediatedShell } from './mediated-shell.ts';
import { holdLines, plainLines, refusalLines, refusedStatus, terminalText } from './refusal.ts';
import { relay } from './relay.ts';
import type { Ending } from './relay.ts';
import { forReason, reasonCharsMax, reasonVariable } from './said-reason.ts';
import { relaySftp } from './sftp.ts';
import { TypedAhead } from './typed-ahead.ts';
import { TypedCommands } from './typed-commands.ts';
import type { Program, Upstream } from './upstream.ts';

/** Variables that one channel may send, and what they may hold in all. */
const variablesMax = 100;
const variableCharsMax = 64 * 1024;
const signalNames = new Set(['ABRT', 'ALRM', 'FPE', 'HUP', 'ILL', 'INT', 'KILL', 'PIPE', 'QUIT', 'SEGV', 'TERM', 'USR1', 'USR2']);

type CarriedWishes = Required<Pick<Program, 'agent' | 'x11'>>;
type Accept = () => ServerChannel;
type Wish =
  { readonly kind: 'exec'; readonly command: string } | { readonly kind: 'shell' } | { readonly kind: 'subsystem'; readonly name: string };

/** What a channel needs of its connection. */
export interface ChannelHost {
  readonly upstream: Upstream;
  /** Of the certificate that the client signed in with; null: none. */
  readonly restrictions: Restrictions | null;
  /** The session once it is open; null when there is none, and then the channel was told and ended. */
  opened(channel: SessionChannel): Promise<Session | null>;
  channelClosed(channel: SessionChannel): void;
  carry(kind: CarriedKind): Promise<(() => void) | null>;
  recordTerminal(session: Session, terminal: PseudoTtyInfo, command: string | null): TerminalRecorder | null;
  nowMs(): number;
  touch(): void;
}

export class SessionChannel {
  readonly #connection: ChannelHost;
  readonly #variables: { readonly name: string; readonly value: string }[] = [];
  readonly #gone = new AbortController();
  /** What the client says that this channel is for. */
  #reason: string | null = null;
  #terminal: PseudoTtyInfo | null = null;
  #wantsAgent = false;
  #wantsX11: X11Options | null = null;
  #channel: ServerChannel | null = null;
  /** Withdraws what waits now. */
  #withdraw: ((why: string) => void) | null = null;
  /** Who hears of a new window size and of signals once something runs. */
  onResize: (size: { rows: number; cols: number; height: number; width: number }) => void = () => undefined;
  onSignal: (name: string) => void = () => undefined;

  constructor(connection: ChannelHost, session: SshSession) {
    this.#connection = connection;
    session.on('pty', (accept, reject, info) => {
      if (connection.restrictions?.terminal === false) return reject?.();
      this.#terminal = info;
      accept?.();
    });
    session.on('env', (accept, reject, { key, val }) => {
      if (key === reasonVariable) {
        if (val.length > reasonCharsMax) return reject?.();
        this.#reason = val;
        return accept?.();
      }
      const held = this.#variables.reduce((sum, { name, value }) => sum + name.length + value.length, key.length + val.length);
      if (this.#variables.length >= variablesMax || held > variableCharsMax) return reject?.();
      this.#variables.push({ name: key, value: val });
      accept?.();
    });
    session.on('window-change', (accept, _reject, info) => {
      if (this.#terminal !== null)
        Object.assign(this.#terminal, { rows: info.rows, cols: info.cols, height: info.height, width: info.width });
      this.onResize(info);
      accept?.();
    });
    session.on('signal', (accept, _reject, { name }) => {
      const signal = name.replace(/^SIG/, '');
      if (this.#withdraw !== null && signal === 'INT') this.#withdraw('cancelled by the client');
      else if (signalNames.has(signal)) this.onSignal(signal);
      accept?.();
    });
    // Taken as wishes, and judged when a program starts: answers must not wait, or they come in the wrong order.
    session.on('auth-agent', (accept) => {
      this.#wantsAgent = true;
      accept?.();
    });
    session.on('x11', (accept, _reject, info) => {
      this.#wantsX11 = { ...info, cookie: String(info.cookie) }; // ssh2 writes bytes out in hex a second time
      accept?.();
    });
    session.on('exec', (accept, _reject, { command }) => this.#start(accept, { kind: 'exec', command }));
    session.on('shell', (accept) => this.#start(accept, { kind: 'shell' }));
    session.on('subsystem', (accept, _reject, { name }) => this.#start(accept, { kind: 'subsystem', name }));
    session.on('close', () => this.gone('the client is gone'));
  }

  get terminal(): PseudoTtyInfo | null {
    return this.#terminal;
  }

  get clientGone(): AbortSignal {
    return this.#gone.signal;
  }

  /** The client's side is closed: what waits is withdrawn, what runs is ended. Idempotent. */
  gone(why: string): void {
    if (this.#gone.signal.aborted) return;
    this.#gone.abort(why);
    this.#connection.channelClosed(this);
  }

  /** Lines on stderr of this channel, if it can show any yet. */
  say(lines: readonly string[]): boolean {
    const channel = this.#channel;
    if (channel === null || !channel.stderr.writable || this.#gone.signal.aborted) return false;
    channel.stderr.write(terminalText(lines, this.#terminal !== null));
    return true;
  }

  /** Says why, and ends the channel with that status. */
  end(status: number, lines: readonly string[] = []): void {
    this.say(lines);
    const channel = this.#channel;
    if (channel === null || !channel.writable || this.#gone.signal.aborted) return;
    channel.exit(status);
    channel.end();
  }

  /** Submits with this channel as lane. What is typed meanwhile is kept, and Ctrl-C in it withdraws. */
  async submit(session: Session, submission: Submission): Promise<{ ruling: Ruling; typed: Buffer[] }> {
    const waiting = new AbortController();
    const signal = AbortSignal.any([waiting.signal, this.#gone.signal]);
    let typed: TypedAhead | null = null;
    const lane: Lane = {
      signal,
      onHold: (notice: HoldNotice) => {
        if (this.#terminal !== null && this.#channel !== null)
          typed ??= new TypedAhead(this.#channel, () => waiting.abort('cancelled by the client'));
        this.say(holdLines(notice, this.#connection.nowMs()));
      },
    };
    this.#withdraw = (why) => waiting.abort(why);
    const ruling = await session.submit(submission, lane);
    this.#withdraw = null;
    return { ruling, typed: (typed as TypedAhead | null)?.take() ?? [] };
  }

  #start(accept: Accept, wish: Wish): void {
    const channel = accept() as ServerChannel | undefined;
    if (channel === undefined) return; // a second program in one channel
    this.#channel = channel;
    channel.on('error', () => undefined);
    channel.once('close', () => this.gone('the client closed the channel'));
    const forced = this.#connection.restrictions?.forcedCommand ?? null;
    const run = forced === null ? wish : { kind: 'exec' as const, command: forced };
    this.#run(channel, run).catch((thrown: unknown) => this.end(255, plainLines(messageOf(thrown))));
  }

  async #run(channel: ServerChannel, wish: Wish): Promise<void> {
    const opened = await this.#connection.opened(this);
    if (opened === null) return;
    const session = forReason(opened, this.#reason);
    switch (wish.kind) {
      case 'exec':
        if (wish.command.includes('\0')) return this.end(refusedStatus, plainLines('a command with a NUL byte is not run'));
        return this.#program(channel, session, actions.command(wish.command, this.#terminal !== null), wish.command);
      case 'subsystem':
        return this.#subsystem(channel, session, wish.name);
      case 'shell':
        return this.#shell(channel, session);
    }
  }

  async #shell(channel: ServerChannel, session: Session): Promise<void> {
    const mode = this.#shellMode(session);
    if (mode === 'none')
      return this.end(refusedStatus, plainLines(`${session.target.name} gives no interactive shell; name a command: ssh … COMMAND`));
    if (mode === 'recorded') return this.#program(channel, session, actions.shell('recorded'), null);
    if (mode === 'guarded' && this.#terminal !== null) return this.#guarded(channel, session, this.#terminal);
    const { ruling, typed } = await this.submit(session, actions.shell('mediated'));
    if (ruling.kind === 'refuse') return this.end(refusedStatus, refusalLines(ruling.refusal));
    ruling.permit.open();
    const environment = await this.#environment(session);
    const connection = this.#connection;
    const recorder = this.#terminal === null ? null : connection.recordTerminal(session, this.#terminal, null);
    const status = await runMediatedShell({
      channel,
      session,
      owner: this,
      upstream: connection.upstream,
      environment,
      typed,
      recorder,
      nowMs: () => connection.nowMs(),
      touch: () => connection.touch(),
    });
    recorder?.close();
    session.finish(ruling.permit, completed(status));
    this.end(status);
  }

  /** The first of the target's modes that the policies do not refuse. */
  #shellMode(session: Session): ShellMode {
    const modes = [session.target.ssh?.shell ?? 'none', ...(session.target.ssh?.shellElse ?? [])];
    const may = (mode: ShellMode) => {
      if (mode === 'none') return true;
      const submission = actions.shell(mode);
      return submission.classified !== null && session.foresee(submission, submission.classified) !== 'deny';
    };
    return modes.find(may) ?? modes[0] ?? 'none';
  }

  async #guarded(channel: ServerChannel, session: Session, terminal: PseudoTtyInfo): Promise<void> {
    const { ruling, typed } = await this.submit(session, actions.shell('guarded'));
    if (ruling.kind === 'refuse') return this.end(refusedStatus, refusalLines(ruling.refusal));
    const { permit } = ruling;
    permit.open();
    const connection = this.#connection;
    const recorder = connection.recordTerminal(session, terminal, null);
    const carried = await this.#carried();
    try {
      const environment = await this.#environment(session);
      const ending = await runGuardedShell({
        carried: carried.wishes,
        permit,
        channel,
        session,
        owner: this,
        terminal,
        upstream: connection.upstream,
        environment,
        typed,
        recorder,
        nowMs: () => connection.nowMs(),
        touch: () => connection.touch(),
      });
      const error = ending.why === null ? null : { code: 'guard', message: ending.why };
      finish(session, permit, error === null ? outcomeOf(ending, this.#gone.signal.aborted) : { kind: 'failed', rows: null, error });
      this.#endAs(channel, ending);
    } catch (thrown) {
      finish(session, permit, { kind: 'failed', rows: null, error: { code: 'target', message: messageOf(thrown) } });
      this.end(255, plainLines(messageOf(thrown)));
    } finally {
      carried.end();
      recorder?.close();
    }
  }

  /** A command, or (with null) the raw shell. */
  async #program(channel: ServerChannel, session: Session, submission: Submission, command: string | null): Promise<void> {
    const { ruling, typed } = await this.submit(session, submission);
    if (ruling.kind === 'refuse') return this.end(refusedStatus, refusalLines(ruling.refusal));
    const { permit } = ruling;
    permit.open();
    let ending: Ending | null = null;
    const carried = await this.#carried();
    try {
      const environment = await this.#environment(session);
      const { upstream } = this.#connection;
      const begin = (more: CarriedWishes) => {
        const program: Program = { terminal: this.#terminal, environment, ...more };
        return command === null ? upstream.shell(permit, program) : upstream.exec(permit, forBash(command), program);
      };
      const target = await this.#withCarried(carried.wishes, begin);
      this.onResize = ({ rows, cols, height, width }) => target.setWindow(rows, cols, height, width);
      this.onSignal = (name) => permit.isOpen && target.signal(name);
      const recorder = this.#terminal === null ? null : this.#connection.recordTerminal(session, this.#terminal, command);
      const index = this.#terminal === null ? null : new TypedCommands(this.#terminal, (text) => recorder?.mark(text));
      if (recorder !== null) {
        const resize = this.onResize;
        this.onResize = (size) => {
          recorder.resize(size.cols, size.rows);
          resize(size);
        };
      }
      ending = await relay(permit, channel, target, {
        before: typed,
        clientGone: this.#gone.signal,
        onInput: (chunk) => {
          this.#connection.touch();
          index?.typed(chunk);
        },
        onOutput: (chunk) => {
          this.#connection.touch();
          index?.output(chunk);
          recorder?.output(chunk);
        },
      });
      recorder?.close();
    } catch (thrown) {
      finish(session, permit, { kind: 'failed', rows: null, error: { code: 'target', message: messageOf(thrown) } });
      return this.end(255, plainLines(messageOf(thrown)));
    } finally {
      carried.end();
    }
    finish(session, permit, outcomeOf(ending, this.#gone.signal.aborted));
    this.#endAs(channel, ending);
  }

  /** What was asked to be carried and may be; `end` when the program is over. */
  async #carried(): Promise<{ readonly wishes: CarriedWishes; readonly end: () => void }> {
    const agent = this.#wantsAgent ? await this.#connection.carry('agent') : null;
    const x11 = this.#wantsX11 === null ? null : await this.#connection.carry('x11');
    const end = () => {
      agent?.();
      x11?.();
    };
    return { wishes: { agent: agent !== null, x11: x11 === null ? null : this.#wantsX11 }, end };
  }

  /** A target that forwards neither runs the program without. */
  async #withCarried(wishes: CarriedWishes, begin: (wishes: CarriedWishes) => Promise<ClientChannel>): Promise<ClientChannel> {
    try {
      return await begin(wishes);
    } catch (thrown) {
      if (!/agent forwarding|X11/i.test(messageOf(thrown))) throw thrown;
      this.say(plainLines(`the target does not do it: ${messageOf(thrown)}`));
      return begin({ agent: false, x11: null });
    }
  }

  async #subsystem(channel: ServerChannel, session: Session, name: string): Promise<void> {
    const { ruling } = await this.submit(session, actions.subsystem(name));
    if (ruling.kind === 'refuse') return this.end(refusedStatus, refusalLines(ruling.refusal));
    const { permit } = ruling;
    permit.open();
    try {
      const target = await this.#connection.upstream.subsystem(permit, name);
      const touch = () => this.#connection.touch();
      const ending =
        name === 'sftp'
          ? await relaySftp({ permit, client: channel, target, session, owner: this, touch })
          : await relay(permit, channel, target, { before: [], clientGone: this.#gone.signal, onInput: touch, onOutput: touch });
      finish(session, permit, outcomeOf(ending, this.#gone.signal.aborted));
      this.#endAs(channel, ending);
    } catch (thrown) {
      finish(session, permit, { kind: 'failed', rows: null, error: { code: 'target', message: messageOf(thrown) } });
      this.end(255, plainLines(messageOf(thrown)));
    }
  }

  #endAs(channel: ServerChannel, { status, signal }: Ending): void {
    if (!channel.writable || this.#gone.signal.aborted) return;
    if (status !== null) channel.exit(status);
    else if (signal !== null) channel.exit(signal.replace(/^SIG/, ''), false, '');
    else this.say(plainLines('the connection to the target was lost'));
    channel.end();
  }

  /** The variables that the policies let pass without asking anybody: a shell that waits for each would never start. */
  async #environment(session: Session): Promise<Record<string, string>> {
    const passed: Record<string, string> = {};
    for (const { name, value } of this.#variables) {
      const submission = actions.environment(name, value);
      const classification = submission.classified;
      const may = classification !== null && session.foresee(submission, classification) === 'allow';
      const ruling = may ? await session.submit(submission, { signal: this.#gone.signal, onHold: () => undefined }) : null;
      if (ruling === null || ruling.kind === 'refuse') {
        this.say(plainLines(`the variable ${name} is not passed on`));
        continue;
      }
      passed[name] = value;
      session.finish(ruling.permit, { kind: 'completed', rows: null, error: null });
    }
    return passed;
  }
}
