// The agents of a gateway: who is linked now, which link a new stream takes, and the end of those that are revoked.

import type { Duplex } from 'node:stream';
import { appendNow } from '../core/append-now.ts';
import { eventWithoutSession, type AuditEventType, type AuditLog } from '../core/audit.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/driver.ts';
import { Fault, messageOf } from '../core/errors.ts';
import { inRounds } from '../core/rounds.ts';
import type { AgentSelector, Target } from '../core/target.ts';
import type { AgentRecord, AgentStore, Enrolment } from './enrolment.ts';
import type { Link } from './link.ts';
import { closeCode } from './web-socket.ts';

/** An agent as people see it. Counts are of the present link. */
export interface AgentInfo extends Pick<
  AgentRecord,
  'id' | 'name' | 'labels' | 'hostname' | 'software' | 'address' | 'allow' | 'enrolledAtMs' | 'enrolledBy'
> {
  readonly isConnected: boolean;
  readonly linkVersion: number | null;
  readonly connectedAtMs: number | null;
  readonly lastSeenAtMs: number;
  readonly latencyMs: number | null;
  readonly streams: number;
  readonly streamsTotal: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
}

export interface AgentsOptions {
  readonly store: AgentStore;
  readonly enrolment: Enrolment;
  readonly clock: Clock;
  readonly audit: AuditLog;
  readonly log: Log;
  readonly credentialLifetimeMs: number;
  readonly linksMax: number;
}

interface Linked {
  readonly agent: AgentRecord;
  readonly link: Link;
  readonly connectedAtMs: number;
  credentialAtMs: number;
}

/** Agents of one selector that are asked in turn when the first ones can't reach the address. */
const attemptsMax = 3;
const renewEveryMs = 60_000;

export class Agents {
  readonly #options: AgentsOptions;
  readonly #linked = new Map<string, Linked>();
  readonly #timer: NodeJS.Timeout;

  constructor(options: AgentsOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#renew(), Math.min(renewEveryMs, options.credentialLifetimeMs / 6));
    this.#timer.unref();
  }

  get isFull(): boolean {
    return this.#linked.size >= this.#options.linksMax;
  }

