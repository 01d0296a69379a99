// What psql's backslash commands, pg_dump and drivers send by themselves must be free, also when nothing is known of the
// target. The statements were taken from a server's log, in order.

import { readFileSync } from 'node:fs';
import t from 'tap';
import { createPostgresClassifier } from '../../policies/classify/postgres/classifier.ts';
import type { PreparedStatement } from '../../src/core/action.ts';
import { classificationOf } from '../../src/core/summary.ts';
import { statementOf } from '../support/statements.ts';

const statements = JSON.parse(readFileSync(new URL('classify-postgres-tools.json', import.meta.url), 'utf8')) as string[];
const classifier = await createPostgresClassifier();
t.teardown(() => classifier.close());

t.test(`${statements.length} statements of psql, pg_dump and drivers are free`, async (t) => {
  const prepared = new Map<string, PreparedStatement>();
  for (const text of statements) {
    const classification = await classifier.classify(
      statementOf(text, { key: '-', settings: {}, catalogue: null }, (name) => prepared.get(name)),
    );
    for (const change of classification.statements.flatMap((statement) => statement.changes)) {
      if (change.kind === 'prepare') prepared.set(change.name, { text, classification: classificationOf([change.inner]) });
    }
    const { understood, summary, problem } = classification;
    const isFree = understood && (summary.access === 'read' || summary.access === 'session');
    if (!isFree)
      t.fail(`not free: ${text.slice(0, 300)}`, { effects: summary.effects.filter((effect) => effect.access !== 'read'), problem });
  }
  t.ok(statements.length > 200);
});
