// `sallyport policy diff BEFORE AFTER`: what a change of policies comes to. The rules are compared in words, and samples are
// judged by both versions: the tests of both folders, and people, targets and statements made of the policies' own words.

import { actionOf, classificationOf, factsOf } from '../../policies/engine/cases.ts';
import type { PolicyCase } from '../../policies/engine/cases.ts';
import { compareRules, documentsOf } from '../../policies/engine/compare.ts';
import type { RuleChange } from '../../policies/engine/compare.ts';
import type { LoadedPolicySet } from '../../policies/engine/load.ts';
import { sampleEffects, sampleMoments, samplePeople, sampleStatements, sampleTargets } from '../../policies/engine/samples.ts';
import { actionKinds, protocolActions } from '../../policies/engine/vocabulary.ts';
import { printJson } from '../cli/command.ts';
import { CommandFailure, exitCode } from '../cli/exit-code.ts';
import type { Terminal } from '../cli/terminal.ts';
import { visible } from '../cli/visible.ts';
import type { Action } from '../core/action.ts';
import type { Classification } from '../core/classification.ts';
import type { Grant } from '../core/grant.ts';
import { ordinaryHistory } from '../core/history.ts';
import type { Facts } from '../core/policy.ts';
import type { Protocol } from '../core/target.ts';
import { readCast } from './policy-cast.ts';
import { decisionWords, differenceKinds, differenceOf, differences } from './policy-changes.ts';
import type { Difference } from './policy-changes.ts';
import { Classifiers } from './policy-classifiers.ts';
import { count, loadTexts, readPolicyFolder, readTests } from './policy-folder.ts';
import type { PolicyFolderTexts } from './policy-folder.ts';
import { accessDifference, accessWords, sampleWishes } from './policy-diff-access.ts';
import type { SampleWish } from './policy-diff-access.ts';
import { grantsOf } from './policy-grant.ts';
import { progress } from './policy-progress.ts';

export interface DiffOptions {
  readonly config?: string | undefined;
  readonly json?: boolean | undefined;
  readonly exitCode?: boolean | undefined;
}

/** Kinds of samples judged at most; more would take longer than anybody waits before a merge. */
const judgedMax = 300_000;

/** People, targets and times that neither version tells apart: what is decided of one of them is decided of all. */
interface Alike {
  readonly facts: Facts;
  readonly protocol: Protocol;
  /** Is everything judged with access for a while as well? */
  readonly isGranting: boolean;
  readonly who: Set<string>;
  readonly where: Set<string>;
  readonly when: Set<number>;
  size: number;
}

/** Samples with the same before and after, told together. */
interface Group {
  readonly difference: Difference;
  readonly before: string;
  readonly after: string;
  readonly texts: Set<string>;
  readonly who: Set<string>;
  readonly where: Set<string>;
  /** Moments judged at, milliseconds since 1970. */
  readonly when: Set<number>;
  samples: number;
}

interface Sample {
  readonly text: string;
  readonly action: Action;
  readonly classification: Classification;
}

export async function policyDiff(terminal: Terminal, dirs: { before: string; after: string }, options: DiffOptions): Promise<void> {
  const folders = [readPolicyFolder(dirs.before), readPolicyFolder(dirs.after)] as const;
  const sets = [
    await loadTexts(terminal, folders[0].policies, exitCode.usage),
    await loadTexts(terminal, folders[1].policies, exitCode.usage),
  ] as const;
  const rules = compareRules(documentsOf(folders[0].policies), documentsOf(folders[1].policies));
  const comparison = new Comparison(sets[0], sets[1]);
  const classifiers = new Classifiers();
  try {
    await judgeTests(terminal, folders, classifiers, comparison);
    await judgeSamples(terminal, folders, options.config, classifiers, comparison);
  } finally {
    await classifiers.close();
  }
  const found = comparison.groups();
  if (options.json === true) printJson(terminal, jsonOf(sets, rules, comparison, found));
  else for (const line of lines(terminal, sets, rules, comparison, found)) terminal.out(line);
  if (options.exitCode === true && found.length > 0) throw new CommandFailure(exitCode.failed, 'decisions differ');
}

