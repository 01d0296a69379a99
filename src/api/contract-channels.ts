// The part of the contract about channels: ways in which people and systems hear of holds and answer them.

/** GET /channels: webhooks and channels as configured, and what became of the newest delivery of each. */
export interface ChannelView {
  readonly name: string;
  readonly kind: 'webhook' | 'slack' | 'mail' | 'teams' | 'push' | 'github' | 'inbound';
  /** Null: nothing was tried yet. */
  readonly last: {
    readonly state: 'pending' | 'delivered' | 'failed';
    readonly at: string;
    readonly words: string | null;
  } | null;
  /** Deliveries that wait or are tried again. */
  readonly waiting: number;
}
