// `sallyport policy explain DIR WHO TARGET [TEXT]`: what the policies would say to this text, rule by rule, read by the real
// classifier. No gateway, no target: objects of the target's own are not known here, and the answer says so.

import { readFileSync } from 'node:fs';
import type { Explanation, Mismatch } from '../../policies/engine/load.ts';
import type { MaskOutline } from '../../policies/masking/outline.ts';
import { printJson } from '../cli/command.ts';
import { CommandFailure, exitCode } from '../cli/exit-code.ts';
import type { Terminal } from '../cli/terminal.ts';
import { visible, visibleLines } from '../cli/visible.ts';
import type { Action } from '../core/action.ts';
import type { Classification } from '../core/classification.ts';
import type { Decision } from '../core/decision.ts';
import { effectWords } from '../core/effect.ts';
import { ordinaryHistory } from '../core/history.ts';
import type { Facts } from '../core/policy.ts';
import { classificationOf } from '../core/summary.ts';
import { approverWords, duration, obligationWords } from '../core/words.ts';
import { actionKindOf, personNamed, readCast, targetNamed } from './policy-cast.ts';
import type { Cast, PersonOptions, TargetOptions } from './policy-cast.ts';
import { Classifiers } from './policy-classifiers.ts';
import { loadTexts, readPolicyFolder } from './policy-folder.ts';
import { grantsOf, grantWords } from './policy-grant.ts';
import { MaskOutlines, outlineWords } from './policy-masks.ts';
import type { Outlined } from './policy-masks.ts';
import type { Tables } from './policy-tables.ts';

export interface ExplainOptions extends PersonOptions, TargetOptions {
  readonly json?: boolean | undefined;
  readonly config?: string | undefined;
  readonly action?: string | undefined;
  readonly at?: string | undefined;
  readonly inTransaction?: boolean | undefined;
  readonly database?: string | undefined;
  readonly estimatedRows?: number | undefined;
  readonly clientAddress?: string | undefined;
  readonly reason?: string | undefined;
  readonly grant?: readonly string[] | undefined;
  readonly approvedBy?: string | undefined;
  readonly expect?: string | undefined;
  readonly all?: boolean | undefined;
}

/** A text from a pipe is no larger than what the gateway itself would read whole. */
const inputBytesMax = 16 * 1024 * 1024;

export interface Asked {
  readonly dir: string;
  readonly who: string;
  readonly target: string;
  /** Undefined: read from standard input. */
  readonly text: string | undefined;
}

export async function policyExplain(terminal: Terminal, asked: Asked, options: ExplainOptions, nowMs: number): Promise<void> {
  const folder = readPolicyFolder(asked.dir);
  const set = await loadTexts(terminal, folder.policies, exitCode.usage);
  const cast = await readCast(terminal, folder, options.config);
  const facts = factsOf(cast, asked, options, nowMs);
  const kind = actionKindOf(facts.target.protocol, options.action);
  const action = actionOf(kind, kind === 'connect' ? '' : (asked.text ?? standardInput()), options);
  const tables = cast.tables.get(asked.target) ?? {};
  const classification = await classify(action, facts, tables);
  const explanation = set.explain(action, classification, facts);
  const rules = explanation.decision.kind === 'deny' ? [] : (explanation.decision.obligations.mask ?? []);
  const masks = rules.length === 0 ? null : await masksOf({ protocol: facts.target.protocol, action, classification, rules, tables });
  if (options.json === true) {
    printJson(terminal, { ...jsonOf(set.version, action, classification, facts, explanation), masks });
  } else {
    const masked = masks === null ? [] : [`  ${visible(outlineWords(masks, rules))}`];
    const [decided = '', ...others] = lines(terminal, action, classification, facts, explanation, options.all === true);
    for (const line of [decided, ...masked, ...others]) terminal.out(line);
  }
  const got = explanation.decision.kind;
  if (options.expect !== undefined && options.expect !== got)
    throw new CommandFailure(exitCode.failed, `expected ${visible(options.expect)}, got ${got}`);
}

async function masksOf(asked: Outlined): Promise<MaskOutline> {
  const outlines = new MaskOutlines();
  try {
    return await outlines.outline(asked);
  } finally {
    outlines.close();
  }
}

