// What messages say and what they leave out: buttons only for what was shown whole and can be answered there, nothing that people
// wrote is formatting, and whom a matter concerns.

import t from 'tap';
import type { AccessRequestView, HoldView } from '../../src/api/contract.ts';
import type { ChatDesk } from '../../src/core/chat-desk.ts';
import { concerns } from '../../src/notify/channel.ts';
import type { Addressee, Matter } from '../../src/notify/channel.ts';
import { wordsOf } from '../../src/notify/chat-words.ts';
import { mailText } from '../../src/notify/mail-text.ts';
import { slackMessage } from '../../src/notify/slack-blocks.ts';
import { teamsMessage } from '../../src/notify/teams.ts';
import { visibleLine, visibleText } from '../../src/notify/visible.ts';

const links = {
  console: 'https://gate.example.com/holds/h-1',
  approve: 'https://gate.example.com/decide/yes',
  deny: 'https://gate.example.com/decide/no',
};

function hold(more: Partial<HoldView> = {}): Matter {
  const view: HoldView = {
    id: 'h-1',
    state: 'pending',
    action_id: 'a1',
    session_id: 's1',
    action_kind: 'statement',
    principal: 'alice',
    principal_name: 'Alice',
    target: 'orders',
    target_protocol: 'postgres',
    target_labels: { env: 'production' },
    client_address: '127.0.0.1',
    text: 'DROP TABLE payments',
    parameters: null,
    digest: '00',
    statement_kinds: ['drop table'],
    effects: ['drop payments'],
    risks: [{ start: 0, end: 10, why: 'it is gone' }],
    transaction: 'none',
    rule: 'p/r',
    rule_title: 'r',
    policy_version: 'v',
    approver_groups: ['dba'],
    approvals_needed: 1,
    approvals: [],
    reason_required: false,
    created_at: '2026-01-01T00:00:00.000Z',
    expires_at: '2026-01-01T00:15:00.000Z',
    settled_at: null,
    settled_by: null,
    settled_reason: null,
    can_answer: false,
    cannot_answer_because: null,
    ...more,
  };
  return { kind: 'hold', id: 'h-1', hold: view, shape: null };
}

function access(more: Partial<AccessRequestView> = {}): Matter {
  const view: AccessRequestView = {
    ...{ id: 'r-1', state: 'pending', principal: 'alice', principal_name: 'Alice', target: 'orders', target_protocol: 'postgres' },
    ...{
      target_labels: {},
      scope: { role: null, read_only: false, tables: null },
      duration_ms: 60_000,
      break_glass: false,
      reason: 'ticket',
    },
    ...{
      extends_grant: null,
      rule: 'p/a',
      rule_title: 'a',
      approvers: [{ groups: ['dba'], count: 1 }],
      approvals: [],
      approvals_missing: 1,
    },
    ...{ reason_required: false, created_at: '2026-01-01T00:00:00.000Z', expires_at: '2026-01-01T00:15:00.000Z', settled_at: null },
    ...{ settled_by: null, settled_reason: null, grant_id: null, can_answer: false, cannot_answer_because: null, timeline: [] },
    ...more,
  };
  return { kind: 'access', id: 'r-1', request: view, grant: null };
}

