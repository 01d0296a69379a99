// A desk of access requests over a real store, real policies, clocks that tests move, and an audit log that keeps or fails.

import { createHash } from 'node:crypto';
import Database from 'better-sqlite3';
import type { AccessChange, AccessDesk, AccessWanted } from '../../../src/approvals/access-desk.ts';
import { createAccessDesk } from '../../../src/approvals/access-requests.ts';
import type { AuditEvent } from '../../../src/core/audit.ts';
import type { Principal } from '../../../src/core/principal.ts';
import type { Target } from '../../../src/core/target.ts';
import { accessRequestMigrations } from '../../../src/store/access-requests.ts';
import { openDatabase } from '../../../src/store/database.ts';
import { grantMigrations } from '../../../src/store/grants.ts';
import { formatProblem, loadPolicies } from '../../../policies/engine/load.ts';
import type { LoadedPolicySet } from '../../../policies/engine/load.ts';

export const minuteMs = 60_000;
export const hourMs = 60 * minuteMs;

export const policy = `
policy: p
rules:
  - { id: open, actions: [connect], needs: grant, decision: allow }
  - { id: work, needs: grant, decision: allow }
access:
  - { id: work-on, principals: { groups: [engineers] }, targets: { names: [orders] }, longest: 2h, approvers: { groups: [dba] }, expires: 1h }
  - { id: look, principals: { groups: [engineers] }, longest: 30m, read_only: true, automatic: true, idle: 10m }
  - id: vault
    principals: { groups: [engineers, dba] }
    targets: { names: [vault] }
    longest: 1h
    approvers: [{ groups: [dba], count: 2 }, { groups: [security] }]
    reason_required: true
  - { id: glass, principals: { groups: [on-call] }, longest: 1h, automatic: true, break_glass: true, reviewers: { groups: [security] } }
`;

export function policies(text: string): LoadedPolicySet {
  const loaded = loadPolicies([{ path: 'p.yaml', text }]);
  if (!loaded.ok) throw new Error(loaded.errors.map(formatProblem).join('\n'));
  return loaded.set;
}

export function person(name: string, groups: readonly string[], kind: Principal['kind'] = 'person'): Principal {
  return { name: name as Principal['name'], displayName: name, kind, groups };
}

export const everybody = [
  person('alice', ['engineers']),
  person('omar', ['engineers', 'on-call']),
  person('bob', ['dba']),
  person('dana', ['dba']),
  person('both', ['dba', 'security']),
  person('sam', ['security']),
  person('robot', ['dba'], 'ai-agent'),
  person('carol', ['auditors']),
];

export class Clocks {
  wallMs = Date.UTC(2026, 10, 21);
  passedMs = 0;
  nowMs = (): number => this.wallMs;
  monotonicMs = (): number => this.passedMs;
  pass(ms: number): void {
    this.wallMs += ms;
    this.passedMs += ms;
  }
}

/** Bytes that follow from the seed alone. */
export class SeededRandom {
  #state: Buffer;
  constructor(seed: number) {
    this.#state = createHash('sha256').update(String(seed)).digest();
  }
  bytes(count: number): Buffer {
    this.#state = createHash('sha256').update(this.#state).digest();
    return this.#state.subarray(0, count);
  }
  below(limit: number): number {
    return this.bytes(4).readUInt32BE() % limit;
  }
}

export class Bench {
  readonly clock = new Clocks();
  readonly random: SeededRandom;
  db = openDatabase(':memory:', [...accessRequestMigrations, ...grantMigrations]);
  readonly audit: AuditEvent[] = [];
  readonly changes: AccessChange[] = [];
  readonly openSessions = new Set<string>();
  readonly people = new Map(everybody.map((it) => [it.name as string, it]));
  auditFails = false;
  policies = policies(policy);
  desk: AccessDesk;

  constructor(seed = 1) {
    this.random = new SeededRandom(seed);
    this.desk = this.#open();
  }

  /** The process ends (with `gracefully`: it could write its last words) and another takes over. */
  async restart(gracefully = false, stoppedMs = 0): Promise<void> {
    const onDisk = this.db.serialize();
    this.desk.close();
    if (!gracefully) this.db = new Database(onDisk); // what close() wrote is lost

    this.openSessions.clear();
    this.clock.wallMs += stoppedMs;
    this.clock.passedMs = this.random.below(1_000_000); // another machine start, another monotonic clock
    this.desk = this.#open();
    await this.desk.recover();
  }

  #open(): AccessDesk {
    const log = { error: () => undefined, warn: () => undefined };
    const desk = createAccessDesk({
      ...{ db: this.db, clock: this.clock, random: this.random, log },
      audit: {
        append: (event) => {
          if (this.auditFails) throw new Error('the disk is full');
          this.audit.push(event);
          return undefined;
        },
        appendSoon: (event) => void this.audit.push(event),
        appendInTurn: (_event, then) => then(null), // access requests release nothing
      },
      policies: () => this.policies,
      person: (name) => this.people.get(name) ?? null,
      targetNamed: (name) =>
        ['orders', 'vault', 'web-1'].includes(name)
          ? { name: name as Target['name'], protocol: name === 'web-1' ? 'ssh' : 'postgres', labels: {} }
          : undefined,
      isSessionOpen: (id) => this.openSessions.has(id),
    });
    desk.on((change) => void this.changes.push(change));
    return desk;
  }

  who(name: string): Principal {
    const found = everybody.find((it) => it.name === name);
    if (found === undefined) throw new Error(`nobody is named ${name}`);
    return found;
  }

  ask(name: string, wanted: Partial<AccessWanted> & { readOnly?: boolean } = {}) {
    const { readOnly = false, ...rest } = wanted;
    const scope = { role: null, readOnly, tables: null };
    return this.desk.request(this.who(name), {
      target: 'orders',
      durationMs: hourMs,
      reason: 'ticket 1',
      scope,
      isBreakGlass: false,
      ...rest,
    });
  }

  /** The id of a request that was taken; throws when it was not. */
  async asked(name: string, wanted: Partial<AccessWanted> & { readOnly?: boolean } = {}): Promise<string> {
    const result = await this.ask(name, wanted);
    if (result.kind !== 'requested') throw new Error(result.why);
    return result.request.id;
  }

  /** The id of a grant that bob gave, or that nobody had to. */
  async given(name: string, wanted: Partial<AccessWanted> & { readOnly?: boolean } = {}): Promise<string> {
    const id = await this.asked(name, wanted);
    if (this.desk.requestOf(id)?.state === 'pending') await this.desk.answer(id, this.who('bob'), 'approve', null);
    const grantId = this.desk.requestOf(id)?.grantId;
    if (grantId == null) throw new Error(`${id} came to nothing`);
    return grantId;
  }

  inForce(name: string, target = 'orders'): readonly string[] {
    return this.desk.inForce(name, target).map(({ id }) => id);
  }

  auditTypes(): string[] {
    return this.audit.map(({ type }) => type);
  }
}
