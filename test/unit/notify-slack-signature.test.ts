// Slack's request signatures, against the example in Slack's own documentation.

import t from 'tap';
import { Secret } from '../../src/core/secret.ts';
import { SlackSignatures } from '../../src/notify/slack-signature.ts';

// https://docs.slack.dev/authentication/verifying-requests-from-slack
const secret = '8f742231b10e8888abcd99yyyzzz85a5';
const timestamp = '1531420618';
const body =
  'token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c';
const signature = 'v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503';

const at = (seconds: number) =>
  new SlackSignatures(new Secret(secret), { nowMs: () => (1531420618 + seconds) * 1000, monotonicMs: () => 0 });

t.test('the documented request is good, once, within five minutes', async (t) => {
  const now = at(10);
  t.ok(now.check(timestamp, signature, body));
  t.notOk(now.check(timestamp, signature, body), 'the same again is a replay');
  t.ok(at(299).check(timestamp, signature, body));
  t.notOk(at(301).check(timestamp, signature, body), 'too old');
  t.notOk(at(-301).check(timestamp, signature, body), 'from the future');
});

t.test('everything else is not', async (t) => {
  const table: [string, string | undefined, string | undefined, string][] = [
    ['another body', timestamp, signature, `${body}x`],
    ['another time under the same signature', '1531420619', signature, body],
    ['no signature', timestamp, undefined, body],
    ['no time', undefined, signature, body],
    ['a time that is no number', '1531420618x', signature, body],
    ['a part of the signature', timestamp, signature.slice(0, -1), body],
    ['the version of another scheme', timestamp, signature.replace('v0=', 'v1='), body],
    ['nothing', '', '', ''],
  ];
  for (const [name, time, given, text] of table) t.notOk(at(10).check(time, given, text), name);
});
