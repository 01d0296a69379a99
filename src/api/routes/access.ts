// Access for a while: asking for it, answering, and the grants that come of it.

import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import {
  accessAnswerBody,
  accessApprovalBody,
  accessRequestBody,
  accessRequestState,
  accessRequestView,
  extendBody,
  grantState,
  grantView,
  reviewBody,
} from '../access-schemas.ts';
import { callerOf, mustHave } from '../authentication.ts';
import type { Caller } from '../authentication.ts';
import type { AccessRequestView, GrantView, PasskeyOptions } from '../contract.ts';
import { passkeyOptions } from '../account-schemas.ts';
import { originOf } from '../origin.ts';
import { HttpProblem, notFound } from '../problems.ts';
import { gives } from '../responses.ts';
import { filter, idParams, noBody, paging } from '../request-schemas.ts';
import { pageOf } from '../schemas.ts';
import type { AccessOutcome } from '../access-services.ts';
import type { ApiServices } from '../services.ts';
import type { GivenProof } from './holds.ts';
import { accessAsSeenBy, seesAccess } from '../visibility.ts';

const listQuery = { principal: filter, target: filter, ...paging };

export function accessRoutes(services: ApiServices): FastifyPluginAsyncZod {
  const { access } = services;
  return async (app) => {
    app.route({
      method: 'POST',
      url: '/access-requests',
      schema: {
        summary: 'Ask for access to a target for a while',
        description: 'The policies say who may ask for what, who answers, and what is given at once.',
        tags: ['access'],
        body: accessRequestBody,
        response: gives(accessRequestView),
      },
      handler: async (request) => {
        const caller = callerOf(request, services);
        const { target, for_ms: durationMs, reason, role = null, read_only: readOnly = false, tables, break_glass } = request.body;
        const scope = { role, readOnly, tables: tables ?? null };
        const wanted = { target, durationMs, reason, scope, isBreakGlass: break_glass ?? false };
        return requestAfter(services, caller, await access.request(caller.principal, wanted));
      },
    });

    app.route({
      method: 'GET',
      url: '/access-requests',
      schema: {
        summary: 'Requests for access, newest first',
        tags: ['access'],
        querystring: z.strictObject({ state: accessRequestState.optional(), ...listQuery }),
        response: gives(pageOf(accessRequestView)),
      },
      handler: async (request) => {
        const caller = callerOf(request, services);
        const page = access.requests(ownUnless(caller, request.query), caller.principal);
        return { items: page.items.filter((it) => seesAccess(caller, it)).map((it) => accessAsSeenBy(caller, it)), next: page.next };
      },
    });

    app.route({
      method: 'GET',
      url: '/access-requests/:id',
      schema: { summary: 'One request, with its timeline', tags: ['access'], params: idParams, response: gives(accessRequestView) },
      handler: async (request) => visibleRequest(services, callerOf(request, services), request.params.id),
    });

    for (const answer of ['approve', 'deny'] as const) {
      app.route({
        method: 'POST',
        url: `/access-requests/:id/${answer}`,
        schema: {
          summary: answer === 'approve' ? 'Say yes to this access' : 'Refuse this access, finally',
          tags: ['access'],
          params: idParams,
          body: accessApprovalBody,
          response: gives(accessRequestView),
        },
        handler: async (request) => {
          const { reason = null, ...given } = request.body;
          const proof: GivenProof = { ...given, origin: originOf(request, services.gateway.publicUrl()) };
          return answerAccess(services, callerOf(request, services), request.params.id, answer, reason, proof);
        },
      });
    }

    app.route({
      method: 'POST',
      url: '/access-requests/:id/passkey-challenge',
      schema: {
        summary: 'What my passkey signs to say yes to exactly this request',
        description: 'As for holds; only where the rule asks for a second factor.',
        tags: ['access'],
        params: idParams,
        body: noBody,
        response: gives(passkeyOptions),
      },
      handler: async (request) => {
        const caller = callerOf(request, services);
        const subject = subjectOf(visibleRequest(services, caller, request.params.id), caller);
        return services.accounts.factors.approvalOptions(subject, originOf(request, services.gateway.publicUrl())) as PasskeyOptions;
      },
    });

    app.route({
      method: 'POST',
      url: '/access-requests/:id/withdraw',
      schema: {
        summary: 'Take your own request back',
        tags: ['access'],
        params: idParams,
        body: noBody,
        response: gives(accessRequestView),
      },
      handler: async (request) => {
        const caller = callerOf(request, services);
        return requestAfter(services, caller, await access.withdraw(request.params.id, caller.principal));
      },
    });

    app.route({
      method: 'GET',
      url: '/grants',
      schema: {
        summary: 'Access that was given, newest first',
        tags: ['access'],
        querystring: z.strictObject({ state: grantState.optional(), review: z.enum(['open', 'done']).optional(), ...listQuery }),
        response: gives(pageOf(grantView)),
      },
      handler: async (request) => {
        const caller = callerOf(request, services);
        const page = access.grants(ownUnless(caller, request.query), caller.principal);
        return { items: page.items.filter((it) => seesAccess(caller, it)), next: page.next };
      },
    });

    app.route({
      method: 'GET',
      url: '/grants/:id',
      schema: { summary: 'One grant, with its timeline', tags: ['access'], params: idParams, response: gives(grantView) },
      handler: async (request) => visibleGrant(services, callerOf(request, services), request.params.id),
    });

    app.route({
      method: 'POST',
      url: '/grants/:id/revoke',
      schema: {
        summary: 'End access at once: sessions that it let in end with it',
        tags: ['access'],
        params: idParams,
        body: accessAnswerBody,
        response: gives(grantView),
      },
      handler: async (request) => {
        const caller = callerOf(request, services);
        const { id } = visibleGrant(services, caller, request.params.id);
        const mayAny = caller.rights.includes('operate');
        return grantAfter(services, caller, await access.revoke(id, caller.principal, mayAny, request.body.reason ?? null));
      },
    });

    app.route({
      method: 'POST',
      url: '/grants/:id/extend',
      schema: { summary: 'Ask for more time', tags: ['access'], params: idParams, body: extendBody, response: gives(accessRequestView) },
      handler: async (request) => {
        const caller = callerOf(request, services);
        const { for_ms: addedMs, reason } = request.body;
        return requestAfter(services, caller, await access.extend(request.params.id, caller.principal, addedMs, reason));
      },
    });

    app.route({
      method: 'POST',
      url: '/grants/:id/review',
      schema: {
        summary: 'Say what the review of a break-glass grant came to',
        tags: ['access'],
        params: idParams,
        body: reviewBody,
        response: gives(grantView),
      },
      handler: async (request) => {
        const caller = callerOf(request, services);
        const { id } = visibleGrant(services, caller, request.params.id);
        return grantAfter(services, caller, await access.review(id, caller.principal, request.body.words, caller.via));
      },
    });
  };
}

