// One statement by its verb. The list of verbs is the whole of what is understood: any other verb is not, and therefore
// never harmless.

import type { EffectVerb } from '../../../src/core/effect.ts';
import { readDelete, readInsert, readLoad, readUpdate } from './changes.ts';
import { nameAt, namesIn, readDefinition } from './definitions.ts';
import { FactsBuilder } from './facts-builder.ts';
import { readDeallocate, readExecute, readPrepare, type PreparedReading } from './prepared.ts';
import { plainParts, readParts, readTable, type PartsOptions } from './query-parts.ts';
import { opAt, unknownStatement, wordAt, type Judged, type Reading } from './reading.ts';
import { readSet } from './settings.ts';
import { readShow } from './show.ts';

/** A statement in a statement (EXPLAIN, ANALYZE, SET STATEMENT … FOR) nests no deeper. */
const nestingMax = 8;

/** Judges `tokens[from..to)`, one statement without its semicolon. */
export function judgeStatement(reading: Reading, from: number, to: number, nesting = 0): Judged {
  const { tokens } = reading;
  const offset = tokens[from]?.start ?? null;
  if (nesting > nestingMax) return unknownStatement('statements nested too deeply', offset);
  let at = from;
  while (opAt(tokens, at, to) === '(') at += 1;
  const verb = wordAt(tokens, at, to);
  if (verb === null) return unknownStatement('it does not begin with a word', offset);
  // Only queries may stand in parentheses.
  if (at > from && !queryVerbs.has(verb)) return unknownStatement(`${verb} in parentheses`, offset);
  return new StatementReader(reading, from, at, to, nesting).judge(verb);
}

const queryVerbs = new Set(['SELECT', 'WITH', 'VALUES', 'TABLE']);

class StatementReader {
  readonly #reading: Reading;
  readonly #from: number;
  readonly #verbAt: number;
  readonly #to: number;
  readonly #nesting: number;
  readonly #facts: FactsBuilder;
  #changesReading = false;

  constructor(reading: Reading, from: number, verbAt: number, to: number, nesting: number) {
    this.#reading = reading;
    this.#from = from;
    this.#verbAt = verbAt;
    this.#to = to;
    this.#nesting = nesting;
    this.#facts = new FactsBuilder((wordAt(reading.tokens, verbAt) ?? '').toLowerCase());
  }

