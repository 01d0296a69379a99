// Makes whole classifications out of statement facts. Classifiers use it, and drivers, which turn the inner statement of a
// confirmed SQL PREPARE into a classification of its own.

import type { Classification, ClassificationSummary, Problem, StatementFacts } from './classification.ts';
import type { Effect } from './effect.ts';

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

function summaryOf(statements: readonly StatementFacts[]): ClassificationSummary {
  const effects = new Map<string, Effect>();
  for (const statement of statements) {
    for (const effect of statement.effects)
      effects.set(`${effect.verb} ${effect.access} ${effect.objectKind} ${effect.object ?? ''}`, effect);
  }
  const all = [...effects.values()];
  const objects = (wanted: (effect: Effect) => boolean): string[] => [
    ...new Set(all.filter(wanted).flatMap((effect) => (effect.object === null ? [] : [effect.object]))),
  ];
  const isTable = (effect: Effect): boolean => effect.objectKind === 'table' || effect.objectKind === 'view';
  return {
    kinds: [...new Set(statements.map((statement) => statement.kind))],
    verbs: [...new Set(all.map((effect) => effect.verb))],
    access: all.reduce<Effect['access']>((worst, effect) => (rank[effect.access] > rank[worst] ? effect.access : worst), 'read'),
    effects: all,
    tables: objects(isTable),
    tablesWritten: objects((effect) => isTable(effect) && effect.access !== 'read' && effect.access !== 'session'),
    functions: objects((effect) => effect.objectKind === 'function'),
    missingWhere: statements.some((statement) => statement.missingWhere),
  };
}
