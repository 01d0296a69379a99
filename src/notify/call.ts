// One HTTP request to a service outside, with an answer that is read: bounded in time and size, no redirects. What went wrong
// is told without the address, which may carry a secret.

import type { SendResult } from './queue.ts';

/** Answers of the services that are asked here are a few KB. */
const answerBytesMax = 512 * 1024;

export interface Call {
  readonly url: string;
  readonly method: 'GET' | 'POST' | 'PATCH' | 'PUT';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  readonly timeoutMs: number;
}

export type Called =
  | {
      readonly kind: 'answered';
      readonly status: number;
      readonly body: string;
      /** Retry-After, where it is a number of seconds. */ readonly waitMs: number | null;
    }
  | { readonly kind: 'lost'; readonly why: string };

/** Never rejects. */
export async function call({ url, method, headers = {}, body, timeoutMs }: Call, signal: AbortSignal): Promise<Called> {
  const deadline = AbortSignal.timeout(timeoutMs);
  try {
    const response = await fetch(url, {
      method,
      headers: { 'user-agent': 'sallyport', ...headers },
      redirect: 'manual',
      signal: AbortSignal.any([deadline, signal]),
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : new Uint8Array(body) }),
    });
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of response.body ?? []) {
      bytes += chunk.length;
      if (bytes > answerBytesMax) return { kind: 'lost', why: 'the answer is too long' };
      chunks.push(chunk);
    }
    const after = Number(response.headers.get('retry-after') ?? NaN);
    const waitMs = Number.isFinite(after) && after >= 0 ? Math.min(after, 3_600) * 1000 : null;
    return { kind: 'answered', status: response.status, body: Buffer.concat(chunks).toString('utf8'), waitMs };
  } catch (thrown) {
    if (deadline.aborted) return { kind: 'lost', why: `no answer within ${timeoutMs / 1000} s` };
    const code = ((thrown as Error).cause as NodeJS.ErrnoException | undefined)?.code;
    return { kind: 'lost', why: code === undefined ? 'the connection failed' : `the connection failed (${code})` };
  }
}

/** What an answer means where the status says everything. */
export function resultOf(called: Called): SendResult {
  if (called.kind === 'lost') return { kind: 'failed', status: null, why: called.why, again: true };
  const { status, waitMs } = called;
  if (status >= 200 && status < 300) return { kind: 'taken', status };
  const again = status === 408 || status === 429 || status >= 500;
  return { kind: 'failed', status, why: `the service answered ${status}`, again, ...(waitMs === null ? {} : { againAfterMs: waitMs }) };
}
