// What the API needs of channels: how each is doing, and what comes in by them.

import type { ChannelView } from './contract.ts';

export interface ApiChannels {
  /** Webhooks and channels with what became of the newest delivery of each. */
  list(): readonly ChannelView[];
}
