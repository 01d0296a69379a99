// Conditions in CEL, compiled and type-checked for one policy file. Evaluating may throw (a missing label): the rule that asked
// then fails closed, which is the caller's business.

import { Environment } from '@marcbachmann/cel-js';
import type { ParseError } from '@marcbachmann/cel-js';
import { inNetwork } from './cidr.ts';
import { askColumns, columnCalls, type ColumnCall } from './columns.ts';
import { readCondition } from './condition-checks.ts';
import { syntaxProblem } from './condition-syntax.ts';
import { typeErrors } from './condition-types.ts';
import type { TypeFault } from './condition-types.ts';
import { factTypes, factVariables } from './fact-types.ts';
import type { FactValues } from './fact-types.ts';
import type { ActionFact } from './facts.ts';
import { glob } from '../../src/core/glob.ts';
import { conditionDepthMax, conditionNodesMax, listEntriesMax } from './limits.ts';
import type { Calendar } from './calendars.ts';
import { didYouMean } from './nearest.ts';
import type { Path, Source } from './source.ts';

/** How long an answer holds: for the session, for the same text read the same way, or only now. */
export type Steadiness = 'session' | 'classification' | 'volatile';

export interface Condition {
  readonly text: string;
  readonly steadiness: Steadiness;
  /** The facts it begins with (principal, action, grant, …), those of named conditions included. */
  readonly roots: ReadonlySet<string>;
  /** What in it asks every table or column, and so is true of an action that has none; that of named conditions included. */
  readonly askedOfEvery: readonly string[];
  /** True or false when the text is just that. */
  readonly constant: boolean | null;
  /** Throws when a fact that it reads is missing. */
  readonly evaluate: (context: ConditionContext) => boolean;
}

export interface ConditionContext extends FactValues {
  readonly lists: object;
  readonly conditions: object;
  readonly calendars: object;
}

/** What a file names for its conditions. */
export interface NamedInFile {
  readonly lists: Readonly<Record<string, readonly string[]>>;
  readonly texts: Readonly<Record<string, string>>;
  readonly calendars: ReadonlyMap<string, Calendar>;
}

const volatileReads = new Set([
  'action',
  'action.text',
  'action.parameters',
  'action.estimated_rows',
  'approvals',
  'session',
  'session.second_factor_age',
  'session.reason',
]);
/** They come and go while a session lives. */
const grantRoots = new Set(['grant', 'grants']);
const sessionRoots = new Set(['principal', 'target', 'session', 'lists']);

/** What a policy names itself. */
const namedWords: Readonly<Record<string, string>> = { Lists: 'list', Conditions: 'condition', Calendars: 'calendar' };

const base = declareFacts();

/** The conditions of one policy file: its named lists and conditions are part of what a condition can say. */
export class Conditions {
  readonly #source: Source;
  readonly #environment: Environment;
  readonly #named = new Map<string, Condition | null>();
  readonly #texts: Readonly<Record<string, string>>;
  readonly #calendarNames: readonly string[];
  readonly #compiling: string[] = [];
  readonly #lists: object;
  readonly #Named: new (facts: FactValues & { readonly calendars: object }) => object;
  readonly #Calendars: new (nowMs: number) => object;

