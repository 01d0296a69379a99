// All ways in which a server could read a text's executable comments. Which of them run depends on the server's version and
// make, so each possible set is read, and the classifier takes the union of what they would do.

import type { Problem } from '../../../src/core/classification.ts';
import { lex, type CommentCondition, type LexMode, type Token } from './lexer.ts';

/** A text with more different readings is not understood. Real clients need three. */
const readingsMax = 8;

/** MariaDB takes MySQL's versions from 5.7 on as comments (five digits; its own have six). */
const mysqlOnlyFrom = 50_700;
const mysqlOnlyTo = 99_999;

export type Readings =
  { readonly kind: 'read'; readonly readings: readonly (readonly Token[])[] } | { readonly kind: 'problem'; readonly problem: Problem };

interface Server {
  readonly mariadb: boolean;
  /** -1 executes nothing at all. */
  readonly version: number;
}

/** Every reading, the one that executes most first. Most texts have one. */
export function readingsOf(text: string, mode: LexMode): Readings {
  const everything = lex(text, mode, () => true);
  if (everything.problem !== null && everything.conditions.length === 0) return { kind: 'problem', problem: everything.problem };
  if (everything.conditions.length === 0) return { kind: 'read', readings: [everything.tokens] };

  const readings = [everything];
  const conditions = new Map(everything.conditions.map((it) => [keyOf(it), it]));
  const tried = new Set(['1'.repeat(conditions.size)]);
  // A comment that is skipped in one reading may uncover others, so conditions grow until nothing new is met.
  for (let grown = true; grown;) {
    grown = false;
    for (const server of serversFor([...conditions.values()])) {
      const runs = (it: CommentCondition): boolean => executes(server, it);
      const signature = [...conditions.values()].map((it) => (runs(it) ? '1' : '0')).join('');
      if (tried.has(signature)) continue;
      tried.add(signature);
      if (readings.length >= readingsMax) return { kind: 'problem', problem: tooMany };
      const reading = lex(text, mode, runs);
      readings.push(reading);
      for (const met of reading.conditions) {
        if (conditions.has(keyOf(met))) continue;
        conditions.set(keyOf(met), met);
        grown = true;
      }
    }
  }
  const failed = readings.find((it) => it.problem !== null);
  if (failed?.problem) return { kind: 'problem', problem: failed.problem };
  return { kind: 'read', readings: readings.map((it) => it.tokens) };
}

const tooMany: Problem = { kind: 'unknown-construct', message: 'too many different executable comments', offset: null };

function keyOf(condition: CommentCondition): string {
  return `${condition.mariadbOnly ? 'M' : ''}${condition.version}`;
}

function serversFor(conditions: readonly CommentCondition[]): Server[] {
  const versions = [...new Set(conditions.map((it) => it.version))].sort((a, b) => b - a);
  const makesDiffer = conditions.some((it) => it.mariadbOnly || isMysqlOnly(it.version));
  const makes = makesDiffer ? [true, false] : [false];
  return [...versions.flatMap((version) => makes.map((mariadb) => ({ mariadb, version }))), { mariadb: false, version: -1 }];
}

function executes(server: Server, condition: CommentCondition): boolean {
  if (condition.version > server.version) return false;
  return server.mariadb ? condition.mariadbOnly || !isMysqlOnly(condition.version) : !condition.mariadbOnly;
}

function isMysqlOnly(version: number): boolean {
  return version >= mysqlOnlyFrom && version <= mysqlOnlyTo;
}
