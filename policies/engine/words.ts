// The sentences of policy decisions that no rule words itself.

import type { Action } from '../../src/core/action.ts';
import type { Classification } from '../../src/core/classification.ts';
import type { Effect } from '../../src/core/effect.ts';
import type { GrantScope } from '../../src/core/grant.ts';
import type { Facts } from '../../src/core/policy.ts';
import { messageCharsMax } from './limits.ts';

/** What may stand in braces in a rule's message. */
export const placeholders = ['problem', 'effect', 'target', 'principal', 'ask'] as const;

const effectsShownMax = 3;
const nameCharsShownMax = 120;

/** "delete public.orders" */
export function effectWords(effect: Effect): string {
  return effect.object === null ? effect.verb : `${effect.verb} ${visible(effect.object, nameCharsShownMax)}`;
}

/**
 * Names come from the statement, and the words end in terminals and logs: control characters, and those that change the
 * direction of writing or cannot be seen, stand as their numbers.
 */
function visible(text: string, charsMax: number): string {
  const short = text.length > charsMax ? `${text.slice(0, charsMax)}…` : text;
  return short.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, (char) => `\\u{${char.codePointAt(0)!.toString(16)}}`);
}

/** Nothing matched: names what was not allowed, so that the reader knows which rule is missing. */
export function nothingAllows(action: Action, classification: Classification, facts: Facts, uncovered: readonly Effect[]): string {
  if (!classification.understood) return notUnderstood(classification);
  const { principal, target } = facts;
  if (action.kind === 'connect') return `nothing allows ${principal.name} to open a session on ${target.name}`;
  if (uncovered.length === 0) return `nothing allows this ${action.kind} on ${target.name}`;
  const shown = uncovered.slice(0, effectsShownMax).map(effectWords).join(', ');
  const more = uncovered.length > effectsShownMax ? ` and ${uncovered.length - effectsShownMax} more` : '';
  return `nothing allows ${shown}${more} on ${target.name}`;
}

/** The parser's own words for a syntax error; the gateway adds the parser's words to the others itself. */
export function notUnderstood(classification: Classification): string {
  const { problem } = classification;
  return problem?.kind === 'syntax' ? problem.message : 'the text was not understood, and what is not understood does not run';
}

/** After a denial that a grant would have changed. */
export function accessWords({ grants = [] }: Facts, ask: string | null): string {
  const narrow = grants.map(({ id, scope }) => `${id} (${scopeWords(scope)})`).join(', ');
  const has = grants.length === 0 ? '' : `; your access ${narrow} does not reach it`;
  if (ask === null) return has;
  return `${has}; ask for access: ${ask}`;
}

/** "read-only, as deploy, tables public.orders"; "everything" when nothing narrows it. */
export function scopeWords({ readOnly, role, tables }: GrantScope): string {
  const parts = [
    readOnly ? 'read-only' : '',
    role === null ? '' : `as ${visible(role, nameCharsShownMax)}`,
    tables === null ? '' : `tables ${tables.map((it) => visible(it, nameCharsShownMax)).join(', ')}`,
  ].filter((part) => part !== '');
  return parts.length === 0 ? 'not limited' : parts.join(', ');
}

/** Fills the braces of a rule's message. */
export function fillMessage(
  message: string,
  classification: Classification,
  facts: Facts,
  effect: Effect | null,
  ask: string | null,
): string {
  const first = effect ?? classification.summary.effects[0] ?? null;
  const values: Record<(typeof placeholders)[number], string> = {
    problem: visible(classification.problem?.message ?? 'no problem', messageCharsMax),
    effect: first === null ? 'this' : effectWords(first),
    target: facts.target.name,
    principal: facts.principal.name,
    ask: ask ?? `no policy lets ${facts.principal.name} ask for access`,
  };
  return message.replaceAll(/\{(\w+)\}/g, (whole, name: string) =>
    Object.hasOwn(values, name) ? values[name as keyof typeof values] : whole,
  );
}