/** Gives the answer and the request as it is then. Throws 403, 404 and 409 in words. */
export async function answerAccess(
  services: ApiServices,
  caller: Caller,
  id: string,
  answer: 'approve' | 'deny',
  reason: string | null,
  given: GivenProof | null = null,
): Promise<AccessRequestView> {
  const before = visibleRequest(services, caller, id);
  if (before.principal === caller.principal.name) {
    throw new HttpProblem(403, 'requester', 'you asked for this yourself; somebody else must answer it');
  }
  mustHave(caller, ['approve'], 'answering requests for access');
  const proves = given !== null && answer === 'approve' && before.second_factor !== undefined && before.can_answer;
  const proof = proves ? await services.accounts.factors.proofOf(subjectOf(before, caller), given, given.origin) : null;
  return requestAfter(services, caller, await services.access.answer(before.id, caller.principal, answer, reason, proof, caller.via));
}

function subjectOf({ id, digest = '', principal, target }: AccessRequestView, caller: Caller) {
  return { holdId: id, digest, requester: principal, target, approver: caller.principal.name };
}

/** Those who only work with targets see their own. */
function ownUnless<Query extends { readonly principal?: string | undefined }>(caller: Caller, query: Query): Query {
  const seesOthers = (['audit', 'approve', 'operate'] as const).some((right) => caller.rights.includes(right));
  return seesOthers ? query : { ...query, principal: caller.principal.name };
}

/** The request as the caller may see it; throws 404 otherwise. */
export function visibleRequest({ access }: ApiServices, caller: Caller, id: string): AccessRequestView {
  const request = access.requestNamed(id, caller.principal);
  if (request === null || !seesAccess(caller, request)) throw notFound(`request ${id}`);
  return accessAsSeenBy(caller, request);
}

/** The grant as the caller may see it; throws 404 otherwise. */
export function visibleGrant({ access }: ApiServices, caller: Caller, id: string): GrantView {
  const grant = access.grantNamed(id, caller.principal);
  if (grant === null || !seesAccess(caller, grant)) throw notFound(`access ${id}`);
  return grant;
}

/** The request as it is after a step; throws what kept it from being done. */
export function requestAfter(services: ApiServices, caller: Caller, outcome: AccessOutcome): AccessRequestView {
  return visibleRequest(services, caller, idAfter(outcome));
}

/** The grant as it is after a step; throws what kept it from being done. */
export function grantAfter(services: ApiServices, caller: Caller, outcome: AccessOutcome): GrantView {
  return visibleGrant(services, caller, idAfter(outcome));
}

const statusOf = {
  refused: 403,
  conflict: 409,
  'limit-reached': 429,
  unknown: 404,
  'not-allowed': 403,
  requester: 403,
  'reason-missing': 400,
  'second-factor-missing': 403,
  'reason-too-long': 400,
  failed: 503,
} as const;

/** The id of what was changed. Throws the problem in words when nothing was. */
function idAfter(outcome: AccessOutcome): string {
  switch (outcome.kind) {
    case 'done':
      return outcome.id;
    case 'not-pending':
      throw new HttpProblem(409, 'not-pending', outcome.why);
    case 'refused':
      throw new HttpProblem(statusOf[outcome.because], outcome.because === 'unknown' ? 'not-found' : outcome.because, outcome.why);
  }
}
