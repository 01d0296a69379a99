// Joins access for a while to the rest: the end of a grant ends sessions and holds, receivers hear of every step, and the API
// asks in its own words.

import type { ApiServices } from '../api/services.ts';
import type { AccessAnswerResult, AccessChange, AccessDesk, GrantResult, RequestResult } from '../approvals/access-desk.ts';
import { accessRequestView, grantView } from '../approvals/access-view.ts';
import { endWords } from '../approvals/grants.ts';
import type { GrantScope } from '../core/grant.ts';
import { duration } from '../core/words.ts';
import type { Gate } from '../gate/gate.ts';
import type { AccessEvent } from '../notify/payload.ts';
import type { Webhooks } from '../notify/webhook.ts';
import type { SessionRegistry } from '../sessions/registry.ts';
import type { GrantQuery, GrantRecord } from '../store/grants.ts';

interface JoinedParts {
  readonly access: AccessDesk;
  readonly registry: SessionRegistry;
  readonly gate: Gate;
  readonly webhooks: Pick<Webhooks, 'tell'>;
  readonly consoleUrl: () => string;
  readonly nowMs: () => number;
}

/** Null: only the person who has the access is told. */
const eventOf: Readonly<Record<AccessChange['kind'], AccessEvent | null>> = {
  requested: 'access.requested',
  progress: 'access.progress',
  granted: 'access.granted',
  extended: 'access.granted',
  denied: 'access.denied',
  closed: 'access.closed',
  warned: null,
  reviewed: 'access.reviewed',
  ended: 'access.ended',
  'review-due': 'access.review-due',
};

/** From now on the end of a grant is felt at once. */
export function joinAccess({ access, registry, gate, webhooks, consoleUrl, nowMs }: JoinedParts): void {
  access.on(({ kind, request, grant, sessions }) => {
    if (kind === 'ended' && grant !== null) {
      const others = access.inForce(grant.principal, grant.target).map(({ scope }) => scope);
      const words = `your access ${grant.id} to ${grant.target} ${endWords(grant)}`;
      // Whoever has as much by another grant works on.
      if (!others.some((scope) => covers(scope, grant.scope))) registry.endWhere(({ id }) => sessions.includes(id), words);
      registry.judgeAgain();
      gate.judgeWaitingAgain();
    }
    if (kind === 'warned' && grant !== null) {
      const words = `your access ${grant.id} to ${grant.target} ends in ${duration(grant.endsAtMs - nowMs())}; more time: sallyport grants extend ${grant.id} --for 1h --reason "…"`;
      registry.noticeWhere(({ id }) => sessions.includes(id), words);
    }
    const event = eventOf[kind];
    if (event === null) return;
    const links = { console: `${consoleUrl()}/access/${request.id}` };
    webhooks.tell(event, {
      request: accessRequestView(request, null),
      grant: grant === null ? null : grantView(grant, null, false),
      links,
    });
  });
}

/** Does the first scope reach everything that the second does? */
function covers(wide: GrantScope, narrow: GrantScope): boolean {
  if (wide.role !== narrow.role || (wide.readOnly && !narrow.readOnly)) return false;
  return wide.tables === null || (narrow.tables !== null && narrow.tables.every((table) => wide.tables?.includes(table)));
}

export function apiAccess(access: AccessDesk, mayEndAny: (person: string) => boolean): ApiServices['access'] {
  const asRequest = (result: RequestResult) => (result.kind === 'requested' ? { kind: 'done' as const, id: result.request.id } : result);
  const asGrant = (result: GrantResult) => (result.kind === 'done' ? { kind: 'done' as const, id: result.grant.id } : result);
  const asAnswer = (result: AccessAnswerResult) => {
    if (result.kind === 'refused') return result;
    if (result.kind !== 'not-pending') return { kind: 'done' as const, id: result.request.id };
    const { id, state, settledBy, settledReason } = result.request;
    const by = settledBy === null ? '' : ` by ${settledBy}`;
    const why = `request ${id} is no longer pending; it is ${state}${by}${settledReason === null ? '' : `: ${settledReason}`}`;
    return { kind: 'not-pending' as const, why };
  };
  const stepsOf = (grant: GrantRecord) => {
    const request = access.requestOf(grant.requestId);
    return request === undefined ? [] : access.timeline(request);
  };
  return {
    request: async (person, wanted) => asRequest(await access.request(person, wanted)),
    extend: async (id, person, addedMs, reason) => asRequest(await access.extend(person, id, addedMs, reason)),
    answer: async (id, person, answer, reason, proof, via) => asAnswer(await access.answer(id, person, answer, reason, proof, via)),
    withdraw: async (id, person) => {
      const result = await access.withdraw(id, person);
      const isDone = result.kind === 'not-pending' && result.request.settledBy === person.name && result.request.state === 'withdrawn';
      return isDone ? { kind: 'done', id: result.request.id } : asAnswer(result);
    },
    revoke: async (id, person, mayAny, reason) => asGrant(await access.revoke(id, person, mayAny, reason)),
    review: async (id, person, words, via) => asGrant(await access.review(id, person, words, via)),
    requestNamed: (id, viewer) => {
      const request = access.requestOf(id);
      return request === undefined ? null : accessRequestView(request, viewer, access.timeline(request));
    },
    grantNamed: (id, viewer) => {
      const grant = access.grantOf(id);
      return grant === undefined ? null : grantView(grant, viewer, mayEndAny(viewer.name), stepsOf(grant));
    },
    requests: (query, viewer) => {
      const page = access.requests(query);
      return { items: page.items.map((it) => accessRequestView(it, viewer)), next: page.next };
    },
    grants: (query, viewer) => {
      const page = access.grants(query satisfies GrantQuery);
      return { items: page.items.map((it) => grantView(it, viewer, mayEndAny(viewer.name))), next: page.next };
    },
    on: (listener) => access.on(({ request, grant }) => listener(request.id, grant?.id ?? null)),
  };
}
