// Estimates of rows for the rules that ask, few at a time and never for long: what can't be had in time is not known.

import type { Action } from '../core/action.ts';
import type { Classification } from '../core/classification.ts';
import type { Log } from '../core/driver.ts';
import { messageOf } from '../core/errors.ts';
import type { EstimatePlace, Estimator } from '../core/estimate.ts';
import type { Classifier } from '../core/policy.ts';
import type { Previewer } from '../core/preview.ts';
import type { Protocol } from '../core/target.ts';

/** A person waits for it, so it is short: what takes longer is not known, and the rules decide as they do then. */
export const estimateMsMax = 2_000;
/** Connections to targets at once; and actions that wait for one of them, beyond which nothing is known. */
export const estimatesAtOnceMax = 8;
export const estimatesWaitingMax = 200;

export interface EstimateParts {
  readonly previewers: Partial<Record<Protocol, Previewer>>;
  readonly classifierOf: (protocol: Protocol) => Pick<Classifier, 'outline'>;
  readonly log: Log;
}

export class Estimates implements Estimator {
  readonly #parts: EstimateParts;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(parts: EstimateParts) {
    this.#parts = parts;
  }

  async estimatedRows(action: Action, classification: Classification, place: EstimatePlace, signal: AbortSignal): Promise<number | null> {
    const { target, database } = place;
    const previewer = this.#parts.previewers[target.protocol];
    if (previewer === undefined || action.kind !== 'statement' || !classification.understood) return null;
    if (this.#waiting.length >= estimatesWaitingMax) return null;
    const inTime = AbortSignal.any([signal, AbortSignal.timeout(estimateMsMax)]);
    if (this.#running >= estimatesAtOnceMax) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#running += 1;
    try {
      if (inTime.aborted) return null;
      const { text, mode, parameters, transaction } = action;
      const outlines = this.#parts.classifierOf(target.protocol).outline?.(text, mode) ?? null;
      return await previewer.estimateRows({ target, database, classification, outlines, parameters, transaction, mode }, inTime);
    } catch (thrown) {
      if (!signal.aborted) this.#parts.log.warn({ target: target.name, err: messageOf(thrown) }, 'rows could not be estimated: not known');
      return null;
    } finally {
      this.#running -= 1;
      this.#waiting.shift()?.();
    }
  }
}
