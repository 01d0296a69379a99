// Texts that were never seen: what they share with others, and what is remembered of them. Neither changes what a text means.

import t from 'tap';
import { createMysqlClassifier } from '../../policies/classify/mysql/classifier.ts';
import { createPostgresClassifier } from '../../policies/classify/postgres/classifier.ts';
import { postgresLiterals } from '../../policies/classify/postgres/masked-literals.ts';
import { markOfForm, markOfText, SeenMarks } from '../../policies/classify/seen-marks.ts';
import { SharedSummaries } from '../../policies/classify/shared-summaries.ts';
import type { Action } from '../../src/core/action.ts';
import type { Classification, ColumnsTouched } from '../../src/core/classification.ts';
import type { Effect } from '../../src/core/effect.ts';
import type { Classifier } from '../../src/core/policy.ts';
import { classificationOf, notUnderstood } from '../../src/core/summary.ts';
import { statementOf } from '../support/statements.ts';

function actionOf(text: string, settings: Record<string, string>): Action {
  return statementOf(text, { key: JSON.stringify(settings), settings, catalogue: null });
}

const reading: Effect = { verb: 'read', access: 'read', objectKind: 'table', object: 'public.people' };
const columns: ColumnsTouched = { read: ['a.b', 'c'], asked: ['c'], written: [] };

function classificationWith(effect: Partial<Effect>, touched: ColumnsTouched | undefined, kind = 'select'): Classification {
  const facts = { kind, span: { start: 0, end: 9 }, effects: [{ ...reading, ...effect }], missingWhere: false, risks: [], changes: [] };
  return classificationOf([touched === undefined ? facts : { ...facts, columns: touched }]);
}

t.test('summaries are one object when they say the same, and only then', (t) => {
  const summaries = new SharedSummaries();
  const first = summaries.shared(classificationWith({}, columns));
  const again = classificationWith({}, columns);
  t.not(again.summary, first.summary);
  const shared = summaries.shared(again);
  t.equal(shared.summary, first.summary);
  t.equal(shared.statements, again.statements, 'spans stay its own');
  const others: readonly [string, Classification][] = [
    ['another table', classificationWith({ object: 'public.orders' }, columns)],
    ['no table', classificationWith({ object: null }, columns)],
    ['a table without a name', classificationWith({ object: '' }, columns)],
    ['another verb', classificationWith({ verb: 'export' }, columns)],
    ['a view', classificationWith({ objectKind: 'view' }, columns)],
    ['another kind', classificationWith({}, columns, 'copy to')],
    ['another column', classificationWith({}, { ...columns, read: ['a.b', 'd'] })],
    ['one column that reads like two', classificationWith({}, { ...columns, read: ['a.b c'] })],
    ['a column that is asked about', classificationWith({}, { read: columns.read, asked: ['a.b', 'c'], written: [] })],
    ['a column of the next list', classificationWith({}, { read: ['a.b'], asked: ['c', 'c'], written: [] })],
  ];
  for (const [words, other] of others) {
    t.equal(summaries.shared(other), other, words);
  }
  for (const never of [
    classificationWith({ verb: 'delete', access: 'write' }, columns, 'delete'),
    classificationWith({ access: 'unknown' }, columns),
    classificationWith({}, undefined),
    classificationWith({}, { ...columns, read: Array.from({ length: 200 }, (_, at) => `c${at}`) }),
    notUnderstood('syntax', 'no'),
    classificationOf([...again.statements, ...again.statements]),
  ]) {
    summaries.shared(structuredClone(never));
    t.equal(summaries.shared(never), never, 'what changes something, may do anything or can not be told is never shared');
  }
  t.end();
});

const long = `SELECT ${Array.from({ length: 40 }, (_, at) => `t.column_${at} AS alias_${at}`).join(', ')} FROM t WHERE t.id =`;

t.test('a mark is that of the form, and of the text', (t) => {
  const markOf = (text: string): number => markOfForm(text, postgresLiterals.literalsOf(text));
  t.equal(markOf(`${long} 1`), markOf(`${long} 234567`));
  t.not(markOf(`${long} 1`), markOf(`${long} 'x'`));
  t.not(markOf(`${long} 1 AND t.a = 2`), markOf(`${long} 1`));
  t.not(markOfText(`${long} 1`), markOfText(`${long} 12`));
  t.not(markOfText(''), 0);
  const marks = new SeenMarks();
  for (let at = 0; at < 200; at += 1) {
    const mark = markOf(`${long} ${'a + '.repeat(at)}1`);
    t.equal(marks.note(mark), false);
    t.equal(marks.has(mark), true);
  }
  t.equal(marks.has(7), false);
  t.equal(marks.note(7), false);
  t.equal(marks.note(7), true);
  t.equal(marks.note(7 + 65_536), false, 'the later one has the place');
  t.equal(marks.has(7), false);
  t.end();
});

t.test('a long text is remembered when it comes again, and means the same each time', async (t) => {
  const postgres = await createPostgresClassifier();
  t.teardown(() => postgres.close());
  const classifiers: readonly [string, Classifier, Record<string, string>][] = [
    ['postgres', postgres, { client_encoding: 'UTF8', standard_conforming_strings: 'on' }],
    ['mysql', createMysqlClassifier(), {}],
  ];
  for (const [protocol, classifier, settings] of classifiers) {
    const ask = (text: string): Classification => classifier.classify(actionOf(text, settings)) as Classification;
    for (const text of [`${long} t.other`, `${long} 17`, `DELETE FROM victim WHERE id IN (${'1, '.repeat(200)}2)`]) {
      const answers = Array.from({ length: 5 }, () => ask(text));
      for (const answer of answers) t.same(answer, answers[0], `${protocol}: ${text.slice(-20)}`);
      t.equal(answers[4]?.statements[0]?.effects, answers[3]?.statements[0]?.effects, 'it is remembered');
    }
    const ofForm = Array.from({ length: 5 }, (_, at) => ask(`${long} ${1000 + at} AND t.b = 'x${at}'`));
    t.equal(ofForm[4]?.statements[0]?.effects, ofForm[3]?.statements[0]?.effects, `${protocol}: a form is known after some texts of it`);
    t.not(ofForm[1]?.statements[0]?.effects, ofForm[0]?.statements[0]?.effects);
  }
});