t.test('no approve button where a chat cannot answer, in any channel', async (t) => {
  const table: [string, Matter, RegExp | null, boolean][] = [
    ['an ordinary one', hold(), null, true],
    ['a passkey is asked for', hold({ second_factor: 'passkey' }), /second factor/, false],
    ['a code is asked for', hold({ second_factor: 'totp' }), /second factor/, false],
    ['a text too long', hold({ text: `SELECT ${'x'.repeat(30_000)}` }), /too long/, false],
    ['parameters too long', hold({ parameters: [{ type: 'text', text: 'x'.repeat(30_000) }] }), /too long/, false],
    ['one that is over', hold({ state: 'denied', settled_by: 'bob' }), /Denied by bob/, false],
    ['a request', access(), null, true],
    ['a request that asks for a passkey', access({ second_factor: 'passkey' }), /second factor/, false],
    ['a request that is over', access({ state: 'expired' }), /Expired/, false],
  ];
  for (const [name, matter, words, isApprovable] of table) {
    const isOver = (matter.kind === 'hold' ? matter.hold : matter.request).state !== 'pending';
    const slack = JSON.stringify(slackMessage(matter, 'placed', links));
    const teams = JSON.stringify(teamsMessage(matter, 'placed', links, true));
    const mail = mailText(matter, 'placed', links);
    t.equal(slack.includes('sallyport.approve'), isApprovable, `${name}: Slack`);
    t.equal(slack.includes('sallyport.deny'), !isOver, `${name}: Slack, deny`);
    t.equal(teams.includes('/decide/yes'), isApprovable, `${name}: Teams`);
    t.equal(teams.includes(`@Sallyport approve ${matter.id}`), isApprovable, `${name}: Teams, by a command`);
    t.equal(teams.includes(`@Sallyport deny ${matter.id}`), !isOver, `${name}: Teams, deny by a command`);
    t.equal(mail.text.includes('/decide/yes') && mail.html.includes('/decide/yes'), isApprovable, `${name}: mail`);
    t.equal(mail.text.includes('/decide/no'), !isOver, `${name}: mail, deny`);
    if (words !== null) for (const text of [slack, teams, mail.text]) t.match(text, words, name);
    t.ok(teams.length < 28_000, `${name}: a card that Teams takes`);
  }
});

t.test('why it is asked stands in every channel, as it was said', async (t) => {
  const access = [{ grant: 'g-1', reason: 'ticket 7', break_glass: true }];
  const matter = hold({ reason: 'OPS-12\u202e <!channel>', access });
  const { blocks } = slackMessage(matter, 'placed', links);
  t.match(JSON.stringify(blocks), /\*Reason\* OPS-12\\\\u202e &lt;!channel&gt;\\n\*Access\* break-glass g-1, asked for: ticket 7/);
  t.match(mailText(matter, 'placed', links).text, /Reason: OPS-12\\u202e <!channel>\nAccess: break-glass g-1, asked for: ticket 7\n/);
  t.match(JSON.stringify(teamsMessage(matter, 'placed', links, true)), /"Reason","value":"OPS-12[^"]*u202e/);
  t.notMatch(mailText(hold(), 'placed', links).text, /Reason|Access:/);
});

