// What a message says of a matter, in words that are the same in every channel. Each channel escapes them for itself.

import type { HoldView } from '../api/contract.ts';
import { approverSetWords } from '../core/quorum.ts';
import { approverWords, duration } from '../core/words.ts';
import { isPending } from './channel.ts';
import type { Matter, Moment } from './channel.ts';
import { shortened, visibleLine, visibleText } from './visible.ts';

export interface Told {
  /** One line: who waits for what. */
  readonly title: string;
  /** The statement or command, hidden characters escaped, as far as it fits; null where there is none. */
  readonly text: string | null;
  /** Bound parameters, one a line; null where there are none. */
  readonly parameters: string | null;
  /** True when text or parameters are cut: nobody approves what he has not seen, so no approve button goes with it. */
  readonly isCut: boolean;
  /** Why parts of the text are risky, with the part. */
  readonly risks: readonly string[];
  readonly facts: readonly (readonly [label: string, value: string])[];
  /** What became of it; null while it waits. */
  readonly outcome: string | null;
  readonly isGood: boolean;
}

const risksMax = 8;
const riskPartCharsMax = 120;
const valueCharsMax = 500;

/** `charsMax` is for the text and again for the parameters, in UTF-16 units. */
export function told(matter: Matter, moment: Moment, charsMax: number): Told {
  return matter.kind === 'hold' ? toldOfHold(matter, charsMax) : toldOfAccess(matter, moment);
}

/** May a button of a chat say yes to it? Not without having shown all of it, and not where a second factor is asked for. */
export function isApprovable(matter: Matter, { isCut }: Told): boolean {
  if (!isPending(matter) || isCut) return false;
  return (matter.kind === 'hold' ? matter.hold : matter.request).second_factor === undefined;
}

/** Why there is no approve button though somebody should answer; null where there is one. */
export function consoleOnlyWords(matter: Matter, words: Told): string | null {
  if (!isPending(matter) || isApprovable(matter, words)) return null;
  if (words.isCut) return 'It is too long to show here: read and approve it in the console.';
  return 'Its rule asks for a second factor with every approval: approve it in the console.';
}

/** Where it is told again because nobody answered. */
export const escalatedWords = 'Nobody has answered yet: others may answer as well now.';

function toldOfHold({ hold }: Extract<Matter, { kind: 'hold' }>, charsMax: number): Told {
  const whole = visibleText(hold.text);
  const given = (hold.parameters ?? []).map(
    ({ type, text }, index) => `$${index + 1} = ${text === null ? 'NULL' : `'${onOneLine(text)}'`}${type === null ? '' : ` (${type})`}`,
  );
  const parameters = given.length === 0 ? null : visibleText(given.join('\n'));
  const facts: [string, string][] = [
    ['Reason', hold.reason ?? ''],
    ['Access', (hold.access ?? []).map(accessWords).join('; ')],
    ['Effects', hold.effects.join(', ')],
    ['Rule', `${hold.rule_title} (${hold.rule})`],
    ['From', hold.client_address],
    [
      'Target',
      [hold.target, hold.target_protocol, ...Object.entries(hold.target_labels).map(([key, value]) => `${key}=${value}`)].join(' · '),
    ],
    [
      'Approvers',
      hold.approver_sets === undefined
        ? approverWords(hold.approver_groups, hold.also_in_groups ?? [])
        : approverSetWords(hold.approver_sets),
    ],
  ];
  if (hold.transaction !== 'none') facts.push(['Transaction', `${hold.transaction}: it holds locks while it waits`]);
  if (hold.approvals_needed > 1 || hold.approvals.length > 0) {
    facts.push(['Approvals', `${hold.approvals.length} of ${hold.approvals_needed}${namesOf(hold.approvals)}`]);
  }
  return {
    title: visibleLine(`${hold.principal_name} waits on ${hold.target}`),
    text: shortened(whole, charsMax),
    parameters: parameters === null ? null : shortened(parameters, charsMax),
    isCut: whole.length > charsMax || (parameters?.length ?? 0) > charsMax,
    risks: hold.risks
      .slice(0, risksMax)
      .map(({ start, end, why }) => visibleLine(`${why}: ${shortened(hold.text.slice(start, end), riskPartCharsMax)}`)),
    facts: facts.map(([label, value]) => [label, visibleLine(value, valueCharsMax)]),
    outcome: holdOutcome(hold),
    isGood: hold.state === 'approved',
  };
}

function accessWords({ grant, reason, break_glass: isBreakGlass }: NonNullable<HoldView['access']>[number]): string {
  return `${isBreakGlass ? 'break-glass ' : ''}${grant}, asked for: ${reason}`;
}

