// Actions and judgements as plain data, for the way between threads.

import type { Action, Catalogue, PreparedStatement } from '../core/action.ts';
import type { Classification } from '../core/classification.ts';
import type { Decision } from '../core/decision.ts';
import type { HoldId } from '../core/ids.ts';
import type { Refusal } from '../core/ruling.ts';
import type { Judgement } from '../gate/judgement.ts';
import type { CatalogueReceiver, CatalogueSender, SentCatalogue } from './sent-catalogue.ts';

export interface SentAction extends Pick<Action, 'id' | 'kind' | 'text' | 'parameters' | 'transaction'> {
  readonly reason: string | null;
  readonly digest: string;
  readonly mode: { readonly key: string; readonly settings: Readonly<Record<string, string>>; readonly catalogue: SentCatalogue | null };
  readonly classification: Classification;
  /** The statements that its text runs by name, as far as their names can be seen in it. */
  readonly prepared: Readonly<Record<string, PreparedStatement>>;
}

export function sendAction(action: Action, classification: Classification, catalogues: CatalogueSender): SentAction {
  const { id, kind, text, parameters, transaction, reason = null, mode } = action;
  const sent = {
    ...{ id, kind, text, transaction, reason, classification },
    parameters: parameters === null ? null : parameters.map((it) => ({ type: it.type, text: it.text })),
    digest: action.digest(),
    prepared: preparedIn(action),
  };
  // Last: what is sent by its number alone from now on must really go.
  const catalogue = mode.catalogue === null ? null : catalogues.send(mode.catalogue);
  return { ...sent, mode: { key: mode.key, settings: { ...mode.settings }, catalogue } };
}

export function receiveAction(sent: SentAction, catalogues: CatalogueReceiver): Action {
  const { id, kind, text, parameters, transaction, reason, digest, mode, classification, prepared } = sent;
  const catalogue: Catalogue | null = mode.catalogue === null ? null : catalogues.receive(mode.catalogue);
  return {
    ...{ id, kind, text, parameters, transaction, reason },
    digest: () => digest,
    mode: { key: mode.key, settings: mode.settings, catalogue },
    classified: classification,
    prepared: (name) => (Object.hasOwn(prepared, name) ? prepared[name] : undefined),
  };
}

/** `EXECUTE name`, as SQL writes names: quoted, or folded to lower case. A name that is overlooked is an unknown one, which is refused. */
const executed = /\bexecute\s+(?:"((?:[^"]|"")+)"|`((?:[^`]|``)+)`|([\w$\u0080-\uffff]+))/giu;

function preparedIn({ text, prepared }: Action): Record<string, PreparedStatement> {
  const found: Record<string, PreparedStatement> = {};
  if (prepared === null) return found;
  for (const [, quoted, ticked, plain] of text.matchAll(executed)) {
    const names =
      plain === undefined ? [(quoted ?? ticked ?? '').replaceAll('""', '"').replaceAll('``', '`')] : [plain, plain.toLowerCase()];
    for (const name of names) {
      const statement = prepared(name);
      if (statement !== undefined) found[name] = { text: statement.text, classification: statement.classification };
    }
  }
  return found;
}

/** A judgement without what belongs to one thread: permit, masks, and the classification, which the asker has. */
export interface SentJudgement {
  readonly refusal: Refusal | null;
  readonly decision: Decision | null;
  readonly isClassified: boolean;
  readonly holdId: HoldId | null;
  readonly approvedBy: readonly string[];
  readonly estimatedRows?: number | null;
}

export function sendJudgement(judgement: Judgement): SentJudgement {
  const { ruling, decision, classification, holdId, approvedBy, estimatedRows } = judgement;
  return {
    refusal: ruling.kind === 'refuse' ? ruling.refusal : null,
    decision,
    isClassified: classification !== null,
    holdId,
    approvedBy,
    ...(estimatedRows === undefined ? {} : { estimatedRows }),
  };
}
