// What a wrong policy file is told: every problem at once, with line, column and words; and which rules can never fire.

import t from 'tap';
import { formatProblem, loadPolicies, versionOf } from '../../policies/engine/load.ts';

const problemsOf = (...texts: string[]): string[] => {
  const loaded = loadPolicies(texts.map((text, index) => ({ path: texts.length === 1 ? 'p.yaml' : `p${index}.yaml`, text })));
  return loaded.ok ? [] : loaded.errors.map(formatProblem);
};

/** A policy with one rule; the rule's own lines start at line 3. */
const rule = (body: string, head = 'policy: p') => `${head}\nrules:\n  - id: a\n${body.replace(/^(?=.)/gm, '    ')}\n`;

t.test('all problems of a file at once, each with its place', async (t) => {
  const text = `policy: Bad Name
applys_to: {}
lists: { A: [x] }
rules:
  - id: one
    actions: [statment]
    effects: { verbs: [dorp], tables: "x" }
    decision: hodl
  - decision: allow
`;
  t.strictSame(problemsOf(text), [
    'p.yaml:1:9: policy: "Bad Name" is not lower-case words joined by "-", such as hold-destructive',
    'p.yaml:2:1: unknown key "applys_to" (did you mean "applies_to"?)',
    'p.yaml:3:10: "A" is not a name: lower-case letters, digits and "_", starting with a letter',
    'p.yaml:6:15: actions: unknown word "statment" (did you mean "statement"?)',
    'p.yaml:7:24: verbs: unknown word "dorp" (did you mean "drop"?)',
    'p.yaml:7:39: tables: expected a list, found "x"',
    'p.yaml:8:15: decision: unknown word "hodl" (did you mean "hold"?)',
    'p.yaml:9:5: id: missing',
  ]);
});

t.test('problems of several files come together', async (t) => {
  t.strictSame(problemsOf('policy: a\nruls: []\n', rule('decision: alow')), [
    'p0.yaml:1:1: rules: missing',
    'p0.yaml:2:1: unknown key "ruls" (did you mean "rules"?)',
    'p1.yaml:4:15: decision: unknown word "alow" (did you mean "allow"?)',
  ]);
});

t.test('what is no YAML, or too much of it', async (t) => {
  t.match(problemsOf('policy: p\nrules:\n  - id: a\n   decision: allow\n')[0], /^p\.yaml:4:\d+: not valid YAML: /);
  t.match(problemsOf('policy: p\npolicy: q\nrules: []\n')[0], /^p\.yaml:2:1: not valid YAML: Map keys must be unique/);
  t.match(
    problemsOf('a: &a [x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c]\n')[0],
    /not valid YAML/,
  );
  t.match(problemsOf('')[0], 'the file is empty');
  t.match(problemsOf('just words')[0], 'expected a mapping');
  t.match(problemsOf(`# ${'x'.repeat(1 << 20)}`)[0], 'larger than');
  t.match(problemsOf('policy: p\nrules: []\n---\npolicy: q\n')[0], 'not valid YAML');
  t.match(problemsOf('policy: !!js/function p\nrules: []\n')[0], 'not valid YAML');
  t.match(problemsOf()[0], 'there is no policy file');
  t.match(problemsOf('policy: p\nrules: []\n')[0], 'p.yaml:2:8: rules: the list is empty');
});

t.test('what needs quotes in YAML is told so, with its place', async (t) => {
  const rows: [string, string][] = [
    [
      'decision: allow\nwhen: !action.missing_where',
      '5:11: not valid YAML: Unresolved tag: !action.missing_where; a text that begins with "!" needs quotes around it',
    ],
    ['decision: allow\neffects: { tables: [*] }', '5:25: not valid YAML: a text that begins with "*" needs quotes around it'],
    [
      'decision: allow\neffects: { tables: [a, *_log] }',
      '5:28: not valid YAML: nothing is named &_log; a text that begins with "*" needs quotes around it',
    ],
    [
      'decision: allow\nwhen: "a" in principal.groups',
      '5:15: not valid YAML: something stands behind the end of a quoted text; a text with quotes in it needs other quotes around all of it',
    ],
    [
      'decision: deny\nmessage: no: never',
      '5:14: not valid YAML: Nested mappings are not allowed in compact mappings; a text with ": " in it needs quotes around it',
    ],
  ];
  for (const [body, expected] of rows) t.strictSame(problemsOf(rule(body)), [`p.yaml:${expected}`], body);
  t.strictSame(problemsOf('policy: p\nrules:\n  - { id: a, decision: allow }\n---\npolicy: q\n'), [
    'p.yaml:4:1: not valid YAML: a file holds one policy: put what stands behind "---" into a file of its own',
  ]);
});

