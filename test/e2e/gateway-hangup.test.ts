// A gateway whose terminal is closed, or that somebody sends SIGHUP for want of a reload: it ends as by SIGTERM, sessions in words.

import t from 'tap';
import { startGatewayProcess } from '../support/gateway-process.ts';
import { startPostgres } from '../support/postgres.ts';
import { targetOf } from '../support/gateway.ts';
import { start } from '../support/processes.ts';
import { tool } from '../support/tools.ts';
import { eventually } from '../support/eventually.ts';
import type { Page, SessionView } from '../../src/api/contract.ts';

t.test('SIGHUP closes cleanly', async (t) => {
  const server = await startPostgres(t);
  const gateway = await startGatewayProcess(t, { targets: [targetOf(server, 'orders', { env: 'production' })] });
  const psql = start(t, tool('psql', 'postgresql-client'), [gateway.url('alice', 'orders'), '-c', 'SELECT pg_sleep(60)']);
  await eventually('the session is open', async () => {
    const { body } = await gateway.api('carol').get<Page<SessionView>>('/sessions?state=open');
    return body.items.some(({ statements }) => statements > 0);
  });
  t.equal(await gateway.stop('SIGHUP'), 0);
  t.match(gateway.output(), /SIGHUP: ending sessions and closing/);
  await psql.end();
  t.match(psql.output, /FATAL: +the gateway/);
  await gateway.start();
  const { body } = await gateway.api('carol').get<Page<{ type: string }>>('/audit?limit=200');
  t.notOk(
    body.items.some(({ type }) => type === 'gateway.recovered'),
    'there was nothing to recover from',
  );
});
