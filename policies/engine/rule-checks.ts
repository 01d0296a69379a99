// Mistakes of one rule that the schema can't see: keys that make no sense together, and rules that can be shown never to match.

import type { ActionKind } from '../../src/core/action.ts';
import type { EffectVerb } from '../../src/core/effect.ts';
import type { PolicyDocument, RuleDocument } from './document.ts';
import { parseDuration } from './duration.ts';
import { expiresDefaultMs, expiresMaxMs, expiresMinMs, patternCharsMax, shapeMsMax, shapeMsMin } from './limits.ts';
import { holdsPredicates } from './masks.ts';
import { didYouMean } from './nearest.ts';
import { checkObligations, checkReach } from './obligations.ts';
import type { Source } from './source.ts';
import { actionKinds, protocolActions, protocols } from './vocabulary.ts';
import { placeholders } from './words.ts';

/** Notes every problem of a rule that needs no compiling. */
export function checkRule(source: Source, policy: PolicyDocument, rule: RuleDocument, index: number): void {
  const at = ['rules', index];
  checkKeys(source, rule, at);
  checkUnderstood(source, rule, at);
  checkEffects(source, rule, at);
  checkWhere(source, policy, rule, at);
  checkObligations(source, rule, at);
  if (rule.decision === 'hold' || holdsPredicates(rule.mask)) checkWaits(source, rule, at);
  if (rule.message !== undefined) checkMessage(source, rule.message, [...at, 'message']);
}

function checkKeys(source: Source, rule: RuleDocument, at: (string | number)[]): void {
  const only = (decision: string, keys: readonly (keyof RuleDocument)[]) => {
    if (rule.decision === decision) return;
    for (const key of keys) {
      if (rule[key] === undefined) continue;
      source.problemAtKey(at, key, `"${key}" belongs to rules that ${decision}, this one says ${rule.decision}`);
    }
  };
  const isHeldInPart = rule.decision === 'allow' && holdsPredicates(rule.mask);
  if (!isHeldInPart) only('hold', ['approvers', 'expires', 'expires_in_transaction', 'reason_required', 'wait']);
  only('deny', ['message']);
  if (rule.decision === 'deny' && rule.needs !== undefined) {
    source.problemAtKey(at, 'needs', '"needs" is for allow and hold; to deny without a grant, say `when: "!grant.active"`');
  }
  if (rule.decision === 'hold' && rule.approvers === undefined) {
    source.problem([...at, 'decision'], 'a rule that holds must say who may approve: add "approvers"');
  }
  if (isHeldInPart && rule.approvers === undefined) {
    source.problemAtKey(at, 'mask', '"predicates: hold" must say who may approve: add "approvers"');
  }
  if (rule.decision === 'allow' && rule.otherwise !== undefined) {
    source.problemAtKey(at, 'otherwise', '"otherwise" is for hold and deny: it speaks of what no allow rule covers');
  }
  if (rule.decision === 'deny' && rule.record !== undefined) source.problemAtKey(at, 'record', 'a rule that denies has nothing to record');
}

function checkUnderstood(source: Source, rule: RuleDocument, at: (string | number)[]): void {
  if (rule.understood === undefined || rule.understood === true) return;
  const path = [...at, 'understood'];
  if (rule.decision === 'allow') {
    source.problem(path, `rule ${rule.id} can never fire: what was not understood is never allowed; hold or deny it`);
  } else if (rule.understood === false && rule.effects !== undefined) {
    source.problem(path, `rule ${rule.id} can never fire: what was not understood has no known effects; leave "effects" out`);
  }
}

function checkEffects(source: Source, rule: RuleDocument, at: (string | number)[]): void {
  const { effects } = rule;
  if (effects === undefined) return;
  const path = [...at, 'effects'];
  if (Object.keys(effects).length === 0) source.problem(path, 'effects is empty: leave it out to speak of every effect');
  for (const key of ['tables', 'functions', 'objects'] as const) {
    if (effects[key] === undefined || effects.object_kinds === undefined || key === 'objects') continue;
    const kinds = key === 'tables' ? ['table', 'view'] : ['function'];
    if (effects.object_kinds.some((kind) => kinds.includes(kind))) continue;
    source.problem(
      [...path, 'object_kinds'],
      `rule ${rule.id} can never fire: "${key}" speaks of a ${kinds.join(' or ')} and object_kinds of none`,
    );
  }
  const actions = rule.actions ?? ['statement'];
  if (effects.verbs?.every((verb) => actions.every((action) => neverDone(action, verb))) === true) {
    const ssh = effects.verbs.every((verb) => sshVerbs.has(verb));
    const hint = rule.actions === undefined && ssh ? '; a rule is about statements unless it says "actions"' : '';
    source.problem(
      [...path, 'verbs'],
      `rule ${rule.id} can never fire: ${actions.join(' and ')} never does ${effects.verbs.join(', ')}${hint}`,
    );
  }
  if ((rule.actions ?? []).includes('connect')) {
    source.problem(path, 'connect has no effects: give it a rule of its own, without "effects"');
  }
}

/** What only happens over SSH, and what commands, files and the like are never found to do. */
const sshVerbs: ReadonlySet<EffectVerb> = new Set(['run', 'shell', 'file-write', 'file-remove', 'forward', 'environment']);
const databaseVerbs: ReadonlySet<EffectVerb> = new Set([
  ...([
    'read',
    'insert',
    'update',
    'delete',
    'truncate',
    'bulk-load',
    'export',
    'create',
    'alter',
    'drop',
    'rename',
    'maintenance',
  ] as const),
  ...(['call', 'server-file', 'server-program', 'large-object', 'sequence', 'notify', 'replication', 'explain', 'guard'] as const),
  ...(['transaction', 'prepare', 'cursor'] as const),
]);

