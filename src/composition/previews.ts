// Previews of what waits, for those who answer: made when somebody looks first, once for each hold, few at a time. A preview
// that could not be made says why; it never delays or decides anything.

import type { HoldDesk } from '../approvals/holds.ts';
import type { Clock } from '../core/clock.ts';
import { messageOf } from '../core/errors.ts';
import type { HoldRequest } from '../core/hold.ts';
import type { Classifier } from '../core/policy.ts';
import type { Preview, Previewer, PreviewQuestion } from '../core/preview.ts';
import type { Protocol, Target } from '../core/target.ts';

/** Connections to targets at once, previews that wait for one, and how long one may take. */
export const previewsAtOnceMax = 3;
export const previewsWaitingMax = 50;
export const previewMsMax = 8_000;
/** Previews kept to be shown again; the oldest go. */
const keptMax = 200;

export type MadePreview =
  { readonly kind: 'ready'; readonly preview: Preview; readonly madeAtMs: number } | { readonly kind: 'none'; readonly why: string };

export interface PreviewParts {
  readonly holds: Pick<HoldDesk, 'requestOf'>;
  readonly previewers: Partial<Record<Protocol, Previewer>>;
  readonly classifierOf: (protocol: Protocol) => Pick<Classifier, 'outline'>;
  readonly targetNamed: (name: string) => Target | undefined;
  /** The database that the session named; null: the target's own. */
  readonly databaseOf: (sessionId: string) => string | null;
  readonly clock: Clock;
}

export class Previews {
  readonly #parts: PreviewParts;
  readonly #made = new Map<string, Promise<MadePreview>>();
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(parts: PreviewParts) {
    this.#parts = parts;
  }

  /** The preview of a hold. Never rejects. */
  of(holdId: string): Promise<MadePreview> {
    const known = this.#made.get(holdId);
    if (known !== undefined) return known;
    const request = this.#parts.holds.requestOf(holdId);
    if (request === undefined)
      return Promise.resolve(none('nobody looked at it while it waited, and afterwards it would show another state'));
    const made = this.#make(request);
    this.#made.set(holdId, made);
    for (const oldest of this.#made.keys()) {
      if (this.#made.size <= keptMax) break;
      this.#made.delete(oldest);
    }
    return made;
  }

  async #make(request: HoldRequest): Promise<MadePreview> {
    const { classification } = request;
    const previewer = this.#parts.previewers[request.target.protocol];
    const target = this.#parts.targetNamed(request.target.name);
    if (previewer === undefined || target === undefined) return none(`there is none for ${request.target.protocol}`);
    if (request.actionKind !== 'statement') return none(`there is none for an action of kind ${request.actionKind}`);
    if (!classification.understood) return none('the text was not understood');
    if (this.#waiting.length >= previewsWaitingMax) return none('too many previews are being made; look again later');
    if (this.#running >= previewsAtOnceMax) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#running += 1;
    try {
      const preview = await previewer.preview(this.#question(request, target), AbortSignal.timeout(previewMsMax));
      return { kind: 'ready', preview, madeAtMs: this.#parts.clock.nowMs() };
    } catch (thrown) {
      return none(messageOf(thrown));
    } finally {
      this.#running -= 1;
      this.#waiting.shift()?.();
    }
  }

  #question(request: HoldRequest, target: Target): PreviewQuestion {
    const mode = request.mode ?? null;
    const { classification, parameters, transaction, text } = request;
    const outlines = this.#parts.classifierOf(target.protocol).outline?.(text, mode) ?? null;
    return { target, database: this.#parts.databaseOf(request.sessionId), classification, outlines, parameters, transaction, mode };
  }
}

function none(why: string): MadePreview {
  return { kind: 'none', why };
}
