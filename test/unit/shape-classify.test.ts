// Which texts have the same shape, and which must not: the negatives are what somebody would try who has one approved.

import t from 'tap';
import type { Action, Parameter } from '../../src/core/action.ts';
import type { ActionId } from '../../src/core/ids.ts';
import type { Classifier } from '../../src/core/policy.ts';
import { isShape, type Shape } from '../../src/core/shape.ts';
import { createMysqlClassifier } from '../../policies/classify/mysql/classifier.ts';
import { createPostgresClassifier } from '../../policies/classify/postgres/classifier.ts';
import { createShellClassifier } from '../../policies/classify/shell/classifier.ts';

const modes = {
  postgres: { search_path: 'public', standard_conforming_strings: 'on', server_version: '17.2', client_encoding: 'UTF8' },
  mysql: { sql_mode: 'STRICT_TRANS_TABLES', flavour: 'mariadb', character_set_client: 'utf8mb4', database: 'shop' },
  ssh: { terminal: 'off' },
} as const;

interface Given {
  readonly settings?: Readonly<Record<string, string>>;
  readonly parameters?: readonly Parameter[];
}

function reader(classifier: Classifier, protocol: keyof typeof modes) {
  return async (text: string, { settings = modes[protocol], parameters }: Given = {}) => {
    const action: Action = {
      id: 'a' as ActionId,
      kind: protocol === 'ssh' ? 'command' : 'statement',
      text,
      parameters: parameters ?? null,
      digest: () => text,
      mode: { key: JSON.stringify(settings), settings, catalogue: null },
      transaction: 'none',
      classified: null,
      prepared: null,
    };
    return classifier.shapeOf!(action, await classifier.classify(action));
  };
}

type Read = ReturnType<typeof reader>;

async function shaped(t: Tap, read: Read, text: string, given: Given = {}): Promise<Shape> {
  const shape = await read(text, given);
  if (!isShape(shape)) {
    t.fail(`${text}: ${shape.why}`);
    return { hash: text, words: '', holes: [] };
  }
  return shape;
}

type Tap = Pick<typeof t, 'fail' | 'equal' | 'not' | 'ok' | 'same'>;

async function differs(t: Tap, read: Read, base: string, others: Readonly<Record<string, string>>): Promise<void> {
  const { hash } = await shaped(t, read, base);
  for (const [name, text] of Object.entries(others)) {
    const other = await read(text);
    t.ok(!isShape(other) || other.hash !== hash, `${name}: ${text}`);
  }
}

async function same(t: Tap, read: Read, base: string, others: readonly string[]): Promise<void> {
  const { hash } = await shaped(t, read, base);
  for (const text of others) t.equal((await shaped(t, read, text)).hash, hash, text);
}

