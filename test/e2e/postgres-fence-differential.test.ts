// The session's semantics stay the server's: random walks through transactions, portals, cursors, pipelines and errors, played to the
// server directly and through the gateway with every read fenced, answer the same to the byte. SALLYPORT_SEED=… plays one again.

import t from 'tap';
import { startTestGateway, targetOf } from '../support/gateway.ts';
import { startPostgres } from '../support/postgres.ts';
import * as pg from '../support/postgres-wire.ts';
import { summary, WireClient } from '../support/postgres-wire.ts';
import { SeededRandom } from '../unit/approvals-fixtures/desk.ts';

t.setTimeout(170_000); // a busy machine takes its time

const seed = Number(process.env['SALLYPORT_SEED'] ?? Date.now() % 1_000_000_007);
const walks = 12;
const stepsEach = 40;

const server = await startPostgres(t, { from: 'debian' });
await server.sql(`CREATE TABLE things (id int, name text);
  CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql STABLE AS 'SELECT $1 * 2';
  CREATE VIEW doubled AS SELECT twice(id) AS id FROM things`);
const policy = `policy: p
rules:
  - { id: in, actions: [connect], decision: allow }
  - { id: reads, effects: { access: [read, session] }, fence: read-only, decision: allow }
  - { id: rest, effects: { access: [write] }, decision: allow }
`;
const gateway = await startTestGateway(t, { targets: [targetOf(server, 'orders', {})], policies: { 'p.yaml': policy } });

const statements = [
  'SELECT 1',
  'SELECT id, name FROM things ORDER BY id',
  'SELECT twice(id) FROM things ORDER BY 1',
  'SELECT count(*) FROM doubled',
  'SELECT 1/(id - 2) FROM things ORDER BY id',
  'SELECT nothing FROM things',
  'SELECT 1 AS a, 1/0',
  'COPY things TO STDOUT',
  'EXPLAIN (COSTS OFF) SELECT * FROM things',
  'INSERT INTO things VALUES (7, $$new$$)',
  'UPDATE things SET name = $$x$$ WHERE id = 1',
  'BEGIN',
  'BEGIN READ ONLY',
  'COMMIT',
  'ROLLBACK',
  'SAVEPOINT a',
  'ROLLBACK TO a',
  'RELEASE a',
  'DECLARE c CURSOR FOR SELECT id FROM things ORDER BY id',
  'FETCH 1 FROM c',
  'MOVE 1 FROM c',
  'CLOSE c',
  'SHOW transaction_read_only',
  'SELECT name FROM pg_prepared_statements',
  'SELECT name FROM pg_cursors',
  '',
];

const isWrite = (text: string) => /^(INSERT|UPDATE)/.test(text);
const isBlock = (text: string) => /^(BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE|DECLARE)/.test(text);

/** The messages of one step, each ended by a Sync or a Query. */
function step(random: SeededRandom): Buffer[] {
  // A write, a fenced read and a word about transactions in one batch outside of one: docs/postgres-differences.md.
  const left = random.below(2) === 0 ? statements.filter((it) => !isWrite(it)) : statements.filter((it) => !isBlock(it));
  const text = () => left[random.below(left.length)] ?? '';
  const one = (name = '', portal = '') => [
    pg.parse(name, text()),
    pg.bind(portal, name),
    ...(random.below(2) === 0 ? [pg.describe('P', portal)] : []),
    pg.execute(portal, random.below(3) === 0 ? 1 : 0),
  ];
  switch (random.below(6)) {
    case 0:
    case 1:
      return [pg.query(text())];
    case 2:
      return [pg.query(two(text))];
    case 3:
      return [...one(), pg.sync];
    case 4:
      return [...one(), ...(random.below(2) === 0 ? [pg.flush] : []), ...one(), ...(random.below(2) === 0 ? one() : []), pg.sync];
    default:
      return [pg.close('S', 's'), ...one('s', 'p'), pg.execute('p', 1), pg.close('P', 'p'), pg.sync];
  }
}

/** Two statements in one Query. Behind a query in one text BEGIN is refused, and SHOW shows the fence. */
function two(text: () => string): string {
  for (;;) {
    const [first, second] = [text(), text()];
    if (!/^(SELECT|COPY|EXPLAIN|FETCH|MOVE)/.test(first) || !/^(BEGIN|SHOW)/.test(second)) return `${first};${second}`;
  }
}

async function play(client: WireClient, messages: readonly (readonly Buffer[])[]): Promise<{ bytes: string; words: string }[]> {
  const answers = [];
  for (const step of messages) {
    const answer = await client.cycle(...step);
    // Which line of the server's source raised an error may differ: a savepoint that is missing is searched below the fence's too.
    const bytes = answer.map((it) => (it.type === 'E' ? it.bytes.toString('latin1').replace(/L\d+\0/, '') : it.bytes.toString('latin1')));
    answers.push({ bytes: bytes.join(''), words: summary(answer) });
  }
  return answers;
}

t.test(`walks answer the same to the byte (seed ${seed})`, async (t) => {
  const random = new SeededRandom(seed);
  const reset = "TRUNCATE things; INSERT INTO things VALUES (1, 'a'), (2, 'b'), (3, 'c')";
  for (let walk = 0; walk < walks; walk++) {
    const messages = Array.from({ length: stepsEach }, () => step(random));
    await server.sql(reset);
    const { host, port, user, password } = server;
    const direct = await WireClient.open(t, { host, port, user, password: password ?? '', database: 'postgres' });
    const wanted = await play(direct, messages);
    direct.socket.destroy();
    await server.sql(reset);
    const through = await WireClient.open(t, {
      ...gateway.address('postgres'),
      user: 'alice',
      password: gateway.token('alice'),
      database: 'orders',
    });
    const got = await play(through, messages);
    through.socket.destroy();
    const wrong = wanted.findIndex(({ bytes }, index) => bytes !== got[index]?.bytes);
    if (wrong < 0) continue;
    const before = messages.slice(Math.max(0, wrong - 3), wrong + 1).map((it) =>
      Buffer.concat(it)
        .toString('latin1')
        .replaceAll(/[^ -~]+/g, ' '),
    );
    t.equal(got[wrong]?.words, wanted[wrong]?.words, `walk ${walk}, step ${wrong}: ${before.join(' | ')}`);
    return t.fail('the bytes differ', { direct: wanted[wrong]?.bytes, through: got[wrong]?.bytes });
  }
  t.pass(`${walks * stepsEach} steps`);
});