function factsOf(cast: Cast, asked: Asked, options: ExplainOptions, nowMs: number): Facts {
  const atMs = options.at === undefined ? nowMs : Date.parse(options.at);
  if (Number.isNaN(atMs))
    throw new CommandFailure(exitCode.usage, `--at ${visible(options.at ?? '')}: write a time such as 2026-11-21T22:30:00+01:00`);
  const approvers = (options.approvedBy ?? '').split(',').filter((name) => name !== '');
  return {
    principal: personNamed(cast, asked.who, options),
    target: targetNamed(cast, asked.target, options),
    session: {
      clientAddress: options.clientAddress ?? '192.0.2.1',
      tls: true,
      method: 'token',
      database: options.database ?? null,
    },
    nowMs: atMs,
    approvals: approvers.map((by) => ({ by, groups: personNamed(cast, by, {}).groups, reason: 'explained', atMs })),
    grants: grantsOf(options.grant ?? [], atMs),
    history: ordinaryHistory,
  };
}

function actionOf(kind: Action['kind'], text: string, { inTransaction, database, estimatedRows, reason }: ExplainOptions): Action {
  // What a session of MySQL begins with; other protocols know none of these.
  const settings = { sql_mode: '', character_set_client: 'utf8mb4', ...(database === undefined ? {} : { database }) };
  return {
    id: 'explained' as Action['id'],
    kind,
    text,
    parameters: null,
    digest: () => '',
    mode: { key: 'policy explain', settings, catalogue: null },
    transaction: inTransaction === true ? 'open' : 'none',
    classified: null,
    prepared: null,
    estimatedRows: estimatedRows ?? null,
    reason: reason ?? null,
  };
}

async function classify(action: Action, { target }: Facts, tables: Tables): Promise<Classification> {
  if (action.kind === 'connect' || action.kind === 'replication') return classificationOf([]);
  const classifiers = new Classifiers();
  try {
    const classification = await classifiers.classify(target.protocol, action, tables);
    if (classification !== undefined) return classification;
    throw new CommandFailure(exitCode.usage, `this version can't read the texts of ${target.protocol} without a gateway`);
  } finally {
    await classifiers.close();
  }
}

function standardInput(): string {
  if (process.stdin.isTTY) throw new CommandFailure(exitCode.usage, 'say the text, or send it to standard input');
  const bytes = readFileSync(process.stdin.fd);
  if (bytes.length > inputBytesMax) throw new CommandFailure(exitCode.usage, `the text is longer than ${inputBytesMax} bytes`);
  return bytes.toString('utf8').replace(/\r?\n$/, '');
}

function lines(
  terminal: Terminal,
  action: Action,
  classification: Classification,
  facts: Facts,
  { decision, rules, uncovered }: Explanation,
  all: boolean,
): string[] {
  const { principal, target } = facts;
  const groups = principal.groups.length === 0 ? 'no groups' : principal.groups.join(', ');
  const labels = Object.entries(target.labels).map(([name, value]) => `, ${name}=${value}`);
  const shown = all ? rules : rules.filter(({ mismatch }) => !farOff.has(mismatch));
  const hidden = rules.length - shown.length;
  return [
    ...decisionLines(terminal, decision),
    '',
    visible(`${principal.name} (${principal.kind}; ${groups}) on ${target.name} (${target.protocol}${labels.join('')}): ${action.kind}`),
    ...(facts.grants ?? []).map((grant) => `access for a while: ${visible(grantWords(grant))}`),
    ...visibleLines(action.text).map((line) => terminal.paint('cyan', `  | ${line}`)),
    ...readingLines(classification),
    ...(action.estimatedRows == null ? [] : [`estimated rows: ${action.estimatedRows}`]),
    ...(action.reason == null ? [] : [`the session says: ${visible(action.reason)}`]),
    '',
    'rules:',
    ...shown.map(({ id, decision: says, matched, why }) => {
      const line = `  ${matched ? '+' : '-'} ${says.padEnd(5)} ${visible(id)}: ${visible(why)}`;
      return matched ? line : terminal.paint('dim', line);
    }),
    ...(hidden === 0 ? [] : [terminal.paint('dim', `    and ${hidden} more about other people, targets or kinds of actions (--all)`)]),
    ...(uncovered.length === 0 ? [] : [`not covered by any allow rule: ${uncovered.slice(0, 20).map(visible).join(', ')}`]),
  ];
}

/** Parts of a rule that never match here, whatever the text says. */
const farOff: ReadonlySet<Mismatch | null> = new Set<Mismatch>(['action', 'principal', 'target']);

