// What people type in a chat: one table of what is understood, one of mistakes and the words that they get.

import t from 'tap';
import { commandHelp, parseChatCommand } from '../../src/notify/chat-command.ts';
import type { ChatCommand } from '../../src/notify/chat-command.ts';

const wish = {
  target: 'orders',
  durationMs: 3_600_000,
  reason: 'ticket 7',
  role: null,
  readOnly: false,
  tables: null,
  isBreakGlass: false,
};
const request = (more: object = {}) => ({ kind: 'request' as const, wish: { ...wish, ...more } });

t.test('understood', async (t) => {
  const table: [string, ChatCommand][] = [
    ['', { kind: 'help' }],
    ['  HELP ', { kind: 'help' }],
    ['request', { kind: 'ask' }],
    ['mine', { kind: 'own' }],
    ['waiting', { kind: 'waiting' }],
    ['request orders for 1h because ticket 7', request()],
    ['Request orders For 60 minutes Because ticket 7', request()],
    ['request orders for 1h30m because ticket 7', request({ durationMs: 5_400_000 })],
    ['request orders for 2 hours read-only because ticket 7', request({ durationMs: 7_200_000, readOnly: true })],
    ['request orders as deploy tables a.b, c for 1h because ticket 7', request({ role: 'deploy', tables: ['a.b', 'c'] })],
    ['request orders --for 1h --reason "ticket 7" --read-only', request({ readOnly: true })],
    ['request orders --for 1h --reason “ticket 7”', request()],
    ['request orders for 1h because for 2h I need it because --role x', request({ reason: 'for 2h I need it because --role x' })],
    ['break-glass orders for 1h because ticket 7', request({ isBreakGlass: true })],
    ['request orders --break-glass for 1h because ticket 7', request({ isBreakGlass: true })],
    ['request orders for 1h because\nticket 7', request()],
    ['extend g-ABC123 for 30m because slow', { kind: 'extend', grant: 'g-ABC123', durationMs: 1_800_000, reason: 'slow' }],
    ['withdraw r-ABC123', { kind: 'withdraw', request: 'r-ABC123' }],
    ['review g-ABC123 looked at it', { kind: 'review', grant: 'g-ABC123', words: 'looked at it' }],
    ['approve h-abc123', { kind: 'answer', matter: 'h-ABC123', answer: 'approve', reason: null }],
    ['deny R-ABC123 because "not today"', { kind: 'answer', matter: 'r-ABC123', answer: 'deny', reason: 'not today' }],
    ['approve h-ABC123 looks good', { kind: 'answer', matter: 'h-ABC123', answer: 'approve', reason: 'looks good' }],
  ];
  for (const [text, expected] of table) t.same(parseChatCommand(text), expected, text);
});

t.test('mistakes get words and how it is written', async (t) => {
  const table: [string, RegExp][] = [
    ['grant me', /"grant" is not a command/],
    ['request for 1h because x', /say what for/],
    ['request orders because x', /say for how long/],
    ['request orders for 1h', /say why/],
    ['request orders for 1h because', /say why/],
    ['request orders for ever because x', /"ever" is not a time/],
    ['request orders for 1 fortnight because x', /"1 fortnight" is not a time/],
    ['request orders for -1h because x', /not a time/],
    ['request orders for 9999999h because x', /not a time/],
    ['request orders please for 1h because x', /"please" is not understood/],
    ['request orders as', /say as which role/],
    ['approve', /say which/],
    ["approve h-1' OR 1", /say which/],
    ['withdraw everything', /say which request/],
    ['review g-ABC123', /say in words/],
    ['extend orders for 1h because x', /say which access/],
    [`request ${'x'.repeat(5_000)}`, /longer than/],
  ];
  for (const [text, words] of table) {
    const command = parseChatCommand(text);
    t.equal(command.kind, 'mistake', text.slice(0, 60));
    if (command.kind === 'mistake') t.match(command.why, words, text.slice(0, 60));
  }
});

t.test('every line of the help is understood as it stands', async (t) => {
  for (const [usage] of commandHelp) {
    const typed = usage
      .replace('TARGET', 'orders')
      .replace(/\[([^\]]+)\]/g, '$1')
      .replace('ROLE', 'deploy')
      .replace('WORDS', 'fine');
    t.not(parseChatCommand(typed).kind, 'mistake', typed);
  }
});

t.test('no text makes it slow', async (t) => {
  for (const text of [`request a for 1h ${'because '.repeat(490)}`, `request ${' '.repeat(3_900)}x`, `request a ${', '.repeat(1_900)}`]) {
    const before = performance.now();
    parseChatCommand(text);
    t.ok(performance.now() - before < 200, text.slice(0, 30));
  }
});