t.test('PostgreSQL', async (t) => {
  const classifier = await createPostgresClassifier();
  t.teardown(() => classifier.close());
  const read = reader(classifier, 'postgres');
  const base = "DELETE FROM orders WHERE id = 5 AND state = 'new'";

  t.test('another shape', async (t) => {
    await differs(t, read, base, {
      'another table': "DELETE FROM items WHERE id = 5 AND state = 'new'",
      'a schema named': "DELETE FROM other.orders WHERE id = 5 AND state = 'new'",
      'a clause more': "DELETE FROM orders WHERE id = 5 AND state = 'new' OR true",
      'a clause less': 'DELETE FROM orders WHERE id = 5',
      'another operator': "DELETE FROM orders WHERE id > 5 AND state = 'new'",
      'another column': "DELETE FROM orders WHERE customer = 5 AND state = 'new'",
      'a function in a hole': "DELETE FROM orders WHERE id = length('12345') AND state = 'new'",
      'a column in a hole': "DELETE FROM orders WHERE id = id AND state = 'new'",
      'a query in a hole': "DELETE FROM orders WHERE id = (SELECT 5) AND state = 'new'",
      'a string for a number': "DELETE FROM orders WHERE id = '5' AND state = 'new'",
      'a large number for a small one': "DELETE FROM orders WHERE id = 5000000000 AND state = 'new'",
      NULL: "DELETE FROM orders WHERE id = NULL AND state = 'new'",
      true: "DELETE FROM orders WHERE id = 5 AND state = 'new' AND true",
      'a second statement': `${base}; DROP TABLE orders`,
      RETURNING: `${base} RETURNING *`,
      'what a comment hides': "DELETE FROM orders WHERE id = 5 --\n OR state = 'new'",
      ONLY: "DELETE FROM ONLY orders WHERE id = 5 AND state = 'new'",
    });
  });

  t.test('the same shape: other literals, white space, comments, case of keywords', async (t) => {
    await same(t, read, base, [
      "delete from orders where id = 7 and state = 'it''s'",
      "DELETE FROM orders /* why */ WHERE id = -3 AND state = E'a\\nb';",
      'DELETE   FROM\n ORDERS WHERE id = 5 AND state = $$x$$',
    ]);
    const { words, holes } = await shaped(t, read, base);
    t.equal(words, 'DELETE FROM orders WHERE id = ‹1› AND state = ‹2›');
    t.same(
      holes.map(({ kind, value }) => [kind, value]),
      [
        ['integer', '5'],
        ['string', 'new'],
      ],
    );
  });

  t.test('what names mean is part of it', async (t) => {
    const { hash } = await shaped(t, read, base);
    for (const settings of [{ search_path: 'evil, public' }, { role: 'admin' }]) {
      t.not((await shaped(t, read, base, { settings: { ...modes.postgres, ...settings } })).hash, hash, JSON.stringify(settings));
    }
  });

  t.test('an empty condition is not a shape with a hole', async (t) => {
    await differs(t, read, 'DELETE FROM orders WHERE 1 = 2', { 'reaches all': 'DELETE FROM orders WHERE 1 = 1' });
  });

  t.test('lists, limits and their order', async (t) => {
    await differs(t, read, 'SELECT * FROM orders WHERE id IN (1, 2)', { longer: 'SELECT * FROM orders WHERE id IN (1, 2, 3)' });
    await differs(t, read, 'SELECT * FROM orders LIMIT 1 OFFSET 2', { turned: 'SELECT * FROM orders OFFSET 1 LIMIT 2' });
    await same(t, read, 'SELECT * FROM orders LIMIT 1 OFFSET 2', ['SELECT * FROM orders LIMIT 100 OFFSET 0']);
  });

  t.test('strings that name things stay as they are', async (t) => {
    await differs(t, read, "SELECT * FROM orders WHERE tableoid = 'orders'::regclass", {
      'another table': "SELECT * FROM orders WHERE tableoid = 'items'::regclass",
    });
    await differs(t, read, "SELECT upper('a')", { 'given to a function': "SELECT upper('b')", cast: "SELECT upper('b'::text)" });
  });

  t.test('bound parameters', async (t) => {
    const text = 'DELETE FROM orders WHERE id = $1';
    const one = await shaped(t, read, text, { parameters: [{ type: 'int4', text: '5' }] });
    t.equal((await shaped(t, read, text, { parameters: [{ type: 'int4', text: '6' }] })).hash, one.hash);
    t.not((await shaped(t, read, text, { parameters: [{ type: 'text', text: '5' }] })).hash, one.hash, 'another type');
    t.notOk(isShape(await read(text, { parameters: [{ type: 'int4', text: null }] })), 'NULL');
    t.notOk(isShape(await read(text, { parameters: [] })), 'no value');
    t.notOk(isShape(await read(text, { parameters: [{ type: null, text: '\\x0005' }] })), 'a form that is not read');
  });

  t.test('none at all', async (t) => {
    for (const text of [
      "COPY orders TO PROGRAM 'sh'",
      'DO $$ BEGIN END $$',
      'SELEC 1',
      'SELECT 1; SELECT 2',
      '',
      "SET search_path = 'x'",
      'PREPARE p AS DELETE FROM orders WHERE id = 1',
      "SELECT pg_read_file('x')",
      "DELETE FROM orders WHERE state = U&'x'",
      "DELETE FROM orders WHERE state = 'a'\n'b'",
      `DELETE FROM orders WHERE id IN (${Array.from({ length: 300 }, (_, i) => i)})`,
    ])
      t.notOk(isShape(await read(text)), text.slice(0, 60));
  });
});

