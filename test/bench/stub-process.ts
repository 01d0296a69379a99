// The PostgreSQL server that does nothing, in a process of its own: its sockets are not the load maker's. Prints its port, then a line
// of JSON for each query, with the machine's monotonic clock, which all processes share.

import { startStubPostgres } from './stub-postgres.ts';

const stub = await startStubPostgres({ teardown: () => undefined });
stub.onQuery = (text) => process.stdout.write(`${JSON.stringify([text, Number(process.hrtime.bigint()) / 1e6])}\n`);
process.stdout.write(`${stub.port}\n`);
process.stdin.on('end', () => process.exit(0)).resume();
