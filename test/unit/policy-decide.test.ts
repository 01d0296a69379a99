// What the engine decides: the order of decisions, coverage, what is not understood, approvals, and what it remembers.

import t from 'tap';
import { loadPolicies, formatProblem } from '../../policies/engine/load.ts';
import type { LoadedPolicySet } from '../../policies/engine/load.ts';
import type { Action } from '../../src/core/action.ts';
import type { Classification } from '../../src/core/classification.ts';
import type { Approval, Decision } from '../../src/core/decision.ts';
import type { Effect } from '../../src/core/effect.ts';
import type { Facts } from '../../src/core/policy.ts';
import { classificationOf, notUnderstood } from '../../src/core/summary.ts';
import { statementOf } from '../support/statements.ts';

function load(...texts: string[]): LoadedPolicySet {
  const loaded = loadPolicies(texts.map((text, index) => ({ path: `${index}.yaml`, text })));
  if (!loaded.ok) throw new Error(loaded.errors.map(formatProblem).join('\n'));
  return loaded.set;
}

const policy = (rules: string, head = '') => `policy: p\n${head}\nrules:\n${rules.replace(/^(?=.)/gm, '  ')}\n`;

function action(over: Partial<Action> = {}): Action {
  return { ...statementOf('select 1'), ...over };
}

/** "update orders", "call f", … */
function effect(words: string): Effect {
  const [verb, object] = words.split(' ') as [Effect['verb'], string | undefined];
  const access = verb === 'read' ? 'read' : verb === 'transaction' ? 'session' : verb === 'call' ? 'unknown' : 'write';
  return { verb, access, object: object ?? null, objectKind: object === undefined ? 'none' : verb === 'call' ? 'function' : 'table' };
}

function does(...effects: string[]): Classification {
  return classificationOf([
    { kind: 'x', span: { start: 0, end: 1 }, effects: effects.map(effect), missingWhere: false, risks: [], changes: [] },
  ]);
}

function facts(over: Partial<Facts> = {}): Facts {
  return {
    principal: { name: 'alice' as never, displayName: 'Alice', kind: 'person', groups: ['engineers'] },
    target: { name: 'orders' as never, protocol: 'postgres', labels: { env: 'production' } },
    session: { clientAddress: '10.1.2.3', tls: true, method: 'token', database: 'orders' },
    nowMs: Date.parse('2026-11-21T12:00:00Z'),
    approvals: [],
    ...over,
  };
}

const yes = (by: string, ...groups: string[]): Approval => ({ by, groups, reason: null, atMs: 0 });
const said = (decision: Decision) => `${decision.kind} ${decision.rule?.id ?? '-'}`;

const allowReads = '- { id: reads, effects: { access: [read, session] }, decision: allow }\n';
const allowInserts = '- { id: inserts, effects: { verbs: [insert], tables: [orders] }, decision: allow }\n';
const holdDrops = '- { id: drops, effects: { verbs: [drop] }, decision: hold, approvers: { groups: [dba] } }\n';
const denySecrets =
  '- { id: secrets, effects: { tables: [secrets] }, decision: deny, message: "no {effect} for {principal} on {target}" }\n';

t.test('any deny wins, then hold, then allow; the order of rules does not matter', async (t) => {
  const rules = [allowReads, holdDrops, denySecrets, '- { id: all, decision: allow }\n'];
  const orders = [rules, [...rules].reverse(), [rules[2]!, rules[0]!, rules[3]!, rules[1]!]];
  for (const order of orders) {
    const set = load(policy(order.join('')));
    t.equal(said(set.decide(action(), does('read secrets', 'drop orders'), facts())), 'deny p/secrets');
    t.equal(said(set.decide(action(), does('read orders', 'drop orders'), facts())), 'hold p/drops');
    t.equal(set.decide(action(), does('read orders'), facts()).kind, 'allow');
  }
});

