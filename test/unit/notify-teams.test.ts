// What Microsoft Teams sends by an outgoing webhook: the message of Microsoft's documentation, signed by the token of the same
// documentation ("Create Outgoing Webhooks", "Verify HMAC token"), and what becomes of words in it.

import t from 'tap';
import type { ChatDesk } from '../../src/core/chat-desk.ts';
import { Secret } from '../../src/core/secret.ts';
import { AddressBook } from '../../src/notify/address-book.ts';
import { TeamsCommands, typedIn } from '../../src/notify/teams-command.ts';
import { TeamsSignatures } from '../../src/notify/teams-signature.ts';
import { teamsActivity, teamsSignature } from '../support/teams-messages.ts';

const token = 'vqF0En+Z0ucuRTM/01o2GuhMH3hKKk/N2bOmlM31zaA=';
// https://learn.microsoft.com/microsoftteams/platform/bots/build-conversational-capability ("Receive a message")
const body =
  '{"type":"message","id":"1485983408511","timestamp":"2017-02-01T21:10:07.437Z","localTimestamp":"2017-02-01T14:10:07.437-07:00","serviceUrl":"https://smba.trafficmanager.net/amer/","channelId":"msteams","from":{"id":"29:1XJKJMvc5GBtc2JwZq0oj8tHZmzrQgFmB39ATiQWA85gQtHieVkKilBZ9XHoq9j7Zaqt7CZ-NJWi7me2kHTL3Bw","name":"Megan Bowen","aadObjectId":"7faf8ab2-3d56-4244-b585-20c8a42ed2b8"},"conversation":{"conversationType":"personal","id":"a:17I0kl9EkpE1O9PH5TWrzrLNwnWWcfrU7QZjKR0WSfOpzbfcAg2IaydGElSo10tVr4C7Fc6GtieTJX663WuJCc1uA83n4CSrHSgGBj5XNYLcVlJAs2ZX8DbYBPck201w-"},"recipient":{"id":"28:c9e8c047-2a74-40a2-b28a-b162d5f5327c","name":"Teams TestBot"},"textFormat":"plain","text":"Hello Teams TestBot"}';
// By: openssl dgst -sha256 -mac HMAC
const signature = 'HMAC poyc9Tf8EfgzONqsF+XTcvAUoyzx5Pvwq6TxEsbd2jc=';
const messageMs = Date.parse('2017-02-01T21:10:07.437Z');

const at = (seconds: number) =>
  new TeamsSignatures(new Secret(`${token}\n`), { nowMs: () => messageMs + seconds * 1_000, monotonicMs: () => 0 });

t.test('what Teams did not sign is refused', async (t) => {
  const table: [string, string | undefined, string][] = [
    ['no signature', undefined, body],
    ['an empty one', 'HMAC ', body],
    ['another body', signature, body.replace('Megan', 'megan')],
    ['the same body with a line end', signature, `${body}\n`],
    ['a part of the signature', signature.slice(0, -2), body],
    ['bytes in front of it', `${signature.slice(0, 5)}AAAA${signature.slice(5)}`, body],
    ['another scheme', signature.replace('HMAC', 'Bearer'), body],
    ['without a scheme', signature.slice(5), body],
    ['by the text of the token instead of its bytes', teamsSignature(Buffer.from(token).toString('base64'), body), body],
    ['by another token', teamsSignature(Buffer.alloc(32).toString('base64'), body), body],
  ];
  for (const [name, authorization, text] of table) t.notOk(at(1).check(authorization, text), name);
  t.ok(at(1).check(signature, body), 'and what it signed is taken');
});

t.test('a message counts once, within five minutes', async (t) => {
  const [conversation, id, time] = ['19:x', '1485983408511', '2017-02-01T21:10:07.437Z'];
  const now = at(1);
  t.ok(now.isNew(conversation, id, time));
  t.notOk(now.isNew(conversation, id, time), 'the same again');
  t.notOk(now.isNew(conversation, id, '2017-02-01T21:10:08.000Z'), 'nor with another time');
  t.ok(now.isNew('19:y', id, time), 'ids are of one conversation');
  t.notOk(at(301).isNew(conversation, id, time), 'too old');
  t.notOk(at(-301).isNew(conversation, id, time), 'from the future');
  t.notOk(now.isNew(conversation, '', time), 'no id');
  t.notOk(now.isNew(conversation, 'x', ''), 'no time');
  t.notOk(now.isNew(conversation, 'x', 'soon'), 'a time that is none');
  t.notOk(now.isNew(conversation, 'x'.repeat(501), time), 'an id without end');
  t.ok(now.isNew(conversation, '1485983408512', ''), 'without a timestamp the id tells the time');
  t.notOk(at(303).isNew(conversation, '1485983408512', ''), 'which may be too old as well');
});

