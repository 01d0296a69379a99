// Plays one session against the real connection, with sockets that are only memory and a session that classifies by hand. All bytes
// to either side and everything that was submitted, released and finished are kept apart, each in its order.

import { EventEmitter } from 'node:events';
import { Connection } from '../../protocols/mysql/connection.ts';
import * as wire from '../../protocols/mysql/messages.ts';
import type { MachineOptions } from '../../protocols/mysql/port.ts';
import { Settings } from '../../protocols/mysql/settings.ts';
import type { Classification, SessionChange, StatementFacts } from '../../src/core/classification.ts';
import type { Effect } from '../../src/core/effect.ts';
import type { ActionId, HoldId } from '../../src/core/ids.ts';
import type { Masking } from '../../src/core/masking.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import { Permit } from '../../src/core/permit.ts';
import type { Refusal, Ruling } from '../../src/core/ruling.ts';
import type { Lane, Submission } from '../../src/core/session.ts';
import { classificationOf, notUnderstood } from '../../src/core/summary.ts';
import { FakeServer } from './mysql-server.ts';

const mint = Permit.claimMint();
const clock = { nowMs: () => 0, monotonicMs: () => 0 };

class MemorySocket extends EventEmitter {
  readonly written: Buffer[] = [];
  destroyed = false;
  /** The next writes are more than the kernel takes. */
  isFull = false;
  #isPaused = false;

  get writableNeedDrain(): boolean {
    return this.isFull;
  }

  write(bytes: Buffer, done?: (error?: Error | null) => void): boolean {
    this.written.push(Buffer.from(bytes));
    done?.(null);
    return !this.isFull;
  }

  end(bytes: Buffer): void {
    this.written.push(Buffer.from(bytes));
  }

  destroy(): void {
    this.destroyed = true;
  }

  destroySoon(): void {
    this.destroyed = true;
  }

  pause(): this {
    this.#isPaused = true;
    return this;
  }

  resume(): this {
    this.#isPaused = false;
    return this;
  }

  isPaused(): boolean {
    return this.#isPaused;
  }
}

export interface PlayerOptions {
  /** Chunks are offered to the fast path. */
  readonly fast: boolean;
  /** Rulings come at the end of the turn, as the audit log writes the releases of a turn together. */
  readonly turns: boolean;
  readonly dialect: Pick<MachineOptions, 'deprecatesEof' | 'tracks' | 'clientTracks' | 'cachesMetadata' | 'attributes'>;
  readonly showsProgress: boolean;
}

/** In the place of a promise: all of a session is played within one turn. */
const atOnce: Promise<never> = {
  then: (done: () => void) => {
    done();
    return atOnce;
  },
} as never;
const nothing = { searchPath: '', user: 'x', functions: [], operators: [], types: [], relations: [] };

export class Player {
  readonly record: string[] = [];
  readonly client = new MemorySocket();
  readonly target = new MemorySocket();
  readonly connection: Connection;
  readonly #server: FakeServer;
  readonly #turn: (() => void)[] | null;
  readonly #end = new AbortController();
  #waiting: { readonly submission: Submission; readonly then: (ruling: Ruling) => void } | null = null;
  #actions = 0;
  #served = 0;
  /** Cancellations on their way to the target, each to be called when it has heard it; null: it hears them at once. */
  cancelling: (() => void)[] | null = null;
  /** The catalogue is old, and these are told when it was read; null: it is fresh. */
  reading: (() => void)[] | null = null;
  /** Chunks that the fast path took of the client, and of the target. */
  fast = { client: 0, target: 0 };