t.test('days of months and years are compared with dates', async (t) => {
  for (const when of ['time.date >= "2026-12"', 'time.date < "2027"', 'time.date == "2026-12-24"', 'time.date.startsWith("2026-")'])
    t.strictSame(problemsOf(rule(`when: ${when}\ndecision: allow`)), [], when);
});

t.test('conditions are checked before anything is judged', async (t) => {
  const rows: [string, string][] = [
    ['action.missing_were', 'p.yaml:4:18: unknown fact "missing_were" (did you mean "missing_where"?)'],
    [
      'crews == 3',
      'p.yaml:4:11: unknown fact "crews" (facts begin with principal, target, session, action, time, history, approvals, grant, grants, request, lists, conditions, calendars)',
    ],
    ['pricipal.name == "x"', 'p.yaml:4:11: unknown fact "pricipal" (did you mean "principal"?)'],
    ['principal.groups == "x"', 'p.yaml:4:11: these types do not go together: list<string> == string'],
    ['principal.name', 'p.yaml:4:11: a condition must be true or false, this is string'],
    ['true && 1 +', 'p.yaml:4:22: not a condition: Unexpected token: EOF'],
    ['action.text.matches("(a+)+$")', 'p.yaml:4:11: the function matches() is not offered in policies; use glob(text, "pattern")'],
    ['dyn(action.text) == 1', 'p.yaml:4:11: the function dyn() is not offered in policies'],
    ['cidr(session.client_address, "10.0.0.0/33")', 'p.yaml:4:40: "/33" is not a prefix length'],
    ['cidr(session.client_address, "office")', 'p.yaml:4:40: "office" is not a network (write it as "10.0.0.0/8" or "2001:db8::/32")'],
    ['time.weekday == "munday"', 'p.yaml:4:27: "munday" is never the case here (did you mean "monday"?)'],
    ['true && "dorp" in action.verbs', 'p.yaml:4:19: "dorp" is never the case here (did you mean "drop"?)'],
    ['action.effects.exists(e, e.verb in ["drop", "dorp"])', 'p.yaml:4:55: "dorp" is never the case here (did you mean "drop"?)'],
    ['action.verbs.exists(v, v == "raed")', 'p.yaml:4:39: "raed" is never the case here (did you mean "read"?)'],
    ['principal.kind != "robot"', 'p.yaml:4:29: "robot" is never the case here (known here: person, machine, ai-agent)'],
    [
      'action.tables.exists(a, action.tables.exists(b, a == b))',
      'p.yaml:4:35: a loop over facts of the action inside another one could take very long',
    ],
    ['lists.x == []', 'p.yaml:4:17: no list is named "x"'],
    ['conditions.x', 'p.yaml:4:22: no condition is named "x"'],
    ['calendars.x', 'p.yaml:4:21: no calendar is named "x"'],
    ['time.hour > 8 and time.hour < 9', 'p.yaml:4:25: not a condition: write && for "and"'],
    ['action.in_transaction OR time.hour < 9', 'p.yaml:4:33: not a condition: write || for "OR"'],
    ['time.hour > 8 && not action.missing_where', 'p.yaml:4:28: not a condition: write ! for "not"'],
    ['principal.name = "x"', 'p.yaml:4:26: not a condition: write == for "="'],
    ['principal.name <> "x"', 'p.yaml:4:26: not a condition: write != for "<>"'],
    ['action.text like "x"', 'p.yaml:4:23: not a condition: write glob(text, "pattern") for "like"'],
    ['principal.name ~ "x"', 'p.yaml:4:26: not a condition: "~" is not expected here'],
    [
      'session.method == "password"',
      'p.yaml:4:29: "password" is never the case here (known here: token, browser, public-key, certificate)',
    ],
    ['action.problem != "sintax"', 'p.yaml:4:29: "sintax" is never the case here (did you mean "syntax"?)'],
    ['time.date < "3.1.2027"', 'p.yaml:4:23: "3.1.2027" is not a date as time.date is one: write it as "2026-12-20"'],
    ['time.date in ["2026-12-24", "2026-12"]', 'p.yaml:4:39: "2026-12" is not a date as time.date is one: write it as "2026-12-20"'],
  ];
  for (const [when, expected] of rows) t.strictSame(problemsOf(rule(`when: ${when}\ndecision: allow`)), [expected], when);
});

