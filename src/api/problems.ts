// Errors as RFC 9457 problem documents. The only place where a Fault becomes an HTTP status.

import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import type { Log } from '../core/driver.ts';
import { Fault, messageOf } from '../core/errors.ts';
import type { FaultCode } from '../core/errors.ts';
import type { HoldState, Problem } from './contract.ts';

/** Thrown by routes; rendered by `sendError`. */
export class HttpProblem extends Error {
  readonly status: number;
  readonly code: string;
  readonly state: HoldState | null;

  constructor(status: number, code: string, message: string, state: HoldState | null = null) {
    super(message);
    this.name = 'HttpProblem';
    this.status = status;
    this.code = code;
    this.state = state;
  }
}

export const notFound = (what: string): HttpProblem => new HttpProblem(404, 'not-found', `there is no ${what}, or it is not yours to see`);

const titles: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  409: 'Conflict',
  410: 'Gone',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  416: 'Range Not Satisfiable',
  421: 'Misdirected Request',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
};

/** Faults that say something about the request. All others are the gateway's own trouble. */
const faultStatus: Partial<Record<FaultCode, number>> = {
  'not-found': 404,
  'not-allowed': 403,
  'sign-in-failed': 401,
  conflict: 409,
  'invalid-request': 400,
  'limit-reached': 429,
  'target-credential-failed': 502,
  'store-failed': 503,
  'audit-write-failed': 503,
  'audit-chain-broken': 503,
};

/** Sends a problem document. */
export function sendProblem(reply: FastifyReply, status: number, rest: Omit<Problem, 'type' | 'title' | 'status'>): FastifyReply {
  const body: Problem = { type: 'about:blank', title: titles[status] ?? 'Error', status, ...rest };
  if (status === 401) reply.header('www-authenticate', 'Bearer realm="sallyport"');
  // A string, so that no response schema of the route is applied to it.
  return reply.code(status).type('application/problem+json; charset=utf-8').send(JSON.stringify(body));
}

/** The error handler of the whole server. */
export function sendError(error: FastifyError | Error, request: FastifyRequest, reply: FastifyReply, log: Log): FastifyReply {
  if (hasZodFastifySchemaValidationErrors(error)) {
    const errors = error.validation.map((issue) => ({
      path: `${error.validationContext ?? 'body'}${issue.instancePath.replaceAll('/', '.').replace(/^\.$/, '')}`,
      message: issue.message ?? 'is not valid',
    }));
    return sendProblem(reply, 400, { detail: 'the request is not what this address takes', code: 'invalid-request', errors });
  }
  if (error instanceof HttpProblem) {
    const state = error.state === null ? {} : { state: error.state };
    return sendProblem(reply, error.status, { detail: error.message, code: error.code, ...state });
  }
  if (error instanceof Fault && faultStatus[error.code] !== undefined) {
    const detail = error.hint === null ? error.message : `${error.message}: ${error.hint}`;
    return sendProblem(reply, faultStatus[error.code] ?? 500, { detail, code: error.code });
  }
  // A disk that is full or gone: told as what it is, for whoever can mend it.
  if ('code' in error && /^SQLITE_(FULL|IOERR|READONLY)/.test(error.code ?? '')) {
    log.error({ error: messageOf(error), route: request.routeOptions.url }, 'the database cannot be written');
    return sendProblem(reply, 503, { detail: `the gateway's database can't be written: ${messageOf(error)}`, code: 'store-failed' });
  }
  const status = 'statusCode' in error && typeof error.statusCode === 'number' ? error.statusCode : 500;
  if (status >= 400 && status < 500) return sendProblem(reply, status, { detail: error.message, code: 'invalid-request' });
  // The words of an unexpected error may hold what is not the reader's business. The route's pattern, not the path: paths hold secrets.
  log.error({ error: messageOf(error), stack: error.stack, method: request.method, route: request.routeOptions.url }, 'a request failed');
  return sendProblem(reply, 500, { detail: 'something in the gateway failed; its log says what', code: 'fault' });
}
