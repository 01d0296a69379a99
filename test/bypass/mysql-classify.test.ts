// The MySQL rows of the corpus, judged by their text: what must wait is a write, unknown or not understood at some step; what
// is free is understood and changes nothing. What only the protocol can show is in test/e2e/mysql-protocol.test.ts.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { createMysqlClassifier } from '../../policies/classify/mysql/classifier.ts';
import { readCatalogue } from '../../protocols/mysql/catalogue.ts';
import type { Action, PreparedStatement, ReadingMode } from '../../src/core/action.ts';
import type { Classification } from '../../src/core/classification.ts';
import { classificationOf } from '../../src/core/summary.ts';
import { statementOf } from '../support/statements.ts';

interface Row {
  readonly id: string;
  readonly protocol?: string;
  readonly input: string;
  readonly via?: string;
  readonly expect: 'read' | 'session' | 'hold' | 'deny';
  readonly steps?: readonly (readonly [string, ...unknown[]])[];
  readonly handshake_charset?: number;
}

const classifier = createMysqlClassifier();
const catalogue = readCatalogue(
  { routines: [['tp', 'wipe_f', 'FUNCTION']], views: [['tp', 'quietview', 'select `wipe_f`() AS `x`'], ['tp', 'plain', 'select 1']], triggers: [], columns: [], references: [], engines: [], loaded: null },
  'owner',
); // prettier-ignore

function modeOf(charset: string): ReadingMode {
  const settings = {
    sql_mode: 'STRICT_TRANS_TABLES',
    character_set_client: charset,
    flavour: 'mariadb',
    database: 'tp',
    lower_case_table_names: '0',
  };
  return { key: `${catalogue.version}|${charset}`, settings, catalogue };
}

function rowsOf(file: string): Row[] {
  const lines = readFileSync(join(import.meta.dirname, file), 'utf8')
    .split('\n')
    .filter(Boolean);
  return lines.map((line) => JSON.parse(line) as Row);
}

/** The texts of a row in order, and the character set they are read in. */
function textsOf(row: Row): { texts: string[]; charset: string } {
  const singleByte = row.id === 'my-lex-17';
  const charset = row.handshake_charset === 28 ? 'gbk' : singleByte ? 'latin1' : 'utf8mb4';
  const encoding = charset === 'utf8mb4' ? 'utf8' : 'latin1';
  const steps = row.steps?.filter(([kind]) => ['Q', 'RAWQ', 'PX', 'PONLY'].includes(kind)) ?? [['Q', row.input]];
  const texts = steps.map(([kind, value]) =>
    kind === 'RAWQ' ? Buffer.from((value as { hex: string }).hex, 'hex').toString(encoding) : String(value),
  );
  return { charset, texts: texts.map((text) => text.replace(/\{\{pad:(\d+)\}\}/, (_, count) => 'a'.repeat(Number(count)))) };
}

function classifyAll(row: Row): Classification[] {
  const { texts, charset } = textsOf(row);
  const prepared = new Map<string, PreparedStatement>();
  return texts.map((text) => {
    const action: Action = statementOf(text, modeOf(charset), (name) => prepared.get(name));
    const classification = classifier.classify(action) as Classification;
    for (const change of classification.statements.flatMap((it) => it.changes)) {
      if (change.kind === 'prepare') prepared.set(change.name, { text, classification: classificationOf([change.inner]) });
      if (change.kind === 'deallocate' && change.name !== null) prepared.delete(change.name);
    }
    return classification;
  });
}

const isFree = (it: Classification): boolean => it.understood && (it.summary.access === 'read' || it.summary.access === 'session');
/** What has no text, or more of it than a test should make. */
const byProtocol = new Set(['command', 'big-packet']);

for (const file of ['cases.jsonl', 'more-mysql.jsonl']) {
  t.test(file, (t) => {
    for (const row of rowsOf(file)) {
      if ((row.protocol ?? 'mysql') !== 'mysql' || byProtocol.has(row.via ?? '') || row.id === 'my-ses-05') continue;
      const all = classifyAll(row);
      const told = all
        .map(
          (it) =>
            `${it.summary.access} ${it.problem?.message ?? it.summary.effects.map((effect) => `${effect.verb} ${effect.object}`).join(', ')}`,
        )
        .join(' | ');
      const free = all.every(isFree);
      const right = row.expect === 'deny' ? all.some((it) => !it.understood) : free === (row.expect === 'read' || row.expect === 'session');
      t.ok(right, `${row.id} ${row.expect}: ${row.input.slice(0, 80)} → ${told}`);
    }
    t.end();
  });
}
