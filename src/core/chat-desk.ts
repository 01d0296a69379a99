// What a chat may do in the name of one of the gateway's people, in words that go back to that person. Every step is checked as
// if it had come through the console.

/** What came of it; `words` also say why nothing did. */
export interface Said {
  readonly isDone: boolean;
  readonly words: string;
}

/** Access for a while, as somebody asks for it in a chat. */
export interface ChatWish {
  readonly target: string;
  readonly durationMs: number;
  readonly reason: string;
  readonly role: string | null;
  readonly readOnly: boolean;
  readonly tables: readonly string[] | null;
  readonly isBreakGlass: boolean;
}

/** The shape of what waits, as it can be approved; `words` have ‹1›, ‹2› … where the values stand. */
export interface ChatShape {
  readonly words: string;
  readonly values: readonly string[];
  readonly durationMsMax: number;
}

export interface ChatDesk {
  /** Answers a hold ("h-…") or a request for access ("r-…"). */
  answer(person: string, matter: string, answer: 'approve' | 'deny', reason: string | null): Promise<Said>;
  /** The shape of a hold, or why there is none to approve. */
  shapeOf(person: string, holdId: string): ChatShape | { readonly why: string };
  /** A yes to a hold, and to its shape for a while. `free`: numbers, from 1, of the values that may differ. */
  approveShape(person: string, holdId: string, durationMs: number, free: readonly number[], reason: string | null): Promise<Said>;
  request(person: string, wish: ChatWish): Promise<Said>;
  extend(person: string, grantId: string, addedMs: number, reason: string): Promise<Said>;
  withdraw(person: string, requestId: string): Promise<Said>;
  /** Says what the review of a break-glass access came to. */
  review(person: string, grantId: string, words: string): Promise<Said>;
  /** The person's own requests and access, one a line, newest first. */
  own(person: string): readonly string[];
  /** What waits for this person's answer, one a line. */
  waiting(person: string): readonly string[];
  /** Names of targets. */
  targets(): readonly string[];
}
