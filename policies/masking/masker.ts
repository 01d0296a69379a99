// The planner of masks for every protocol that has results.

import type { Action } from '../../src/core/action.ts';
import type { Classification } from '../../src/core/classification.ts';
import type { Masker, MaskPlan, MaskRule } from '../../src/core/masking.ts';
import type { Protocol } from '../../src/core/target.ts';
import { resultFields } from './mysql/result-fields.ts';
import { MysqlPlanner } from './mysql/planner.ts';
import { outlineOf, type MaskOutline } from './outline.ts';
import { PostgresPlanner } from './postgres/planner.ts';

const hashKeyBytes = 32;

export interface OutliningMasker extends Masker {
  /** What the plan comes to, column by column, as far as text and catalogue tell. */
  outline(protocol: Protocol, action: Action, classification: Classification, rules: readonly MaskRule[]): MaskOutline;
  close(): void;
}

/** Makes a planner; `randomBytes` gives the key of hashes, which is of this process and never shown. */
export async function createMasker(randomBytes: (count: number) => Buffer): Promise<OutliningMasker> {
  const key = randomBytes(hashKeyBytes);
  const postgres = await PostgresPlanner.create(key);
  const mysql = new MysqlPlanner(key);
  const planner: Masker = {
    plan(protocol, action, classification, rules): MaskPlan {
      switch (protocol) {
        case 'postgres':
          return postgres.plan(action, classification, rules);
        case 'mysql':
          return mysql.plan(action, classification, rules);
        case 'ssh':
          return { kind: 'refuse', message: 'the output of SSH cannot be masked', hint: 'Leave "mask" out of rules about SSH.' };
      }
    },
  };
  return {
    ...planner,
    outline(protocol, action, classification, rules): MaskOutline {
      const plan = planner.plan(protocol, action, classification, rules);
      if (protocol === 'ssh') return outlineOf(plan, null);
      return outlineOf(plan, protocol === 'postgres' ? postgres.resultFields(action) : resultFields(action, classification));
    },
    close: () => postgres.close(),
  };
}
