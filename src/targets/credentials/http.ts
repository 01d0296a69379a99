// JSON over HTTPS to a keeper of secrets: bounded in size and time, no redirects, the operator's own authorities. Whatever
// fails is said in words that have the address and the status, never anything of what was sent or answered.

import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { Fault } from '../../core/errors.ts';

export interface JsonRequest {
  readonly method: 'GET' | 'POST' | 'PUT';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
  /** PEM of the authorities to trust instead of the system's. */
  readonly ca: string | null;
  readonly signal: AbortSignal;
}

export interface JsonAnswer {
  readonly status: number;
  /** Null when it is no JSON. */
  readonly body: unknown;
}

/** The largest secret of AWS has 64 KiB, of Vault 1 MiB with its wrapping. */
const answerBytesMax = 2 * 1024 * 1024;

/** Sends and resolves with whatever status comes. Rejects with Fault target-credential-failed when none does. */
export function requestJson({ method, url, headers, body, ca, signal }: JsonRequest): Promise<JsonAnswer> {
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => reject(new Fault('target-credential-failed', `${url.host} can't be asked: ${why}`));
    const send = url.protocol === 'http:' ? requestHttp : requestHttps;
    const sent = send(url, {
      method,
      headers: { ...headers, ...(body === null ? {} : { 'content-length': String(Buffer.byteLength(body)) }) },
      ...(ca === null ? {} : { ca }),
      agent: false,
      signal,
    });
    sent.on('error', (error: NodeJS.ErrnoException) =>
      fail(signal.aborted ? 'no answer in time' : (error.code ?? 'the connection failed')),
    );
    sent.on('response', (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > answerBytesMax) return void response.destroy(new Error('too large'));
        chunks.push(chunk);
      });
      response.on('error', () => fail(bytes > answerBytesMax ? 'its answer is too large' : 'its answer was cut short'));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: parsed(Buffer.concat(chunks).toString('utf8')) }));
    });
    sent.end(body ?? undefined);
  });
}

/** The value at a path of keys, when it is a text; else null. */
export function textAt(value: unknown, ...path: readonly string[]): string | null {
  const found = valueAt(value, ...path);
  return typeof found === 'string' ? found : null;
}

export function numberAt(value: unknown, ...path: readonly string[]): number | null {
  const found = valueAt(value, ...path);
  return typeof found === 'number' && Number.isFinite(found) ? found : null;
}

export function valueAt(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (inner, key) =>
      typeof inner === 'object' && inner !== null && Object.hasOwn(inner, key) ? (inner as Record<string, unknown>)[key] : undefined,
    value,
  );
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
