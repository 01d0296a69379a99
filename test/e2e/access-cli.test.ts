// Access for a while from the command line and by webhook: what is printed, exit codes, who may do what, and that receivers
// hear of every step. Survives a restart in between.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { runCommand } from '../support/command-line.ts';
import { temporaryDirectory } from '../support/directories.ts';
import { eventually } from '../support/eventually.ts';
import { startTestGateway } from '../support/gateway.ts';
import { startWebhookReceiver } from '../support/webhook-receiver.ts';

const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const policy = `
policy: production
rules:
  - { id: open, actions: [connect], needs: grant, decision: allow }
access:
  - { id: on-call, principals: { groups: [engineers] }, longest: 2h, approvers: { groups: [dba] } }
  - { id: glass, principals: { groups: [engineers] }, longest: 1h, automatic: true, break_glass: true, reviewers: { groups: [dba] } }
`;

t.test('access from the command line', async (t) => {
  const receiver = await startWebhookReceiver(t, secret);
  const secretFile = join(temporaryDirectory(t, 'webhook'), 'secret');
  writeFileSync(secretFile, secret, { mode: 0o600 });
  const target = { name: 'orders', protocol: 'postgres' as const, host: '127.0.0.1', port: 9, user: 'gateway', password: 'x' };
  const gateway = await startTestGateway(t, {
    targets: [target],
    policies: { 'production.yaml': policy },
    config: { webhooks: [{ name: 'everybody', url: receiver.url, secret_file: secretFile }] },
  });
  const cli = (person: string, ...args: string[]) => runCommand([...args, '--server', gateway.http, '--token', gateway.token(person)]);
  const ask = (...more: string[]) => cli('alice', 'request', 'orders', '--for', '1h', '--reason', 'ticket \u001b[31m7', ...more);
  const heard = (type: string) => receiver.received.filter(({ body }) => (JSON.parse(body) as { type: string }).type === type).length;
  const idIn = (text: string, letter: string) => new RegExp(`${letter}-[0-9A-Z]{6}`).exec(text)?.[0] ?? '';

  t.match(await cli('carol', 'request', 'orders', '--for', '1h', '--reason', 'x'), { code: 3, err: /no policy lets carol ask/ });
  t.match(await cli('alice', 'request', 'orders', '--for', '3h', '--reason', 'x'), { code: 3, err: /at most 2 h/ });
  t.match(await cli('alice', 'request', 'orders', '--for', 'ever', '--reason', 'x'), { code: 2 });
  t.match(await cli('alice', 'request', 'orders', '--for', '1h'), { code: 2 });

  const asked = await ask();
  const id = idIn(asked.out, 'r');
  t.match(asked, { code: 0, out: /asked: r-\w+ for orders, 60 min, not limited\nwaits for 1 of dba/ });
  t.match(await ask(), { code: 5, err: new RegExp(`asked for this already: ${id}`) });
  const listed = await cli('bob', 'requests');
  t.match(listed.out, new RegExp(`${id} .*alice.*orders`));
  t.notMatch(listed.out, /\u001b/, 'nothing steers the terminal');
  t.match(await cli('alice', 'approve', id), { code: 3, err: /asked for this yourself/ });
  t.match(await cli('carol', 'approve', id), { code: 3 });
  await gateway.restart();
  t.match(await cli('bob', 'approve', id, '--reason', 'agreed'), { code: 0, out: new RegExp(`granted: ${id} of alice`) });
  const grants = await cli('alice', 'grants');
  const grant = idIn(grants.out, 'g');
  t.match(grants.out, /60 min left.*alice.*orders/);
  t.match((await cli('alice', 'grants', grant)).out, /alice asked: ticket[\s\S]*bob approved: agreed[\s\S]*bob granted it: g-/);

  const waiting = cli('alice', 'grants', 'extend', grant, '--for', '30m', '--reason', 'not done', '--wait');
  const more = await eventually('the extension waits', async () => idIn((await cli('bob', 'requests')).out, 'r'));
  t.match(await cli('bob', 'deny', more, '--reason', 'no'), { code: 0, out: /denied/ });
  t.match(await waiting, { code: 77, out: /denied: r-\w+.*: no/ });
  t.match(await cli('carol', 'grants', 'revoke', grant), { code: 3 });
  t.match(await cli('erin', 'grants', 'revoke', grant, '--reason', 'done'), { code: 0, out: /ended/ });
  t.match(await cli('alice', 'grants', 'revoke', grant), { code: 5 });

  const broken = await ask('--break-glass');
  t.match(broken, { code: 0, out: /granted: r-/ });
  const glass = idIn(broken.out, 'g');
  await gateway.restart();
  t.match(await cli('bob', 'grants', 'review', glass, '--words', 'too early'), { code: 5, err: /still in force/ });
  t.match(await cli('alice', 'grants', 'revoke', glass), { code: 0 });
  t.match((await cli('bob', 'grants', '--to-review')).out, new RegExp(`${glass} .*to review`));
  t.match(await cli('alice', 'grants', 'review', glass, '--words', 'fine'), { code: 3, err: /somebody else/ });
  t.match(await cli('bob', 'grants', 'review', glass, '--words', 'right'), { code: 0, out: /reviewed/ });
  t.match(await cli('bob', 'grants', '--to-review'), { code: 0, err: /nothing is to be reviewed/ });

  await eventually('every step was told', () => heard('access.ended') >= 2);
  t.same([heard('access.requested'), heard('access.granted'), heard('access.denied'), heard('access.ended')], [3, 2, 1, 2]);
  t.ok(
    receiver.received.every(({ verified }) => 'payload' in verified),
    'signed',
  );
});
