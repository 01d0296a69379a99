// A desk of holds over a real database with a clock that the test moves, and an audit log in memory that can be told to fail.

import type { AuditEvent, AuditLog } from '../../../src/core/audit.ts';
import type { Clock, Random } from '../../../src/core/clock.ts';
import type { HoldRequest } from '../../../src/core/hold.ts';
import type { ActionId, PersonName, SessionId, TargetName } from '../../../src/core/ids.ts';
import type { Principal, PrincipalKind } from '../../../src/core/principal.ts';
import { createHolds, type HoldDesk, type HoldsParts } from '../../../src/approvals/holds.ts';
import type { ReadLog } from '../../../src/approvals/log-agreement.ts';
import { openDatabase, type Db } from '../../../src/store/database.ts';
import { holdMigrations } from '../../../src/store/hold-tables.ts';
import { inTurnBy } from '../audit-fixtures/in-turn.ts';

export class TestClock implements Clock {
  wallMs = 1_790_000_000_000;
  passedMs = 0;

  nowMs(): number {
    return this.wallMs;
  }

  monotonicMs(): number {
    return this.passedMs;
  }

  pass(ms: number): void {
    this.wallMs += ms;
    this.passedMs += ms;
  }
}

/** xorshift32: the same seed gives the same run. */
export class SeededRandom implements Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0 || 1;
  }

  next(): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return this.#state >>> 0;
  }

  below(limit: number): number {
    return this.next() % limit;
  }

  bytes(count: number): Buffer {
    return Buffer.from(Array.from({ length: count }, () => this.below(256)));
  }
}

/** Keeps events; `fail` makes the next appends throw, `slow` makes them promises that the test settles. */
export class MemoryAudit implements AuditLog {
  readonly events: AuditEvent[] = [];
  fail = false;
  slow: PromiseWithResolvers<void>[] | null = null;

  append(event: AuditEvent): Promise<void> | undefined {
    if (this.fail) throw new Error('no space left on device');
    this.events.push(event);
    if (this.slow === null) return undefined;
    const durable = Promise.withResolvers<void>();
    this.slow.push(durable);
    return durable.promise;
  }

  /** What the disk does not take now it takes later. */
  appendSoon(event: AuditEvent): void {
    this.events.push(event);
  }

  readonly appendInTurn = inTurnBy((event) => this.append(event));

  readonly read: ReadLog = (holds) =>
    Promise.resolve(
      this.events
        .flatMap(({ type, atMs, principal: by, detail, holdId: hold }) => (hold === null ? [] : [{ hold, type, atMs, by, detail }]))
        .filter(({ hold }) => (holds as readonly string[]).includes(hold))
        .reverse(),
    );

  typesOf(holdId: string): string[] {
    return this.events.filter((it) => it.holdId === holdId).map((it) => it.type);
  }
}

export interface Bench {
  readonly db: Db;
  readonly clock: TestClock;
  readonly audit: MemoryAudit;
  readonly random: SeededRandom;
  readonly desk: HoldDesk;
  /** Another desk over the same store, or what is left of it, as after a restart. */
  restart(left?: Db): HoldDesk;
}

export function bench(parts: Partial<HoldsParts> = {}, seed = 1): Bench {
  const db = openDatabase(':memory:', holdMigrations);
  const clock = new TestClock();
  const audit = new MemoryAudit();
  const random = new SeededRandom(seed);
  const restart = (left = db) =>
    createHolds({ db: left, clock, audit, random, readLog: audit.read, consoleUrl: 'http://127.0.0.1:8080', ...parts });
  return { db, clock, audit, random, desk: restart(), restart };
}

export function person(name: string, groups: readonly string[] = ['dba'], kind: PrincipalKind = 'person'): Principal {
  return { name: name as PersonName, displayName: name.toUpperCase(), kind, groups };
}

export interface Asking {
  readonly by?: Principal;
  readonly session?: string;
  readonly needed?: number;
  readonly reasonRequired?: boolean;
  readonly expiresMs?: number;
  readonly text?: string;
  /** Answered without the client, run again under this key. */
  readonly again?: string;
  readonly approvedForMs?: number;
}

let actions = 0;

export function request(asking: Asking = {}): HoldRequest {
  actions += 1;
  const text = asking.text ?? 'DROP TABLE orders';
  const statement = {
    kind: 'drop table',
    span: { start: 0, end: text.length },
    effects: [{ verb: 'drop', access: 'write', objectKind: 'table', object: 'public.orders' }],
    missingWhere: false,
    risks: [{ start: 0, end: 10, why: 'drops a table' }],
    changes: [],
  } as const;
  return {
    actionId: `a-${actions}` as ActionId,
    sessionId: (asking.session ?? `s-${actions}`) as SessionId,
    actionKind: 'statement',
    principal: asking.by ?? person('alice', ['engineers']),
    target: { name: 'orders' as TargetName, protocol: 'postgres', labels: { env: 'production' } },
    clientAddress: '10.0.0.7',
    text,
    parameters: [{ type: 'int4', text: '7' }],
    digest: 'd'.repeat(64),
    classification: {
      understood: true,
      problem: null,
      statements: [statement],
      summary: {
        kinds: ['drop table'],
        verbs: ['drop'],
        access: 'write',
        effects: statement.effects,
        tables: ['public.orders'],
        tablesWritten: ['public.orders'],
        functions: [],
        missingWhere: false,
      },
    },
    transaction: 'none',
    ...(asking.again === undefined ? {} : { again: { key: asking.again, approvedForMs: asking.approvedForMs ?? 60_000 } }),
    rule: { id: 'production/hold-destructive', title: 'Dropping things waits for a DBA', version: 'v1' },
    terms: {
      approverGroups: ['dba'],
      approvalsNeeded: asking.needed ?? 1,
      expiresMs: 900_000,
      expiresInTransactionMs: 60_000,
      reasonRequired: asking.reasonRequired ?? false,
    },
    expiresMs: asking.expiresMs ?? 900_000,
  };
}
