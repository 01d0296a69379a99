// The typed client of /api/v1. Same origin, cookie session, JSON. A problem document becomes an ApiProblem whose message
// can be shown to a person as it is.

import { apiBase } from '../api/contract.ts';
import type {
  AccessRequestBody,
  AccessRequestView,
  AgentView,
  AuditEventView,
  AuditVerification,
  DecisionView,
  GrantView,
  HoldState,
  HoldView,
  LoginBody,
  Me,
  Page,
  PendingSignInView,
  PolicyView,
  Problem,
  RecordingView,
  SessionView,
  TargetView,
  TokenIssued,
} from '../api/contract.ts';

/** A request that has not been answered by then is given up, and the page says so. */
const requestTimeoutMs = 20_000;

export class ApiProblem extends Error {
  readonly status: number;
  readonly code: string | null;

  constructor(status: number, code: string | null, message: string) {
    super(message);
    this.name = 'ApiProblem';
    this.status = status;
    this.code = code;
  }
}

/** Asks the API; rejects with an ApiProblem. */
export async function request<T>(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const timeout = AbortSignal.timeout(requestTimeoutMs);
  const init: RequestInit = {
    method,
    credentials: 'same-origin',
    headers: { accept: 'application/json', ...(method === 'GET' ? {} : { 'content-type': 'application/json' }) },
    signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
    ...(method === 'GET' ? {} : { body: JSON.stringify(body ?? {}) }),
  };
  let response: Response;
  try {
    response = await fetch(apiBase + path, init);
  } catch (error) {
    if (signal?.aborted === true) throw error;
    throw new ApiProblem(0, null, 'The gateway did not answer. Check the connection and try again.');
  }
  if (!response.ok) throw await problemOf(response);
  const text = await response.text();
  return (text === '' ? undefined : JSON.parse(text)) as T;
}

async function problemOf(response: Response): Promise<ApiProblem> {
  const fallback = `The gateway answered ${response.status}.`;
  const problem = (await response.json().catch(() => null)) as Problem | null;
  if (problem === null) return new ApiProblem(response.status, null, fallback);
  const fields = (problem.errors ?? []).map((error) => `${error.path}: ${error.message}`);
  const words = [problem.detail ?? problem.title ?? fallback, ...fields].join('\n');
  return new ApiProblem(response.status, problem.code ?? null, words);
}

/** Query string of the entries that are set. */
export function query(entries: Readonly<Record<string, string | number | null | undefined>>): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(entries)) {
    if (value !== undefined && value !== null && value !== '') search.set(name, String(value));
  }
  const text = search.toString();
  return text === '' ? '' : `?${text}`;
}

const id = encodeURIComponent;

export interface AuditFilters {
  readonly type: string;
  readonly principal: string;
  readonly target: string;
  readonly session: string;
  readonly hold: string;
  readonly since: string;
  readonly until: string;
  readonly text: string;
}

export interface SessionFilters {
  readonly state: SessionView['state'] | '';
  /** Words of which each must stand somewhere. */
  readonly text: string;
  readonly since: string;
  readonly until: string;
}

