// Makes whole classifications out of statement facts. Classifiers use it, and drivers, which turn the inner statement of a
// confirmed SQL PREPARE into a classification of its own.

import type { Classification, ClassificationSummary, ColumnsTouched, Problem, StatementFacts } from './classification.ts';
import { effectKey, type Effect } from './effect.ts';

const rank = { read: 0, session: 1, write: 2, unknown: 3 } as const;

/** The classification of a text whose statements are all understood. */
export function classificationOf(statements: readonly StatementFacts[]): Classification {
  return { understood: true, problem: null, statements, summary: summaryOf(statements) };
}

/** The classification of a text that was not understood: no statements, access unknown. */
export function notUnderstood(kind: Problem['kind'], message: string, offset: number | null = null): Classification {
  return { understood: false, problem: { kind, message, offset }, statements: [], summary: unknownSummary };
}

const unknownSummary: ClassificationSummary = {
  kinds: [],
  verbs: ['unknown'],
  access: 'unknown',
  effects: [{ verb: 'unknown', access: 'unknown', objectKind: 'none', object: null }],
  tables: [],
  tablesWritten: [],
  functions: [],
  missingWhere: false,
};

/** One pass over the effects: made for every text that was not seen before, so without closures and copies. */
function summaryOf(statements: readonly StatementFacts[]): ClassificationSummary {
  const effects = distinctEffects(statements);
  const verbs = new Set<string>();
  const tables = new Set<string>();
  const tablesWritten = new Set<string>();
  const functions = new Set<string>();
  let access: Effect['access'] = 'read';
  for (const effect of effects) {
    verbs.add(effect.verb);
    if (rank[effect.access] > rank[access]) access = effect.access;
    if (effect.object === null) continue;
    if (effect.objectKind === 'table' || effect.objectKind === 'view') {
      tables.add(effect.object);
      if (effect.access !== 'read' && effect.access !== 'session') tablesWritten.add(effect.object);
    } else if (effect.objectKind === 'function') functions.add(effect.object);
  }
  return {
    kinds: statements.length === 1 ? [(statements[0] as StatementFacts).kind] : [...new Set(statements.map((statement) => statement.kind))],
    verbs: [...verbs],
    access,
    effects,
    tables: [...tables],
    tablesWritten: [...tablesWritten],
    functions: [...functions],
    missingWhere: statements.some((statement) => statement.missingWhere),
    ...columnsOf(statements, effects),
  };
}

/** What may run code that nobody has read may touch any column. */
function columnsOf(statements: readonly StatementFacts[], effects: readonly Effect[]): { readonly columns?: ColumnsTouched } {
  const [only] = statements;
  const runsUnknown = effects.some(({ access }) => access === 'unknown');
  if (only === undefined) return { columns: noColumns };
  if (statements.length === 1 && !runsUnknown) return only.columns === undefined ? {} : { columns: only.columns };
  const all: ColumnsTouched[] = runsUnknown ? [anyColumns] : [];
  for (const { columns } of statements) {
    if (columns === undefined) return {};
    all.push(columns);
  }
  const united = (which: keyof ColumnsTouched): string[] => [...new Set(all.flatMap((columns) => columns[which]))];
  return { columns: { read: united('read'), asked: united('asked'), written: united('written') } };
}

/** Any column at all. */
export const anyColumn = '*';
export const noColumns: ColumnsTouched = { read: [], asked: [], written: [] };
export const anyColumns: ColumnsTouched = { read: [anyColumn], asked: [anyColumn], written: [anyColumn] };

function distinctEffects(statements: readonly StatementFacts[]): readonly Effect[] {
  const [only] = statements;
  if (statements.length === 1 && only !== undefined && only.effects.length < 2) return only.effects;
  const effects = new Map<string, Effect>();
  for (const statement of statements) {
    for (const effect of statement.effects) effects.set(effectKey(effect), effect);
  }
  return [...effects.values()];
}
