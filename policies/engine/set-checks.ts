// Mistakes between rules: names used twice, and rules that another one shadows. Only what can be shown cheaply is reported: a rule
// is shadowed when a stronger rule matches at least everything that it matches, by looking at the words of both.

import type { PolicyFile, Rule } from './rule.ts';
import { shadowOf } from './shadows.ts';

const strength = { deny: 2, hold: 1, allow: 0 } as const;

/** Rules that decide the same for everybody would make this quadratic; real sets have few stronger rules without effects. */
const pairsMax = 5_000_000;

/** Policies and rules named twice. */
export function checkNames(files: readonly PolicyFile[]): void {
  const policies = new Map<string, PolicyFile>();
  for (const file of files) {
    const other = policies.get(file.name);
    if (other !== undefined) file.source.problem(['policy'], `a policy named ${file.name} stands in ${other.source.path} already`);
    policies.set(file.name, file);
    const rules = new Map<string, number>();
    file.document.rules.forEach((rule, index) => {
      const first = rules.get(rule.id);
      if (first === undefined) rules.set(rule.id, index);
      else
        file.source.problem(
          ['rules', index, 'id'],
          `a rule named ${rule.id} stands in line ${file.source.lineOf(['rules', first])} already`,
        );
    });
  }
}

/** Rules that can never decide anything: a condition that is just false, or a stronger rule that always speaks first. */
export function checkShadows(rules: readonly Rule[]): void {
  for (const rule of rules) {
    if (rule.when?.constant !== false) continue;
    rule.file.source.problem([...rule.at, 'when'], `rule ${rule.ref.id} can never fire: its condition is false`);
  }
  const stronger = rules.filter((rule) => rule.decision !== 'allow' && !rule.otherwise);
  if (stronger.length * rules.length > pairsMax) return;
  for (const weak of rules) {
    const shadows = shadowOf(
      weak,
      stronger.filter((strong) => strong !== weak && isStronger(strong, weak)),
    );
    if (shadows === null) continue;
    const named = shadows.map(({ ref, decision, file, at }) => `${ref.id} (${decision}, ${file.source.path}:${file.source.lineOf(at)})`);
    const [words, verb] = named.length === 1 ? [`rule ${named[0]}`, 'matches'] : [`rules ${named.join(' and ')} together`, 'match'];
    const message = `rule ${weak.ref.id} can never fire: ${words} ${verb} everything that it matches`;
    weak.file.source.problem([...weak.at, 'id'], message);
  }
}

function isStronger(strong: Rule, weak: Rule): boolean {
  // A template is asked before the rules that hold.
  if (weak.template !== null) return strong.decision === 'deny';
  return strength[strong.decision] > strength[weak.decision] || (strong.decision === weak.decision && weak.otherwise);
}
