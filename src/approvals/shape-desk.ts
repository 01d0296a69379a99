// What the desk of shapes offers, what it needs, and its limits.

import type { AuditLog } from '../core/audit.ts';
import type { Clock, Random } from '../core/clock.ts';
import type { Log } from '../core/driver.ts';
import type { Classifier } from '../core/policy.ts';
import type { Principal } from '../core/principal.ts';
import type { Hole, HoleCondition, Shapes } from '../core/shape.ts';
import type { Protocol } from '../core/target.ts';
import type { Db } from '../store/database.ts';
import type { HoldRecord } from '../store/hold-rows.ts';
import type { ShapeChoice, ShapeQuery, ShapeRecord } from '../store/shapes.ts';

export const shapeLimits = {
  /** Shapes in force at once: in all, and of one person. */
  activeMax: 1000,
  activePerPersonMax: 50,
  /** Uses that an approver may limit a shape to. */
  usesMax: 100_000,
  durationMsMin: 1000,
  /** How often time that has passed is written down. */
  writeEveryMs: 15_000,
  /** More than clocks drift between two looks: somebody set the wall clock. */
  clockJumpMs: 1_000,
  /** A jump of the wall clock is noticed within this. */
  lookEveryMs: 500,
} as const;

export interface ShapeParts {
  readonly db: Db;
  readonly clock: Clock;
  readonly random: Random;
  readonly audit: AuditLog;
  readonly log: Pick<Log, 'error'>;
  readonly classifierOf: (protocol: Protocol) => Classifier;
  /** The principal of a name while it may act. */
  readonly person: (name: string) => Principal | null;
  /** A hold as it is now. */
  readonly holdNamed: (id: string) => HoldRecord | undefined;
  /** Time of the newest event of the audit log before this start; no clock was earlier since. */
  readonly newestEventMs: number;
}

/** What an approver asks for; holes that are not named must stay equal. */
export interface ShapeWanted {
  readonly durationMs: number;
  readonly usesMax: number | null;
  readonly conditions: readonly {
    readonly hole: number;
    readonly condition: Exclude<HoleCondition, { kind: 'equal' }> | { readonly kind: 'equal' };
  }[];
}

/** The shape of a hold that waits, as an approver may approve it. */
export interface ShapeOffer {
  readonly words: string;
  readonly holes: readonly Hole[];
  readonly durationMsMax: number;
  /** Of those who have said yes to it so far. */
  readonly choices: readonly ShapeChoice[];
}

export type ShapeRefusal = {
  readonly kind: 'refused';
  readonly because: 'no-shape' | 'invalid-shape' | 'unknown' | 'not-allowed' | 'conflict' | 'failed';
  readonly why: string;
};

export type ShapeResult = { readonly kind: 'done'; readonly shape: ShapeRecord } | ShapeRefusal;

export interface ShapeDesk extends Shapes {
  /** One person's yes to a hold and to its shape. `give` gives the yes itself; nothing is given when the shape can't be. */
  approve<Result extends { readonly kind: string }>(
    holdId: string,
    person: Principal,
    wanted: ShapeWanted,
    give: () => Promise<Result>,
  ): Promise<Result | ShapeRefusal>;
  /** A hold has ended: when everybody who said yes to it said so to its shape, the shape is in force now. Never throws. */
  settled(hold: HoldRecord): void;
  /** Of a hold that waits: its shape, or why none can be approved; null when its rule lets none. */
  offerOf(holdId: string): ShapeOffer | { readonly why: string } | null;
  shapeOf(id: string): ShapeRecord | undefined;
  /** What came of a hold. */
  shapeOfHold(holdId: string): ShapeRecord | undefined;
  list(query: ShapeQuery): { readonly items: readonly ShapeRecord[]; readonly next: string | null };
  revoke(id: string, person: Principal, mayAny: boolean, reason: string | null): ShapeResult;
  on(listener: (shape: ShapeRecord) => void): () => void;
  /** At start: goes on with what an earlier run left. Call before match(). */
  recover(): void;
  /** After a change of people: shapes of those who may not act any more end. */
  rejudge(): void;
  /** Ends what is due; its own timer calls it. */
  tick(): void;
  close(): void;
}
