// Statements of PostgreSQL that were once judged as less than they are. What needs a server is in test/e2e/attack-parameter-types.test.ts.

import t from 'tap';
import { createPostgresClassifier } from '../../policies/classify/postgres/classifier.ts';
import type { Action } from '../../src/core/action.ts';
import type { Classification } from '../../src/core/classification.ts';
import { statementOf } from '../support/statements.ts';

const classifier = await createPostgresClassifier();
t.teardown(() => classifier.close());

function judged(text: string): string[] {
  const mode = { key: '', settings: {}, catalogue: null };
  const action: Action = statementOf(text, mode);
  const { understood, statements } = classifier.classify(action) as Classification;
  if (!understood) return ['not understood'];
  const inner = statements.flatMap(({ changes }) => changes.flatMap((it) => (it.kind === 'prepare' ? it.inner.effects : [])));
  const own = statements.flatMap(({ effects }) => effects);
  return [...own, ...inner].map((it) => `${it.verb} ${it.access} ${it.object ?? '-'}`);
}

t.test('how they are judged', async (t) => {
  // It empties every table that refers to it as well.
  t.same(judged('TRUNCATE a CASCADE'), ['truncate write a', 'truncate write -']);
  // The check of a domain runs when a value is made of the type.
  t.same(judged('PREPARE p(checked) AS SELECT 1'), ['prepare session -', 'read read -', 'call unknown type checked']);
});

t.test('what stays as it was', async (t) => {
  t.same(judged('TRUNCATE a'), ['truncate write a']);
  t.same(judged('PREPARE p(int, text[], timestamptz) AS SELECT $1'), ['prepare session -', 'read read -']);
});
