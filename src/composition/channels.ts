// Builds what tells people of holds and access: the durable queue, webhooks, and the configured channels.

import type { ApiChannels } from '../api/channel-services.ts';
import type { AccessDesk } from '../approvals/access-desk.ts';
import { holdView } from '../approvals/hold-view.ts';
import type { HoldDesk } from '../approvals/holds.ts';
import type { Config } from '../config/config.ts';
import type { AuditLog } from '../core/audit.ts';
import type { Clock, Random } from '../core/clock.ts';
import type { Log } from '../core/driver.ts';
import type { Identity } from '../identity/identity.ts';
import { DeliveryQueue } from '../notify/queue.ts';
import { createWebhooks } from '../notify/webhook.ts';
import type { Webhooks } from '../notify/webhook.ts';
import type { Db } from '../store/database.ts';
import { deliveryMigrations } from '../store/deliveries.ts';

export const channelMigrations = [...deliveryMigrations];

interface ChannelParts {
  readonly config: Config;
  readonly db: Db;
  readonly clock: Clock;
  readonly random: Random;
  readonly audit: AuditLog;
  readonly log: Log;
  readonly identity: Identity;
  readonly holds: HoldDesk;
  readonly access: AccessDesk;
  readonly publicUrl: () => string;
}

export interface OpenedChannels {
  readonly queue: DeliveryQueue;
  readonly webhooks: Webhooks;
  readonly api: ApiChannels;
}

/** From now on holds are told; nothing is sent before `queue.start()`. */
export function openChannels({ config, identity, holds, publicUrl, ...parts }: ChannelParts): OpenedChannels {
  const queue = new DeliveryQueue({ ...parts, queueMax: config.limits.webhookQueue });
  const webhooks = createWebhooks({
    queue,
    receivers: config.webhooks,
    clock: parts.clock,
    links: ({ id }, receiver) => {
      const answersAs = config.webhooks.find((it) => it.name === receiver)?.answersAs ?? null;
      const link = (answer: 'approve' | 'deny') => identity.decisionLinks.create(id, answer, answersAs);
      return { console: `${publicUrl()}/holds/${id}`, approve: link('approve'), deny: link('deny') };
    },
    timeoutMs: config.limits.webhookTimeoutMs,
  });
  holds.on(({ kind, hold }) => {
    if (kind === 'placed') webhooks.notify('hold.created', holdView(hold, null));
    if (kind === 'settled') webhooks.notify('hold.settled', holdView(hold, null));
  });
  return { queue, webhooks, api: { list: () => [] } };
}
