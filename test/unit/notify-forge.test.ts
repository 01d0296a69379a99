// Comments at GitHub and GitLab: what belongs where, that nothing in them calls anybody or is formatting, and that they are changed
// in place; and deployments that an earlier version wrote down.

import { join } from 'node:path';
import t from 'tap';
import type { AccessRequestView, HoldView } from '../../src/api/contract.ts';
import type { Matter } from '../../src/notify/channel.ts';
import { answerByComment, commentChannel, commentText, replyText } from '../../src/notify/forge.ts';
import type { CommentApi } from '../../src/notify/forge.ts';
import type { ChatDesk } from '../../src/core/chat-desk.ts';
import { ChannelMessageStore, channelMessageMigrations } from '../../src/store/channel-messages.ts';
import { openDatabase } from '../../src/store/database.ts';
import { ForgeDeploymentStore, forgeDeploymentMigrations } from '../../src/store/forge-deployments.ts';
import { temporaryDirectory } from '../support/directories.ts';

const page = 'https://gate.example.com/holds/h-1';
const sha = 'a'.repeat(40);

function hold(more: Partial<HoldView> = {}): Matter {
  const view: HoldView = {
    ...{
      id: 'h-1',
      state: 'pending',
      action_id: 'a1',
      session_id: 's1',
      action_kind: 'statement',
      principal: 'shop-ci',
      principal_name: 'shop-ci',
    },
    ...{ target: 'orders', target_protocol: 'postgres', target_labels: {}, client_address: '127.0.0.1', text: 'DROP TABLE payments' },
    ...{ parameters: null, digest: '00', statement_kinds: [], effects: ['drop payments'], risks: [], transaction: 'none', rule: 'p/r' },
    ...{ rule_title: 'r', policy_version: 'v', approver_groups: ['dba'], approvals_needed: 1, approvals: [], reason_required: false },
    ...{ created_at: '2026-01-01T00:00:00.000Z', expires_at: '2026-01-01T00:15:00.000Z', settled_at: null, settled_by: null },
    ...{ settled_reason: null, can_answer: false, cannot_answer_because: null },
    ...more,
  };
  return { kind: 'hold', id: 'h-1', hold: view, shape: null };
}

