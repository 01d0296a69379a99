// What the API asks of the gateway's parts, in the API's own words.

import type { RuleUseView, SessionView } from '../api/contract.ts';
import type { ApiServices } from '../api/services.ts';
import { notAllowed } from '../approvals/answer.ts';
import { holdView } from '../approvals/hold-view.ts';
import type { HoldDesk } from '../approvals/holds.ts';
import type { OpenedAuditLog } from '../audit/log.ts';
import { damageWords } from '../audit/verify.ts';
import type { Principal } from '../core/principal.ts';
import type { SessionRegistry } from '../sessions/registry.ts';
import type { HoldRecord } from '../store/hold-rows.ts';
import type { createSessionStore } from '../store/sessions.ts';
import type { OpenedAgents } from '../tunnel/open-agents.ts';
import type { OnCall } from './on-call.ts';
import { previewView } from './preview-view.ts';
import type { Previews } from './previews.ts';
import type { RuleUse, RuleView } from '../../policies/engine/load.ts';

export function apiAgents(agents: OpenedAgents): ApiServices['agents'] {
  const iso = (ms: number): string => new Date(ms).toISOString();
  return {
    createToken: agents.createToken,
    revoke: agents.revoke,
    revokeToken: agents.revokeToken,
    tokens: () =>
      agents.tokens().map(({ id, name, labels, createdAtMs, createdBy, expiresAtMs }) => ({
        id,
        name,
        labels,
        created_at: iso(createdAtMs),
        created_by: createdBy,
        expires_at: iso(expiresAtMs),
      })),
    list: () =>
      agents.list().map(({ isConnected, linkVersion, enrolledAtMs, enrolledBy, connectedAtMs, lastSeenAtMs, latencyMs, ...agent }) => ({
        id: agent.id,
        name: agent.name,
        labels: agent.labels,
        connected: isConnected,
        software: agent.software,
        hostname: agent.hostname,
        address: agent.address,
        link_version: linkVersion,
        enrolled_at: iso(enrolledAtMs),
        enrolled_by: enrolledBy,
        connected_at: connectedAtMs === null ? null : iso(connectedAtMs),
        last_seen_at: iso(lastSeenAtMs),
        latency_ms: latencyMs,
        streams: agent.streams,
        streams_total: agent.streamsTotal,
        bytes_sent: agent.bytesSent,
        bytes_received: agent.bytesReceived,
        allow: agent.allow,
      })),
  };
}

export function apiHolds(
  holds: HoldDesk,
  previews: Previews,
  lendersOf: (person: string) => readonly Principal[],
  onCall: OnCall,
): ApiServices['holds'] {
  const viewOf = (hold: HoldRecord, viewer: Principal, lenders: readonly Principal[]) => {
    const view = holdView(hold, viewer, lenders);
    const now = hold.state === 'pending' ? onCall.of([...hold.approverGroups, ...hold.alsoInGroups.flat()]) : [];
    return now.length === 0 ? view : { ...view, on_call: now };
  };
  return {
    get: (id, viewer) => {
      const hold = holds.get(id);
      return hold === undefined ? null : viewOf(hold, viewer, lendersOf(viewer.name));
    },
    list: (query, viewer) => {
      const { items, next } = holds.list(query);
      const lenders = lendersOf(viewer.name);
      return { items: items.map((hold) => viewOf(hold, viewer, lenders)), next };
    },
    waitsFor: (sessionId, person) =>
      holds
        .waitingIn(sessionId)
        .some(
          (hold) =>
            notAllowed({ ...hold, approvals: [] }, person, lendersOf(person.name)) === null ||
            hold.approvals.some(({ by }) => by === person.name),
        ),
    answer: (id, person, answer, reason, proof, via) => holds.answer(id, person, answer, reason, proof, via),
    takeBack: (id, person) => holds.takeBack(id, person),
    preview: async (id) => previewView(await previews.of(id)),
    on: (listener) => holds.on(({ hold }) => listener(hold.id)),
  };
}

/** `waiting`: what is held in that session now. The book counts it when it was answered; whoever looks meanwhile sees it, too. */
export function apiSessions(
  registry: SessionRegistry,
  book: ReturnType<typeof createSessionStore>,
  waiting: (sessionId: string) => number,
): ApiServices['sessions'] {
  const seen = (session: SessionView): SessionView =>
    session.state === 'open' ? { ...session, held: session.held + waiting(session.id) } : session;
  const get = (id: string): SessionView | null => {
    const session = book.get(id);
    return session === undefined ? null : seen(session);
  };
  return {
    get,
    list: (query) => {
      const page = book.list(query);
      return { ...page, items: page.items.map(seen) };
    },
    kill: (id, by) => registry.kill(id, by),
    on: (listener) => registry.on((id) => listener(() => get(id))),
  };
}

/** `flush`: what other threads have not written yet is written before anybody looks. */
export function apiAudit(audit: OpenedAuditLog, flush: () => Promise<void>): ApiServices['audit'] {
  return {
    search: (query) => flush().then(() => audit.search(query)),
    verify: async () => {
      await flush();
      const found = await audit.verify();
      return found.ok ? found : { ok: false, seq: found.seq, problem: damageWords(found) };
    },
  };
}

export function ruleUseView({ id, title, decision, fired, lastFiredAtMs }: RuleView & RuleUse): RuleUseView {
  return { id, title, decision, fired, last_fired_at: lastFiredAtMs === null ? null : new Date(lastFiredAtMs).toISOString() };
}
