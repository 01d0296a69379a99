// Holds: the queue, one of them, and the answer to it.

import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { callerOf, mustHave } from '../authentication.ts';
import type { Caller } from '../authentication.ts';
import type { HoldView, Page, PasskeyAnswer, PasskeyOptions, ShapeApprovalBody } from '../contract.ts';
import { HttpProblem, notFound } from '../problems.ts';
import { gives } from '../responses.ts';
import { originOf } from '../origin.ts';
import { passkeyOptions } from '../account-schemas.ts';
import { previewView as previewSchema } from '../preview-schemas.ts';
import { answerBody, filter, idParams, noBody, paging } from '../request-schemas.ts';
import { holdState, holdView, pageOf } from '../schemas.ts';
import type { AnswerResult, HoldQuery } from '../hold-services.ts';
import type { ApiServices } from '../services.ts';
import { shapeProblem } from '../shape-problem.ts';
import { asSeenBy, seesHold } from '../visibility.ts';

/** Pages read to find one that has something to see in it; then the reader gets an empty page and a cursor. */
const emptyPagesMax = 20;

/** What came of what was approved, as the audit log has it; the target's own words stay in the recording. */
async function outcomeOf(services: ApiServices, hold: string): Promise<HoldView['outcome']> {
  const { items } = await services.audit.search({ type: 'action.finished', hold, limit: 1 });
  const [event] = items;
  if (event === undefined) return undefined;
  const { outcome: kind, rows, duration_ms } = event.detail;
  if (typeof kind !== 'string' || typeof duration_ms !== 'number') return undefined;
  return { kind, rows: typeof rows === 'number' ? rows : null, duration_ms, at: event.at };
}

export function holdRoutes(services: ApiServices): FastifyPluginAsyncZod {
  return async (app) => {
    app.route({
      method: 'GET',
      url: '/holds',
      schema: {
        summary: 'Holds, newest first',
        description:
          '`text` finds it in the number, person, target, rule, statement, parameters, and in who answered and why; A to Z count the same in upper ' +
          'and lower case. So much is looked at for each page: one may be empty though others follow.',
        tags: ['holds'],
        querystring: z.strictObject({ state: holdState.optional(), principal: filter, text: filter, ...paging }),
        response: gives(pageOf(holdView)),
      },
      handler: async (request) => {
        return visiblePage(services, callerOf(request, services), request.query);
      },
    });

    app.route({
      method: 'GET',
      url: '/holds/:id',
      schema: { summary: 'One hold', tags: ['holds'], params: idParams, response: gives(holdView) },
      handler: async (request) => {
        const hold = visibleHold(services, callerOf(request, services), request.params.id);
        const outcome = hold.state === 'approved' ? await outcomeOf(services, hold.id) : undefined;
        return outcome === undefined ? hold : { ...hold, outcome };
      },
    });

    app.route({
      method: 'GET',
      url: '/holds/:id/preview',
      schema: {
        summary: 'What a waiting statement would do: rows, sizes, dependents, locks',
        description: 'Made from the target’s catalogue and statistics at the first look; the statement itself is never sent for it.',
        tags: ['holds'],
        params: idParams,
        response: gives(previewSchema),
      },
      handler: async (request) => {
        const caller = callerOf(request, services);
        const hold = visibleHold(services, caller, request.params.id);
        // Estimates tell of rows that the requester may not be allowed to read.
        if (hold.principal === caller.principal.name) throw new HttpProblem(403, 'requester', 'previews are for those who answer');
        mustHave(caller, ['approve', 'audit'], 'previews');
        return services.holds.preview?.(hold.id) ?? noPreviews;
      },
    });

    for (const answer of ['approve', 'deny'] as const) {
      app.route({
        method: 'POST',
        url: `/holds/:id/${answer}`,
        schema: {
          summary: answer === 'approve' ? 'Say yes to exactly this action' : 'Refuse the action',
          description: 'Saying the same again changes nothing and counts once.',
          tags: ['holds'],
          params: idParams,
          body: answerBody,
          response: gives(holdView),
        },
        handler: async (request) => {
          const { reason, shape = null, ...given } = request.body;
          const proof: GivenProof = { ...given, origin: originOf(request, services.gateway.publicUrl()) };
          return answerHold(services, callerOf(request, services), request.params.id, answer, reason ?? null, proof, shape);
        },
      });
    }

    app.route({
      method: 'POST',
      url: '/holds/:id/passkey-challenge',
      schema: {
        summary: 'What my passkey signs to approve exactly this action',
        description:
          'The publicKey options for navigator.credentials.get(). The challenge is a hash of hold, action, requester, target and approver.',
        tags: ['holds'],
        params: idParams,
        body: noBody,
        response: gives(passkeyOptions),
      },
      handler: async (request) => {
        const caller = callerOf(request, services);
        const hold = visibleHold(services, caller, request.params.id);
        const origin = originOf(request, services.gateway.publicUrl());
        return services.accounts.factors.approvalOptions(subjectOf(hold, caller), origin) as PasskeyOptions;
      },
    });
  };
}