function decisionLines(terminal: Terminal, decision: Decision): string[] {
  const rule = decision.rule === null ? '' : ` by ${visible(decision.rule.id)}: ${visible(decision.rule.title)}`;
  switch (decision.kind) {
    case 'allow': {
      const obliged = obligationWords(decision.obligations);
      return [terminal.paint('green', `allow${rule}`), ...(obliged.length === 0 ? [] : [`  ${obliged.map(visible).join(', ')}`])];
    }
    case 'deny':
      return [terminal.paint('red', `deny${rule === '' ? ': no rule allows it' : rule}`), `  ${visible(decision.message)}`];
    case 'hold': {
      const { approverGroups, alsoInGroups, approvalsNeeded, expiresMs, expiresInTransactionMs, reasonRequired } = decision.terms;
      const people = approvalsNeeded === 1 ? 'one person' : `${approvalsNeeded} people`;
      const waits = `waits at most ${duration(expiresMs)}, ${duration(expiresInTransactionMs)} while a transaction is open`;
      return [
        terminal.paint('yellow', `hold${rule}`),
        `  for ${people} of ${visible(approverWords(approverGroups, alsoInGroups ?? []))}${reasonRequired ? ', with a reason' : ''}; ${waits}`,
      ];
    }
  }
}

function readingLines({ understood, problem, summary }: Classification): string[] {
  if (!understood) return [`not understood: ${visible(problem?.message ?? 'no reason was given')}`];
  const effects = summary.effects.slice(0, effectsShownMax).map((effect) => {
    const { access, objectKind } = effect;
    return `  ${visible(effectWords(effect))} (${access}${objectKind === 'none' ? '' : `, ${objectKind}`})`;
  });
  const more = summary.effects.length - effects.length;
  return [
    `read as: ${summary.kinds.map(visible).join(', ') || 'nothing'}${summary.missingWhere ? ', reaching every row' : ''}`,
    ...effects,
    ...(more > 0 ? [`  and ${more} more`] : []),
    ...columnLines(summary),
    ...(summary.access === 'unknown' ? ["the target's own objects are not known here; a gateway looks them up and may know more"] : []),
  ];
}

const effectsShownMax = 50;
const columnsShownMax = 30;

/** The columns that it touches; a star stands for what can't be told without the target. */
function columnLines({ columns }: Classification['summary']): string[] {
  if (columns === undefined) return [];
  const all = { 'columns read': columns.read, 'of them asked about': columns.asked, 'columns changed': columns.written };
  return Object.entries(all).flatMap(([words, names]) => {
    if (names.length === 0) return [];
    const more = names.length > columnsShownMax ? ` and ${names.length - columnsShownMax} more` : '';
    return [`  ${words}: ${names.slice(0, columnsShownMax).map(visible).join(', ')}${more}`];
  });
}

function jsonOf(version: string, action: Action, classification: Classification, facts: Facts, explanation: Explanation): object {
  const { decision, rules, uncovered } = explanation;
  const { understood, problem, summary } = classification;
  return {
    version,
    who: { name: facts.principal.name, kind: facts.principal.kind, groups: facts.principal.groups },
    target: { name: facts.target.name, protocol: facts.target.protocol, labels: facts.target.labels },
    at: new Date(facts.nowMs).toISOString(),
    grants: (facts.grants ?? []).map(({ scope, isBreakGlass, rule }) => ({
      role: scope.role,
      read_only: scope.readOnly,
      tables: scope.tables,
      break_glass: isBreakGlass,
      rule,
    })),
    action: {
      kind: action.kind,
      text: action.text,
      in_transaction: action.transaction !== 'none',
      estimated_rows: action.estimatedRows ?? null,
      reason: action.reason ?? null,
    },
    read: {
      understood,
      problem: problem?.message ?? null,
      kinds: summary.kinds,
      access: summary.access,
      missing_where: summary.missingWhere,
      columns: summary.columns ?? null,
      effects: summary.effects.map(({ verb, access, objectKind, object }) => ({ verb, access, object_kind: objectKind, object })),
    },
    decision: decision.kind,
    rule: decision.rule?.id ?? null,
    message: decision.kind === 'deny' ? decision.message : null,
    approvers:
      decision.kind === 'hold'
        ? {
            groups: decision.terms.approverGroups,
            also_in_groups: decision.terms.alsoInGroups ?? [],
            count: decision.terms.approvalsNeeded,
            reason_required: decision.terms.reasonRequired,
          }
        : null,
    uncovered,
    rules,
  };
}
