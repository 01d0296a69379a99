// The agents' side of a gateway, put together: enrolment, registry and the door on the HTTP server.

import type { Server } from 'node:http';
import type { AuditLog } from '../core/audit.ts';
import type { Clock, Random } from '../core/clock.ts';
import type { Log } from '../core/driver.ts';
import type { Secret } from '../core/secret.ts';
import { Agents } from './agents.ts';
import { acceptLinks } from './endpoint.ts';
import type { EndpointOptions } from './endpoint.ts';
import { Enrolment } from './enrolment.ts';
import type { AgentStore } from './enrolment.ts';

export interface OpenAgentsOptions {
  readonly store: AgentStore;
  /** Key of the credentials' MAC. */
  readonly secret: Secret;
  readonly clock: Clock;
  readonly random: Random;
  readonly audit: AuditLog;
  readonly log: Log;
  readonly credentialLifetimeMs: number;
  readonly linksMax: number;
}

export interface OpenedAgents
  extends Pick<Agents, 'dial' | 'list' | 'revoke' | 'close'>, Pick<Enrolment, 'createToken' | 'tokens' | 'revokeToken'> {
  /** Lets agents in at this server. */
  accept(server: Server, standing: Pick<EndpointOptions, 'isOwnOrigin' | 'addressOf'>): void;
}

export function openAgents(options: OpenAgentsOptions): OpenedAgents {
  const { clock, random, log } = options;
  const enrolment = new Enrolment(options);
  const agents = new Agents({ ...options, enrolment });
  return {
    dial: (target, signal, timeoutMs) => agents.dial(target, signal, timeoutMs),
    list: () => agents.list(),
    revoke: (nameOrId, by) => agents.revoke(nameOrId, by),
    createToken: (wanted) => enrolment.createToken(wanted),
    tokens: () => enrolment.tokens(),
    revokeToken: (id, by) => enrolment.revokeToken(id, by),
    close: () => agents.close(),
    accept: (server, standing) => void acceptLinks(server, { agents, enrolment, clock, random, log, ...standing }),
  };
}