t.test('every type error of a condition that can be told by itself is told', async (t) => {
  const told = (when: string) => problemsOf(rule(`when: >\n  ${when}\ndecision: allow`)).map((problem) => problem.replace('p.yaml:', ''));
  t.strictSame(told('time.huor > 3 || (principal.groups == "x" && !(crews == 1)) || action.missing_where'), [
    '5:12: unknown fact "huor" (did you mean "hour"?)',
    '5:25: these types do not go together: list<string> == string',
    '5:54: unknown fact "crews" (facts begin with principal, target, session, action, time, history, approvals, grant, grants, request, lists, conditions, calendars)',
  ]);
  t.strictSame(
    told('action.effects.exists(e, e.vreb == "drop" || e.object == 1) ? glob(action.text, 3) : cidr(7, "10.0.0.0/8")'),
    [
      '5:34: unknown fact "vreb" (did you mean "verb"?)',
      '5:52: these types do not go together: string == int',
      `5:69: glob() can't be called with (string, int)`,
      `5:92: cidr() can't be called with (int, string)`,
    ],
    'in the body of a loop, by the type of what it goes over, and in both ways of a choice',
  );
  t.strictSame(
    told('action.tabels.exists(t, t == 1) && action.reads_column(3)'),
    [
      '5:14: unknown fact "tabels" (did you mean "tables"?)',
      "5:42: reads_column() can't be called with (int): it takes a pattern or a list of patterns, and is asked of `action`",
    ],
    'not in a loop over what is not known',
  );
  t.strictSame(
    told('time.huor == "x" && time.weekday == "munday" && matches(action.txet)').length,
    4,
    'beside words that are never the case and functions that are not offered',
  );
  t.equal(told(Array.from({ length: 30 }, (_, at) => `time.a${at} == 1`).join(' || ')).length, 20, 'and no more than somebody reads');
});

t.test('a place in a condition is found in every way to write a text in YAML', async (t) => {
  const rows: [string, string][] = [
    ['when: action.missing_were', '4:18'],
    ['when: "action.missing_were"', '4:19'],
    ["when: 'action.missing_were'", '4:19'],
    ['when: |\n  action.understood &&\n    action.missing_were', '6:16'],
    ['when: >-\n  action.understood &&\n  action.missing_were', '6:14'],
    ['when: action.understood &&\n  action.missing_were', '5:14'],
  ];
  for (const [when, place] of rows) t.match(problemsOf(rule(`${when}\ndecision: allow`))[0], `p.yaml:${place}: unknown fact`, when);
});

t.test('named conditions and lists', async (t) => {
  const circle = 'policy: p\nconditions:\n  a: conditions.b\n  b: "!conditions.a"';
  t.strictSame(problemsOf(rule('when: conditions.a\ndecision: allow', circle)), ['p.yaml:3:6: conditions that need each other: a → b → a']);
  t.strictSame(problemsOf(rule('effects: { tables: [$rtt] }\ndecision: allow', 'policy: p\nlists: { rt: [x] }')), [
    'p.yaml:5:25: no list is named "rtt" (did you mean "rt"?)',
  ]);
  t.strictSame(problemsOf(rule('decision: allow', 'policy: p\nlists: { rt: [$x] }')), ['p.yaml:2:15: a list does not contain lists']);
  t.match(problemsOf(rule('decision: allow', 'policy: p\nconditions: { constructor: "true" }'))[0], '"constructor" is not a name');
});