/** With its line ends as escapes: one of several lines could show a parameter that is none, before the one that is. */
function onOneLine(text: string): string {
  return text.replaceAll('\r', '\\r').replaceAll('\n', '\\n');
}

function holdOutcome({
  state,
  settled_by: by,
  settled_reason: reason,
  approvals,
}: Extract<Matter, { kind: 'hold' }>['hold']): string | null {
  switch (state) {
    case 'pending':
      return null;
    case 'approved':
      return visibleLine(`Approved by ${approvals.map((it) => it.by).join(', ')}${because(reason)}`, valueCharsMax);
    case 'denied':
      return visibleLine(`Denied by ${by ?? 'an approver'}${because(reason)}`, valueCharsMax);
    case 'changes_requested':
      return visibleLine(`${by ?? 'An approver'} asks for changes${because(reason)}`, valueCharsMax);
    case 'expired':
      return 'Expired: nobody answered in time';
    case 'withdrawn':
      return visibleLine(`Withdrawn${because(reason)}`, valueCharsMax);
  }
}

function toldOfAccess({ request, grant }: Extract<Matter, { kind: 'access' }>, moment: Moment): Told {
  const { scope } = request;
  const narrowed = [scope.role, scope.read_only ? 'read only' : null, scope.tables?.join(', ') ?? null].filter((it) => it !== null);
  const facts: [string, string][] = [
    ['Reason', request.reason],
    ['For', `${duration(request.duration_ms)}${request.extends_grant === null ? '' : `, longer than ${request.extends_grant}`}`],
    ['Scope', narrowed.length === 0 ? 'everything that the policies allow with it' : narrowed.join(' · ')],
    ['Rule', `${request.rule_title} (${request.rule})`],
  ];
  if (request.approvers.length > 0) {
    facts.push(['Approvers', request.approvers.map(({ groups, count }) => `${count} of ${groups.join(' or ')}`).join(' and ')]);
  }
  if (request.approvals.length > 0) facts.push(['Approvals', `${request.approvals.length}${namesOf(request.approvals)}`]);
  const what = request.break_glass ? 'break-glass access' : request.extends_grant === null ? 'access' : 'more time';
  const verb = request.state === 'pending' ? 'asks for' : request.state === 'granted' ? 'has' : 'asked for';
  return {
    title: visibleLine(
      moment === 'review-due'
        ? `A review of ${request.principal_name}'s break-glass access to ${request.target} is due`
        : `${request.principal_name} ${verb} ${what} to ${request.target}`,
    ),
    text: null,
    parameters: null,
    isCut: false,
    risks: request.break_glass ? ['Break-glass: everything in it is recorded and somebody else has to review it'] : [],
    facts: facts.map(([label, value]) => [label, visibleLine(value, 1_000)]),
    outcome: accessOutcome(request, grant),
    isGood: request.state === 'granted' && grant?.state !== 'ended',
  };
}

function accessOutcome(
  request: Extract<Matter, { kind: 'access' }>['request'],
  grant: Extract<Matter, { kind: 'access' }>['grant'],
): string | null {
  const { state, settled_by: by, settled_reason: reason } = request;
  switch (state) {
    case 'pending':
      return null;
    case 'granted': {
      const who = request.approvals.length === 0 ? 'by the policies' : `by ${request.approvals.map((it) => it.by).join(', ')}`;
      const ended = grant?.state === 'ended' ? `; it has ended${because(grant.end_reason ?? grant.end_kind)}` : '';
      const review =
        grant?.review === 'open' ? '; a review is due' : grant?.review === 'done' ? `; reviewed by ${grant.reviewed_by ?? ''}` : '';
      return visibleLine(`Granted ${who}${because(reason)}${ended}${review}`, valueCharsMax);
    }
    case 'denied':
      return visibleLine(`Denied by ${by ?? 'an approver'}${because(reason)}`, valueCharsMax);
    case 'expired':
      return 'Expired: nobody answered in time';
    case 'withdrawn':
      return visibleLine(`Withdrawn${because(reason)}`, valueCharsMax);
  }
}

function because(reason: string | null): string {
  return reason === null || reason === '' ? '' : `: ${reason}`;
}

function namesOf(approvals: readonly { readonly by: string }[]): string {
  return approvals.length === 0 ? '' : ` (${approvals.map(({ by }) => by).join(', ')})`;
}

/** When it expires or did, in milliseconds since 1970. */
export function expiresAtMs(matter: Matter): number {
  return Date.parse((matter.kind === 'hold' ? matter.hold : matter.request).expires_at);
}
