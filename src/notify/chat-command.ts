// What people type to the gateway in a chat or a comment: "request orders for 1h because ticket 7", "approve h-7K3M9Q". Pure. The
// options of the command line (--for, --reason …) are understood as well, because people paste them.

import type { ChatWish } from '../core/chat-desk.ts';

export type ChatCommand =
  | { readonly kind: 'help' }
  /** Without saying for what: by a form, where a chat has one. */
  | { readonly kind: 'ask' }
  | { readonly kind: 'own' }
  | { readonly kind: 'waiting' }
  | { readonly kind: 'request'; readonly wish: ChatWish }
  | { readonly kind: 'extend'; readonly grant: string; readonly durationMs: number; readonly reason: string }
  | { readonly kind: 'withdraw'; readonly request: string }
  | { readonly kind: 'review'; readonly grant: string; readonly words: string }
  | { readonly kind: 'answer'; readonly matter: string; readonly answer: 'approve' | 'deny'; readonly reason: string | null }
  /** Not understood: why, and how it is written. */
  | { readonly kind: 'mistake'; readonly why: string; readonly usage: string };

const textCharsMax = 4_000;
const unitMs: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const matterPattern = /^[hr]-[0-9A-Z]{1,20}$/;

export const usageOf = {
  request: 'request TARGET for 1h [read-only] [as ROLE] [tables a, b] because REASON',
  'break-glass': 'break-glass TARGET for 1h because REASON',
  extend: 'extend g-7K3M9Q for 30m because REASON',
  withdraw: 'withdraw r-7K3M9Q',
  review: 'review g-7K3M9Q WORDS',
  approve: 'approve h-7K3M9Q [REASON]',
  deny: 'deny h-7K3M9Q [REASON]',
  own: 'mine',
  waiting: 'waiting',
} as const;

/** What each command does, in the order of the help. */
export const commandHelp: readonly (readonly [usage: string, what: string])[] = [
  [usageOf.request, 'ask for access to a target for a while'],
  [usageOf['break-glass'], 'an emergency: at once where a rule says so; everybody is told, somebody else reviews it'],
  [usageOf.extend, 'ask for more time before it ends'],
  [usageOf.withdraw, 'take your own request back'],
  [usageOf.review, 'what the review of a break-glass access came to'],
  [usageOf.own, 'your requests and your access'],
  [usageOf.waiting, 'what waits for your answer'],
  [usageOf.approve, 'say yes to a hold (h-…) or a request (r-…)'],
  [usageOf.deny, 'say no; one no is final'],
];

export function parseChatCommand(typed: string): ChatCommand {
  if (typed.length > textCharsMax) return mistake(`that is longer than ${textCharsMax} characters`, 'help');
  const text = typed
    .replace(/[“”„]/g, '"')
    .replace(/[‘’]/g, "'")
    .replace(/—(?=[a-z])/g, '--')
    .trim();
  const [, verb = '', rest = ''] = /^(\S*)\s*([^]*)$/.exec(text) ?? [];
  switch (verb.toLowerCase()) {
    case '':
    case 'help':
      return { kind: 'help' };
    case 'mine':
    case 'requests':
    case 'grants':
      return { kind: 'own' };
    case 'waiting':
    case 'holds':
      return { kind: 'waiting' };
    case 'request':
      return rest === '' ? { kind: 'ask' } : wished(rest, usageOf.request, false);
    case 'break-glass':
      return wished(rest, usageOf['break-glass'], true);
    case 'extend':
      return extension(rest);
    case 'withdraw':
      return /^r-\S+$/i.test(rest) ? { kind: 'withdraw', request: rest } : mistake('say which request', usageOf.withdraw);
    case 'review':
      return reviewed(rest);
    case 'approve':
    case 'deny':
      return answered(verb.toLowerCase() as 'approve' | 'deny', rest);
    default:
      return mistake(`"${verb.slice(0, 40)}" is not a command`, 'help');
  }
}

function answered(answer: 'approve' | 'deny', rest: string): ChatCommand {
  const [, id = '', reason = ''] = /^(\S*)\s*([^]*)$/.exec(rest) ?? [];
  const matter = `${id.slice(0, 1).toLowerCase()}${id.slice(1).toUpperCase()}`;
  if (!matterPattern.test(matter)) return mistake('say which: a hold (h-…) or a request (r-…)', usageOf[answer]);
  const words = unquoted(reason.replace(/^(because|--reason)\s+/i, ''));
  return { kind: 'answer', matter, answer, reason: words === '' ? null : words };
}

function reviewed(rest: string): ChatCommand {
  const [, grant = '', words = ''] = /^(\S*)\s*([^]*)$/.exec(rest) ?? [];
  if (!/^g-\S+$/i.test(grant)) return mistake('say which access', usageOf.review);
  if (words.trim() === '') return mistake('say in words what the review came to', usageOf.review);
  return { kind: 'review', grant, words: unquoted(words) };
}

