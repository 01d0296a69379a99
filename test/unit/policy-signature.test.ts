// Decisions for texts that were never seen: two texts share one only when no rule can tell them apart.

import t from 'tap';
import { factTypes } from '../../policies/engine/fact-types.ts';
import { ActionFact } from '../../policies/engine/facts.ts';
import { signatureOf, SignedDecisions } from '../../policies/engine/signature.ts';
import type { Action } from '../../src/core/action.ts';
import type { Classification, StatementFacts } from '../../src/core/classification.ts';
import type { Decision } from '../../src/core/decision.ts';
import type { Effect } from '../../src/core/effect.ts';
import { classificationOf, notUnderstood } from '../../src/core/summary.ts';

const read: Effect = { verb: 'read', access: 'read', objectKind: 'table', object: 'public.orders' };
const statement = (change: Partial<StatementFacts> = {}): StatementFacts => ({
  kind: 'select',
  span: { start: 0, end: 10 },
  effects: [read],
  missingWhere: false,
  risks: [],
  changes: [],
  ...change,
});

const different: Readonly<Record<string, Classification>> = {
  'a select': classificationOf([statement()]),
  'another kind': classificationOf([statement({ kind: 'table' })]),
  'two statements': classificationOf([statement(), statement()]),
  'two kinds': classificationOf([statement(), statement({ kind: 'table' })]),
  'two kinds in the other order': classificationOf([statement({ kind: 'table' }), statement()]),
  'a kind with a space': classificationOf([statement({ kind: 'select table' })]),
  'no effect': classificationOf([statement({ effects: [] })]),
  'another table': classificationOf([statement({ effects: [{ ...read, object: 'public.order' }] })]),
  'another verb': classificationOf([statement({ effects: [{ ...read, verb: 'update' }] })]),
  'another access': classificationOf([statement({ effects: [{ ...read, access: 'write' }] })]),
  'another kind of object': classificationOf([statement({ effects: [{ ...read, objectKind: 'view' }] })]),
  'no object': classificationOf([statement({ effects: [{ ...read, object: null }] })]),
  'an empty name': classificationOf([statement({ effects: [{ ...read, object: '' }] })]),
  'two tables': classificationOf([statement({ effects: [read, { ...read, object: 'x' }] })]),
  'a name that reads like two': classificationOf([statement({ effects: [{ ...read, object: 'public.orders\nread read table 1:x' }] })]),
  'a column read': classificationOf([statement({ columns: { read: ['users.id'], asked: [], written: [] } })]),
  'another column read': classificationOf([statement({ columns: { read: ['users.ssn'], asked: [], written: [] } })]),
  'and asked about': classificationOf([statement({ columns: { read: ['users.ssn'], asked: ['users.ssn'], written: [] } })]),
  'a column written': classificationOf([statement({ columns: { read: [], asked: [], written: ['users.ssn'] } })]),
  'two columns': classificationOf([statement({ columns: { read: ['a', 'b'], asked: [], written: [] } })]),
  'a column that reads like two': classificationOf([statement({ columns: { read: ['a 1:b'], asked: [], written: [] } })]),
  'columns that are not known': classificationOf([statement({ columns: { read: ['*'], asked: [], written: [] } })]),
  'every row': classificationOf([statement({ missingWhere: true })]),
};

t.test('whatever differs for a rule differs in the signature', async (t) => {
  const signatures = new Map(Object.entries(different).map(([name, it]) => [name, signatureOf(it)]));
  t.notOk([...signatures.values()].includes(null));
  t.equal(new Set(signatures.values()).size, signatures.size, JSON.stringify([...signatures]));
});

t.test('every fact of an action that conditions read is told apart, or makes a decision hold for now only', async (t) => {
  // A new fact that is not made of kinds, effects, missingWhere and the number of statements must go into the signature.
  t.strictSame(Object.keys(factTypes['Action']?.fields ?? {}).sort(), [
    'access',
    'columns',
    'columns_asked',
    'columns_read',
    'columns_written',
    'effects',
    'estimated_rows',
    'functions',
    'in_transaction',
    'kind',
    'kinds',
    'missing_where',
    'parameters',
    'problem',
    'statement_count',
    'tables',
    'tables_written',
    'text',
    'understood',
    'verbs',
  ]);
  const facts = (it: Classification) => {
    const fact = new ActionFact({ transaction: 'none' } as Action, it);
    const { kinds, verbs, access, tables, tables_written, functions, missing_where, statement_count, columnsTouched } = fact;
    const effects = fact.effects.map((effect) => ({ ...effect }));
    const read = { kinds, verbs, access, tables, tables_written, functions, missing_where, statement_count, effects, columnsTouched };
    return JSON.stringify(read);
  };
  const byFacts = new Map<string, string>();
  for (const [name, it] of Object.entries(different)) {
    const signature = signatureOf(it) ?? name;
    t.notOk(byFacts.has(signature) && byFacts.get(signature) !== facts(it), name);
    byFacts.set(signature, facts(it));
  }
});

t.test('what was not understood, and what has very many effects, is always judged itself', async (t) => {
  t.equal(signatureOf(notUnderstood('syntax', 'syntax error')), null);
  const many = Array.from({ length: 65 }, (_, number): Effect => ({ ...read, object: `t${number}` }));
  t.equal(signatureOf(classificationOf([statement({ effects: many })])), null);
});

t.test('texts of one summary share what is allowed, when they have as many statements and are understood', async (t) => {
  const decisions = new SignedDecisions();
  const allowed: Decision = {
    kind: 'allow',
    rule: { id: 'a', title: 'a', version: '1' },
    obligations: { recordParameters: false, recordResults: false },
  };
  const first = different['a select'] as Classification;
  const alike: Classification = { ...first, statements: [statement({ span: { start: 0, end: 12 } })] };
  t.equal(decisions.alike(first), undefined);
  decisions.set(signatureOf(first) ?? '', first, allowed);
  t.equal(decisions.alike(alike), allowed);
  t.equal(decisions.alike({ ...alike, statements: [statement(), statement()] }), undefined);
  t.equal(decisions.alike({ ...alike, understood: false }), undefined);
  for (const [name, other] of Object.entries(different)) if (other !== first) t.equal(decisions.alike(other), undefined, name);

  const again = classificationOf([statement()]);
  t.equal(decisions.alike(again), undefined, 'its summary was never met');
  t.equal(decisions.get(signatureOf(again) ?? '', again), allowed);
  t.equal(decisions.alike(again), allowed);
});

t.test('what is denied is not shared', async (t) => {
  const decisions = new SignedDecisions();
  const first = different['a select'] as Classification;
  decisions.set(signatureOf(first) ?? '', first, { kind: 'deny', rule: null, message: 'no' });
  t.equal(decisions.alike(first), undefined);
  t.equal(decisions.get(signatureOf(first) ?? '', first), undefined);
});