t.test('the words in a message', async (t) => {
  const table: [string, string, string][] = [
    ['after the mention', '<at>Sallyport</at> approve h-1', 'approve h-1'],
    ['with a space that does not break', '<at>Sallyport</at>&nbsp;mine\n', 'mine'],
    ['with attributes', '<at id="0">Sallyport</at> mine', 'mine'],
    ['before the mention', 'approve h-1 <at>Sallyport</at>', 'approve h-1'],
    ['in a paragraph', '<p><at>Sallyport</at>&nbsp;waiting</p>\r\n', 'waiting'],
    ['somebody else is named', '<at>S</at> deny h-1 as <at>Bob</at> said', 'deny h-1 as  Bob  said'],
    ['escaped characters', '<at>S</at> deny h-1 a &lt; b &amp;amp; &quot;c&quot;', 'deny h-1 a < b &amp; "c"'],
    ['less than is not markup', '<at>S</at> deny h-1 a <b and c> d', 'deny h-1 a <b and c> d'],
    ['nothing', '', ''],
  ];
  for (const [name, text, words] of table) t.equal(typedIn(text), words, name);
  const before = performance.now();
  for (const text of ['<at>'.repeat(2_000), '<at'.repeat(2_600), '<p'.repeat(4_000)]) typedIn(text);
  t.ok(performance.now() - before < 200, 'whatever is written');
});

t.test('what is answered', async (t) => {
  const bob = '7FAF8AB2-3d56-4244-b585-20c8a42ed2b8';
  const never = new Promise<never>(() => {});
  const desk = {
    own: () => ['[a](https://evil.example.com) <b>x</b>', '**bold**\u202e'],
    withdraw: () => never,
  } as unknown as ChatDesk;
  const contact = { name: 'bob', email: null, slack: null, github: null, gitlab: null, teams: bob.toLowerCase() };
  const clock = { nowMs: () => Date.now(), monotonicMs: () => 0 };
  const commands = new TeamsCommands({
    signatures: new TeamsSignatures(new Secret(token), clock),
    book: new AddressBook([contact], () => ['bob']),
    matterOf: () => null,
    publicUrl: () => 'https://gateway.example.com',
    timeoutMs: 20,
  });
  const answer = async (id: string | null, text: string, more = {}) => {
    const activity = teamsActivity(id, text, more);
    const said = await commands.handle({ authorization: teamsSignature(token, activity), body: activity }, desk);
    t.equal(said.status, 200, text.slice(0, 40));
    return JSON.stringify(said.body);
  };
  const shown = await answer(bob, '<at>Sallyport</at> mine');
  t.match(shown, /"RichTextBlock","inlines":\[{"type":"TextRun","text":"\[a\]/, 'literal runs are not read as Markdown');
  t.notMatch(shown, /"TextBlock"|OpenUrl|"text":"[^"]*"[^}]*"textFormat"/);
  t.notMatch(shown, /\u202e/);
  t.match(shown, /\\\\u202e/);
  t.match(await answer(bob, 'withdraw r-1'), /longer than Teams waits/, 'Teams is not kept waiting');
  t.match(await answer(null, 'mine'), /Teams did not say who you are/);
  t.match(await answer('x"],[evil', 'mine'), /Teams did not say who you are/);
  t.match(await answer('00000000-0000-0000-0000-000000000001', 'mine'), /teams: 00000000-0000-0000-0000-000000000001 to you/);
  t.match(await answer(bob, '<at>Sallyport</at>'), /@Sallyport approve h-7K3M9Q/, 'help');
  t.match(await answer(bob, 'request'), /@Sallyport request TARGET/);
  t.match(await answer(bob, `deny h-1 ${'x'.repeat(8_000)}`), /longer than 8000/);
  t.match(await answer(bob, 'mine', { type: 'messageUpdate' }), /only new messages/, 'an edited message is not what people read');
  const broken = '{"type":"message"';
  t.match(await commands.handle({ authorization: teamsSignature(token, broken), body: broken }, desk), { status: 401 }, 'no JSON');
});