t.test('a comment', async (t) => {
  const hostile = '@octocat #12 <img src=x> [a](https://evil.example.com) **x** `y` !5 ~label http://evil.example.com';
  const text = commentText(
    hold({ principal_name: hostile, rule_title: hostile, text: `SELECT '\`\`\`' -- @octocat\n/close\n\`\`\`\`\n\u202e` }),
    'placed',
    page,
  );
  const [fence = ''] = /^`{3,}$/m.exec(text) ?? [];
  t.equal(fence.length, 5, 'longer than any within');
  const [before = '', , after = ''] = text.split(`\n${fence}`);
  for (const part of [before, after]) {
    t.notMatch(
      part,
      /@[a-z]|(?<!&)#\d|<img|\]\(https:\/\/evil|\*\*x\*\*|https?:\/\/evil|!\d|~[a-z]/,
      'nothing of it is formatting, a mention or a link',
    );
    t.notMatch(part, /^\//m, 'no line begins a quick action');
  }
  t.match(text, /\\u202e/, 'hidden characters are shown');
  t.match(text, '`/sallyport approve h-1`');
  t.notMatch(commentText(hold({ text: 'x'.repeat(30_000) }), 'placed', page), /sallyport approve/, 'not what is too long to show');
  t.notMatch(commentText(hold({ second_factor: 'passkey' }), 'placed', page), /sallyport approve/);
  t.match(commentText(hold({ state: 'denied', settled_by: 'bob' }), 'settled', page), /Denied by bob/);
});

t.test('what belongs where', async (t) => {
  const db = openDatabase(join(temporaryDirectory(t, 'forge'), 'x.db'), [...channelMessageMigrations, ...forgeDeploymentMigrations]);
  t.teardown(() => db.close());
  const deployments = new ForgeDeploymentStore(db);
  const sent: string[] = [];
  const api: CommentApi = {
    post: async ({ repository, change }, text) => {
      sent.push(`post ${repository} ${change ?? 'commit'} ${text.length > 0}`);
      return { kind: 'posted', id: '7' };
    },
    edit: async ({ repository }, id) => {
      sent.push(`edit ${repository} ${id}`);
      return { kind: 'taken', status: 200 };
    },
  };
  const inForce = new Set<string>();
  const wanted = (repository: string) => ({
    repository,
    environment: 'production',
    person: 'shop-ci',
    target: 'orders',
    durationMs: 1,
    readOnly: false,
  });
  const channel = commentChannel({
    ...{ forge: 'github' as const, api, deployments, wanted: [wanted('example/shop'), wanted('example/other')] },
    ...{ messages: new ChannelMessageStore(db), clock: { nowMs: () => 1_000, monotonicMs: () => 0 } },
    links: () => ({ console: page }),
    isInForce: (request) => inForce.has(request),
  });
  const deploy = (request: string, more: object = {}) => {
    const place = { repository: 'example/shop', sha, change: 42, installation: 9, isPrivate: true };
    deployments.add({ delivery: request, forge: 'github', callback: 'x', environment: 'production', atMs: 1_000, ...place, ...more });
    deployments.asked(request, request);
    inForce.add(request);
  };
  const places = (matter = hold()) => channel.places('placed', matter).length;

  t.equal(places(), 0, 'no deployment');
  deploy('r-1');
  t.equal(places(), 1, 'a job with the access of one deployment');
  t.equal(places(hold({ principal: 'alice' })), 0, 'somebody else');
  t.equal(places(hold({ target: 'ledger' })), 0, 'another target');
  inForce.delete('r-1');
  t.equal(places(), 0, 'its access is over');
  inForce.add('r-1');
  deploy('r-2', { repository: 'example/other' });
  t.equal(places(), 0, 'a statement is shown to nobody whose deployment it may not be of');
  inForce.delete('r-2');
  deploy('r-3', { isPrivate: false, atMs: 2_000 });
  t.equal(places(), 0, 'nor in a public repository');
  inForce.delete('r-3');

  const message = { id: 'm', moment: 'placed' as const, place: '' };
  const signal = new AbortController().signal;
  t.match(await channel.send({ ...message, matter: hold() }, signal), { kind: 'taken' });
  t.match(await channel.send({ ...message, matter: hold() }, signal), { kind: 'taken', words: /shows this already/ });
  t.match(await channel.send({ ...message, moment: 'settled', matter: hold({ state: 'denied', settled_by: 'bob' }) }, signal), {
    kind: 'taken',
  });
  t.same(sent, ['post example/shop 42 true', 'edit example/shop 7']);
});

t.test('a command is not enough for what was not shown, nor without a person', async (t) => {
  const answered: string[] = [];
  const desk = {
    answer: async (person: string, matter: string, answer: string) => {
      answered.push(`${person} ${answer} ${matter}`);
      return { isDone: true, words: 'done' };
    },
  } as unknown as ChatDesk;
  const book = { byForge: (_forge: string, id: number) => (id === 42 ? 'bob' : null) };
  const say = (text: string, matter: Matter | null, author = 42) =>
    answerByComment({ forge: 'gitlab', text, author }, book, () => matter, desk);
  t.match(await say('/sallyport approve h-1', hold({ text: 'x'.repeat(30_000) })), /too long to show/);
  t.match(await say('/sallyport approve h-1', hold({ second_factor: 'totp' })), /second factor/);
  t.match(await say('/sallyport approve h-1', hold(), 43), /operator can add gitlab: 43/);
  t.equal(await say('please run /sallyport approve h-1', hold()), null, 'not in the middle of a line');
  t.equal(await say('/sallyportapprove h-1', hold()), null);
  t.same(answered, []);
  t.equal(await say('fine\r\n/sallyport deny h-1 no', hold({ text: 'x'.repeat(30_000) })), 'h-1: done', 'a no needs to show nothing');
  t.same(answered, ['bob deny h-1']);
});

t.test('deployments of an earlier version', async (t) => {
  const file = join(temporaryDirectory(t, 'forge'), 'x.db');
  const old = openDatabase(file, forgeDeploymentMigrations.slice(0, 1));
  old.prepare(`INSERT INTO github_deployments VALUES ('d', 'r-1', 'https://api.github.com/x', 'production', 9, 1000)`).run();
  old.close();
  const db = openDatabase(file, forgeDeploymentMigrations);
  t.teardown(() => db.close());
  const request = { id: 'r-1' } as AccessRequestView;
  t.match(new ForgeDeploymentStore(db).ofRequest('github', request.id), {
    callback: 'https://api.github.com/x',
    installation: 9,
    isPrivate: false,
  });
});

t.test('words below a comment hide nothing', async (t) => {
  t.equal(replyText('denied by e\u202eve'), 'denied by e&#92;u202eve');
});

t.test('a comment of a million backticks is read at once, and a fence ends with as many as it began with', async (t) => {
  const answered: string[] = [];
  const desk = {
    answer: async (...said: unknown[]) => (answered.push(said.join(' ')), { isDone: true, words: 'done' }),
  } as unknown as ChatDesk;
  const read = (text: string) => answerByComment({ forge: 'gitlab', text, author: 1 }, { byForge: () => 'bob' }, () => null, desk);
  const beganAtMs = performance.now();
  t.equal(await read(`${'`'.repeat(300_000)}\n${'x\n'.repeat(300_000)}/sallyport deny h-1`), null);
  t.equal(await read(`${'<!-- ``` ~~~ '.repeat(60_000)}\n/sallyport deny h-1`), null);
  t.ok(performance.now() - beganAtMs < 2_000, 'within two seconds');
  t.equal(await read('````\n```\n/sallyport deny h-1'), null, 'readers see code up to the end');
  t.equal(await read('```\n~~~\n/sallyport deny h-1\n```'), null);
  t.equal(await read('~~~ sh\n```\n~~~~\n/sallyport deny h-1 not now'), 'h-1: done');
  t.same(answered, ['bob h-1 deny not now']);
});
