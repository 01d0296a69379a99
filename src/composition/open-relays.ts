// Opens the relay threads that the configuration asks for, with what they need of the rest.

import { join } from 'node:path';
import type { OpenedAuditLog } from '../audit/log.ts';
import type { Config } from '../config/config.ts';
import type { Clock, Random } from '../core/clock.ts';
import type { LocalDriverServices, Log } from '../core/driver.ts';
import type { Grants } from '../core/grant.ts';
import type { Histories } from '../core/history.ts';
import type { Gate } from '../gate/gate.ts';
import type { Identity } from '../identity/identity.ts';
import { openAcceptCounts } from '../relay/accept-counts.ts';
import { openChanges } from '../relay/change-counts.ts';
import { sentTarget } from '../relay/sent-target.ts';
import type { World } from '../relay/world.ts';
import type { Targets } from '../targets/catalogue.ts';
import type { OpenedAgents } from '../tunnel/open-agents.ts';
import type { OpenedCredentials } from './credentials.ts';
import { databaseLimits } from './database-drivers.ts';
import type { OpenPolicies } from './policy-source.ts';
import { Relays } from './relays.ts';
import type { Teardown } from './teardown.ts';

export interface OpenRelaysParts {
  readonly audit: OpenedAuditLog;
  readonly world: World;
  readonly maskKey: Uint8Array;
  readonly services: Omit<LocalDriverServices, 'targetNamed'>;
  readonly identity: Identity;
  readonly gate: Gate;
  readonly access: Grants;
  readonly histories: Histories;
  readonly policies: OpenPolicies;
  readonly targets: Targets;
  readonly credentials: OpenedCredentials;
  readonly agents: OpenedAgents;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** Null: the main thread relays. Rejects with a Fault when a thread can't be started. */
export async function openRelays(config: Config, parts: OpenRelaysParts, down: Teardown): Promise<Relays | null> {
  const { relayThreads: threads, limits, log: logging } = config;
  if (threads === 0) return null;
  const { audit, world, services, identity, policies, targets, credentials, agents, clock, random, log } = parts;
  const databases = databaseLimits(config);
  const counts = { postgres: openAcceptCounts(databases, threads, random), mysql: openAcceptCounts(databases, threads, random) };
  const relays = await Relays.open({
    threads,
    data: {
      recordingsDir: join(config.dataDir, 'recordings'),
      world: world.shared,
      audit: audit.share(),
      counts: { postgres: counts.postgres.share(), mysql: counts.mysql.share() },
      catalogueChanges: openChanges(),
      targets: targets
        .list()
        .filter(({ protocol }) => protocol !== 'ssh')
        .map(sentTarget),
      unsignedTls: services.unsignedTls?.current.pem ?? null,
      allowPlaintext: config.allowPlaintext,
      limits: databases,
      dialTimeoutMs: limits.dialTimeoutMs,
      busyPollUs: config.busyPollUs,
      maskKey: parts.maskKey,
      logLevel: logging.level,
    },
    relayed: {
      sessions: services.sessions,
      gate: parts.gate,
      personNow: (name) => identity.person(name),
      targetNamed: (name) => targets.named(name),
      grants: parts.access,
      histories: parts.histories,
      policies: () => policies.current(),
      policyTexts: () => ({ version: policies.current().version, files: policies.files() }),
      world,
      clock,
      flushAudit: () => audit.flush(),
    },
    services,
    tls: services.tls,
    dialAgent: (target, signal) => agents.dial(target, signal, limits.dialTimeoutMs),
    dialled: (target, stream) => credentials.desk.dialled(target, stream),
    counts,
    audit,
    log,
  });
  down.add(() => relays.close('the gateway stops'));
  log.info({ threads }, 'databases are relayed by threads');
  return relays;
}
