// Rules that can never fire because stronger ones come before them: one alone, or several that each take a part; and rules that look
// like it and can fire, of which nothing is told.

import t from 'tap';
import { formatProblem, loadPolicies } from '../../policies/engine/load.ts';

function problemsOf(rules: string, head = ''): string[] {
  const loaded = loadPolicies([{ path: 'p.yaml', text: `policy: p\n${head}rules:\n${rules}` }]);
  return loaded.ok ? [] : loaded.errors.map(formatProblem);
}

const rule = (id: string, decision: string, parts: string): string => {
  const approvers = decision === 'hold' ? ', approvers: { groups: [dba] }' : '';
  return `  - { id: ${id}, decision: ${decision}${approvers}${parts === '' ? '' : `, ${parts}`} }\n`;
};

const shadowed: [why: string, rules: string, by: RegExp][] = [
  [
    'a pattern takes a name',
    rule('weak', 'allow', 'effects: { tables: [public.orders, public.payments] }') +
      rule('all', 'deny', 'effects: { tables: ["public.*"] }'),
    /rule p\/weak can never fire: rule p\/all \(deny, p\.yaml:4\) matches everything/,
  ],
  [
    'a wider pattern takes a narrower one',
    rule('weak', 'hold', 'effects: { tables: ["public.order*"] }') + rule('all', 'deny', 'effects: { tables: ["public.*"] }'),
    /rule p\/all \(deny/,
  ],
  [
    'letter case and a missing schema do not help an allow rule',
    rule('weak', 'allow', 'effects: { tables: [public.Orders] }') + rule('all', 'hold', 'effects: { tables: [orders] }'),
    /rule p\/all \(hold/,
  ],
  [
    'each verb has a rule of its own',
    rule('weak', 'hold', 'effects: { verbs: [drop, truncate] }') +
      rule('a', 'deny', 'effects: { verbs: [drop] }') +
      rule('b', 'deny', 'effects: { verbs: [truncate, alter] }'),
    /rules p\/a \(deny, p\.yaml:4\) and p\/b \(deny, p\.yaml:5\) together match everything/,
  ],
  [
    'each environment',
    rule('weak', 'allow', 'targets: { labels: { env: [production, staging] } }, effects: { verbs: [drop] }') +
      rule('a', 'deny', 'targets: { labels: { env: production } }, effects: { verbs: [drop] }') +
      rule('b', 'hold', 'targets: { labels: { env: [staging, test] } }'),
    /rules p\/a .* and p\/b .* together/,
  ],
  [
    'each group',
    rule('weak', 'allow', 'principals: { groups: [a, b] }') +
      rule('a', 'deny', 'principals: { groups: [a] }') +
      rule('b', 'deny', 'principals: { groups: [b, c] }'),
    /together/,
  ],
  [
    'each table',
    rule('weak', 'hold', 'effects: { tables: [public.a, public.b] }') +
      rule('a', 'deny', 'effects: { tables: ["*.a"] }') +
      rule('b', 'deny', 'effects: { tables: [b] }'),
    /together/,
  ],
  [
    'each kind of action',
    rule('weak', 'allow', 'actions: [command, shell]') +
      rule('a', 'deny', 'actions: [command]') +
      rule('b', 'deny', 'actions: [shell, file]'),
    /together/,
  ],
  [
    'names of targets',
    rule('weak', 'allow', 'targets: { names: [orders-eu, orders-us] }') + rule('a', 'deny', 'targets: { names: ["orders-*"] }'),
    /rule p\/a \(deny/,
  ],
];

for (const [why, rules, by] of shadowed) {
  t.test(`shadowed: ${why}`, async (t) => t.match(problemsOf(rules).join('\n'), by));
}

const free: [why: string, rules: string][] = [
  ['one verb is left', rule('weak', 'hold', 'effects: { verbs: [drop, truncate, alter] }') + rule('a', 'deny', 'effects: { verbs: [drop] }') + rule('b', 'deny', 'effects: { verbs: [truncate] }')],
  ['a narrower pattern', rule('weak', 'allow', 'effects: { tables: ["public.*"] }') + rule('a', 'deny', 'effects: { tables: ["public.o*"] }')],
  ['another schema', rule('weak', 'hold', 'effects: { tables: [orders] }') + rule('a', 'deny', 'effects: { tables: ["public.*"] }')],
  ['a name whose schema is not known', rule('weak', 'hold', 'effects: { tables: [public.orders] }') + rule('a', 'deny', 'effects: { tables: ["pub*"] }')],
  ['one character is not any number of them', rule('weak', 'allow', 'effects: { tables: ["a*"] }') + rule('a', 'deny', 'effects: { tables: ["a?"] }')],
  ['a file is no table', rule('weak', 'allow', 'effects: { objects: [/etc/a.b] }') + rule('a', 'deny', 'effects: { objects: [b] }')],
  ['a condition', rule('weak', 'allow', '') + rule('a', 'deny', 'when: "action.missing_where"')],
  ['only one of two environments', rule('weak', 'allow', 'targets: { labels: { env: [production, staging] } }') + rule('a', 'deny', 'targets: { labels: { env: production } }') + rule('b', 'deny', 'targets: { labels: { env: staging, team: x } }')],
  ['verbs of one and tables of the other', rule('weak', 'hold', 'effects: { verbs: [drop, truncate] }') + rule('a', 'deny', 'effects: { verbs: [drop], tables: [x] }') + rule('b', 'deny', 'effects: { verbs: [truncate] }')],
  ['target names have a letter case', rule('weak', 'allow', 'targets: { names: [Orders] }') + rule('a', 'deny', 'targets: { names: ["o*"] }')],
  ['an allow rule comes before nothing', rule('weak', 'allow', 'effects: { verbs: [drop] }') + rule('a', 'allow', '')],
]; // prettier-ignore

for (const [why, rules] of free) t.test(`not shadowed: ${why}`, async (t) => t.strictSame(problemsOf(rules), []));

t.test('a thousand rules are checked in a moment', async (t) => {
  const rules = Array.from({ length: 1_000 }, (_, index) =>
    rule(`r${index}`, index % 2 === 0 ? 'deny' : 'allow', `effects: { verbs: [drop, alter, rename], tables: [x${index}, "y${index}*"] }, targets: { labels: { env: [a, b, c] } }`),
  ).join(''); // prettier-ignore
  const before = process.cpuUsage();
  t.strictSame(problemsOf(rules), []);
  // Time on the processor: a machine with others on it takes longer.
  const { user, system } = process.cpuUsage(before);
  t.comment(`${((user + system) / 1000).toFixed(0)} ms`);
  t.ok(user + system < 10_000_000);
});
