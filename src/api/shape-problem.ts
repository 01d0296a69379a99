// Why a shape was not approved or ended, as a problem of the API.

import { HttpProblem } from './problems.ts';
import type { ShapeProblem } from './shape-services.ts';

const statusOf = { 'no-shape': 409, 'invalid-shape': 400, unknown: 404, 'not-allowed': 403, conflict: 409, failed: 503 } as const;

export function shapeProblem(because: ShapeProblem, why: string): HttpProblem {
  return new HttpProblem(statusOf[because], because === 'unknown' ? 'not-found' : because, why);
}
