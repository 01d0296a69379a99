// Builds what tells people of holds and access: the durable queue, webhooks, and the configured channels; and what of them the
// API shows and takes answers from.

import type { ApiChannels, ApiSlack } from '../api/channel-services.ts';
import type { ChannelView } from '../api/contract.ts';
import type { AccessChangeKind } from '../approvals/access-desk.ts';
import { accessRequestView } from '../approvals/access-view.ts';
import { holdView } from '../approvals/hold-view.ts';
import type { HoldChange } from '../approvals/holds.ts';
import type { Config } from '../config/config.ts';
import type { AnsweredVia } from '../core/answered-via.ts';
import type { AuditLog } from '../core/audit.ts';
import type { Clock, Random } from '../core/clock.ts';
import type { Log } from '../core/driver.ts';
import { followAuthorities } from '../core/pem-files.ts';
import { AddressBook } from '../notify/address-book.ts';
import { isPending, joinChannels } from '../notify/channel.ts';
import type { Channel, Matter, MatterLinks, Moment } from '../notify/channel.ts';
import { InboundAnswers } from '../notify/inbound.ts';
import { mailChannel } from '../notify/mail.ts';
import type { HoldEvent } from '../notify/payload.ts';
import { Push, pushServicesDefault } from '../notify/push.ts';
import { PushSender } from '../notify/push-encryption.ts';
import { DeliveryQueue } from '../notify/queue.ts';
import { SlackApi } from '../notify/slack-api.ts';
import { SlackCommands } from '../notify/slack-command.ts';
import { SlackInteractions } from '../notify/slack-interaction.ts';
import { SlackPeople } from '../notify/slack-people.ts';
import { SlackSignatures } from '../notify/slack-signature.ts';
import { slackChannel } from '../notify/slack.ts';
import { TeamsCommands } from '../notify/teams-command.ts';
import { TeamsSignatures } from '../notify/teams-signature.ts';
import { teamsChannel } from '../notify/teams.ts';
import { createWebhooks } from '../notify/webhook.ts';
import type { Webhooks } from '../notify/webhook.ts';
import { ChannelMessageStore, channelMessageMigrations } from '../store/channel-messages.ts';
import type { Db } from '../store/database.ts';
import { deliveryMigrations } from '../store/deliveries.ts';
import { forgeDeploymentMigrations } from '../store/forge-deployments.ts';
import { PushSubscriptionStore, pushSubscriptionMigrations } from '../store/push-subscriptions.ts';
import { serverSecret } from '../store/server-secrets.ts';
import { ToldStore, toldMigrations } from '../store/told.ts';
import { openForges } from './channel-forges.ts';
import { addressees, calledFor, holdMatter, matterOf, watchNewcomers } from './channel-matters.ts';
import type { MatterParts } from './channel-matters.ts';

export const channelMigrations = [
  ...deliveryMigrations,
  ...channelMessageMigrations,
  ...pushSubscriptionMigrations,
  ...forgeDeploymentMigrations,
  ...toldMigrations,
];

export interface ChannelParts extends MatterParts {
  readonly config: Config;
  readonly db: Db;
  readonly clock: Clock;
  readonly random: Random;
  readonly audit: AuditLog;
  readonly log: Log;
  readonly publicUrl: () => string;
}

export interface OpenedChannels {
  readonly queue: DeliveryQueue;
  readonly webhooks: Webhooks;
  readonly api: ApiChannels;
  /** People or what was lent to them changed. */
  readonly newcomers: () => void;
  /** Ends what is being sent; the rest is sent by the next run. */
  close(): Promise<void>;
}

/** A link outlives what it answers by nothing, and lives a day at most (the limit of decision links). */
const linkTtlMsMax = 24 * 3_600_000;