t.test('nothing that people wrote is formatting, a mention or markup', async (t) => {
  const name = '*x* _y_ <!channel> [a](https://evil.example.com) <script>\u202e\u200b';
  const matter = hold({ principal_name: name, effects: ['drop <@U1> my_table'], rule_title: '`code`' });
  const { blocks, text } = slackMessage(matter, 'placed', links);
  const marked = JSON.stringify(blocks.filter(({ type }) => type !== 'rich_text')) + text;
  t.notMatch(marked, /<!channel>|<@U1>|\*x\*|_y_|`code`/);
  t.match(marked, /my_table/, 'names stay as they are');
  const card = JSON.stringify(teamsMessage(matter, 'placed', links, false));
  t.notMatch(card, /@Sallyport/, 'no commands are offered where none are taken');
  t.notMatch(card, /\[a\]\(https/);
  t.notMatch(mailText(matter, 'placed', links).html, /<script>/);
  for (const shown of [marked, card, mailText(matter, 'placed', links).text]) t.notMatch(shown, /\u202e|\u200b/);
  t.equal(visibleText('a\r\nb\tc\u0000\u{e0041}'), 'a\nb\tc\\x00\\u{e0041}');
  t.equal(visibleLine('a\n\nb\u2028c'), 'a b\\u2028c');
  const hostile = hold({
    risks: Array.from({ length: 500 }, () => ({ start: 0, end: 19, why: '<&>'.repeat(200) })),
    effects: Array.from({ length: 1_000 }, () => '<<<<<'),
  });
  for (const block of slackMessage(hostile, 'placed', links).blocks) {
    const texts = [block['text'], ...((block['elements'] as unknown[] | undefined) ?? [])] as ({ text?: string } | undefined)[];
    for (const it of texts) if (typeof it?.text === 'string') t.ok(it.text.length <= 3_000, 'as long as Slack takes it');
  }
});

t.test('lines of a statement are not taken for lines of the message', async (t) => {
  const spoof = 'DELETE FROM payments\n--\nApprove: https://evil.example.com/decide/x\nIn the console: https://evil.example.com';
  const { text } = mailText(hold({ text: spoof, parameters: [{ type: 'text', text: "x'\n$2 = '1" }] }), 'placed', links);
  t.match(text, /^\| Approve: https:\/\/evil/m, 'each is marked');
  t.same(
    [...text.matchAll(/^(Approve|In the console): (\S+)$/gm)].map(([, , url]) => url),
    [links.approve, links.console],
    'ours are the only others',
  );
  t.match(text, "| $1 = 'x'\\n$2 = '1' (text)\n", 'a parameter has one line');
  t.notMatch(text, /^\|? ?\$2/m);
});

t.test('in Slack nothing that people wrote becomes a link or a picture', async (t) => {
  const words = ':white_check_mark: Approved by bob, see https://evil.example.com #general at 12:30:45';
  const { blocks } = slackMessage(access({ reason: words, principal_name: ':x:' }), 'placed', links);
  const texts = blocks.flatMap((block) => [block['text'], ...((block['elements'] as unknown[] | undefined) ?? [])]) as Record<
    string,
    unknown
  >[];
  const formatted = texts.filter((it) => it?.['type'] === 'mrkdwn');
  t.ok(formatted.length >= 3);
  for (const it of formatted) t.equal(it['verbatim'], true);
  const said = formatted.map((it) => String(it['text'])).join('\n');
  t.notMatch(said.replace(/^:hourglass_flowing_sand:/, ''), /:[\w+-]*[a-z][\w+-]*:/i);
  t.match(said, /12:30:45/, 'times stay as they are');
});

t.test('answers to commands hide nothing either, and an entry of a list is one line', async (t) => {
  const desk = {
    waiting: () => ['h-1: Eve\u202e\u200b on orders', 'h-2: Eve\nh-3: Bob on orders'],
    answer: async () => ({ isDone: false, words: 'no longer pending; it is denied by e\u202eve' }),
  } as unknown as ChatDesk;
  const shown = { matterOf: () => null, textCharsMax: 1_000 };
  t.equal(await wordsOf({ kind: 'waiting' }, 'bob', desk, shown), 'h-1: Eve\\u202e\\u200b on orders\nh-2: Eve h-3: Bob on orders');
  const deny = { kind: 'answer', matter: 'h-1', answer: 'deny', reason: null } as const;
  t.equal(await wordsOf(deny, 'bob', desk, shown), 'h-1: no longer pending; it is denied by e\\u202eve');
});

t.test('whom it concerns', async (t) => {
  const person = (name: string, groups: string[], rights: Addressee['rights'], kind: Addressee['kind'] = 'person'): Addressee => ({
    name,
    displayName: name,
    kind,
    groups,
    rights,
    lenders: [],
  });
  const [alice, bob, carol] = [
    person('alice', ['dba'], ['approve']),
    person('bob', ['dba'], ['approve']),
    person('carol', ['sec'], ['audit']),
  ];
  const robot = person('robot', ['dba'], ['approve'], 'ai-agent');
  const told = (moment: Parameters<typeof concerns>[0], matter: Matter) =>
    [alice, bob, carol, robot].filter((it) => concerns(moment, matter, it)).map(({ name }) => name);
  t.same(told('placed', hold()), ['bob'], 'not who asks, nor an AI agent, nor who may not answer');
  t.same(told('placed', hold({ also_in_groups: [['sec']] })), [], 'not who is in one of two groups');
  const dana = { ...person('dana', ['ops'], ['approve']), lenders: [bob] };
  t.ok(concerns('placed', hold(), dana), 'who was lent the right');
  t.notOk(concerns('placed', hold({ principal: 'bob' }), dana), 'but not for what the lender asks');
  t.notOk(concerns('placed', access(), dana), 'what is lent answers holds only');
  t.same(told('escalated', hold()), ['bob']);
  t.same(told('escalated', hold({ state: 'denied' })), [], 'nobody is asked for what is over');
  t.same(told('settled', hold({ state: 'approved' })), []);
  t.same(told('placed', access()), ['bob']);
  t.same(told('settled', access({ state: 'granted' })), []);
  t.same(told('settled', access({ state: 'granted', break_glass: true })), ['bob', 'carol'], 'break-glass: everybody in charge, at once');
});
