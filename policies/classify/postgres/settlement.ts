// The last step of a statement: dotted names that could be a column or a call are settled, now that all relations are known.

import type { Context } from './context.ts';
import type { Findings } from './findings.ts';
import { functionName, judgeFunction, riskAt } from './objects.ts';

/** `s.wipe` is a column when every relation behind `s` is known and has it; else it is taken for the call it may be. */
export function settleAmbiguous(findings: Findings, context: Context): void {
  for (const { qualifier, name, location } of findings.ambiguous) {
    if (qualifier !== null && isColumn(qualifier, name, findings, context)) continue;
    const judgement = judgeFunction([name], 1, context);
    const access = judgement.access === 'read' ? 'unknown' : judgement.access;
    findings.effect(judgement.access === 'read' ? 'call' : judgement.verb, access, 'function', functionName([name], context));
    riskAt(location, (qualifier === null ? 0 : qualifier.length + 1) + name.length, 'may call a function of that name', findings, context);
  }
  findings.ambiguous.length = 0;
}

function isColumn(qualifier: string, name: string, findings: Findings, context: Context): boolean {
  const ids = findings.aliases.get(qualifier);
  if (ids === undefined || context.known === null) return false;
  const { changed, known } = context;
  return ids.every((id) => {
    const relation = known.relationById(id);
    return relation?.columns.includes(name) === true && !changed.any && !changed.names.has(relation.name);
  });
}
