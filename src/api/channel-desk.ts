// What people do from a chat: the same steps as in the console, with the same checks, and words for what came of each.

import type { AnsweredVia } from '../core/answered-via.ts';
import type { ChatDesk, Said } from '../core/chat-desk.ts';
import { Fault } from '../core/errors.ts';
import { duration } from '../core/words.ts';
import type { Caller } from './authentication.ts';
import { answerMatter, callerNamed } from './channel-answers.ts';
import type { AccessRequestView, GrantView, HoldView } from './contract.ts';
import { HttpProblem } from './problems.ts';
import { grantAfter, requestAfter, visibleGrant } from './routes/access.ts';
import { answerHold, visibleHold } from './routes/holds.ts';
import type { AccessOutcome } from './access-services.ts';
import type { ApiServices } from './services.ts';
import { accessAsSeenBy, asSeenBy } from './visibility.ts';

/** Lines of a list: a message, not an archive. */
const linesMax = 10;
/** Looked at for those that a person may answer. */
const waitingMax = 200;

export function chatDesk(services: ApiServices, via: AnsweredVia): ChatDesk {
  const { access, holds, shapes, targets, log } = services;

  /** Runs a step as that person; problems become words. */
  async function said(person: string, step: (caller: Caller) => Promise<string>): Promise<Said> {
    try {
      return { isDone: true, words: await step(callerNamed(services, person, via)) };
    } catch (thrown) {
      if (thrown instanceof HttpProblem || thrown instanceof Fault) return { isDone: false, words: thrown.message };
      log.error({ via, error: String(thrown) }, 'what somebody asked for in a chat failed');
      return { isDone: false, words: 'something in the gateway failed; nothing was done' };
    }
  }

  /** Lines for that person; a problem is one of them. */
  function lines(person: string, list: (caller: Caller) => readonly string[]): readonly string[] {
    try {
      return list(callerNamed(services, person, via)).slice(0, linesMax);
    } catch (thrown) {
      if (thrown instanceof HttpProblem) return [thrown.message];
      throw thrown;
    }
  }

  const asked = (caller: Caller, outcome: AccessOutcome) => askedWords(requestAfter(services, caller, outcome), pageOf);
  const pageOf = (id: string) => `${services.gateway.publicUrl()}/access/${id}`;

  return {
    answer: (person, matter, answer, reason) =>
      said(person, async (caller) => takenWords(await answerMatter(services, caller, matter, answer, reason), answer)),
    shapeOf: (person, holdId) => {
      try {
        const caller = callerNamed(services, person, via);
        const { offer, no_shape_because: why } = shapes.ofHold(visibleHold(services, caller, holdId).id, caller.principal);
        if (offer === null) return { why: why ?? 'its rule lets no shape be approved, or it does not wait any more' };
        return { words: offer.words, values: offer.holes.map(({ value }) => value), durationMsMax: offer.duration_ms_max };
      } catch (thrown) {
        if (thrown instanceof HttpProblem) return { why: thrown.message };
        throw thrown;
      }
    },
    approveShape: (person, holdId, durationMs, free, reason) =>
      said(person, async (caller) => {
        const parameters = free.map((hole) => ({ hole, condition: { kind: 'any' as const } }));
        const hold = await answerHold(services, caller, holdId, 'approve', reason, null, { for_ms: durationMs, parameters });
        return `${takenWords(hold, 'approve')}, and its shape for ${duration(durationMs)}`;
      }),
    request: (person, { isBreakGlass, role, readOnly, tables, ...wish }) =>
      said(person, async (caller) =>
        asked(caller, await access.request(caller.principal, { ...wish, scope: { role, readOnly, tables }, isBreakGlass })),
      ),
    extend: (person, grantId, addedMs, reason) =>
      said(person, async (caller) => asked(caller, await access.extend(grantId, caller.principal, addedMs, reason))),
    withdraw: (person, requestId) =>
      said(person, async (caller) => {
        const { id } = requestAfter(services, caller, await access.withdraw(requestId, caller.principal));
        return `${id} is taken back`;
      }),
    review: (person, grantId, words) =>
      said(person, async (caller) => {
        const { id } = visibleGrant(services, caller, grantId);
        grantAfter(services, caller, await access.review(id, caller.principal, words, via));
        return `${id}: your review is noted`;
      }),
    own: (person) =>
      lines(person, ({ principal }) => {
        const query = { principal: person, limit: linesMax };
        const active = access.grants({ ...query, state: 'active' }, principal).items;
        const requests = access.requests(query, principal).items.filter(({ state }) => state !== 'granted');
        return [...active.map((it) => grantLine(it, services.clock.nowMs())), ...requests.map(requestLine)];
      }),
    waiting: (person) =>
      lines(person, (caller) => {
        const query = { state: 'pending', limit: waitingMax } as const;
        const held = holds.list(query, caller.principal).items.map((it) => asSeenBy(caller, it));
        const requests = access.requests(query, caller.principal).items.map((it) => accessAsSeenBy(caller, it));
        return [
          ...held.filter((it) => it.can_answer).map((it) => `${it.id}: ${it.principal_name} on ${it.target}, by rule ${it.rule}`),
          ...requests
            .filter((it) => it.can_answer)
            .map((it) => `${it.id}: ${it.principal_name} asks for ${it.target} for ${duration(it.duration_ms)}: ${it.reason}`),
        ];
      }),
    targets: () => targets.list().map(({ name }) => name),
  };
}

/** What an answer came to. */
function takenWords(now: HoldView | AccessRequestView, answer: 'approve' | 'deny'): string {
  if (answer === 'deny') return 'you denied it';
  if (now.state !== 'pending') return 'you approved it';
  const missing = 'approvals_missing' in now ? now.approvals_missing : now.approvals_needed - now.approvals.length;
  return `your approval counts; ${missing} more ${missing === 1 ? 'is' : 'are'} needed`;
}

function askedWords({ id, state, target, duration_ms: ms, approvers }: AccessRequestView, pageOf: (id: string) => string): string {
  if (state === 'granted') return `${id}: you have access to ${target} for ${duration(ms)} (${pageOf(id)})`;
  const who = approvers.map(({ groups, count }) => `${count} of ${groups.join(' or ')}`).join(' and ');
  return `${id}: asked for ${target} for ${duration(ms)}; it waits for ${who === '' ? 'an answer' : who} (${pageOf(id)})`;
}

function grantLine({ id, target, ends_at: endsAt, scope }: GrantView, nowMs: number): string {
  const narrowed = `${scope.read_only ? ', read only' : ''}${scope.role === null ? '' : `, as ${scope.role}`}`;
  return `${id}: ${target}${narrowed}, ${duration(Date.parse(endsAt) - nowMs)} left`;
}

function requestLine({ id, target, state, duration_ms: ms, settled_by: by, settled_reason: reason }: AccessRequestView): string {
  const end = `${by === null ? '' : ` by ${by}`}${reason === null ? '' : `: ${reason}`}`;
  return `${id}: ${target} for ${duration(ms)}, ${state}${end}`;
}