  constructor(source: Source, { lists, texts, calendars }: NamedInFile) {
    this.#source = source;
    this.#texts = texts;
    this.#calendarNames = [...calendars.keys()];
    class Lists {}
    this.#lists = Object.assign(new Lists(), frozen(lists));
    const { Named, named } = namedConditions((name) => this.#named.get(name) ?? null, this.#lists, Object.keys(texts));
    this.#Named = Named;
    this.#environment = base.clone();
    this.#environment.registerType('Lists', { ctor: Lists, fields: fieldsOf(Object.keys(lists), 'list<string>') });
    this.#environment.registerType('Conditions', { ctor: named, fields: fieldsOf(Object.keys(texts), 'bool') });
    const inForce = calendarsInForce(calendars);
    this.#Calendars = inForce.Calendars;
    this.#environment.registerType('Calendars', { ctor: inForce.declared, fields: fieldsOf([...calendars.keys()], 'bool') });
    this.#environment.registerVariable('lists', 'Lists').registerVariable('conditions', 'Conditions');
    this.#environment.registerVariable('calendars', 'Calendars');
    for (const name of Object.keys(texts)) this.#namedCondition(name);
  }

  /** The compiled condition, or null when it is wrong; then the source has the problems. */
  compile(path: Path, text: string): Condition | null {
    const parsed = this.#parse(path, text);
    if (parsed === null) return null;
    const { reads, faults, askedOfEvery } = readCondition(parsed.ast);
    for (const fault of faults) this.#source.problemInText(path, fault.offset, fault.message);
    const checked = parsed.check();
    if (!checked.valid) {
      for (const { offset, error, within } of typeErrors(this.#environment, parsed.ast, checked.error as TypeFault)) {
        // A misspelt function was told already, with the one that was meant.
        if (!faults.some((fault) => fault.offset === offset)) this.#source.problemInText(path, offset, this.#typeWords(error, within));
      }
      return null;
    }
    if (checked.type !== 'bool') {
      this.#source.problemInText(path, 0, `a condition must be true or false, this is ${checked.type}`);
      return null;
    }
    if (faults.length > 0) return null;
    const steadiness = this.#steadiness(reads);
    if (steadiness === null) return null;
    const constant = parsed.ast.op === 'value' && typeof parsed.ast.args === 'boolean' ? parsed.ast.args : null;
    const evaluate = (context: ConditionContext): boolean => {
      const value: unknown = parsed(context);
      if (typeof value !== 'boolean') throw new Error(`condition "${text}" is neither true nor false`);
      return value;
    };
    const named = [...reads].flatMap((read) =>
      read.startsWith('conditions.') ? (this.#namedCondition(read.slice(11))?.askedOfEvery ?? []) : [],
    );
    return { text, steadiness, roots: this.#roots(reads), askedOfEvery: [...askedOfEvery, ...named], constant, evaluate };
  }

  /** The context of one judgement for the conditions of this file. */
  context(facts: FactValues, nowMs: number): ConditionContext {
    const calendars = new this.#Calendars(nowMs);
    return { ...facts, calendars, lists: this.#lists, conditions: new this.#Named({ ...facts, calendars }) };
  }

  #parse(path: Path, text: string): ReturnType<Environment['parse']> | null {
    try {
      return this.#environment.parse(text);
    } catch (thrown) {
      const { offset, message } = syntaxProblem(text, thrown as ParseError);
      this.#source.problemInText(path, offset, message);
      return null;
    }
  }

  /** The least steady thing read decides. Null when a named condition that it reads is wrong. */
  #steadiness(reads: ReadonlySet<string>): Steadiness | null {
    let steadiness: Steadiness = 'session';
    for (const read of reads) {
      const [root, name] = read.split('.') as [string, string | undefined];
      let found: Steadiness;
      if (root === 'conditions') {
        if (name === undefined) found = 'volatile';
        else {
          const named = this.#namedCondition(name);
          if (named === null) return null;
          found = named.steadiness;
        }
      } else if (root === 'time' || root === 'calendars' || root === 'history' || grantRoots.has(root) || volatileReads.has(read))
        found = 'volatile';
      else found = sessionRoots.has(root) ? 'session' : 'classification';
      if (found === 'volatile') return 'volatile';
      if (found === 'classification') steadiness = 'classification';
    }
    return steadiness;
  }

  #roots(reads: ReadonlySet<string>): ReadonlySet<string> {
    const roots = new Set<string>();
    for (const read of reads) {
      const [root, name] = read.split('.') as [string, string | undefined];
      if (root !== 'conditions') roots.add(root);
      else for (const inner of name === undefined ? ['action'] : (this.#namedCondition(name)?.roots ?? [])) roots.add(inner);
    }
    return roots;
  }

  #namedCondition(name: string): Condition | null {
    const known = this.#named.get(name);
    if (known !== undefined) return known;
    const path = ['conditions', name];
    if (this.#compiling.includes(name)) {
      this.#source.problem(path, `conditions that need each other: ${[...this.#compiling, name].join(' → ')}`);
      return null;
    }
    this.#compiling.push(name);
    const compiled = this.compile(path, this.#texts[name] ?? 'false');
    this.#compiling.pop();
    this.#named.set(name, compiled);
    return compiled;
  }

  #typeWords(error: TypeFault, within: string | null): string {
    const [, called, types] = /^found no matching overload for '(?:\w+\.)?(\w+)\((.*)\)'$/.exec(error.summary) ?? [];
    if (called !== undefined) {
      const takes = Object.hasOwn(columnCalls, called) ? ': it takes a pattern or a list of patterns, and is asked of `action`' : '';
      return `${called}() can't be called with (${types})${takes}`;
    }
    const name = /^(?:No such key|Unknown variable): (.*)$/.exec(error.summary)?.[1];
    if (name === undefined) return error.summary.replace(/^no such overload: /, 'these types do not go together: ');
    const known =
      error.code === 'unknown_variable' ? [...Object.keys(factVariables), 'lists', 'conditions', 'calendars'] : this.#namesWithin(within);
    const hint = didYouMean(name, known) || (error.code === 'unknown_variable' ? ` (facts begin with ${known.join(', ')})` : '');
    const named = within === null ? undefined : namedWords[within];
    return named === undefined ? `unknown fact "${name}"${hint}` : `no ${named} is named "${name}"${hint}`;
  }

  #namesWithin(type: string | null): readonly string[] {
    switch (type) {
      case 'Lists':
        return Object.keys(this.#lists);
      case 'Conditions':
        return Object.keys(this.#texts);
      case 'Calendars':
        return this.#calendarNames;
      default:
        return type !== null && Object.hasOwn(factTypes, type) ? Object.keys(factTypes[type]!.fields) : [];
    }
  }
}

function declareFacts(): Environment {
  const environment = new Environment({
    limits: { maxAstNodes: conditionNodesMax, maxDepth: conditionDepthMax, maxListElements: listEntriesMax, maxMapEntries: 0 },
  });
  for (const [name, type] of Object.entries(factTypes)) {
    const fields = Object.fromEntries(Object.entries(type.fields).map(([field, { type: fieldType }]) => [field, fieldType]));
    environment.registerType(name, { ctor: type.ctor as new () => object, fields });
  }
  for (const [name, type] of Object.entries(factVariables)) environment.registerVariable(name, type);
  // `time.hour == 9` is what people write; CEL knows 9 as an int and the hour as a double.
  environment.registerOperator('double == int', (a: number, b: bigint) => a === Number(b));
  environment.registerOperator('double in list<int>', (a: number, list: readonly bigint[]) => list.some((b) => a === Number(b)));
  environment.registerFunction('glob(string, string): bool', (text: string, pattern: string) => glob(pattern)(text));
  for (const call of Object.keys(columnCalls) as ColumnCall[]) {
    environment.registerFunction(`Action.${call}(string): bool`, (on: ActionFact, one: string) =>
      askColumns(call, on.columnsTouched, [one]),
    );
    environment.registerFunction(`Action.${call}(list<string>): bool`, (on: ActionFact, all: readonly string[]) =>
      askColumns(call, on.columnsTouched, all),
    );
  }
  environment.registerFunction('cidr(string, string): bool', (address: string, network: string) => inNetwork(address, network));
  return environment;
}

/** Lists as their compiled patterns are remembered for them (columns.ts). */
function frozen(lists: Readonly<Record<string, readonly string[]>>): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(Object.entries(lists).map(([name, entries]) => [name, Object.freeze([...entries])]));
}

/** A class whose getters evaluate the named conditions, each at most once for each judgement. */
function namedConditions(conditionNamed: (name: string) => Condition | null, lists: object, names: readonly string[]) {
  class NamedConditions {
    // Private, because every other name belongs to the policy's author.
    readonly #context: ConditionContext;
    readonly #answers = new Map<string, boolean>();

    constructor(facts: FactValues & { readonly calendars: object }) {
      this.#context = { ...facts, lists, conditions: this };
    }

    static answer(on: NamedConditions, name: string): boolean {
      let answer = on.#answers.get(name);
      if (answer === undefined) {
        const condition = conditionNamed(name);
        if (condition === null) throw new Error(`no condition is named ${name}`);
        answer = condition.evaluate(on.#context);
        on.#answers.set(name, answer);
      }
      return answer;
    }
  }
  for (const name of names) {
    Object.defineProperty(NamedConditions.prototype, name, {
      get(this: NamedConditions): boolean {
        return NamedConditions.answer(this, name);
      },
    });
  }
  return {
    Named: NamedConditions as new (facts: FactValues & { readonly calendars: object }) => object,
    named: NamedConditions as unknown as new () => object,
  };
}

/** A class whose getters say whether each calendar holds at its moment. */
function calendarsInForce(calendars: ReadonlyMap<string, Calendar>) {
  class CalendarsInForce {
    readonly #nowMs: number;

    constructor(nowMs: number) {
      this.#nowMs = nowMs;
    }

    static holds(on: CalendarsInForce, calendar: Calendar): boolean {
      return calendar(on.#nowMs);
    }
  }
  for (const [name, calendar] of calendars) {
    Object.defineProperty(CalendarsInForce.prototype, name, {
      get(this: CalendarsInForce): boolean {
        return CalendarsInForce.holds(this, calendar);
      },
    });
  }
  return { Calendars: CalendarsInForce as new (nowMs: number) => object, declared: CalendarsInForce as unknown as new () => object };
}

function fieldsOf(names: readonly string[], type: string): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, type]));
}
