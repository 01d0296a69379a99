// Ports on the loopback address that nobody uses.

import { createServer } from 'node:net';

/** The first of the wanted ports that is free, else any free one that is not in `taken`. */
export async function freePort(wanted: readonly number[], taken: ReadonlySet<number> = new Set()): Promise<number> {
  for (const port of wanted) if (!taken.has(port) && (await tryPort(port)) !== null) return port;
  for (;;) {
    const port = await tryPort(0);
    if (port === null) throw new Error('there is no free port on 127.0.0.1');
    if (!taken.has(port)) return port;
  }
}

function tryPort(port: number): Promise<number | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(null));
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      const bound = typeof address === 'object' && address !== null ? address.port : null;
      server.close(() => resolve(bound));
    });
  });
}
