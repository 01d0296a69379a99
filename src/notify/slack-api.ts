// Calls of Slack's Web API: https://docs.slack.dev/apis/web-api. Errors come as 200 with ok: false, limits as 429.

import type { Secret } from '../core/secret.ts';
import { call } from './call.ts';

export interface SlackApiParts {
  /** Without a slash at the end. */
  readonly apiUrl: string;
  readonly botToken: Secret;
  readonly timeoutMs: number;
}

export type SlackAnswer =
  | { readonly kind: 'ok'; readonly answer: Readonly<Record<string, unknown>> }
  | {
      readonly kind: 'failed';
      readonly status: number | null;
      readonly why: string;
      readonly again: boolean;
      readonly againAfterMs?: number;
    };

export interface SlackUser {
  readonly teamId: string | null;
  /** Null where Slack shows none or has not confirmed it. */
  readonly email: string | null;
  readonly isPerson: boolean;
}

/** Errors that another try can mend; all others are a matter of configuration. */
const passing = new Set([
  'ratelimited',
  'rate_limited',
  'internal_error',
  'fatal_error',
  'service_unavailable',
  'request_timeout',
  'team_added_to_org',
]);

export class SlackApi {
  readonly #parts: SlackApiParts;

  constructor(parts: SlackApiParts) {
    this.#parts = parts;
  }

  /** Never rejects. `timeoutMs` where there is less time than usual. */
  async call(method: string, body: object, signal: AbortSignal, timeoutMs = this.#parts.timeoutMs): Promise<SlackAnswer> {
    const { apiUrl, botToken } = this.#parts;
    const called = await call(
      {
        url: `${apiUrl}/${method}`,
        method: 'POST',
        headers: { 'content-type': 'application/json; charset=utf-8', authorization: `Bearer ${botToken.reveal().trim()}` },
        body: JSON.stringify(body),
        timeoutMs,
      },
      signal,
    );
    return answerOf(method, called);
  }

  /** users.info takes no JSON. Null when Slack did not say. */
  async user(id: string, signal: AbortSignal): Promise<SlackUser | null> {
    const { apiUrl, botToken, timeoutMs } = this.#parts;
    const called = await call(
      {
        url: `${apiUrl}/users.info`,
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded', authorization: `Bearer ${botToken.reveal().trim()}` },
        body: new URLSearchParams({ user: id }).toString(),
        timeoutMs,
      },
      signal,
    );
    const result = answerOf('users.info', called);
    if (result.kind !== 'ok') return null;
    const user = recordOf(result.answer['user']);
    const { email } = recordOf(user['profile']);
    const isConfirmed = user['is_email_confirmed'] !== false;
    return {
      teamId: typeof user['team_id'] === 'string' ? user['team_id'] : null,
      email: isConfirmed && typeof email === 'string' ? email : null,
      isPerson: user['deleted'] !== true && user['is_bot'] !== true && user['is_stranger'] !== true,
    };
  }
}

function answerOf(method: string, called: Awaited<ReturnType<typeof call>>): SlackAnswer {
  if (called.kind === 'lost') return { kind: 'failed', status: null, why: `${method}: ${called.why}`, again: true };
  const { status, body, waitMs } = called;
  const later = waitMs === null ? {} : { againAfterMs: waitMs };
  if (status !== 200)
    return { kind: 'failed', status, why: `${method}: Slack answered ${status}`, again: status === 429 || status >= 500, ...later };
  const answer = parsed(body);
  if (answer['ok'] === true) return { kind: 'ok', answer };
  const error = typeof answer['error'] === 'string' ? answer['error'].slice(0, 100) : 'no answer that can be read';
  return { kind: 'failed', status, why: `${method}: ${error}`, again: passing.has(error) || answer['error'] === undefined, ...later };
}

function parsed(text: string): Readonly<Record<string, unknown>> {
  try {
    return recordOf(JSON.parse(text));
  } catch {
    return {};
  }
}

/** The value as a record; an empty one when it is something else. */
export function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}