t.test('MySQL', async (t) => {
  const read = reader(createMysqlClassifier(), 'mysql');
  const base = "DELETE FROM orders WHERE id = 5 AND state = 'new'";
  await differs(t, read, base, {
    'another table': "DELETE FROM Orders WHERE id = 5 AND state = 'new'",
    'an executable comment': "DELETE FROM orders WHERE id = 5 /*!50000 OR 1=1 */ AND state = 'new'",
    'of MariaDB alone': "DELETE FROM orders WHERE id = 5 /*M! OR 1=1 */ AND state = 'new'",
    'an optimizer hint': "DELETE /*+ SET_VAR(sql_mode='') */ FROM orders WHERE id = 5 AND state = 'new'",
    'a clause more': `${base} OR 1 = 1`,
    'a function in a hole': "DELETE FROM orders WHERE id = SLEEP(5) AND state = 'new'",
    'a string for a number': "DELETE FROM orders WHERE id = '5' AND state = 'new'",
    NULL: "DELETE FROM orders WHERE id = NULL AND state = 'new'",
    'a quoted name for a string': 'DELETE FROM orders WHERE id = 5 AND state = `new`',
    'a marked string': "DELETE FROM orders WHERE id = 5 AND state = _latin1'new'",
    'a hexadecimal one': "DELETE FROM orders WHERE id = 0x5 AND state = 'new'",
    'a second statement': `${base}; DROP TABLE orders`,
  });
  await same(t, read, base, [
    "delete from orders where id = 9 and state = 'o\\'k' -- done",
    'DELETE FROM orders /* x */ WHERE id=1 AND state="b";',
  ]);
  const { hash, words } = await shaped(t, read, base);
  t.equal(words, 'DELETE FROM orders WHERE id = ‹1› AND state = ‹2›');
  for (const settings of [{ database: 'other' }, { sql_mode: 'ANSI' }]) {
    t.not((await shaped(t, read, base, { settings: { ...modes.mysql, ...settings } })).hash, hash, JSON.stringify(settings));
  }
  await differs(t, read, 'DELETE FROM orders WHERE 1 = 2', { 'reaches all': 'DELETE FROM orders WHERE 1 = 1' });
  const bound = await shaped(t, read, 'DELETE FROM orders WHERE id = ?', { parameters: [{ type: 'int', text: '5' }] });
  t.match(bound.holes, [{ kind: 'parameter', value: '5' }]);
});

t.test('shell', async (t) => {
  const read = reader(createShellClassifier(), 'ssh');
  const base = "systemctl restart 'nginx'";
  const { words } = await shaped(t, read, base);
  t.equal(words, 'systemctl restart ‹1›');
  await differs(t, read, base, {
    'another verb': "systemctl stop 'nginx'",
    'a word without quotes': 'systemctl restart nginx',
    'an expansion': 'systemctl restart "$(id)"',
    'an option in quotes': "systemctl restart '--force'",
    'a word more': "systemctl restart 'nginx' sshd",
    'a second command': "systemctl restart 'nginx'; id",
    'a pipe': "systemctl restart 'nginx' | tee x",
    'in the background': "systemctl restart 'nginx' &",
    'an assignment': "LD_PRELOAD=x systemctl restart 'nginx'",
  });
});
