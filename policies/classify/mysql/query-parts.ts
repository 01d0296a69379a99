// What can stand anywhere in a statement with expressions or queries: tables read, functions called, files written, rows
// locked. A SELECT is not a read until this file has looked at all of it.

import type { Span } from '../../../src/core/classification.ts';
import type { Token } from './lexer.ts';
import type { FactsBuilder } from './facts-builder.ts';
import { callsIn } from './functions.ts';
import { qualifiedName } from './objects.ts';
import { opAt, wordAt, type Reading } from './reading.ts';
import { tablesIn, type TableReference } from './tables.ts';

export interface PartsOptions {
  /** The first token already stands in a list of tables. */
  readonly beginsInTables: boolean;
  /** Indexes of names that aren't called although a parenthesis follows. */
  readonly names: ReadonlySet<number>;
  /** References that aren't reads (targets of the statement), by index. */
  readonly targets: ReadonlySet<number>;
  /** False when the text isn't run (EXPLAIN): locks and files don't happen, functions may. */
  readonly runs: boolean;
}

export const plainParts: PartsOptions = { beginsInTables: false, names: new Set(), targets: new Set(), runs: true };

/** Adds the effects of `tokens[from..to)` and answers which tables it names. */
export function readParts(reading: Reading, from: number, to: number, facts: FactsBuilder, options: PartsOptions): TableReference[] {
  const { tokens } = reading;
  const tables = tablesIn(tokens, from, to, options.beginsInTables ? 'want' : 'other');
  for (const table of tables) if (!options.targets.has(table.at)) readTable(reading, table, facts);
  const names = new Set([...options.names, ...tables.map((it) => it.at)]);
  addCalls(reading, from, to, facts, names);
  for (let at = from; at < to; at++) {
    const token = tokens[at] as Token;
    if (token.kind === 'word') addWord(reading, at, to, facts, options.runs);
  }
  return tables;
}

/** A table or view that is read; a view may run functions. */
export function readTable(reading: Reading, table: TableReference, facts: FactsBuilder): void {
  const name = qualifiedName(reading.objects, table);
  facts.effect('read', 'read', 'table', name);
  if (reading.objects.isElsewhere(name)) facts.effect('network', 'read', 'table', name);
  for (const called of reading.objects.functionsBehind(name)) {
    facts.effect('call', 'unknown', 'function', called);
    facts.risk(table, `reading ${name} runs the function ${called}`);
  }
}

function addCalls(reading: Reading, from: number, to: number, facts: FactsBuilder, names: ReadonlySet<number>): void {
  for (const { meaning, start, end } of callsIn(reading.tokens, from, to, reading.mode, names)) {
    switch (meaning.kind) {
      case 'component':
        if (reading.objects.hasNoFunction(meaning.name)) facts.effect('read', 'read', 'function', meaning.name.toLowerCase());
        else addStored(reading, meaning.name, { start, end }, facts);
        break;
      case 'stored':
        addStored(reading, meaning.name, { start, end }, facts);
        break;
      case 'session':
        facts.effect('session', 'session', 'function', reading.tokens.find((it) => it.start === start)?.text.toLowerCase() ?? null);
        break;
      case 'lock':
        facts.effect('lock', 'write', 'other', 'user lock');
        facts.risk({ start, end }, 'takes a lock that others may wait for');
        break;
      case 'server-file':
        facts.effect('server-file', 'write', 'file');
        facts.risk({ start, end }, "reads a file of the server's machine");
        break;
      case 'sequence':
        facts.effect('sequence', 'write', 'sequence');
        break;
    }
  }
}

function addStored({ objects }: Reading, written: string, span: Span, facts: FactsBuilder): void {
  const [database, name] = written.includes('.') ? written.split('.', 2) : [null, written];
  facts.effect('call', 'unknown', 'function', objects.qualify(database ?? null, name ?? written));
  facts.risk(span, 'calls a stored function: what it does is not known');
}

function addWord(reading: Reading, at: number, to: number, facts: FactsBuilder, runs: boolean): void {
  const { tokens } = reading;
  const token = tokens[at] as Token;
  const next = wordAt(tokens, at + 1, to);
  switch (token.text) {
    case 'INTO':
      if (next === 'OUTFILE' || next === 'DUMPFILE') {
        facts.effect('server-file', 'write', 'file', tokens[at + 2]?.kind === 'string' ? (tokens[at + 2] as Token).text : null);
        facts.risk({ start: token.start, end: (tokens[at + 1] as Token).end }, "writes a file on the server's machine");
      } else if (tokens[at + 1]?.kind === 'user-variable') {
        facts.effect('session', 'session', 'setting', `@${(tokens[at + 1] as Token).text}`);
      }
      return;
    case 'FOR':
      if (runs && (next === 'UPDATE' || next === 'SHARE')) addRowLock(tokens, at, at + 1, facts);
      return;
    case 'LOCK':
      if (runs && next === 'IN') addRowLock(tokens, at, Math.min(at + 3, to - 1), facts);
      return;
    case 'NEXT':
    case 'PREVIOUS':
      if (next === 'VALUE' && wordAt(tokens, at + 2, to) === 'FOR') addSequence(reading, at + 3, to, token.text === 'NEXT', facts);
      return;
  }
}

function addRowLock(tokens: readonly Token[], at: number, last: number, facts: FactsBuilder): void {
  facts.effect('lock', 'write', 'table');
  facts.risk({ start: (tokens[at] as Token).start, end: (tokens[last] as Token).end }, 'locks the rows that it reads');
}

function addSequence(reading: Reading, at: number, to: number, advances: boolean, facts: FactsBuilder): void {
  const { tokens, objects } = reading;
  const first = tokens[at];
  if (first === undefined) return;
  const dotted = opAt(tokens, at + 1, to) === '.';
  const name = dotted ? objects.qualify(first.raw, tokens[at + 2]?.raw ?? '') : objects.qualify(null, first.raw);
  facts.effect('sequence', advances ? 'write' : 'read', 'sequence', name);
}