/** From now on holds and access are told; nothing is sent before `queue.start()`. */
export function openChannels(parts: ChannelParts): OpenedChannels {
  const { config, identity, holds, access, publicUrl, clock } = parts;
  const queue = new DeliveryQueue({ ...parts, queueMax: config.limits.webhookQueue });
  const webhooks = openWebhooks(parts, queue);
  const book = new AddressBook(config.channels.contacts, () => identity.people().map(({ name }) => name));
  const { channels, slack, teams: teamsCommands, push } = buildChannels(parts, book);
  const {
    github,
    gitlab,
    channels: comments,
  } = openForges(parts, queue, book, (requestId) => {
    const matter = matterOf(parts, requestId);
    if (matter !== null) tell('progress', matter);
  });
  const told = new ToldStore(parts.db, () => clock.nowMs());
  const tell = joinChannels(queue, [...channels, ...comments], (id) => matterOf(parts, id), told);
  const newcomers = watchNewcomers(parts, tell, parts.log);
  identity.onChange(() => newcomers.changed());
  holds.on(({ kind, hold }) => {
    webhooks.notify(holdEvents[kind], holdView(hold, null));
    tell(holdMoments[kind], holdMatter(parts, hold));
  });
  access.on(({ kind, request }) => {
    const moment = accessMoments[kind];
    const matter = moment === null ? null : matterOf(parts, request.id);
    if (moment !== null && matter !== null) tell(moment, matter);
    if (moment !== 'settled') return;
    github?.settled(accessRequestView(request, null));
    gitlab?.settled(accessRequestView(request, null));
  });
  const inbound = new InboundAnswers(config.channels.inbound, clock);
  const close = () => {
    newcomers.close();
    return queue.close();
  };
  return {
    queue,
    webhooks,
    newcomers: () => newcomers.changed(),
    close,
    api: { list: () => channelViews(config, queue), slack, teams: teamsCommands, inbound, push, github, gitlab },
  };

  function buildChannels({ db, log }: ChannelParts, addresses: AddressBook) {
    const { slack: slackConfig, mail, teams, push: pushConfig } = config.channels;
    const timeoutMs = config.limits.webhookTimeoutMs;
    const built: Channel[] = [];
    let interactions: ApiSlack | null = null;
    if (slackConfig !== null) {
      const { apiUrl, botToken, signingSecret, channel, team, peopleByEmail } = slackConfig;
      const api = new SlackApi({ apiUrl, botToken, timeoutMs });
      const people = new SlackPeople({ api, book: addresses, team, byEmail: peopleByEmail });
      const signatures = new SlackSignatures(signingSecret, clock);
      const presses = new SlackInteractions({ api, people, signatures, log });
      const commands = new SlackCommands({ api, people, signatures, matterOf: (id) => matterOf(parts, id) });
      interactions = { handle: (...asked) => presses.handle(...asked), command: (...asked) => commands.handle(...asked) };
      const store = new ChannelMessageStore(db);
      const mentions = (matter: Matter) => calledFor(parts, matter).flatMap((name) => addresses.slackOf(name) ?? []);
      built.push(slackChannel({ api, channel, store, clock, links: (matter) => ({ console: pageOf(matter) }), mentions }));
    }
    if (mail !== null) {
      const links = (matter: Matter, person: string) => linksFor(matter, mail.linksAnswer ? person : null, 'mail');
      const server = { ...mail, ca: followAuthorities(mail.ca, log) };
      built.push(mailChannel({ server, book: addresses, people: () => addressees(parts), links, clock, timeoutMs }));
    }
    let written: TeamsCommands | null = null;
    if (teams !== null) {
      const { url, securityToken } = teams;
      const takesCommands = securityToken !== null;
      built.push(teamsChannel({ url, takesCommands, links: (matter) => linksFor(matter, null, 'teams'), timeoutMs }));
      if (takesCommands) {
        const signatures = new TeamsSignatures(securityToken, clock);
        written = new TeamsCommands({ signatures, book: addresses, matterOf: (id) => matterOf(parts, id), publicUrl });
      }
    }
    let browsers: Push | null = null;
    if (pushConfig !== null) {
      browsers = new Push({
        store: new PushSubscriptionStore(db),
        sender: new PushSender(Buffer.from(serverSecret(db, 'web-push', parts.random).reveal(), 'base64'), pushConfig.contact),
        services: pushConfig.services ?? pushServicesDefault,
        people: () => addressees(parts),
        links: (matter) => ({ console: pageOf(matter) }),
        ...{ clock, random: parts.random, timeoutMs },
      });
      built.push(browsers.channel());
    }
    return { channels: built, slack: interactions, teams: written, push: browsers };
  }

  function linksFor(matter: Matter, person: string | null, via: AnsweredVia): MatterLinks {
    if (!isPending(matter)) return { console: pageOf(matter), approve: null, deny: null };
    const expiresAt = Date.parse((matter.kind === 'hold' ? matter.hold : matter.request).expires_at);
    const ttlMs = Math.min(linkTtlMsMax, Math.max(1_000, expiresAt - clock.nowMs()));
    const link = (answer: 'approve' | 'deny') => identity.decisionLinks.create(matter.id, answer, person, ttlMs, via);
    return { console: pageOf(matter), approve: link('approve'), deny: link('deny') };
  }

  function pageOf({ kind, id }: Matter): string {
    return `${publicUrl()}/${kind === 'hold' ? 'holds' : 'access'}/${id}`;
  }
}