t.test('all sets of three effects are decided by the same order whatever the rules stand in', async (t) => {
  const rules = [allowReads, allowInserts, holdDrops, denySecrets];
  const sets = permutations(rules).map((order) => load(policy(order.join(''))));
  const effects = ['read orders', 'insert orders', 'drop orders', 'read secrets', 'update orders'];
  for (const a of effects) {
    for (const b of effects) {
      for (const c of effects) {
        const classification = does(a, b, c);
        const all = [a, b, c];
        const expected = all.includes('read secrets')
          ? 'deny'
          : all.includes('drop orders')
            ? 'hold'
            : all.includes('update orders')
              ? 'deny'
              : 'allow';
        for (const set of sets) {
          if (set.decide(action(), classification, facts()).kind !== expected) t.fail(`${all.join(', ')} is ${expected}`);
        }
      }
    }
  }
  t.pass('125 actions, 24 orders');
});

t.test('allow must cover every effect; several rules may do it together', async (t) => {
  const set = load(policy(allowReads + allowInserts));
  t.equal(said(set.decide(action(), does('insert orders', 'read customers'), facts())), 'allow p/reads, p/inserts');
  const decision = set.decide(action(), does('insert orders', 'insert customers', 'drop x'), facts());
  t.match(decision, { kind: 'deny', rule: null, message: 'nothing allows insert customers, drop x on orders' });
});

t.test('nothing matched is a denial, and so is a write that could not be named', async (t) => {
  const set = load(policy('- { id: all, principals: { groups: [dba] }, decision: allow }\n'));
  t.match(set.decide(action(), does('read x'), facts()), { kind: 'deny', rule: null, message: 'nothing allows read x on orders' });
  t.match(set.decide(action({ kind: 'connect', text: '' }), classificationOf([]), facts()), {
    kind: 'deny',
    message: 'nothing allows alice to open a session on orders',
  });
  const open = load(policy('- { id: all, decision: allow }\n'));
  const unnamed = does();
  const writes: Classification = { ...unnamed, summary: { ...unnamed.summary, access: 'unknown' } };
  t.equal(open.decide(action(), unnamed, facts()).kind, 'allow');
  t.equal(open.decide(action(), writes, facts()).kind, 'deny');
});

t.test('what was not understood is never allowed', async (t) => {
  const broken = notUnderstood('syntax', 'syntax error at or near "SELEC"');
  const open = load(
    policy('- { id: all, decision: allow }\n- { id: h, decision: hold, approvers: { groups: [dba] }, when: action.in_transaction }\n'),
  );
  t.match(open.decide(action(), broken, facts()), { kind: 'deny', rule: null, message: 'syntax error at or near "SELEC"' });
  t.equal(open.decide(action({ transaction: 'open' }), broken, facts()).kind, 'deny', 'a hold must say that it means such text');
  const holding = load(policy('- { id: h, understood: false, decision: hold, approvers: { groups: [dba] } }\n'));
  t.equal(said(holding.decide(action(), broken, facts())), 'hold p/h');
  t.equal(holding.decide(action(), does('read'), facts()).kind, 'deny');
  const denying = load(policy('- { id: d, understood: false, decision: deny, message: "unclear: {problem}" }\n'));
  t.match(denying.decide(action(), broken, facts()), { message: 'unclear: syntax error at or near "SELEC"' });
});

t.test('words of a denial are filled in', async (t) => {
  const set = load(policy(denySecrets));
  t.match(set.decide(action(), does('read orders', 'read public.secrets'), facts()), {
    message: 'no read public.secrets for alice on orders',
  });
});

t.test('names in the words of a denial can do nothing to a terminal', async (t) => {
  const set = load(policy('- { id: d, effects: { verbs: [drop] }, decision: deny, message: "no {effect}" }\n'));
  const name = 'x\u001b[2J\u202ey\n';
  const object: Effect = { verb: 'drop', access: 'write', objectKind: 'table', object: name };
  const hostile = (verb: Effect['verb']) =>
    classificationOf([
      { kind: 'x', span: { start: 0, end: 1 }, effects: [{ ...object, verb }], missingWhere: false, risks: [], changes: [] },
    ]);
  t.match(set.decide(action(), hostile('drop'), facts()), { message: 'no drop x\\u{1b}[2J\\u{202e}y\\u{a}' });
  t.match(set.decide(action(), hostile('read'), facts()), { message: 'nothing allows read x\\u{1b}[2J\\u{202e}y\\u{a} on orders' });
});