  /** Takes an admitted agent's link into use. An older link of the same agent is closed: the agent knows better which one works. */
  linked(agent: AgentRecord, link: Link): void {
    const { clock, store } = this.#options;
    const nowMs = clock.nowMs();
    const older = this.#linked.get(agent.id);
    const entry: Linked = { agent, link, connectedAtMs: nowMs, credentialAtMs: nowMs };
    this.#linked.set(agent.id, entry);
    older?.link.close('a newer link of the same agent took its place', closeCode.replaced);
    inRounds(() => store.seen(agent.id, { ...agent, lastSeenAtMs: nowMs }))();
    this.#event('agent.connected', agent, { address: agent.address, software: agent.software, link_version: link.version });
    void link.closed.then((reason) => this.#lost(entry, reason));
  }

  /**
   * An agent that was enrolled just now stands in for one of its name that can't come back, its credential being over: for those of
   * its host, or else for the one that is gone longest (containers get another host's name each time).
   */
  inPlaceOfFormer(agent: AgentRecord): void {
    const { store, clock, credentialLifetimeMs } = this.#options;
    const nowMs = clock.nowMs();
    const gone = store.unseen(agent.name, agent.hostname, nowMs - credentialLifetimeMs).filter(({ id }) => !this.#linked.has(id));
    const ofHost = gone.filter(({ hostname }) => hostname === agent.hostname);
    for (const former of ofHost.length > 0 ? ofHost : gone.slice(0, 1)) {
      store.revoke(former.id, agent.enrolledBy, nowMs);
      this.#event('agent.revoked', former, { replaced_by: agent.id }, agent.enrolledBy);
    }
  }

  /** A byte stream to the target through one of its agents. Rejects with a Fault that says which agent could not, and why. */
  async dial(target: Target, signal: AbortSignal, timeoutMs: number): Promise<Duplex> {
    const selector = target.agent;
    if (selector === undefined || selector === null) throw new Error(`target "${target.name}" has no agent`);
    const linked = this.#linkedFor(selector);
    const links = candidates(linked);
    if (links.length === 0) throw unreachable(target, linked.length === 0 ? notConnectedWords(selector) : takeNoneWords(linked));
    const failures: string[] = [];
    for (const { agent, link } of links.slice(0, attemptsMax)) {
      try {
        return await link.open({ host: target.host, port: target.port }, signal, timeoutMs);
      } catch (thrown) {
        failures.push(`agent ${agent.name} (${agent.id}): ${messageOf(thrown)}`);
        if (signal.aborted) break;
      }
    }
    throw unreachable(target, failures.join('; '));
  }

  list(): AgentInfo[] {
    return this.#options.store.agents().map((record) => this.#info(record));
  }

  /** Revokes every agent of that name, or the one with that id: nothing of it counts any more, and its links close now. */
  revoke(nameOrId: string, by: string): number {
    const { store, clock } = this.#options;
    const agents = store.agents().filter(({ id, name }) => id === nameOrId || name === nameOrId);
    for (const agent of agents) {
      store.revoke(agent.id, by, clock.nowMs());
      this.#event('agent.revoked', agent, {}, by);
      this.#linked.get(agent.id)?.link.close('this agent was revoked', closeCode.revoked);
    }
    return agents.length;
  }

  /** Ends every link in words. Agents come back when there is a gateway again. */
  close(): void {
    clearInterval(this.#timer);
    for (const { link } of this.#linked.values()) link.close('the gateway stops', closeCode.stopping);
  }

  #linkedFor(selector: AgentSelector): Linked[] {
    const fits = ({ agent }: Linked): boolean => {
      if (selector.kind === 'name') return agent.name === selector.name;
      return Object.entries(selector.labels).every(([key, value]) => agent.labels[key] === value);
    };
    return [...this.#linked.values()].filter(fits);
  }

  #info(record: AgentRecord): AgentInfo {
    const entry = this.#linked.get(record.id);
    const { id, name, labels, hostname, software, address, allow, enrolledAtMs, enrolledBy } = record;
    const figures = entry?.link.figures ?? { streams: 0, streamsTotal: 0, bytesSent: 0, bytesReceived: 0, latencyMs: null };
    return {
      id,
      name,
      labels,
      hostname,
      software,
      address,
      allow,
      enrolledAtMs,
      enrolledBy,
      isConnected: entry !== undefined,
      linkVersion: entry?.link.version ?? null,
      connectedAtMs: entry?.connectedAtMs ?? null,
      lastSeenAtMs: entry === undefined ? record.lastSeenAtMs : this.#options.clock.nowMs(),
      ...figures,
    };
  }

  #lost(entry: Linked, reason: string): void {
    const { agent, link } = entry;
    if (this.#linked.get(agent.id) === entry) this.#linked.delete(agent.id);
    const { streamsTotal, bytesSent, bytesReceived } = link.figures;
    inRounds(() => this.#options.store.lastSeen(agent.id, this.#options.clock.nowMs()))();
    this.#event('agent.lost', agent, { reason, streams: streamsTotal, bytes_sent: bytesSent, bytes_received: bytesReceived });
    this.#options.log.info({ agent: agent.name, id: agent.id, reason }, 'the link of an agent ended');
  }

  /** Every minute: credentials that get old, and, in one write for all links, when each was seen (a gateway may be killed). */
  #renew(): void {
    const nowMs = this.#options.clock.nowMs();
    if (this.#linked.size > 0) inRounds(() => this.#options.store.allSeen([...this.#linked.keys()], nowMs))();
    for (const entry of this.#linked.values()) {
      if (nowMs - entry.credentialAtMs < this.#options.credentialLifetimeMs / 3) continue;
      entry.credentialAtMs = nowMs;
      entry.link.sendCredential(this.#options.enrolment.renew(entry.agent, entry.agent.issuedTurn));
    }
  }

  #event(type: AuditEventType, agent: AgentRecord, detail: Readonly<Record<string, unknown>>, by: string | null = null): void {
    const whole = { agent: agent.id, name: agent.name, ...detail };
    appendNow(this.#options.audit, eventWithoutSession(type, this.#options.clock.nowMs(), by, whole));
  }
}

/** The links that may take a stream: those that answer first, then the least busy, then the nearest. */
function candidates(linked: readonly Linked[]): Linked[] {
  return linked
    .filter(({ link }) => link.takesNone === null)
    .sort(
      (a, b) =>
        Number(a.link.isDoubtful) - Number(b.link.isDoubtful) ||
        a.link.figures.streams - b.link.figures.streams ||
        (a.link.figures.latencyMs ?? 0) - (b.link.figures.latencyMs ?? 0),
    );
}

function takeNoneWords(linked: readonly Linked[]): string {
  const words = linked
    .slice(0, attemptsMax)
    .map(({ agent, link }) => `agent ${agent.name} (${agent.id}) takes no new streams: ${link.takesNone}`);
  return words.join('; ');
}

function notConnectedWords(selector: AgentSelector): string {
  if (selector.kind === 'name') return `its agent "${selector.name}" is not connected`;
  const labels = Object.entries(selector.labels).map(([key, value]) => `${key}=${value}`);
  return `no agent with ${labels.join(', ')} is connected`;
}

function unreachable(target: Target, why: string): Fault {
  return new Fault('target-unreachable', `target "${target.name}" can't be reached: ${why}`, {
    hint: 'see `sallyport agents`: is the agent connected, and is the address on its allow-list?',
  });
}
