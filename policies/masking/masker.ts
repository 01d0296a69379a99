// The planner of masks for every protocol that has results.

import type { Action } from '../../src/core/action.ts';
import type { Classification } from '../../src/core/classification.ts';
import type { Masker, MaskPlan, MaskRule } from '../../src/core/masking.ts';
import type { Protocol } from '../../src/core/target.ts';
import { MysqlPlanner } from './mysql/planner.ts';
import { PostgresPlanner } from './postgres/planner.ts';

const hashKeyBytes = 32;

/** Makes a planner; `randomBytes` gives the key of hashes, which is of this process and never shown. */
export async function createMasker(randomBytes: (count: number) => Buffer): Promise<Masker & { close(): void }> {
  const key = randomBytes(hashKeyBytes);
  const postgres = await PostgresPlanner.create(key);
  const mysql = new MysqlPlanner(key);
  return {
    plan(protocol: Protocol, action: Action, classification: Classification, rules: readonly MaskRule[]): MaskPlan {
      switch (protocol) {
        case 'postgres':
          return postgres.plan(action, classification, rules);
        case 'mysql':
          return mysql.plan(action, classification, rules);
        case 'ssh':
          return { kind: 'refuse', message: 'the output of SSH cannot be masked', hint: 'Leave "mask" out of rules about SSH.' };
      }
    },
    close: () => postgres.close(),
  };
}