t.test('names: loose for deny and hold, exact for allow', async (t) => {
  const rules =
    '- { id: d, effects: { tables: [public.secrets, Keys] }, decision: deny }\n- { id: a, effects: { tables: [public.orders, items, "log_*"] }, decision: allow }\n';
  const set = load(policy(rules));
  const kind = (name: string) => set.decide(action(), does(`read ${name}`), facts());
  for (const name of ['public.secrets', 'secrets', 'PUBLIC.Secrets', 'keys', 'any.KEYS']) t.equal(said(kind(name)), 'deny p/d', name);
  for (const name of ['public.orders', 'items', 'log_2026']) t.equal(said(kind(name)), 'allow p/a', name);
  for (const name of ['orders', 'evil.items', 'Items', 'other.secrets']) t.equal(said(kind(name)), 'deny -', name);
});

t.test('"otherwise" speaks of what allow rules leave over', async (t) => {
  const rest = '- { id: rest, otherwise: true, effects: { access: [write] }, decision: hold, approvers: { groups: [dba] } }\n';
  const set = load(policy(allowReads + allowInserts + rest));
  t.equal(said(set.decide(action(), does('read x', 'insert orders'), facts())), 'allow p/reads, p/inserts');
  t.equal(said(set.decide(action(), does('read x', 'insert other'), facts())), 'hold p/rest');
  t.match(set.decide(action(), does('insert other', 'call f'), facts()), { kind: 'deny', message: 'nothing allows call f on orders' });
  const words = load(policy(allowReads + '- { id: no, otherwise: true, decision: deny, message: "ask the DBAs about {effect}" }\n'));
  t.match(words.decide(action(), does('read x', 'drop y'), facts()), {
    kind: 'deny',
    rule: { id: 'p/no' },
    message: 'ask the DBAs about drop y',
  });
  t.equal(words.decide(action(), does('read x'), facts()).kind, 'allow');
});

t.test('several holds are merged to the strictest terms', async (t) => {
  const rules = `- { id: a, effects: { verbs: [drop] }, decision: hold, approvers: { groups: [dba, sre], count: 1 }, expires: 10m, expires_in_transaction: 30s, record: { parameters: true } }
- { id: b, effects: { tables: [orders] }, decision: hold, approvers: { groups: [dba, security], count: 2 }, expires: 20m, reason_required: true, record: { results: true } }
- { id: c, effects: { tables: [cards] }, decision: hold, approvers: { groups: [security] } }
`;
  const set = load(policy(rules));
  const merged = set.decide(action(), does('drop orders'), facts());
  t.strictSame(merged, {
    kind: 'hold',
    rule: { id: 'p/a, p/b', title: 'A; B', version: set.version },
    terms: { approverGroups: ['dba'], approvalsNeeded: 2, expiresMs: 600_000, expiresInTransactionMs: 30_000, reasonRequired: true },
    obligations: { recordParameters: true, recordResults: true },
  });
  const apart = set.decide(action(), does('drop cards'), facts());
  t.match(apart, { kind: 'hold', terms: { approverGroups: ['dba', 'sre'], alsoInGroups: [['security']], approvalsNeeded: 1 } });
  const drop = does('drop cards');
  t.equal(set.decide(action(), drop, facts({ approvals: [yes('bob', 'dba')] })).kind, 'hold');
  t.equal(set.decide(action(), drop, facts({ approvals: [yes('bob', 'dba'), yes('eve', 'security')] })).kind, 'hold');
  t.equal(set.decide(action(), drop, facts({ approvals: [yes('ida', 'security', 'sre')] })).kind, 'allow');
});

