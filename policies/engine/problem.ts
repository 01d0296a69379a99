// What is wrong with a policy file, and where, in words.

export interface PolicyProblem {
  readonly path: string;
  /** Both start at 1. */
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

/** "production.yaml:12:7: unknown key "gropus" (did you mean "groups"?)" */
export function formatProblem(problem: PolicyProblem): string {
  return `${problem.path}:${problem.line}:${problem.column}: ${problem.message}`;
}

/** By file, then by place; the same message at the same place once. */
export function sortProblems(problems: readonly PolicyProblem[]): PolicyProblem[] {
  const sorted = [...problems].sort(
    (a, b) => compare(a.path, b.path) || a.line - b.line || a.column - b.column || compare(a.message, b.message),
  );
  return sorted.filter((problem, index) => index === 0 || formatProblem(problem) !== formatProblem(sorted[index - 1]!));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
