// Everything at once to a target of PostgreSQL whose answers are cut anywhere on their way: in headers, behind one byte, in the middle of rows.

import t from 'tap';
import { cuttingProxy } from '../support/cutting-proxy.ts';
import { mixedGateway, mixedSessions } from '../support/postgres-mixed.ts';

t.setTimeout(120_000); // a busy machine takes its time

const seed = Number(process.env['SEED'] ?? Date.now() % 1e9);
const world = await mixedGateway(t, 0, (port) => cuttingProxy(t, port, seed));

t.test(`all at once, SEED=${seed}`, async (t) => mixedSessions(t, world, 'near'));