t.test('approvals: enough different people of the groups that the rules name now, never the one who asks', async (t) => {
  const set = load(
    policy(
      '- { id: h, effects: { verbs: [drop] }, decision: hold, approvers: { groups: [dba], count: 2 }, record: { parameters: true } }\n',
    ),
  );
  const drop = does('drop orders');
  const session = facts();
  const ask = (...approvals: Approval[]) => set.decide(action(), drop, { ...session, approvals });
  t.equal(ask(yes('bob', 'dba')).kind, 'hold');
  t.equal(ask(yes('bob', 'dba'), yes('bob', 'dba')).kind, 'hold', 'one person counts once');
  t.equal(ask(yes('bob', 'dba'), yes('alice', 'dba')).kind, 'hold', 'never for an own action');
  t.equal(ask(yes('bob', 'dba'), yes('erin', 'operators')).kind, 'hold', 'only of the groups');
  t.match(ask(yes('bob', 'dba'), yes('dana', 'dba')), { kind: 'allow', rule: { id: 'p/h' }, obligations: { recordParameters: true } });
  t.equal(ask().kind, 'hold', 'an approval is not remembered');
  t.equal(ask(yes('bob', 'dba'), yes('dana', 'dba')).kind, 'allow', 'and what was decided without it does not stand in its way');
});

t.test('an approval does not help against a deny, and reasons are asked for again', async (t) => {
  const set = load(policy(holdDrops + denySecrets));
  t.equal(set.decide(action(), does('drop secrets'), facts({ approvals: [yes('bob', 'dba')] })).kind, 'deny');
  const strict = load(policy('- { id: h, decision: hold, approvers: { groups: [dba] }, reason_required: true }\n'));
  t.equal(strict.decide(action(), does('drop x'), facts({ approvals: [yes('bob', 'dba')] })).kind, 'hold');
  t.equal(strict.decide(action(), does('drop x'), facts({ approvals: [{ ...yes('bob', 'dba'), reason: 'planned' }] })).kind, 'allow');
});

t.test('who and where', async (t) => {
  const head = 'applies_to: { labels: { env: [production, staging] }, protocols: [postgres] }\nlists: { people: [alice, dana] }';
  const set = load(
    policy('- { id: a, principals: { people: [$people], kinds: [person] }, targets: { names: ["ord*"] }, decision: allow }\n', head),
  );
  const read = does('read x');
  const ask = (over: Partial<Facts>) => set.decide(action(), read, facts(over)).kind;
  const { principal, target } = facts();
  t.equal(ask({}), 'allow');
  t.equal(ask({ target: { ...target, labels: { env: 'staging' } } }), 'allow');
  t.equal(ask({ target: { ...target, labels: { env: 'development' } } }), 'deny');
  t.equal(ask({ target: { ...target, labels: {} } }), 'deny');
  t.equal(ask({ target: { ...target, protocol: 'mysql' } }), 'deny');
  t.equal(ask({ target: { ...target, name: 'billing' as never } }), 'deny');
  t.equal(ask({ principal: { ...principal, name: 'bob' as never } }), 'deny');
  t.equal(ask({ principal: { ...principal, kind: 'ai-agent' } }), 'deny');
});

t.test('a condition that fails matches deny and hold, and does not match allow', async (t) => {
  const missing = 'target.labels.owner == "x"';
  for (const late of ['', ' && action.access == "read"', ' && time.hour >= 0']) {
    const deny = load(policy(`- { id: d, when: '${missing}${late}', decision: deny }\n- { id: a, decision: allow }\n`));
    t.equal(said(deny.decide(action(), does('read x'), facts())), 'deny p/d');
    const hold = load(
      policy(`- { id: h, when: '${missing}${late}', decision: hold, approvers: { groups: [g] } }\n- { id: a, decision: allow }\n`),
    );
    t.equal(said(hold.decide(action(), does('read x'), facts())), 'hold p/h');
    const allow = load(policy(`- { id: a, when: '${missing}${late}', decision: allow }\n`));
    t.equal(allow.decide(action(), does('read x'), facts()).kind, 'deny');
  }
});

