// Several sets of approvers that must all be satisfied, each by people of its own: two of the DBAs and one of security is three
// people, even when one of them is in both groups.

/** One group of people of whom so many must say yes. */
export interface ApproverSet {
  readonly groups: readonly string[];
  readonly count: number;
}

interface Yes {
  readonly by: string;
  readonly groups: readonly string[];
}

/** How many yeses are still missing; 0 when every set is satisfied. */
export function yesesMissing(sets: readonly ApproverSet[], yeses: readonly Yes[]): number {
  const seats = sets.flatMap(({ groups, count }) => Array.from({ length: count }, () => groups));
  const people = [...new Map(yeses.map((yes) => [yes.by, yes])).values()];
  const seatOf = new Map<number, number>(); // seat → person: a bipartite matching, grown one person at a time
  const seat = (person: number, tried: Set<number>): boolean =>
    seats.some((groups, at) => {
      if (tried.has(at) || !groups.some((group) => people[person]?.groups.includes(group))) return false;
      tried.add(at);
      const sitting = seatOf.get(at);
      if (sitting !== undefined && !seat(sitting, tried)) return false;
      seatOf.set(at, person);
      return true;
    });
  people.forEach((_, person) => seat(person, new Set()));
  return seats.length - seatOf.size;
}

/** How many people must say yes in all. */
export function yesesNeeded(sets: readonly ApproverSet[]): number {
  return sets.reduce((sum, { count }) => sum + count, 0);
}

/** "2 of dba and 1 of security" */
export function approverSetWords(sets: readonly ApproverSet[]): string {
  return sets.map(({ groups, count }) => `${count} of ${groups.join(' or ')}`).join(' and ');
}
