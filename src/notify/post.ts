// One signed HTTP POST. Redirects are not followed (they could lead anywhere), the answer's body is thrown away, and
// what went wrong is told without the address, which may carry a secret of the receiver.

import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { Webhook } from 'standardwebhooks';
import type { Secret } from '../core/secret.ts';
import type { SendResult } from './queue.ts';

/** What of an answer's body is read before the connection is cut. A polite receiver sends less. */
const responseBytesMax = 64 * 1024;

export interface Post {
  readonly url: string;
  readonly secret: Secret;
  readonly id: string;
  readonly body: string;
  readonly nowMs: number;
  readonly timeoutMs: number;
}

/** Never rejects. */
export function post(wanted: Post, signal: AbortSignal): Promise<SendResult> {
  return new Promise((resolve) => {
    const url = new URL(wanted.url);
    const sentAt = new Date(wanted.nowMs);
    const deadline = AbortSignal.timeout(wanted.timeoutMs);
    const request = (url.protocol === 'https:' ? httpsRequest : httpRequest)(url, {
      method: 'POST',
      agent: false,
      signal: AbortSignal.any([deadline, signal]),
      maxHeaderSize: 16 * 1024,
      headers: {
        'content-type': 'application/json; charset=utf-8',
        'content-length': Buffer.byteLength(wanted.body),
        'user-agent': 'sallyport',
        'webhook-id': wanted.id,
        'webhook-timestamp': String(Math.floor(wanted.nowMs / 1000)),
        'webhook-signature': new Webhook(wanted.secret.reveal()).sign(wanted.id, sentAt, wanted.body),
      },
    });
    request.on('error', (error: NodeJS.ErrnoException) => {
      const late = deadline.aborted ? `no answer within ${wanted.timeoutMs / 1000} s` : null;
      resolve({ kind: 'failed', status: null, why: late ?? connectionWords(error), again: true });
    });
    request.on('response', (response) => {
      const status = response.statusCode ?? 0;
      // The status line is the whole answer. Reading on is courtesy, ended by size or by the deadline above.
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > responseBytesMax) request.destroy();
      });
      response.on('error', () => {});
      resolve(resultOf(status));
    });
    request.end(wanted.body);
  });
}

function resultOf(status: number): SendResult {
  if (status >= 200 && status < 300) return { kind: 'taken', status };
  // Standard Webhooks: 410 means that the receiver wants no more of this.
  if (status === 410) return { kind: 'failed', status, why: 'the receiver is gone (410)', again: false };
  const redirect = status >= 300 && status < 400 ? ', which is not followed: configure the final address' : '';
  return { kind: 'failed', status, why: `the receiver answered ${status}${redirect}`, again: true };
}

function connectionWords(error: NodeJS.ErrnoException): string {
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  const code = (first as NodeJS.ErrnoException | undefined)?.code ?? error.code;
  switch (code) {
    case 'ECONNREFUSED':
      return 'connection refused';
    case 'ENOTFOUND':
      return 'unknown host';
    case 'EAI_AGAIN':
      return 'the name server does not answer';
    case 'ECONNRESET':
      return 'the receiver closed the connection without an answer';
    default:
      return code === undefined ? 'the connection failed' : `the connection failed (${code})`;
  }
}