t.test('decisions are remembered by classification, except when they read what changes', async (t) => {
  const steady = load(
    policy(
      allowReads + '- { id: h, effects: { verbs: [drop] }, when: action.in_transaction, decision: hold, approvers: { groups: [g] } }\n',
    ),
  );
  const read = does('read x');
  const session = facts();
  t.equal(steady.decide(action(), read, session), steady.decide(action(), read, session), 'the same object');
  const drop = does('drop x');
  t.equal(steady.decide(action(), drop, session).kind, 'deny');
  t.equal(steady.decide(action({ transaction: 'open' }), drop, session).kind, 'hold');
  t.equal(steady.decide(action(), drop, session).kind, 'deny');

  const timed = load(policy('- { id: a, when: time.hour >= 8 && time.hour < 18, decision: allow }\n', 'time_zone: Europe/Berlin'));
  const at = (iso: string) => timed.decide(action(), read, { ...session, nowMs: Date.parse(iso) }).kind;
  t.strictSame([at('2026-11-21T06:59:00Z'), at('2026-11-21T07:00:00Z'), at('2026-11-21T17:00:00Z')], ['deny', 'allow', 'deny']);
  t.equal(at('2026-07-21T06:00:00Z'), 'allow', 'summer time');

  const parameters = load(policy('- { id: a, when: \'action.parameters.all(p, p != "7")\', decision: allow }\n'));
  const bound = (text: string) => parameters.decide(action({ parameters: [{ type: null, text }] }), read, session).kind;
  t.strictSame([bound('1'), bound('7'), bound('1')], ['allow', 'deny', 'allow']);

  const named = load(
    policy('- { id: a, when: conditions.open, decision: allow }\n', 'conditions: { late: time.hour > 20, open: "!conditions.late" }'),
  );
  const then = (iso: string) => named.decide(action(), read, { ...session, nowMs: Date.parse(iso) }).kind;
  t.strictSame([then('2026-11-21T12:00:00Z'), then('2026-11-21T22:00:00Z')], ['allow', 'deny'], 'through named conditions');
});

t.test('facts in conditions', async (t) => {
  const rows: [string, boolean][] = [
    ['"engineers" in principal.groups && principal.kind == "person" && principal.name == "alice"', true],
    ['cidr(session.client_address, "10.0.0.0/8") && session.tls && session.method == "token" && session.database == "orders"', true],
    ['cidr(session.client_address, "192.168.0.0/16")', false],
    ['target.protocol == "postgres" && target.labels.env == "production" && !("owner" in target.labels)', true],
    ['action.effects.exists(e, e.verb == "update" && e.access == "write" && glob(e.object, "public.*") && e.object_kind == "table")', true],
    ['action.tables_written == ["public.orders"] && "f" in action.functions && action.access == "unknown"', true],
    ['action.kind == "statement" && action.understood && action.statement_count == 1 && "x" in action.kinds', true],
    ['!action.tables.exists(t, !lists.mine.exists(p, glob(t, p)))', true],
    ['time.weekday == "saturday" && time.date == "2026-11-21" && time.hour in [11, 12] && time.minute < 30', true],
    ['time.date >= "2026-12-20" && time.date <= "2027-01-03"', false],
    ['action.text.startsWith("select") && size(approvals) == 0', true],
  ];
  for (const [when, expected] of rows) {
    const set = load(policy(`- id: a\n  when: '${when}'\n  decision: allow\n`, 'lists: { mine: ["public.*", log] }'));
    const decision = set.decide(action(), does('update public.orders', 'read log', 'call f'), facts());
    t.equal(decision.kind, expected ? 'allow' : 'deny', when);
  }
});

t.test('what the session says it is for counts as it is said at each action', async (t) => {
  const ticket = load(policy(`- { id: a, when: 'glob(session.reason, "OPS-*")', decision: allow }\n`));
  const whole = load(policy(`- { id: a, when: '[session].exists(s, s.reason == "OPS-1")', decision: allow }\n`));
  const same = facts();
  const reading = does('read orders');
  for (const set of [ticket, whole]) {
    const kinds = [null, 'OPS-1', null, '', 'OPS-1'].map((reason) => set.decide(action({ reason }), reading, same).kind);
    t.strictSame(kinds, ['deny', 'allow', 'deny', 'deny', 'allow'], 'one session, one text: nothing is remembered');
  }
  t.equal(ticket.decide(action(), reading, same).kind, 'deny');
});