  constructor({ fast, turns, dialect, showsProgress }: PlayerOptions) {
    this.#turn = turns ? [] : null;
    this.#server = new FakeServer(dialect);
    this.connection = new Connection({
      client: this.client as never,
      numbered: true,
      target: this.target as never,
      targetConnectionId: 1,
      session: this.#session() as never,
      catalogue: this.#catalogue() as never,
      clock,
      payloadBytesMax: 100_000,
      heldBytesMax: 100_000,
      reading: { hold: () => true },
      settings: new Settings({
        flavour: 'mariadb',
        serverVersion: '10.11.0-MariaDB',
        sqlMode: '',
        characterSetClient: 'utf8mb4',
        database: 'shop',
        lowerCaseTableNames: '0',
      }),
      statusFlags: wire.status.autocommit,
      machine: {
        ...dialect,
        clientDeprecatesEof: dialect.deprecatesEof,
        clientCachesMetadata: dialect.cachesMetadata,
        extendsMetadata: false,
        clientExtendsMetadata: false,
        takesBulk: true,
        statementBytesMax: 1000,
        targetName: 'bench',
        targetDatabase: 'shop',
        role: null,
      },
      showsProgress,
      cancelTarget: () => {
        this.record.push('cancel at the target');
        return this.cancelling === null ? atOnce : new Promise((resolve) => this.cancelling?.push(resolve));
      },
      giveBack: () => this.record.push('the target is given back'),
      kill: (id, what) => {
        this.record.push(`kill ${what} ${id}`);
        return id === 7;
      },
      gone: () => this.record.push('gone'),
      changeUser: () => this.record.push('change user'),
    });
    const { fastPath } = this.connection.machine;
    const [ofClient, ofTarget] = [fastPath.client.bind(fastPath), fastPath.target.bind(fastPath)];
    fastPath.client = (chunk) => {
      const took = fast && ofClient(chunk);
      this.fast.client += took ? 1 : 0;
      return took;
    };
    fastPath.target = (chunk) => {
      const took = ofTarget(chunk);
      this.fast.target += took ? 1 : 0;
      return took;
    };
    this.connection.start(null);
  }

  /** Bytes that the client was sent, as one. */
  get toClient(): string {
    return Buffer.concat(this.client.written).toString('hex');
  }

  get toTarget(): string {
    return Buffer.concat(this.target.written).toString('hex');
  }

  get isWaiting(): boolean {
    return this.#waiting !== null;
  }

  send(chunk: Buffer): void {
    this.client.emit('data', chunk);
  }