class Comparison {
  readonly #before: LoadedPolicySet;
  readonly #after: LoadedPolicySet;
  readonly #groups = new Map<string, Group>();
  readonly #alike = new Map<string, Alike>();
  readonly moments = new Set<number>();
  #asked = 0;
  judged = 0;
  leftOut = 0;

  constructor(before: LoadedPolicySet, after: LoadedPolicySet) {
    this.#before = before;
    this.#after = after;
  }

  /** Puts a person on a target, at these moments, with those that neither version tells apart from it. */
  gather(facts: Facts, moments: readonly number[], isGranting: boolean): void {
    const { principal, target } = facts;
    const likeness = [this.#before.likeness(facts), this.#after.likeness(facts)];
    const readsTime = likeness.some((it) => it.readsTime);
    for (const times of readsTime ? moments.map((ms) => [ms]) : [moments]) {
      const key = JSON.stringify([target.protocol, isGranting, likeness.map((it) => it.key), readsTime ? times : null]);
      let alike = this.#alike.get(key);
      if (alike === undefined) {
        const empty = { who: new Set<string>(), where: new Set<string>(), when: new Set<number>(), size: 0 };
        alike = { facts: { ...facts, nowMs: times[0]! }, protocol: target.protocol, isGranting, ...empty };
        this.#alike.set(key, alike);
      }
      alike.who.add(principal.name);
      alike.where.add(target.name);
      for (const ms of times) alike.when.add(ms);
      alike.size += times.length;
    }
  }

  gathered(): Iterable<Alike> {
    return this.#alike.values();
  }

  /** With the facts of the first of those that are alike, or others of theirs. */
  judge({ text, action, classification }: Sample, alike: Alike, facts: Facts = alike.facts): void {
    if (!this.#counts(alike)) return;
    const before = this.#before.decide(action, classification, facts);
    const after = this.#after.decide(action, classification, facts);
    const difference = differenceOf(before, after);
    if (difference === null) return;
    this.#note(difference, decisionWords(before, difference), decisionWords(after, difference), text, facts, alike);
  }

  /** With grants, where they make a difference to either version. */
  judgeGranted(sample: Sample, alike: Alike, grants: readonly Grant[]): void {
    const { action, classification } = sample;
    const facts = { ...alike.facts, grants };
    const matters = [this.#before, this.#after].some((set) => {
      const [without, granted] = [set.decide(action, classification, alike.facts), set.decide(action, classification, facts)];
      return without.kind !== granted.kind || without.rule?.id !== granted.rule?.id;
    });
    if (matters) this.judge(sample, alike, facts);
  }

  /** A wish for access for a while. */
  judgeWish({ words, wish }: SampleWish, facts: Facts): void {
    const alone = aloneOf(facts);
    if (!this.#counts(alone)) return;
    const [before, after] = [this.#before.judgeWish(wish, facts), this.#after.judgeWish(wish, facts)];
    const difference = accessDifference(before, after);
    if (difference !== null) this.#note(difference, accessWords(before), accessWords(after), words, facts, alone);
  }

  #counts({ size, when }: Alike): boolean {
    if (this.#asked >= judgedMax) {
      this.leftOut += size;
      return false;
    }
    this.#asked += 1;
    this.judged += size;
    for (const ms of when) this.moments.add(ms);
    return true;
  }

  /** Were samples judged at several times? Tests without a time stand at 1970 and do not count. */
  get hasTimes(): boolean {
    return [...this.moments].filter((ms) => ms > 0).length > 1;
  }

  groups(): Group[] {
    const order = (group: Group): number => differenceKinds.indexOf(group.difference);
    return [...this.#groups.values()].sort((a, b) => order(a) - order(b) || b.samples - a.samples);
  }

  #note(difference: Difference, was: string, is: string, text: string, facts: Facts, alike: Alike): void {
    const key = `${difference}\n${was}\n${is}`;
    let group = this.#groups.get(key);
    if (group === undefined) {
      group = { difference, before: was, after: is, texts: new Set(), who: new Set(), where: new Set(), when: new Set(), samples: 0 };
      this.#groups.set(key, group);
    }
    const isGranted = facts.grants !== undefined && facts.grants.length > 0;
    group.samples += alike.size;
    group.texts.add(text);
    for (const name of alike.who) group.who.add(isGranted ? `${name} with access for a while` : name);
    for (const name of alike.where) group.where.add(name);
    for (const ms of alike.when) group.when.add(ms);
  }
}

/** One person on one target at one time. */
function aloneOf(facts: Facts): Alike {
  const { principal, target, nowMs } = facts;
  const names = { who: new Set<string>([principal.name]), where: new Set<string>([target.name]), when: new Set([nowMs]) };
  return { facts, protocol: target.protocol, isGranting: false, ...names, size: 1 };
}

/** Every case of both folders, with its own people, times and approvals. */
async function judgeTests(
  terminal: Terminal,
  folders: readonly PolicyFolderTexts[],
  classifiers: Classifiers,
  comparison: Comparison,
): Promise<void> {
  const seen = new Set<string>();
  for (const { tests } of folders.flatMap((folder) => readTests(terminal, folder.tests))) {
    for (const it of tests?.cases ?? []) {
      const facts = factsOf(tests!, it);
      const key = JSON.stringify([{ ...it, name: '', expect: '', rule: '' }, facts]);
      if (seen.has(key)) continue;
      seen.add(key);
      const reads = it.statement !== undefined && it.effects === undefined && it.understood === undefined;
      const read = reads ? await classifiers.classify(facts.target.protocol, actionOf(it), tests!.targets[it.target]?.tables) : undefined;
      const text = it.statement ?? (it.effects === undefined ? (it.action ?? it.name) : it.effects.map(String).join(', '));
      comparison.judge({ text, action: actionOf(it), classification: read ?? classificationOf(it) }, aloneOf(facts));
    }
  }
}

/** People × targets × texts × moments, made of the words of both versions, with the people and targets that are known by name. */
async function judgeSamples(
  terminal: Terminal,
  folders: readonly PolicyFolderTexts[],
  config: string | undefined,
  classifiers: Classifiers,
  comparison: Comparison,
): Promise<void> {
  const documents = folders.flatMap((folder) => documentsOf(folder.policies));
  const cast = config === undefined ? null : await readCast(terminal, folders[1]!, config);
  const people = [...(cast?.people.values() ?? []), ...samplePeople(documents)];
  const targets = [...(cast?.targets.values() ?? []), ...sampleTargets(documents)];
  const moments = sampleMoments(documents);
  const said = progress(terminal);
  const wishes = sampleWishes(documents);
  // Where rules speak of access for a while, everything is judged with it as well.
  const speaking = documents.filter(({ rules, conditions }) => /"needs"|\bgrants?\b/.test(JSON.stringify([rules, conditions])));
  const granting = new Set([...(cast?.targets.values() ?? []), ...sampleTargets(speaking)].map(({ name }) => name));
  const granted = speaking.length === 0 ? [] : grantsOf(['all'], 0);
  const texts = new Map<Protocol, readonly Sample[]>();
  const session: Facts['session'] = { clientAddress: '192.0.2.1', tls: true, method: 'token', database: null };
  for (const target of targets) {
    if (!texts.has(target.protocol))
      texts.set(target.protocol, await samplesFor(target.protocol, sampleStatements(documents), classifiers));
    for (const principal of people) {
      const facts: Facts = { principal, target, session, nowMs: moments[0]!, approvals: [], history: ordinaryHistory };
      comparison.gather(facts, moments, granting.has(target.name));
      for (const nowMs of moments) for (const wish of wishes) comparison.judgeWish(wish, { ...facts, nowMs });
    }
  }
  for (const alike of comparison.gathered()) {
    for (const sample of texts.get(alike.protocol)!) {
      comparison.judge(sample, alike);
      if (granted.length > 0 && alike.isGranting) comparison.judgeGranted(sample, alike, granted);
    }
    said.tick(() => `judged ${count(comparison.judged, 'sample')}`);
  }
}

async function samplesFor(protocol: Protocol, statements: readonly string[], classifiers: Classifiers): Promise<Sample[]> {
  const samples: Sample[] = [];
  const [statement, ...others] = [...protocolActions[protocol]].filter((kind) => kind !== 'connect');
  const kinds = actionKinds.filter((kind) => kind === 'connect' || others.includes(kind));
  for (const kind of kinds) samples.push(sampleOf({ name: kind, action: kind }));
  if (protocol !== 'ssh') {
    for (const text of statements) {
      const sample = sampleOf({ name: text, statement: text });
      const read = await classifiers.classify(protocol, sample.action);
      if (read !== undefined) samples.push({ ...sample, classification: read });
    }
  }
  for (const verb of sampleEffects()) samples.push(sampleOf({ name: `(${verb})`, action: statement!, effects: [verb] }));
  return samples;
}

function sampleOf(given: Pick<PolicyCase, 'name' | 'action' | 'statement' | 'effects'>): Sample {
  const it: PolicyCase = { who: '', target: '', expect: 'allow', ...given };
  return { text: it.name, action: actionOf(it), classification: classificationOf(it) };
}

const marks: Readonly<Record<RuleChange['kind'], string>> = { added: '+', removed: '-', changed: '~' };
const textsShownMax = 6;
const namesShownMax = 6;

function lines(
  terminal: Terminal,
  [before, after]: readonly [LoadedPolicySet, LoadedPolicySet],
  rules: readonly RuleChange[],
  comparison: Comparison,
  groups: readonly Group[],
): string[] {
  const shown: string[] = [`version ${before.version} → ${after.version}`, ''];
  if (rules.length === 0) shown.push('the rules are the same');
  for (const { kind, id, decision, title, changes } of rules) {
    shown.push(`${marks[kind]} ${decision.padEnd(5)} ${visible(id)}${title === null ? '' : `: ${visible(title)}`}`);
    for (const change of changes) shown.push(terminal.paint('dim', `    ${visible(change)}`));
  }
  for (const kind of differenceKinds) {
    const of = groups.filter(({ difference }) => difference === kind);
    if (of.length === 0) continue;
    const samples = of.reduce((sum, group) => sum + group.samples, 0);
    shown.push('', terminal.paint(kind === 'newly-allowed' ? 'red' : 'bold', `${differences[kind]} (${count(samples, 'sample')})`));
    for (const group of of) {
      shown.push(`  ${visible(group.before)} → ${visible(group.after)}`);
      shown.push(`    ${some(group.texts, textsShownMax, '; ')}`);
      const when = group.when.size === comparison.moments.size ? '' : ` at ${some(momentsOf(group), namesShownMax, ', ')}`;
      const people = some(group.who, namesShownMax, ', ');
      shown.push(terminal.paint('dim', `    for ${people} on ${some(group.where, namesShownMax, ', ')}${comparison.hasTimes ? when : ''}`));
    }
  }
  const judged = `${count(comparison.judged, 'sample')} judged by both`;
  const end =
    groups.length === 0 ? `${judged}: no decision differs; samples show differences, they do not prove that there are none` : judged;
  return [...shown, '', comparison.leftOut === 0 ? end : `${end}; ${comparison.leftOut} left out`];
}

function momentsOf(group: Group): Set<string> {
  return new Set([...group.when].filter((ms) => ms > 0).map((ms) => new Date(ms).toISOString().slice(0, 16) + 'Z'));
}

function some(values: ReadonlySet<string>, max: number, separator: string): string {
  const all = [...values];
  const more = all.length > max ? ` and ${all.length - max} more` : '';
  return `${all.slice(0, max).map(visible).join(separator)}${more}`;
}

/** Entries of each list in JSON. */
const jsonEntriesMax = 1_000;

function jsonOf(
  [before, after]: readonly [LoadedPolicySet, LoadedPolicySet],
  rules: readonly RuleChange[],
  { judged, leftOut }: Comparison,
  groups: readonly Group[],
): object {
  return {
    before: before.version,
    after: after.version,
    rules,
    judged,
    left_out: leftOut,
    differences: groups.map((group) => ({
      difference: group.difference,
      before: group.before,
      after: group.after,
      samples: group.samples,
      texts: [...group.texts].slice(0, jsonEntriesMax),
      who: [...group.who].slice(0, jsonEntriesMax),
      where: [...group.where].slice(0, jsonEntriesMax),
      when: [...momentsOf(group)],
    })),
  };
}