t.test('an action that does too much at once is refused', async (t) => {
  const set = load(policy('- { id: a, decision: allow }\n'));
  const many = does(...Array.from({ length: 5_000 }, (_, index) => `read t${index}`));
  t.match(set.decide(action(), many, facts()), { kind: 'deny', rule: null, message: 'run it in parts' });
});

t.test('explain says of every rule whether it matched, and why not', async (t) => {
  const head = 'applies_to: { labels: { env: production } }';
  const rules = `${allowReads}${holdDrops}- { id: dba-only, principals: { groups: [dba] }, decision: allow }
- { id: shut, actions: [connect], decision: deny }
- { id: owner, when: 'target.labels.owner == "x"', decision: allow }
- { id: never, when: action.missing_where, decision: allow }
`;
  const explained = load(policy(rules, head)).explain(action(), does('read x', 'drop y'), facts());
  t.equal(explained.decision.kind, 'hold');
  t.strictSame(explained.uncovered, ['drop y']);
  t.strictSame(
    explained.rules.map(({ id, matched, why }) => `${matched ? 'yes' : 'no'} ${id}: ${why}`),
    [
      'yes p/reads: covers read x',
      'yes p/drops: matches drop y',
      'no p/dba-only: alice is not in dba',
      'no p/shut: it is about connect, this is statement',
      'no p/owner: its condition failed, and allow rules do not match then: No such key: owner',
      'no p/never: its condition is false: action.missing_where',
    ],
  );
});

function permutations<Item>(items: readonly Item[]): Item[][] {
  if (items.length < 2) return [[...items]];
  return items.flatMap((item, index) => permutations(items.filter((_, other) => other !== index)).map((rest) => [item, ...rest]));
}

t.test('a change through a view is one of the table behind it: rules that stop it see both, what allows the view allows it', async (t) => {
  const behind: Effect = {
    verb: 'update',
    access: 'write',
    objectKind: 'table',
    object: 'public.orders',
    through: { objectKind: 'view', object: 'public.open_orders' },
  };
  const view: Effect = { verb: 'update', access: 'write', objectKind: 'view', object: 'public.open_orders' };
  const through = (...effects: Effect[]): Classification =>
    classificationOf([{ kind: 'update', span: { start: 0, end: 1 }, effects, missingWhere: false, risks: [], changes: [] }]);
  const allow = (table: string) =>
    `- { id: a-${table.replace('_', '-')}, effects: { verbs: [update], tables: [public.${table}] }, decision: allow }\n`;
  const decided = (rules: string, what: Classification) => said(load(policy(rules)).decide(action(), what, facts()) as Decision);
  const deny = '- { id: no, effects: { tables: [orders] }, decision: deny }\n';
  const rest = '- { id: rest, effects: { access: [write] }, otherwise: true, decision: hold, approvers: { groups: [dba] } }\n';
  t.equal(decided(allow('open_orders') + rest, through(view, behind)), 'allow p/a-open-orders');
  t.equal(decided(allow('open_orders') + deny, through(view, behind)), 'deny p/no');
  t.equal(decided(allow('orders') + rest, through(view, behind)), 'hold p/rest', 'the view itself has to be allowed');
  const direct: Effect = { verb: 'update', access: 'write', objectKind: 'table', object: 'public.orders' };
  t.equal(
    decided(allow('open_orders') + rest, through(view, behind, direct)),
    'hold p/rest',
    'and the table, where it is changed directly, too',
  );
  const named = '- { id: named, when: \'action.tables_written.exists(t, t == "public.orders")\', decision: deny }\n';
  t.equal(decided(allow('open_orders') + named, through(view, behind)), 'deny p/named');
});