t.test('keys that make no sense together', async (t) => {
  const rows: [string, string][] = [
    ['decision: hold', 'a rule that holds must say who may approve: add "approvers"'],
    ['decision: allow\nexpires: 15m', '"expires" belongs to rules that hold, this one says allow'],
    ['decision: allow\nmessage: x', '"message" belongs to rules that deny, this one says allow'],
    ['decision: deny\napprovers: { groups: [x] }', '"approvers" belongs to rules that hold, this one says deny'],
    ['decision: allow\notherwise: true', '"otherwise" is for hold and deny'],
    ['decision: hold\napprovers: { groups: [x] }\nexpires: 1s', 'expires must lie between 5s and 7d'],
    ['decision: hold\napprovers: { groups: [x] }\nexpires: soon', '"soon" is not a duration such as 90s'],
    ['decision: hold\napprovers: { groups: [x] }\nexpires: 30s\nexpires_in_transaction: 60s', 'longer than "expires"'],
    ['decision: hold\napprovers: { groups: [x], count: 11 }', 'count: larger than 10'],
    ['decision: hold\napprovers: { groups: [x], count: 1.5 }', 'count: expected a whole number, found 1.5'],
    ['decision: hold\napprovers: { groups: [""] }', '"" is not a name'],
    ['decision: hold\napprovers: { groups: dba }', 'groups: expected a list, found "dba"'],
    ['decision: deny\nmessage: "no {efect}"', 'unknown placeholder {efect} (did you mean "effect"?)'],
    ['decision: allow\nactions: [connect]\neffects: { verbs: [read] }', 'connect has no effects'],
    ['decision: allow\neffects: {}', 'effects is empty'],
    ['decision: allow\nprincipals: {}', 'principals: nobody is named: say groups, people or kinds'],
    ['decision: allow\nunderstood: maybe', 'expected true or false or any, found "maybe"'],
  ];
  for (const [body, expected] of rows) {
    const problems = problemsOf(rule(body));
    t.equal(problems.length, 1, body);
    t.match(problems[0], expected, body);
  }
});

t.test('a rule that can never fire is an error', async (t) => {
  const head = 'policy: p\napplies_to: { protocols: [postgres], labels: { env: production } }';
  const rows: [string, string][] = [
    ['decision: allow\nunderstood: false', 'what was not understood is never allowed'],
    ['decision: deny\nunderstood: false\neffects: { verbs: [drop] }', 'what was not understood has no known effects'],
    ['decision: deny\nactions: [shell]', 'shell is not asked by postgres (there: connect, statement, function-call, replication)'],
    ['decision: deny\ntargets: { protocols: [ssh] }', 'applies_to names other protocols'],
    ['decision: deny\ntargets: { labels: { env: staging } }', 'applies_to wants another value of the label env'],
    ['decision: deny\neffects: { tables: [x], object_kinds: [function] }', '"tables" speaks of a table or view and object_kinds of none'],
    ['decision: deny\nwhen: "false"', 'its condition is false'],
    [
      'decision: deny\neffects: { verbs: [forward, shell] }',
      'statement never does forward, shell; a rule is about statements unless it says "actions"',
    ],
  ];
  for (const [body, expected] of rows) {
    const problems = problemsOf(rule(body, head));
    t.equal(problems.length, 1, body);
    t.match(problems[0], `rule ${problems[0]?.includes('p/a') ? 'p/a' : 'a'} can never fire: `, body);
    t.match(problems[0], expected, body);
  }
});

t.test('an allow rule whose condition is true of nothing says by its effects what it is about', async (t) => {
  const head = 'policy: p\nlists: { free: [x] }\nconditions: { free: "action.tables_written.all(t, t in lists.free)" }';
  const asked = [
    'action.tables_written.all(t, t in lists.free)',
    'action.tables.all(t, t in lists.free) && action.in_transaction',
    'action.functions.all(f, f == "f")',
    'action.columns_written.all(c, c == "x.y")',
    'action.writes_only(["x.y"])',
    'action.reads_only("x.y")',
    'conditions.free',
  ];
  for (const when of asked) {
    for (const effects of ['', 'effects: { access: [write] }\n', 'effects: { verbs: [drop] }\n']) {
      const problems = problemsOf(rule(`when: '${when}'\n${effects}decision: allow`, head));
      t.equal(problems.length, 1, `${when} ${effects}`);
      t.match(problems[0], /rule a would allow more than it says: .* is true as well where there is none/);
    }
    for (const effects of ['{ tables: [x] }', '{ verbs: [insert, update] }', '{ access: [read, session] }'])
      t.strictSame(problemsOf(rule(`when: '${when}'\neffects: ${effects}\ndecision: allow`, head)), [], `${when} ${effects}`);
    t.strictSame(problemsOf(rule(`when: '${when}'\ndecision: deny`, head)), [], 'a rule that denies');
  }
  t.strictSame(problemsOf(rule(`when: '!action.tables.all(t, t in lists.free)'\ndecision: allow`, head)), [], 'negated: one that is not');
  t.strictSame(problemsOf(rule(`when: 'lists.free.all(f, f != principal.name)'\ndecision: allow`, head)), [], 'not over the action');
});