function extension(rest: string): ChatCommand {
  const read = optionsOf(rest, usageOf.extend);
  if (read.kind === 'mistake') return read;
  const { subject, durationMs, reason } = read;
  if (!/^g-\S+$/i.test(subject)) return mistake('say which access, as "mine" shows it', usageOf.extend);
  return { kind: 'extend', grant: subject, durationMs, reason };
}

function wished(rest: string, usage: string, isBreakGlass: boolean): ChatCommand {
  const read = optionsOf(rest, usage);
  if (read.kind === 'mistake') return read;
  const { subject: target, durationMs, reason, role, readOnly, tables } = read;
  return { kind: 'request', wish: { target, durationMs, reason, role, readOnly, tables, isBreakGlass: isBreakGlass || read.isBreakGlass } };
}

interface Options extends Omit<ChatWish, 'target'> {
  readonly kind: 'options';
  readonly subject: string;
}

/** Options in any order; what comes after "because" is the reason, whatever it is. */
function optionsOf(rest: string, usage: string): Options | Extract<ChatCommand, { kind: 'mistake' }> {
  const [, before = rest, after = ''] = /^([^]*?)(?:^|\s)(?:because|--reason)(?:[\s=]+([^]*))?$/i.exec(rest) ?? [];
  const quoted = /^"([^"]*)"\s*([^]*)$/.exec(after);
  const reason = (quoted === null ? after : (quoted[1] ?? '')).trim();
  // After a quoted reason more options may follow, as on the command line.
  const words = `${before} ${quoted?.[2] ?? ''}`
    .replace(/,\s+/g, ',')
    .split(/\s+/)
    .filter((word) => word !== '');
  const subject = words.shift() ?? '';
  if (subject === '' || subject.startsWith('-') || subject.toLowerCase() === 'for') return mistake('say what for', usage);
  let durationMs: number | null = null;
  let role: string | null = null;
  let readOnly = false;
  let tables: readonly string[] | null = null;
  let isBreakGlass = false;
  while (words.length > 0) {
    const word = words.shift() ?? '';
    switch (word.toLowerCase().replace(/^--/, '')) {
      case 'for': {
        const [taken, ms] = durationFrom(words);
        if (ms === null) return mistake(`"${words.slice(0, 2).join(' ').slice(0, 40)}" is not a time, such as 30m, 1h or "2 hours"`, usage);
        words.splice(0, taken);
        durationMs = ms;
        break;
      }
      case 'as':
      case 'role':
        role = words.shift() ?? null;
        if (role === null) return mistake('say as which role', usage);
        break;
      case 'tables':
      case 'table':
        tables = (words.shift() ?? '').split(',').filter((it) => it !== '');
        if (tables.length === 0) return mistake('say which tables', usage);
        break;
      case 'read-only':
      case 'readonly':
        readOnly = true;
        break;
      case 'break-glass':
        isBreakGlass = true;
        break;
      default:
        return mistake(`"${word.slice(0, 40)}" is not understood`, usage);
    }
  }
  if (durationMs === null) return mistake('say for how long, as in "for 1h"', usage);
  if (reason === '') return mistake('say why, as in "because ticket 7"', usage);
  return { kind: 'options', subject, durationMs, reason, role, readOnly, tables, isBreakGlass };
}

/** How many words a time takes, and the time: "1h", "1h30m", "90 min", "2 hours". */
function durationFrom(words: readonly string[]): [number, number | null] {
  const [first = '', second = ''] = words;
  const one = durationMsOf(first);
  if (one !== null) return [1, one];
  return [2, /^\d+$/.test(first) ? durationMsOf(first + second) : null];
}

function durationMsOf(text: string): number | null {
  const short = text
    .toLowerCase()
    .replace(/(hours|hour|hrs|hr)$/, 'h')
    .replace(/(minutes|minute|mins|min)$/, 'm')
    .replace(/(days|day)$/, 'd')
    .replace(/(seconds|second|secs|sec)$/, 's');
  if (!/^(\d{1,6}[smhd]){1,4}$/.test(short)) return null;
  return [...short.matchAll(/(\d+)([smhd])/g)].reduce((ms, [, count, unit]) => ms + Number(count) * (unitMs[unit ?? ''] ?? NaN), 0);
}

function unquoted(text: string): string {
  return /^"[^"]*"$/.test(text.trim()) ? text.trim().slice(1, -1).trim() : text.trim();
}

function mistake(why: string, usage: string): Extract<ChatCommand, { kind: 'mistake' }> {
  return { kind: 'mistake', why, usage };
}