const noPreviews = { state: 'none' as const, why: 'no previews are made here', made_at: null, tables: [], statements: [], notes: [] };

/** A second factor as it came with an answer, and the page it came from. */
export interface GivenProof {
  readonly totp?: string | undefined;
  readonly passkey?: PasskeyAnswer | undefined;
  readonly origin: string;
}

function subjectOf(hold: HoldView, caller: Caller) {
  return { holdId: hold.id, digest: hold.digest, requester: hold.principal, target: hold.target, approver: caller.principal.name };
}

/** Gives the answer and the hold as it is then. Throws 403, 404 and 409 in words. */
export async function answerHold(
  services: ApiServices,
  caller: Caller,
  id: string,
  answer: 'approve' | 'deny',
  reason: string | null,
  given: GivenProof | null = null,
  shape: ShapeApprovalBody | null = null,
): Promise<HoldView> {
  const before = mayAnswer(services, caller, id);
  const proves = answer === 'approve' && given !== null && before.state === 'pending' && before.can_answer;
  const proof = proves ? await services.accounts.factors.proofOf(subjectOf(before, caller), given, given.origin) : null;
  if (shape !== null && answer === 'deny')
    throw new HttpProblem(400, 'invalid-shape', 'a shape is approved, not denied: leave "shape" out');
  const give = async () => services.holds.answer(id, caller.principal, answer, reason, proof, caller.via);
  const result = shape === null ? await give() : await services.shapes.approve(id, caller.principal, shape, give);
  if (result.kind === 'refused') throw shapeProblem(result.because, result.why);
  return answeredHold(services, caller, id, result);
}

/** The hold, for a caller who may answer holds at all and has not asked for it. Throws 403 and 404 in words. */
export function mayAnswer(services: ApiServices, caller: Caller, id: string): HoldView {
  const hold = visibleHold(services, caller, id);
  if (hold.principal === caller.principal.name) {
    throw new HttpProblem(403, 'requester', 'you asked for this yourself; somebody else must answer it');
  }
  mustHave(caller, ['approve'], 'answering holds');
  return hold;
}

/** The hold as it is after an answer; throws what the answer came to in words. */
export function answeredHold(services: ApiServices, caller: Caller, id: string, result: AnswerResult): HoldView {
  switch (result.kind) {
    case 'approved':
    case 'counted':
    case 'denied':
    case 'changes-requested':
    case 'taken-back':
      return visibleHold(services, caller, id);
    case 'not-allowed':
      throw new HttpProblem(lacksReason.has(result.because) ? 400 : 403, result.because, result.why);
    case 'failed':
      throw new HttpProblem(503, 'fault', result.why);
    case 'unknown':
      throw notFound(`hold ${id}`);
    case 'not-pending':
      throw new HttpProblem(409, 'not-pending', notPendingWords(visibleHold(services, caller, id)), result.state);
  }
}

/** Refusals that the same person can mend by asking differently. */
const lacksReason: ReadonlySet<string> = new Set(['reason-missing', 'reason-too-long']);

/** The hold as the caller may see it; throws 404 otherwise. */
export function visibleHold(services: ApiServices, caller: Caller, id: string): HoldView {
  const hold = services.holds.get(id, caller.principal);
  if (hold === null || !seesHold(caller, hold)) throw notFound(`hold ${id}`);
  return asSeenBy(caller, hold);
}

function visiblePage(services: ApiServices, caller: Caller, query: HoldQuery): Page<HoldView> {
  const seesOthers = caller.rights.includes('audit') || caller.rights.includes('approve');
  const own = caller.principal.name;
  if (!seesOthers && query.principal !== undefined && query.principal !== own) return { items: [], next: null };
  const asked: HoldQuery = seesOthers ? query : { ...query, principal: own };
  let page = services.holds.list(asked, caller.principal);
  // A search looks at many holds for each page.
  const pagesMax = query.text === undefined ? emptyPagesMax : 1;
  for (let pages = 1; ; pages += 1) {
    const items = page.items.filter((hold) => seesHold(caller, hold)).map((hold) => asSeenBy(caller, hold));
    if (items.length > 0 || page.next === null || pages === pagesMax) return { items, next: page.next };
    page = services.holds.list({ ...asked, cursor: page.next }, caller.principal);
  }
}

function notPendingWords(hold: HoldView): string {
  const by = hold.settled_by === null ? '' : ` by ${hold.settled_by}`;
  const why = hold.settled_reason === null ? '' : `: ${hold.settled_reason}`;
  return `hold ${hold.id} is no longer pending; it is ${hold.state}${by}${why}`;
}