  /** The server reads what has come by now; its answers, not yet sent. */
  serve(): Buffer {
    const fresh = this.target.written.slice(this.#served);
    this.#served = this.target.written.length;
    return Buffer.concat(fresh.flatMap((bytes) => this.#server.take(bytes)));
  }

  receive(chunk: Buffer): void {
    this.target.emit('data', chunk);
  }

  /** The end of a turn of the event loop. */
  turn(): void {
    for (const then of this.#turn?.splice(0) ?? []) then();
  }

  answer(word: 'approve' | 'reject'): void {
    const waiting = this.#waiting;
    if (waiting === null) throw new Error('nothing waits');
    this.#waiting = null;
    waiting.then(word === 'approve' ? this.#release(waiting.submission) : refusal('rejected', 'denied by bob'));
  }

  kill(what: 'query' | 'connection'): void {
    this.connection.kill(what);
  }

  endSession(): void {
    this.#end.abort('the grant is over');
  }

  /** Read anew before anybody can look. */
  #catalogue(): object {
    const changed = (): void => void this.record.push('the catalogue changed');
    const isFresh = () => this.reading === null;
    const refresh = () => (this.reading === null ? atOnce : new Promise<void>((resolve) => this.reading?.push(resolve)));
    return {
      get isFresh() {
        return isFresh();
      },
      current: { version: '1', content: nothing },
      changed,
      refresh,
    };
  }

  #session(): object {
    return {
      principal: { name: 'alice' },
      target: { name: 'bench' },
      ended: this.#end.signal,
      submitSoon: (submission: Submission, lane: Lane, then: (ruling: Ruling) => void) => this.#submit(submission, lane, then),
      classify: (submission: Submission) => classified(submission),
      foresee: (submission: Submission) => (/^deny/.test(submission.text) ? 'deny' : 'allow'),
      finish: (permit: Permit, outcome: Outcome) => {
        permit.close();
        this.record.push(`finish ${permit.actionId} ${JSON.stringify(outcome)}`);
      },
      recordRows: (permit: Permit, rows: (string | null)[][]) => this.record.push(`rows ${permit.actionId} ${JSON.stringify(rows)}`),
      close: (reason: string) => this.record.push(`close ${reason}`),
    };
  }

  #submit(submission: Submission, lane: Lane, then: (ruling: Ruling) => void): void {
    const { text, parameters, mode, transaction, classified: given, reason } = submission;
    const told = { text, parameters, mode: mode.key, transaction, digest: submission.digest(), given: given?.summary.access, reason };
    this.record.push(`submit ${JSON.stringify(told)}`);
    const { understood } = classified(submission);
    if (!understood) return then(refusal('not-understood', 'syntax'));
    if (/^deny/.test(text)) return then(refusal('denied', 'denied by rule'));
    if (/^hold/.test(text)) {
      this.#waiting = { submission, then };
      lane.signal.addEventListener(
        'abort',
        () => {
          if (this.#waiting?.submission !== submission) return;
          this.#waiting = null;
          then(refusal('withdrawn', 'cancelled'));
        },
        { once: true },
      );
      const terms = { approverGroups: ['dba'], approvalsNeeded: 1, approvalsGiven: 0, url: null, expiresAtMs: 1000 };
      return lane.onHold({ holdId: 'h-1' as HoldId, rule: 'r', message: 'waits', ...terms });
    }
    const ruling = this.#release(submission);
    if (this.#turn === null) then(ruling);
    else this.#turn.push(() => then(ruling));
  }

  #release(submission: Submission): Ruling {
    const { text } = submission;
    this.#actions += 1;
    this.record.push(`release a-${this.#actions} ${text}`);
    return {
      kind: 'release',
      permit: mint(`a-${this.#actions}` as ActionId),
      classification: classified(submission),
      obligations: {
        recordParameters: false,
        recordResults: /^kept/.test(text),
        ...(/^fenced/.test(text) ? { fence: 'read-only' } : {}),
        ...(/^limited/.test(text) ? { rowsMax: 2 } : {}),
      },
      ...(/^hidden/.test(text) ? { masking } : {}),
    };
  }
}

const masking: Masking = {
  fields: (_, fields) => fields.map(() => ({ whole: true, method: 'fixed', text: () => '***' })),
  declare: () => undefined,
  words: (said) => said.replaceAll('boom', '***'),
};

function refusal(reason: Refusal['reason'], message: string): Ruling {
  return { kind: 'refuse', refusal: { reason, message, hint: null, holdId: null, offset: null } };
}

const read: Effect = { verb: 'read', access: 'read', objectKind: 'table', object: 'shop.t' };
const effectsOf: Readonly<Record<string, Effect>> = {
  insert: { verb: 'insert', access: 'write', objectKind: 'table', object: 'shop.t' },
  begin: { verb: 'transaction', access: 'session', objectKind: 'none', object: null },
  commit: { verb: 'transaction', access: 'session', objectKind: 'none', object: null },
  other: { verb: 'unknown', access: 'unknown', objectKind: 'none', object: null },
};

function classified({ text, classified: given }: Pick<Submission, 'text' | 'classified'>): Classification {
  if (given !== null) return given;
  if (/garbage/.test(text)) return notUnderstood('syntax', 'garbage');
  const [word = ''] = text.split(' ');
  const changes: SessionChange[] = word === 'set' ? [{ kind: 'set', setting: 'sql_mode', value: 'ANSI_QUOTES', local: false }] : [];
  const kind = /^(fenced|hidden|limited|kept|hold|several|late)/.test(word) ? 'select' : word;
  const facts: StatementFacts = {
    kind,
    span: { start: 0, end: text.length },
    effects: [effectsOf[word] ?? read],
    missingWhere: false,
    risks: [],
    changes,
  };
  return classificationOf([facts]);
}
