// Every postgres row of the bypass corpus, and our own further ones, judged by the classifier with the catalogue of a real
// server that has the fixture loaded. Rows that are the driver's (raw bytes, function calls, start-up) are not here.

import { readFileSync } from 'node:fs';
import t from 'tap';
import { createPostgresClassifier } from '../../policies/classify/postgres/classifier.ts';
import type { Action, PreparedStatement } from '../../src/core/action.ts';
import type { Classification } from '../../src/core/classification.ts';
import { classificationOf } from '../../src/core/summary.ts';
import { startFixture } from './postgres-classify-catalogue.ts';
import { statementOf } from '../support/statements.ts';

interface Case {
  readonly id: string;
  readonly protocol: string;
  readonly input: string;
  readonly via: string;
  readonly expect: 'read' | 'session' | 'hold' | 'deny';
  readonly why: string;
  readonly startup?: Readonly<Record<string, string>>;
  readonly steps?: readonly (readonly [string, ...unknown[]])[];
}

const files = ['cases.jsonl', 'more-postgres.jsonl'];
const cases = files
  .flatMap((file) =>
    readFileSync(new URL(file, import.meta.url), 'utf8')
      .trim()
      .split('\n'),
  )
  .map((line) => JSON.parse(line) as Case)
  .filter((one) => one.protocol === 'postgres');

/** Judged by the driver, before or without a statement text. */
const driversOwn = new Set(['function-call', 'raw', 'replication']);

const server = await startFixture(t);
const { catalogue } = server;
const classifier = await createPostgresClassifier();
t.teardown(() => classifier.close());

/** A session as a driver keeps it: settings and prepared names follow what was confirmed. */
class Session {
  readonly #settings: Record<string, string>;
  readonly #prepared = new Map<string, PreparedStatement>();

  constructor(startup: Readonly<Record<string, string>> = {}) {
    this.#settings = { server_version: '15.18', default_transaction_read_only: 'off', ...startup };
    const option = /-c\s*(\w+)=(\w+)/.exec(startup['options'] ?? '');
    if (option !== null) this.#settings[option[1] ?? ''] = option[2] ?? '';
  }

  async run(text: string): Promise<Classification> {
    const classification = await this.judge(text);
    for (const change of classification.statements.flatMap((statement) => statement.changes)) {
      if (change.kind === 'set' && change.value !== null) this.#settings[change.setting] = change.value;
      if (change.kind === 'set' && change.value === null) delete this.#settings[change.setting];
      if (change.kind === 'prepare') this.#prepared.set(change.name, { text, classification: classificationOf([change.inner]) });
      if (change.kind === 'deallocate') change.name === null ? this.#prepared.clear() : this.#prepared.delete(change.name);
    }
    return classification;
  }

  async parse(name: string, text: string): Promise<void> {
    if (name !== '' && this.#prepared.has(name)) return; // The server refuses it and keeps the old one.
    this.#prepared.set(name, { text, classification: await this.judge(text) });
  }

  execute(name: string): Classification | null {
    return this.#prepared.get(name)?.classification ?? null;
  }

  async judge(text: string): Promise<Classification> {
    const settings = { ...this.#settings };
    const action: Action = statementOf(text, { key: JSON.stringify(settings), settings, catalogue }, (name) => this.#prepared.get(name));
    return classifier.classify(action);
  }
}

/** Runs the SQL of a case; answers with every classification that would have run. */
async function judged(one: Case): Promise<Classification[]> {
  const session = new Session(one.startup);
  const steps = one.steps ?? [[one.via.startsWith('extended') ? 'X' : 'Q', one.input] as const];
  const answers: Classification[] = [];
  let portal = '';
  for (const [letter, first, second] of steps) {
    if (letter === 'Q' || letter === 'SPLITQ' || letter === 'X') answers.push(await session.run(expanded(String(first))));
    if (letter === 'RAWQ') answers.push(await session.run(Buffer.from((first as { hex: string }).hex, 'hex').toString('utf8')));
    if (letter === 'P') await session.parse(String(first), String(second));
    if (letter === 'B') portal = String(second ?? first ?? '');
    if (letter === 'B' || letter === 'E' || letter === 'EN') {
      const classification = session.execute(portal) ?? session.execute(String(first ?? ''));
      if (classification !== null) answers.push(classification);
    }
  }
  return answers;
}

function expanded(text: string): string {
  return text
    .replace(/\{\{pad:(\d+)\}\}/g, (_, count) => 'a'.repeat(Number(count)))
    .replace(/\{\{nest:(\d+)\}\}/g, (_, count) => '('.repeat(Number(count)) + '1' + ')'.repeat(Number(count)));
}

const isRisky = (one: Classification): boolean => !one.understood || one.summary.access === 'write' || one.summary.access === 'unknown';

for (const one of cases) {
  if (driversOwn.has(one.via)) continue;
  t.test(`${one.id}: ${one.why}`, async (t) => {
    const answers = await judged(one);
    t.ok(answers.length > 0, 'something was judged');
    const seen = JSON.stringify(answers.map((answer) => ({ ...answer.summary, problem: answer.problem })));
    switch (one.expect) {
      case 'read':
      case 'session':
        return void t.notOk(answers.some(isRisky), `free: ${seen}`);
      case 'hold':
        return void t.ok(answers.some(isRisky), `risky: ${seen}`);
      case 'deny':
        return void t.ok(
          answers.some((answer) => !answer.understood),
          `not understood: ${seen}`,
        );
    }
  });
}