t.test('what access is asked for is known to access rules only', async (t) => {
  t.match(problemsOf(rule('when: request.reason == "x"\ndecision: allow'))[0], /p\.yaml:4:\d+: `request` is what access is asked for/);
});

t.test('a rule that a stronger one shadows is an error that names both', async (t) => {
  const rules = (weak: string, strong: string) => `policy: p\nrules:\n  - { id: weak, ${weak} }\n  - { id: strong, ${strong} }\n`;
  const shadowed: [string, string][] = [
    ['effects: { verbs: [drop] }, decision: allow', 'effects: { verbs: [drop, truncate] }, decision: deny'],
    ['effects: { verbs: [drop] }, decision: hold, approvers: { groups: [g] }', 'decision: deny'],
    ['principals: { groups: [a] }, decision: allow', 'principals: { groups: [a, b] }, decision: hold, approvers: { groups: [g] }'],
    [
      'effects: { tables: [x] }, when: action.missing_where, decision: allow',
      'effects: { tables: ["*"] }, when: action.missing_where, decision: deny',
    ],
    ['otherwise: true, decision: deny', 'decision: deny'],
  ];
  for (const [weak, strong] of shadowed) {
    const problems = problemsOf(rules(weak, strong));
    t.equal(problems.length, 1, weak);
    t.match(
      problems[0],
      /^p\.yaml:3:11: rule p\/weak can never fire: rule p\/strong \((deny|hold), p\.yaml:4\) matches everything that it matches$/,
    );
  }
  const fine: [string, string][] = [
    ['effects: { verbs: [drop, read] }, decision: allow', 'effects: { verbs: [drop] }, decision: deny'],
    ['decision: allow', 'effects: { verbs: [drop] }, decision: deny'],
    ['decision: allow', 'when: action.missing_where, decision: deny'],
    ['principals: { groups: [a] }, decision: allow', 'principals: { groups: [b] }, decision: deny'],
    ['decision: allow', 'otherwise: true, decision: deny'],
    ['decision: allow', 'understood: false, decision: deny'],
    ['actions: [statement, connect], decision: allow', 'decision: deny'],
    ['effects: { access: [read] }, decision: allow', 'effects: { tables: ["*"] }, decision: deny'],
  ];
  for (const [weak, strong] of fine) t.strictSame(problemsOf(rules(weak, strong)), [], `${weak} | ${strong}`);
});

t.test('names are used once', async (t) => {
  const twice =
    'policy: p\nrules:\n  - { id: a, effects: { verbs: [read] }, decision: allow }\n  - { id: a, effects: { verbs: [drop] }, decision: allow }\n';
  t.strictSame(problemsOf(twice), ['p.yaml:4:11: a rule named a stands in line 3 already']);
  t.strictSame(problemsOf(rule('decision: allow'), rule('decision: allow')), ['p1.yaml:1:9: a policy named p stands in p0.yaml already']);
});

t.test('a time zone must exist', async (t) => {
  t.match(problemsOf(rule('decision: allow', 'policy: p\ntime_zone: Europe/Berln'))[0], 'p.yaml:2:12: "Europe/Berln" is not a time zone');
});

t.test('the version stands for names and contents, not for folders or order', async (t) => {
  const a = { path: '/x/a.yaml', text: 'one' };
  const b = { path: '/x/b.yaml', text: 'two' };
  t.match(versionOf([a, b]), /^[0-9a-f]{12}$/);
  t.equal(versionOf([a, b]), versionOf([b, { ...a, path: 'elsewhere/a.yaml' }]));
  t.not(versionOf([a, b]), versionOf([a]));
  t.not(
    versionOf([a, b]),
    versionOf([
      { ...a, text: 'two' },
      { ...b, text: 'one' },
    ]),
  );
});

t.test('hostile files are answered, and soon', async (t) => {
  const deep = `${'['.repeat(5_000)}${']'.repeat(5_000)}`;
  for (const text of [
    deep,
    `policy: ${deep}`,
    rule(`when: ${'('.repeat(500)}true${')'.repeat(500)}\ndecision: allow`),
    '\0',
    '%YAML 9',
    '&a *a',
    '__proto__: {}\npolicy: p\n',
  ]) {
    t.ok(problemsOf(text).length > 0, text.slice(0, 20));
  }
  t.match(problemsOf(rule(`when: ${'true && '.repeat(2_000)}true\ndecision: allow`))[0], 'longer than 4000 characters');
});
