// Builds what speaks with GitHub and GitLab: deployments that wait for access, comments that tell of them and answer.

import { accessRequestView } from '../approvals/access-view.ts';
import type { Log } from '../core/driver.ts';
import type { AddressBook } from '../notify/address-book.ts';
import type { Channel, Matter } from '../notify/channel.ts';
import { commentChannel } from '../notify/forge.ts';
import type { AskFor, CommentApi, WantedDeployment } from '../notify/forge.ts';
import { GithubApp } from '../notify/github-app.ts';
import { Github } from '../notify/github.ts';
import { GitlabApi } from '../notify/gitlab-api.ts';
import { Gitlab } from '../notify/gitlab.ts';
import type { DeliveryQueue } from '../notify/queue.ts';
import type { Clock } from '../core/clock.ts';
import type { Config } from '../config/config.ts';
import { ChannelMessageStore } from '../store/channel-messages.ts';
import type { Db } from '../store/database.ts';
import { ForgeDeploymentStore } from '../store/forge-deployments.ts';
import type { Forge } from '../store/forge-deployments.ts';
import { matterOf } from './channel-matters.ts';
import type { MatterParts } from './channel-matters.ts';

interface Parts extends MatterParts {
  readonly config: Config;
  readonly db: Db;
  readonly clock: Clock;
  readonly log: Log;
  readonly publicUrl: () => string;
}

export interface OpenedForges {
  readonly github: Github | null;
  readonly gitlab: Gitlab | null;
  /** Those that tell in comments. */
  readonly channels: readonly Channel[];
}

export function openForges(parts: Parts, queue: DeliveryQueue, book: AddressBook, onAsked: (requestId: string) => void): OpenedForges {
  const { config, db, clock, log, identity, access, publicUrl } = parts;
  const { github, gitlab } = config.channels;
  const store = new ForgeDeploymentStore(db);
  const timeoutMs = config.limits.webhookTimeoutMs;
  const pageOf = (requestId: string) => `${publicUrl()}/access/${requestId}`;
  const ask: AskFor = async ({ person, target, durationMs, readOnly }, reason) => {
    const machine = identity.person(person);
    if (machine === null) return { why: `${person} may not act any more` };
    const scope = { role: null, readOnly, tables: null };
    let asked = await access.request(machine, { target, durationMs, scope, isBreakGlass: false, reason });
    if (asked.kind === 'refused' && asked.because === 'conflict') {
      // An earlier deployment's access is still in force: this one is asked for as more time, so that people answer it as well.
      const [grant] = access.grants({ state: 'active', principal: person, target, limit: 1 }).items;
      if (grant !== undefined) asked = await access.extend(machine, grant.id, durationMs, reason);
    }
    return asked.kind === 'requested' ? accessRequestView(asked.request, null) : { why: asked.why };
  };
  const shared = { store, book, queue, clock, log, ask, onAsked, matterOf: (id: string) => matterOf(parts, id) };
  const channels: Channel[] = [];
  const comment = (forge: Forge, api: CommentApi, wanted: readonly WantedDeployment[]) =>
    channels.push(
      commentChannel({
        ...{ forge, api, wanted, clock, deployments: store, messages: new ChannelMessageStore(db) },
        links: ({ kind, id }: Matter) => ({ console: kind === 'hold' ? `${publicUrl()}/holds/${id}` : pageOf(id) }),
        isInForce: (requestId) => {
          const grantId = access.requestOf(requestId)?.grantId ?? null;
          return grantId !== null && access.grantOf(grantId)?.state === 'active';
        },
      }),
    );
  const opened: { github: Github | null; gitlab: Gitlab | null } = { github: null, gitlab: null };
  if (github !== null) {
    const app = new GithubApp({ ...github, clock, timeoutMs });
    opened.github = new Github({ ...github, ...shared, app, pageOf });
    if (github.comments) comment('github', app, github.deployments);
  }
  if (gitlab !== null) {
    const api = new GitlabApi({ ...gitlab, timeoutMs });
    opened.gitlab = new Gitlab({ ...gitlab, ...shared, api });
    if (gitlab.comments) comment('gitlab', api, gitlab.deployments);
  }
  return { ...opened, channels };
}