function neverDone(action: ActionKind, verb: EffectVerb): boolean {
  if (action === 'connect') return false; // has a mistake of its own
  return (protocolActions.ssh.includes(action) ? databaseVerbs : sshVerbs).has(verb);
}

/** Protocols, labels and actions that exclude each other. */
function checkWhere(source: Source, policy: PolicyDocument, rule: RuleDocument, at: (string | number)[]): void {
  const outer = policy.applies_to;
  const inner = rule.targets;
  const spoken = (inner?.protocols ?? protocols).filter((protocol) => outer?.protocols?.includes(protocol) ?? true);
  if (spoken.length === 0) {
    source.problem([...at, 'targets', 'protocols'], `rule ${rule.id} can never fire: applies_to names other protocols`);
  }
  for (const [label, value] of Object.entries(inner?.labels ?? {})) {
    const wanted = outer?.labels?.[label];
    if (wanted === undefined) continue;
    const entries = [wanted, value].map((it) => (typeof it === 'string' ? [it] : it)) as [string[], string[]];
    if (entries.flat().some((entry) => entry.startsWith('$')) || entries[1].some((entry) => entries[0].includes(entry))) continue;
    source.problem(
      [...at, 'targets', 'labels', label],
      `rule ${rule.id} can never fire: applies_to wants another value of the label ${label}`,
    );
  }
  const actions = rule.actions ?? ['statement'];
  checkReach(
    source,
    rule,
    spoken.filter((protocol) => actions.some((action) => protocolActions[protocol].includes(action))),
    at,
  );
  const possible = new Set(spoken.flatMap((protocol) => protocolActions[protocol]));
  if (spoken.length === 0 || actions.some((action) => possible.has(action))) return;
  const words = `${actions.join(', ')} ${actions.length === 1 ? 'is' : 'are'} not asked by ${spoken.join(' or ')}`;
  const known = actionKinds.filter((kind) => possible.has(kind)).join(', ');
  source.problem(rule.actions === undefined ? at : [...at, 'actions'], `rule ${rule.id} can never fire: ${words} (there: ${known})`);
}

function checkWaits(source: Source, rule: RuleDocument, at: (string | number)[]): void {
  for (const key of ['expires', 'expires_in_transaction'] as const) {
    const ms = parseDuration(rule[key] ?? '');
    if (ms === null || (ms >= expiresMinMs && ms <= expiresMaxMs)) continue;
    source.problem([...at, key], `${key} must lie between 5s and 7d`);
  }
  const inTransaction = parseDuration(rule.expires_in_transaction ?? '');
  if (inTransaction !== null && inTransaction > (parseDuration(rule.expires ?? '') ?? expiresDefaultMs)) {
    source.problem([...at, 'expires_in_transaction'], 'longer than "expires": while locks are held the wait may only be shorter');
  }
  const groups = new Set(rule.approvers?.groups);
  if (rule.approvers !== undefined && groups.size < rule.approvers.groups.length) {
    source.problem([...at, 'approvers', 'groups'], 'a group is named twice');
  }
  if (rule.approvers?.and !== undefined && rule.approvers.escalate !== undefined) {
    source.problem([...at, 'approvers', 'escalate'], 'says not which of several sets it widens: leave it or "and" out');
  }
  const { shape, second_factor: factor } = rule.approvers ?? {};
  if (shape === undefined) return;
  const shapeMs = parseDuration(shape.longest) ?? 0;
  if (shapeMs < shapeMsMin || shapeMs > shapeMsMax)
    source.problem([...at, 'approvers', 'shape', 'longest'], 'longest must lie between 1m and 24h');
  if (factor === 'passkey') {
    source.problem(
      [...at, 'approvers', 'shape'],
      "a passkey signs exactly one action, so it can't approve a shape: leave one of the two out",
    );
  }
}

function checkMessage(source: Source, message: string, path: (string | number)[]): void {
  for (const found of message.matchAll(/\{(\w+)\}/g)) {
    if ((placeholders as readonly string[]).includes(found[1]!)) continue;
    const hint = didYouMean(found[1]!, placeholders) || ` (known here: ${placeholders.map((it) => `{${it}}`).join(', ')})`;
    source.problemInText(path, found.index, `unknown placeholder {${found[1]}}${hint}`);
  }
}

/** Expands "$name" entries; a list that does not exist is noted. Lists do not contain lists. */
export function expander(
  source: Source,
  lists: Readonly<Record<string, readonly string[]>>,
): (entries: readonly string[], at: readonly (string | number)[]) => string[] {
  return (entries, at) =>
    entries.flatMap((entry, index) => {
      if (!entry.startsWith('$')) return [entry];
      const name = entry.slice(1);
      if (Object.hasOwn(lists, name)) return [...lists[name]!];
      source.problem([...at, index], `no list is named "${name}"${didYouMean(name, Object.keys(lists))}`);
      return [];
    });
}

/** Entries of lists that can't be meant. */
export function checkLists(source: Source, lists: Readonly<Record<string, readonly string[]>>): void {
  for (const [name, entries] of Object.entries(lists)) {
    entries.forEach((entry, index) => {
      if (entry.startsWith('$')) source.problem(['lists', name, index], 'a list does not contain lists');
      if (entry.length > patternCharsMax) source.problem(['lists', name, index], `longer than ${patternCharsMax} characters`);
    });
  }
}
