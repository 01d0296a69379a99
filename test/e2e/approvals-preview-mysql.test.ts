// What an approver is shown of a statement that waits for a real MariaDB.

import t from 'tap';
import type { PreviewView } from '../../src/api/contract.ts';
import { startTestGateway } from '../support/gateway.ts';
import { mariadbTarget, startMariadb } from '../support/mariadb.ts';
import { start } from '../support/processes.ts';
import { tool } from '../support/tools.ts';

t.test('previews of MariaDB', { timeout: 90_000 }, async (t) => {
  const server = await startMariadb(t);
  await server.sql(`
    CREATE TABLE parents (id int PRIMARY KEY);
    CREATE TABLE orders (id int PRIMARY KEY, parent int, status varchar(10), KEY (parent), KEY (status),
      FOREIGN KEY (parent) REFERENCES parents (id) ON DELETE CASCADE) ENGINE=InnoDB;
    INSERT INTO parents SELECT seq FROM seq_1_to_100;
    INSERT INTO orders SELECT seq, seq % 100 + 1, IF(seq % 2 = 0, 'open', 'paid') FROM seq_1_to_2000;
    CREATE VIEW open_orders AS SELECT id FROM orders WHERE status = 'open';
    CREATE TRIGGER noted BEFORE DELETE ON orders FOR EACH ROW SET @seen = 1;
    ANALYZE TABLE orders; ANALYZE TABLE parents;`);
  const gateway = await startTestGateway(t, { targets: [mariadbTarget(server, 'shop', { env: 'production' })] });
  const { port } = gateway.address('mysql');
  const bob = gateway.api('bob');
  const previewOf = async (text: string): Promise<PreviewView> => {
    const args = ['-h', '127.0.0.1', '-P', String(port), '-u', 'alice', `-p${gateway.token('alice')}`, 'shop', '-e', text];
    const client = start(t, tool('mariadb', 'mariadb-client'), args);
    const hold = await bob.pendingHold();
    const { body, status } = await bob.get<PreviewView>(`/holds/${hold.id}/preview`);
    t.equal(status, 200, JSON.stringify(body));
    t.equal(body.state, 'ready', body.why ?? '');
    await bob.post(`/holds/${hold.id}/deny`, { reason: 'seen' });
    await client.end();
    return body;
  };

  const all = await previewOf('DELETE FROM orders');
  const of = all.statements[0]?.rows?.of ?? 0;
  t.ok(of > 1000 && of < 4000, `${of} rows, as InnoDB estimates`);
  t.match(all.statements[0], { rows: { bound: 'about', rows: of }, consequences: [{ kind: 'runs', what: 'trigger noted' }] });
  t.match(all.tables, [{ name: /orders$/, kind: 'table' }]);
  t.match((await previewOf('DELETE FROM parents')).statements[0]?.consequences, [{ kind: 'rows-too', what: /orders .* deleted too/ }]);
  t.match((await previewOf('DROP TABLE orders')).statements[0], {
    consequences: [{ what: /view .*open_orders stays/ }],
    locks: [{ mode: 'exclusive metadata lock' }],
  });
  t.equal(Number((await server.sql('SELECT COUNT(*) AS n FROM orders'))[0]?.['n']), 2000, 'nothing ran');
});