export const api = {
  me: (signal?: AbortSignal) => request<Me>('GET', '/me', undefined, signal),
  login: (proof: LoginBody) => request<unknown>('POST', '/login', proof),
  logout: () => request<unknown>('POST', '/logout'),

  holds: (filter: { state?: HoldState | undefined; text?: string; cursor?: string | null; limit?: number }, signal?: AbortSignal) =>
    request<Page<HoldView>>('GET', `/holds${query(filter)}`, undefined, signal),
  hold: (holdId: string, signal?: AbortSignal) => request<HoldView>('GET', `/holds/${id(holdId)}`, undefined, signal),
  answer: (holdId: string, answer: 'approve' | 'deny', reason: string | undefined) =>
    request<HoldView>('POST', `/holds/${id(holdId)}/${answer}`, reason === undefined ? {} : { reason }),

  sessions: (filters: SessionFilters, cursor: string | null, signal?: AbortSignal) =>
    request<Page<SessionView>>('GET', `/sessions${query({ ...filters, cursor, limit: 100 })}`, undefined, signal),
  session: (sessionId: string, signal?: AbortSignal) => request<SessionView>('GET', `/sessions/${id(sessionId)}`, undefined, signal),
  /** A part of the statement log, from a cursor of an earlier one or from its beginning; of all of it, or of what has a text. */
  recording: (sessionId: string, part: { cursor: string | null; limit: number; text?: string }, signal?: AbortSignal) =>
    request<RecordingView>('GET', `/sessions/${id(sessionId)}/recording${query(part)}`, undefined, signal),
  kill: (sessionId: string) => request<unknown>('POST', `/sessions/${id(sessionId)}/kill`),

  audit: (filters: AuditFilters, cursor: string | null, signal?: AbortSignal) =>
    request<Page<AuditEventView>>('GET', `/audit${query({ ...filters, cursor, limit: 100 })}`, undefined, signal),
  auditVerify: () => request<AuditVerification>('GET', '/audit/verify'),

  agents: (signal?: AbortSignal) => request<Page<AgentView>>('GET', '/agents', undefined, signal),
  targets: (signal?: AbortSignal) => request<Page<TargetView>>('GET', '/targets', undefined, signal),
  policies: (signal?: AbortSignal) => request<PolicyView>('GET', '/policies', undefined, signal),
  issueToken: (name: string) => request<TokenIssued>('POST', '/tokens', { name }),

  accessRequests: (filter: { state?: string; limit?: number }, signal?: AbortSignal) =>
    request<Page<AccessRequestView>>('GET', `/access-requests${query(filter)}`, undefined, signal),
  accessRequest: (requestId: string, signal?: AbortSignal) =>
    request<AccessRequestView>('GET', `/access-requests/${id(requestId)}`, undefined, signal),
  requestAccess: (body: AccessRequestBody) => request<AccessRequestView>('POST', '/access-requests', body),
  answerAccess: (requestId: string, answer: 'approve' | 'deny', reason: string | undefined) =>
    request<AccessRequestView>('POST', `/access-requests/${id(requestId)}/${answer}`, reason === undefined ? {} : { reason }),
  withdrawAccess: (requestId: string) => request<AccessRequestView>('POST', `/access-requests/${id(requestId)}/withdraw`),
  grants: (filter: { state?: string; review?: string; limit?: number }, signal?: AbortSignal) =>
    request<Page<GrantView>>('GET', `/grants${query(filter)}`, undefined, signal),
  grant: (grantId: string, signal?: AbortSignal) => request<GrantView>('GET', `/grants/${id(grantId)}`, undefined, signal),
  revokeGrant: (grantId: string, reason: string | undefined) =>
    request<GrantView>('POST', `/grants/${id(grantId)}/revoke`, reason === undefined ? {} : { reason }),
  extendGrant: (grantId: string, forMs: number, reason: string) =>
    request<AccessRequestView>('POST', `/grants/${id(grantId)}/extend`, { for_ms: forMs, reason }),
  reviewGrant: (grantId: string, words: string) => request<GrantView>('POST', `/grants/${id(grantId)}/review`, { words }),

  signIn: (secret: string, signal?: AbortSignal) => request<PendingSignInView>('GET', `/sign-ins/${id(secret)}`, undefined, signal),
  confirmSignIn: (secret: string, code: string) => request<unknown>('POST', `/sign-ins/${id(secret)}/confirm`, { code }),
  refuseSignIn: (secret: string) => request<unknown>('POST', `/sign-ins/${id(secret)}/refuse`),
  decision: (token: string, signal?: AbortSignal) => request<DecisionView>('GET', `/decisions/${id(token)}`, undefined, signal),
  decide: (token: string, answer: 'approve' | 'deny', reason: string | undefined) =>
    request<HoldView | AccessRequestView>('POST', `/decisions/${id(token)}`, reason === undefined ? { answer } : { answer, reason }),
};
