// What was before: how usual it is that this person works on this target now. A fact of a decision, read only by the rules that
// ask for it; where it comes from is the business of src/sessions.

export interface History {
  /** Sessions of this person on this target that were opened before this one, as far as they are remembered. */
  readonly sessionsBefore: number;
  /** The person is known well enough, and has not opened sessions around this hour of the day. */
  readonly isUnusualHour: boolean;
  /** Of this person on this target, in all sessions, in the last 60 seconds; the action that is judged is not among them. */
  readonly actionsLastMinute: number;
  /** Those of them that were denied: by a rule, or by a person. */
  readonly denialsLastMinute: number;
}

/** Nothing out of the ordinary: for judging without a gateway. */
export const ordinaryHistory: History = { sessionsBefore: 1_000, isUnusualHour: false, actionsLastMinute: 0, denialsLastMinute: 0 };

/** Who acts where, as far as history tells people and targets apart. */
export interface HistorySubject {
  readonly sessionId: string;
  readonly principal: { readonly name: string };
  readonly target: { readonly name: string };
}

/** Remembers what was done. Never throws; what can't be read makes the facts of History throw when they are asked for. */
export interface Histories {
  /** The history of one session; the same subject gives the same object. Nothing is read before it is asked for. */
  of(subject: HistorySubject): History;
  /** An action was judged. */
  acted(subject: HistorySubject, isDenied: boolean): void;
}