  judge(verb: string): Judged {
    const at = this.#verbAt;
    const facts = this.#facts;
    switch (verb) {
      case 'SELECT':
      case 'VALUES':
      case 'TABLE':
        return this.#parts(this.#from);
      case 'WITH':
        return this.#with();
      case 'INSERT':
      case 'REPLACE':
        readInsert(this.#reading, at, this.#to, facts);
        return this.#done();
      case 'UPDATE':
        readUpdate(this.#reading, at, this.#to, facts);
        return this.#done();
      case 'DELETE':
        readDelete(this.#reading, at, this.#to, facts);
        return this.#done();
      case 'LOAD':
        return this.#load();
      case 'TRUNCATE':
        return this.#named(this.#word(1) === 'TABLE' ? 2 : 1, 'truncate', 'empties the table');
      case 'CREATE':
      case 'ALTER':
      case 'DROP':
        return this.#definition(verb);
      case 'RENAME':
        return this.#rename();
      case 'GRANT':
      case 'REVOKE':
        return this.#whole('privilege', 'changes who may do what');
      case 'SHOW':
        return this.#show();
      case 'DESCRIBE':
      case 'DESC':
      case 'EXPLAIN':
        return this.#explain();
      case 'ANALYZE':
        return this.#analyze();
      case 'HELP':
        return this.#parts(at + 1);
      case 'USE':
        return this.#use();
      case 'SET':
        return this.#set();
      case 'HANDLER':
        return this.#handler();
      case 'DO':
        return this.#parts(at + 1);
      case 'CALL':
        return this.#call();
      case 'PREPARE':
        return this.#prepared(readPrepare(this.#reading, at, this.#to, facts));
      case 'EXECUTE':
        return this.#prepared(readExecute(this.#reading, at, this.#to, facts));
      case 'DEALLOCATE':
        return this.#deallocate();
      case 'BEGIN':
        return this.#word(1) === 'NOT' ? this.#code() : this.#transaction();
      case 'START':
        return this.#start();
      case 'COMMIT':
      case 'ROLLBACK':
      case 'SAVEPOINT':
      case 'RELEASE':
        return this.#transaction();
      case 'XA':
        return this.#xa();
      case 'LOCK':
        return this.#lock();
      case 'UNLOCK':
        return this.#word(1) === 'TABLES' || this.#word(1) === 'TABLE'
          ? this.#housekeeping('session')
          : this.#whole('admin', 'changes the whole server');
      case 'GET':
      case 'SIGNAL':
      case 'RESIGNAL':
        return this.#parts(at + 1, 'session');
      case 'CHECKSUM':
        return this.#parts(at + 1);
      case 'CHECK':
      case 'OPTIMIZE':
      case 'REPAIR':
        return this.#maintenance(1);
      case 'IF':
      case 'CASE':
      case 'LOOP':
      case 'REPEAT':
      case 'WHILE':
      case 'FOR':
        return this.#code();
      case 'FLUSH':
        return this.#flush();
      case 'STOP':
      case 'CHANGE':
      case 'BINLOG':
      case 'PURGE':
        return this.#whole('replication', 'changes replication or its logs');
      case 'RESET':
        return this.#whole('admin', 'resets a state of the server');
      case 'KILL':
      case 'SHUTDOWN':
      case 'RESTART':
      case 'INSTALL':
      case 'UNINSTALL':
      case 'CACHE':
      case 'IMPORT':
      case 'CLONE':
      case 'BACKUP':
        return this.#whole('admin', 'acts on the whole server');
      case 'DELIMITER':
        return unknownStatement('DELIMITER is a command of the client and means nothing to the server', this.#start0);
      default:
        return unknownStatement(`the verb ${verb} is not known`, this.#start0);
    }
  }

  get #start0(): number {
    return this.#reading.tokens[this.#verbAt]?.start ?? 0;
  }

  /** The word so many tokens after the verb. */
  #word(offset: number): string | null {
    return wordAt(this.#reading.tokens, this.#verbAt + offset, this.#to);
  }

  #done(): Judged {
    const { tokens } = this.#reading;
    const span = { start: tokens[this.#from]?.start ?? 0, end: tokens[this.#to - 1]?.end ?? 0 };
    return { kind: 'facts', facts: this.#facts.done(span), changesReading: this.#changesReading };
  }

  /** Only what expressions and queries in it do. */
  #parts(from: number, verb: EffectVerb | null = null, options: PartsOptions = plainParts): Judged {
    if (verb !== null) this.#facts.effect(verb, 'session');
    readParts(this.#reading, from, this.#to, this.#facts, options);
    return this.#done();
  }

  #whole(verb: EffectVerb, why: string): Judged {
    const { tokens } = this.#reading;
    this.#facts.kind = [this.#facts.kind, this.#word(1)?.toLowerCase()].filter(Boolean).join(' ');
    this.#facts.effect(verb, 'write');
    this.#facts.risk({ start: this.#start0, end: tokens[this.#to - 1]?.end ?? 0 }, why);
    return this.#parts(this.#verbAt + 1);
  }

  #housekeeping(verb: EffectVerb): Judged {
    this.#facts.effect(verb, 'session');
    return this.#parts(this.#verbAt + 1);
  }

  #named(offset: number, verb: EffectVerb, why: string): Judged {
    const { tokens } = this.#reading;
    const names = namesIn(this.#reading, this.#verbAt + offset, this.#to);
    if (names.length === 0) this.#facts.effect(verb, 'write');
    for (const name of names) this.#facts.effect(verb, 'write', 'table', name);
    this.#facts.risk({ start: this.#start0, end: tokens[this.#to - 1]?.end ?? 0 }, why);
    return this.#done();
  }

  /** WITH … SELECT, and MySQL's WITH … UPDATE or DELETE: the main verb stands at depth 0. */
  #with(): Judged {
    const { tokens } = this.#reading;
    let depth = 0;
    for (let at = this.#verbAt; at < this.#to; at++) {
      const op = opAt(tokens, at, this.#to);
      if (op === '(') depth += 1;
      else if (op === ')') depth -= 1;
      else if (depth === 0) {
        const word = wordAt(tokens, at, this.#to);
        if (word !== 'UPDATE' && word !== 'DELETE' && word !== 'INSERT' && word !== 'REPLACE') continue;
        if (wordAt(tokens, at - 1) === 'FOR') continue; // SELECT … FOR UPDATE
        readParts(this.#reading, this.#verbAt, at, this.#facts, plainParts);
        return this.#inner(at, word.toLowerCase());
      }
    }
    this.#facts.kind = 'select';
    return this.#parts(this.#from);
  }

  /** The effects of the statement that begins at `at` are this one's. */
  #inner(at: number, kind: string | null = null): Judged {
    const inner = judgeStatement(this.#reading, at, this.#to, this.#nesting + 1);
    if (inner.kind === 'problem') return inner;
    this.#facts.absorb(inner.facts);
    this.#facts.kind = kind ?? inner.facts.kind;
    this.#changesReading ||= inner.changesReading;
    return this.#done();
  }

  #load(): Judged {
    if (this.#word(1) === 'INDEX') return this.#whole('maintenance', 'loads an index into memory');
    if (this.#word(1) !== 'DATA' && this.#word(1) !== 'XML') return unknownStatement('LOAD of something that is not known', this.#start0);
    readLoad(this.#reading, this.#verbAt, this.#to, this.#facts);
    return this.#done();
  }

  #definition(verb: string): Judged {
    if (verb === 'DROP' && this.#word(1) === 'PREPARE') return this.#deallocate();
    const read = readDefinition(this.#reading, this.#verbAt, this.#to, this.#facts);
    return read.kind === 'read' ? this.#done() : read;
  }

  #rename(): Judged {
    const what = this.#word(1);
    if (what === 'USER') return this.#whole('privilege', 'changes who may do what');
    if (what !== 'TABLE' && what !== 'TABLES') return unknownStatement('RENAME of something that is not known', this.#start0);
    this.#facts.kind = 'rename table';
    this.#facts.change({ kind: 'schema-changed' });
    return this.#named(this.#word(2) === 'IF' ? 4 : 2, 'rename', 'gives the name of a table to another');
  }

  #show(): Judged {
    readShow(this.#reading, this.#verbAt + 1, this.#to, this.#facts);
    return this.#parts(this.#verbAt + 1);
  }

  /** Plain EXPLAIN runs nothing but the functions of constant and derived tables; EXPLAIN ANALYZE runs all of it. */
  #explain(): Judged {
    const { tokens } = this.#reading;
    let analyze = false;
    let explained = false;
    for (let at = this.#verbAt + 1; at < this.#to; at++) {
      const word = wordAt(tokens, at, this.#to);
      if (word === 'ANALYZE') analyze = true;
      if (word === 'FOR' && wordAt(tokens, at + 1, this.#to) === 'CONNECTION') return this.#parts(at, 'explain');
      if (word !== null && explainable.has(word)) {
        if (analyze) return this.#inner(at);
        this.#facts.kind = 'explain';
        this.#facts.effect('explain', 'read');
        return this.#explained(at);
      }
      explained ||= word === 'FORMAT';
      const option = word === 'ANALYZE' || word === 'EXTENDED' || word === 'PARTITIONS' || word === 'FORMAT' || explained;
      if (!option && opAt(tokens, at, this.#to) !== '(') break;
    }
    // DESCRIBE t [column]
    const name = nameAt(this.#reading, this.#verbAt + 1, this.#to);
    if (name === null) return unknownStatement('EXPLAIN of something that is not known', this.#start0);
    this.#facts.kind = 'describe';
    this.#facts.effect('read', 'read', 'table', this.#reading.objects.qualify(name.database, name.name));
    return this.#done();
  }

  /** What is only planned: tables count as read, functions may be run, the rest does not happen. */
  #explained(at: number): Judged {
    const inner = judgeStatement(this.#reading, at, this.#to, this.#nesting + 1);
    if (inner.kind === 'problem') return inner;
    for (const effect of inner.facts.effects) {
      if (effect.verb === 'call') this.#facts.effect('call', 'unknown', 'function', effect.object);
      else if (effect.objectKind === 'table') this.#facts.effect('explain', 'read', 'table', effect.object);
      else if (effect.verb === 'server-file' || effect.verb === 'sequence' || effect.access === 'unknown')
        this.#facts.effect(effect.verb, effect.access, effect.objectKind, effect.object);
    }
    return this.#done();
  }

  /** MariaDB's ANALYZE runs a statement; ANALYZE TABLE collects statistics. */
  #analyze(): Judged {
    const { tokens } = this.#reading;
    for (let offset = 1; this.#verbAt + offset < this.#to; offset++) {
      const word = this.#word(offset);
      if (word === 'TABLE' || word === 'TABLES') return this.#maintenance(offset);
      if (word !== null && explainable.has(word)) return this.#inner(this.#verbAt + offset);
      if (opAt(tokens, this.#verbAt + offset, this.#to) === ';') break;
      if (offset > 8) break;
    }
    return unknownStatement('ANALYZE of something that is not known', this.#start0);
  }

  #maintenance(offset: number): Judged {
    let from = offset;
    while (['TABLE', 'TABLES', 'VIEW', 'LOCAL', 'NO_WRITE_TO_BINLOG'].includes(this.#word(from) ?? '')) from += 1;
    this.#facts.kind = `${this.#facts.kind} table`;
    return this.#named(from, 'maintenance', 'works on the whole table');
  }

  #use(): Judged {
    const database = this.#reading.tokens[this.#verbAt + 1];
    if (database === undefined) return unknownStatement('USE without a database', this.#start0);
    this.#facts.effect('session', 'session', 'database', database.raw);
    this.#facts.change({ kind: 'set', setting: 'database', value: database.raw, local: false });
    // A later statement of the same text names tables of another database.
    this.#changesReading = true;
    return this.#done();
  }

  #set(): Judged {
    const at = this.#verbAt;
    const { tokens } = this.#reading;
    if (this.#word(1) === 'STATEMENT') return this.#setStatement();
    if (this.#word(1) === 'RESOURCE') return this.#whole('admin', 'moves the session to another resource group');
    this.#changesReading = readSet(tokens, at + 1, this.#to, this.#reading.mode, this.#facts).changesReading;
    for (let i = at + 1; i < this.#to; i++) {
      if (wordAt(tokens, i, this.#to) !== 'SELECT') continue;
      this.#facts.effect('code', 'unknown');
      this.#facts.risk(tokens[i] ?? { start: 0, end: 0 }, 'a query inside SET: its rows can become text that is run later');
      break;
    }
    return this.#parts(at + 1);
  }

  /** SET STATEMENT a = 1, b = 2 FOR statement (MariaDB). */
  #setStatement(): Judged {
    const { tokens } = this.#reading;
    let depth = 0;
    for (let at = this.#verbAt + 2; at < this.#to; at++) {
      const op = opAt(tokens, at, this.#to);
      if (op === '(') depth += 1;
      else if (op === ')') depth -= 1;
      if (depth !== 0 || wordAt(tokens, at, this.#to) !== 'FOR') continue;
      readSet(tokens, this.#verbAt + 2, at, this.#reading.mode, this.#facts);
      readParts(this.#reading, this.#verbAt + 2, at, this.#facts, plainParts);
      return this.#inner(at + 1);
    }
    return unknownStatement('SET STATEMENT without FOR', this.#start0);
  }

  #handler(): Judged {
    const name = nameAt(this.#reading, this.#verbAt + 1, this.#to);
    if (name === null) return unknownStatement('HANDLER without a table', this.#start0);
    readTable(
      this.#reading,
      { database: name.database, name: name.name, alias: null, start: this.#start0, end: this.#start0, at: name.end, outermost: true },
      this.#facts,
    );
    return this.#parts(name.end + 1);
  }

  #call(): Judged {
    const name = nameAt(this.#reading, this.#verbAt + 1, this.#to);
    const called = name === null ? null : this.#reading.objects.qualify(name.database, name.name);
    this.#facts.effect('call', 'unknown', 'function', called);
    this.#facts.risk(
      { start: this.#start0, end: this.#reading.tokens[name?.end ?? this.#verbAt]?.end ?? 0 },
      'runs a stored procedure: what it does is not known',
    );
    return this.#parts((name?.end ?? this.#verbAt) + 1);
  }

  /** Its own effects are read; what follows are expressions. */
  #prepared({ problem, restAt }: PreparedReading): Judged {
    return problem ?? this.#parts(restAt);
  }

  #deallocate(): Judged {
    readDeallocate(this.#reading, this.#verbAt, this.#facts);
    return this.#done();
  }

  /** A block outside of a routine: its statements are judged, and loops and conditions are not followed. */
  #code(): Judged {
    this.#facts.kind = 'compound statement';
    this.#facts.effect('code', 'unknown');
    this.#facts.risk({ start: this.#start0, end: this.#reading.tokens[this.#to - 1]?.end ?? 0 }, 'a block of code');
    return this.#parts(this.#verbAt + 1);
  }

  #start(): Judged {
    const what = this.#word(1);
    if (what !== 'TRANSACTION')
      return this.#whole(
        what === 'SLAVE' || what === 'REPLICA' || what === 'ALL' || what === 'GROUP_REPLICATION' ? 'replication' : 'admin',
        'changes replication',
      );
    this.#facts.kind = 'start transaction';
    for (let at = this.#verbAt + 2; at < this.#to; at++)
      if (wordAt(this.#reading.tokens, at) === 'WRITE') this.#facts.effect('guard', 'write', 'setting', 'transaction');
    return this.#transaction();
  }

  #transaction(): Judged {
    this.#facts.effect('transaction', 'session');
    return this.#done();
  }

  /** XA COMMIT and ROLLBACK settle work of another session. */
  #xa(): Judged {
    const what = this.#word(1);
    this.#facts.kind = `xa ${what?.toLowerCase() ?? ''}`;
    if (what === 'RECOVER') return this.#housekeeping('transaction');
    if (what === 'START' || what === 'BEGIN' || what === 'END') return this.#transaction();
    this.#facts.effect('transaction', 'write');
    return this.#done();
  }

  #lock(): Judged {
    const what = this.#word(1);
    if (what !== 'TABLE' && what !== 'TABLES') return this.#whole('lock', 'locks the whole server');
    this.#facts.kind = 'lock tables';
    return this.#named(2, 'lock', 'keeps others from the table, and commits what is open');
  }

  #flush(): Judged {
    for (let at = this.#verbAt + 1; at < this.#to; at++)
      if (wordAt(this.#reading.tokens, at) === 'LOCK') this.#facts.effect('lock', 'write');
    return this.#whole('admin', 'acts on the whole server');
  }
}

const explainable = new Set(['SELECT', 'WITH', 'VALUES', 'TABLE', 'INSERT', 'REPLACE', 'UPDATE', 'DELETE', 'EXECUTE', 'CALL']);
