// Somebody else's HTTP server that takes webhooks: keeps what came, verifies signatures as the standard's own library does, and
// answers what the test tells it to.

import { createServer } from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import type { Teardown } from './directories.ts';

export interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** What the standard's library says of the signature: the payload, or why not. */
  readonly verified: { readonly payload: WebhookBody } | { readonly why: string };
}

export interface WebhookBody {
  readonly type: string;
  readonly data: {
    readonly id: string;
    readonly state: string;
    readonly text: string;
    readonly links: { readonly console: string; readonly approve: string | null; readonly deny: string | null };
  };
}

export interface WebhookReceiver {
  readonly url: string;
  readonly received: readonly Received[];
  /** Status codes for the next deliveries, then 204. "hang" never answers. */
  answers(...next: (number | 'hang')[]): void;
}

export async function startWebhookReceiver(t: Teardown, secret: string): Promise<WebhookReceiver> {
  const received: Received[] = [];
  const planned: (number | 'hang')[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString('utf8');
      received.push({ headers: request.headers, body, verified: verify(secret, body, request.headers) });
      const answer = planned.shift() ?? 204;
      if (answer !== 'hang') response.writeHead(answer).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    received,
    answers: (...next) => void planned.push(...next),
  };
}

function verify(secret: string, body: string, headers: IncomingHttpHeaders): Received['verified'] {
  try {
    return { payload: new Webhook(secret).verify(body, headers as Record<string, string>) as WebhookBody };
  } catch (thrown) {
    return { why: String(thrown) };
  }
}
