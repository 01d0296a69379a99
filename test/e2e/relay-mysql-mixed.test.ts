// Everything at once through the relay threads of one gateway, to a target that is dialled and one behind an agent: each session gets its
// own bytes and nobody else's, and so do tables and recordings.

import t from 'tap';
import { mixedGateway, mixedSessions } from '../support/mysql-mixed.ts';

t.setTimeout(120_000); // a busy machine takes its time

const world = await mixedGateway(t, 2);

t.test('all at once', async (t) => {
  await Promise.all(['near', 'far'].map((target) => mixedSessions(t, world, target)));
});
