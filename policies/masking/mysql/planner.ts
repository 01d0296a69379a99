// (placeholder until the next commit)
import type { Action } from '../../../src/core/action.ts';
import type { Classification } from '../../../src/core/classification.ts';
import type { MaskPlan, MaskRule } from '../../../src/core/masking.ts';

export class MysqlPlanner {
  constructor(_key: Buffer) {}

  plan(_action: Action, _classification: Classification, _rules: readonly MaskRule[]): MaskPlan {
    return { kind: 'refuse', message: 'results of MySQL are not masked yet', hint: null };
  }
}