const holdEvents: Readonly<Record<HoldChange['kind'], HoldEvent>> = {
  placed: 'hold.created',
  progress: 'hold.progress',
  changed: 'hold.progress',
  escalated: 'hold.escalated',
  settled: 'hold.settled',
};

const holdMoments: Readonly<Record<HoldChange['kind'], Moment>> = {
  placed: 'placed',
  progress: 'progress',
  changed: 'progress',
  escalated: 'escalated',
  settled: 'settled',
};

/** Null: only the person who has the access hears of it. */
const accessMoments: Readonly<Record<AccessChangeKind, Moment | null>> = {
  requested: 'placed',
  progress: 'progress',
  granted: 'settled',
  extended: 'settled',
  denied: 'settled',
  closed: 'settled',
  ended: 'ended',
  warned: null,
  reviewed: 'ended',
  'review-due': 'review-due',
};

function openWebhooks({ config, identity, clock, publicUrl }: ChannelParts, queue: DeliveryQueue): Webhooks {
  return createWebhooks({
    queue,
    receivers: config.webhooks,
    clock,
    links: ({ id }, receiver) => {
      const answersAs = config.webhooks.find((it) => it.name === receiver)?.answersAs ?? null;
      const link = (answer: 'approve' | 'deny') => identity.decisionLinks.create(id, answer, answersAs, undefined, `webhook ${receiver}`);
      return { console: `${publicUrl()}/holds/${id}`, approve: link('approve'), deny: link('deny') };
    },
    timeoutMs: config.limits.webhookTimeoutMs,
  });
}

function channelViews({ webhooks, channels }: Config, queue: DeliveryQueue): ChannelView[] {
  const last = queue.last();
  const named: (readonly [string, ChannelView['kind']])[] = [
    ...(['slack', 'mail', 'teams', 'push', 'github', 'gitlab'] as const)
      .filter((it) => channels[it] !== null)
      .map((it) => [it, it] as const),
    ...(['github', 'gitlab'] as const).filter((it) => channels[it]?.comments === true).map((it) => [`${it}-comments`, it] as const),
    ...webhooks.map(({ name }) => [name, 'webhook'] as const),
    ...channels.inbound.map(({ name }) => [name, 'inbound'] as const),
  ];
  return named.map(([name, kind]) => {
    const newest = kind === 'inbound' ? undefined : last.get(name);
    if (newest === undefined) return { name, kind, last: null, waiting: 0 };
    const { state, lastError, lastAttemptAtMs, pending } = newest;
    return { name, kind, last: { state, at: new Date(lastAttemptAtMs).toISOString(), words: lastError }, waiting: pending };
  });
}
