// The part of the contract about channels: ways in which people and systems hear of holds and answer them.

/** GET /channels: webhooks and channels as configured, and what became of the newest delivery of each. */
export interface ChannelView {
  readonly name: string;
  readonly kind: 'webhook' | 'slack' | 'mail' | 'teams' | 'push' | 'github' | 'gitlab' | 'inbound';
  /** Null: nothing was tried yet. */
  readonly last: {
    readonly state: 'pending' | 'delivered' | 'failed';
    readonly at: string;
    readonly words: string | null;
  } | null;
  /** Deliveries that wait or are tried again. */
  readonly waiting: number;
}

/** GET /push */
export interface PushView {
  /** What a browser subscribes with; null: this gateway pushes nothing. */
  readonly public_key: string | null;
  /** One's own browsers that are told. */
  readonly browsers: readonly { readonly id: string; readonly name: string; readonly created_at: string }[];
}

/** POST /push/subscriptions: PushSubscription.toJSON() of the browser, and a name for it. */
export interface PushSubscriptionBody {
  readonly name?: string | undefined;
  readonly endpoint: string;
  readonly keys: { readonly p256dh: string; readonly auth: string };
}
