// What all sessions of a thread judge with: a gate that releases what is plainly allowed, policies as the thread has them, and what it
// did by itself, told to the main thread a few times a second and before every question.

import type { AuditLog } from '../core/audit.ts';
import type { Clock } from '../core/clock.ts';
import type { Decision, RuleRef } from '../core/decision.ts';
import { Fault } from '../core/errors.ts';
import type { Grant } from '../core/grant.ts';
import type { GrantId } from '../core/ids.ts';
import type { Masker } from '../core/masking.ts';
import type { Classifier, PolicySet } from '../core/policy.ts';
import type { Protocol } from '../core/target.ts';
import { Gate } from '../gate/gate.ts';
import type { Calls, Methods } from './calls.ts';
import { CatalogueSender } from './sent-catalogue.ts';
import type { Did, RuleUsed, SessionMethods } from './session-methods.ts';
import { ThreadPolicies } from './thread-policies.ts';
import { UnknownFacts } from './unknown-facts.ts';

/** The log as a thread has it: its events leave its memory before the main thread is asked anything. */
export interface ThreadAudit extends AuditLog {
  /** Throws Fault audit-write-failed. */
  flush(): void;
}

export interface ThreadJudgingParts {
  readonly calls: Pick<Calls<SessionMethods, Methods>, 'ask' | 'note'>;
  readonly policies: ThreadPolicies;
  /** The world's number now. */
  readonly world: () => number;
  readonly classifierOf: (protocol: Protocol) => Classifier;
  readonly masker: Masker;
  readonly audit: ThreadAudit;
  readonly clock: Clock;
}

/** What sessions did is told so often at most; limits of the last minute are counted by it. */
export const tellEveryMs = 200;
const noGrants: readonly Grant[] = [];

export class ThreadJudging {
  readonly parts: ThreadJudgingParts;
  readonly gate: Gate;
  readonly unknown = new UnknownFacts();
  readonly catalogues = new CatalogueSender();
  /** Of the session that is judged now: its person's, and those of which the main thread knows that this session uses them. */
  grants: readonly Grant[] = noGrants;
  grantsUsed: ReadonlySet<GrantId> = new Set();
  readonly #used = new Map<RuleRef, number>();
  #usedAtMs = 0;
  readonly #active = new Set<() => Did>();
  readonly #timer: NodeJS.Timeout;

  constructor(parts: ThreadJudgingParts) {
    this.parts = parts;
    this.gate = new Gate({
      classifierOf: parts.classifierOf,
      policies: () => this.#noting,
      holds: { place: refuseToHold },
      audit: parts.audit,
      clock: parts.clock,
      masker: parts.masker,
      grants: {
        inForce: () => this.grants,
        used: (id) => {
          if (!this.grantsUsed.has(id)) throw new Error('the main thread has to know of the first use');
        },
      },
      histories: this.unknown.histories,
    });
    this.#timer = setInterval(() => this.tell(), tellEveryMs);
    this.#timer.unref();
  }

  /** A session did something: what, is asked when it is told. */
  did(take: () => Did): void {
    this.#active.add(take);
  }

  tell(): void {
    if (this.#active.size === 0 && this.#used.size === 0) return;
    const did = [...this.#active].map((take) => take());
    this.#active.clear();
    const used: RuleUsed[] = [...this.#used].map(([rule, count]) => ({ rule, count, atMs: this.#usedAtMs }));
    this.#used.clear();
    this.parts.calls.note('session.did', { did, used });
  }

  close(): void {
    clearInterval(this.#timer);
    this.tell();
  }

  /** The policies with two differences: uses are noted, and what would need an unknown fact is not allowed here. */
  readonly #noting: PolicySet = ((judging: ThreadJudging): PolicySet => ({
    get version() {
      return judging.#loaded.version;
    },
    decide(action, classification, facts): Decision {
      judging.unknown.wasAsked = false;
      const decision = judging.#loaded.decide(action, classification, facts);
      return judging.unknown.wasAsked ? { kind: 'deny', rule: null, message: 'only the main thread can tell' } : decision;
    },
    noteUse({ rule }, atMs) {
      if (rule === null) return;
      judging.#used.set(rule, (judging.#used.get(rule) ?? 0) + 1);
      judging.#usedAtMs = atMs;
    },
  }))(this);

  get #loaded(): PolicySet {
    const set = this.parts.policies.newest;
    if (set === null) throw new Fault('policy-failed', 'the policies are not loaded yet');
    return set;
  }
}

function refuseToHold(): never {
  throw new Error('a relay thread holds nothing');
}
