// `sallyport login` as a person does it: the command line shows a link and a code, the browser confirms, the token is kept.

import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { temporaryDirectory } from '../support/directories.ts';
import { startTestGateway } from '../support/gateway.ts';
import { sallyport } from '../support/gateway-process.ts';
import { start } from '../support/processes.ts';

t.test('login by the browser', async (t) => {
  const gateway = await startTestGateway(t);
  const { identity } = gateway.running;
  const home = temporaryDirectory(t, 'login-home');
  const env = { HOME: home, XDG_CONFIG_HOME: home, SALLYPORT_TOKEN: undefined, SALLYPORT_SERVER: gateway.http };
  const post = async (path: string, cookie: string, body: object) =>
    (
      await fetch(`${gateway.http}/api/v1${path}`, {
        method: 'POST',
        headers: { cookie, origin: gateway.http, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
    ).status;
  const cookieOf = (proof: { secret: string } | { token: string }) => `sallyport=${identity.signIn(proof, '127.0.0.1')?.cookie ?? ''}`;
  const byLink = () => cookieOf({ secret: identity.createLoginLink('alice', 60_000, 'erin').split('#')[1] ?? '' });
  const begin = async () => {
    const child = start(t, process.execPath, [sallyport, 'login', '--no-browser'], { env });
    child.endInput();
    const [, code = ''] = await child.waitFor(/code (\S+):/);
    const [, secret = ''] = await child.waitFor(/cli-login\/(\S+)/);
    return { child, code, secret };
  };

  const refused = await begin();
  t.equal(await post(`/cli-logins/${refused.secret}/confirm`, cookieOf({ token: gateway.token('alice') }), {}), 403, 'not by a token');
  t.equal(await post(`/cli-logins/${refused.secret}/confirm`, byLink(), { code: 'ZZ-ZZZ' }), 400, 'not with another code');
  t.equal(await post(`/cli-logins/${refused.secret}/refuse`, byLink(), {}), 204);
  t.equal((await refused.child.end()).code, 3);
  const file = join(home, 'sallyport', 'credentials.json');
  t.equal(existsSync(file), false);

  const good = await begin();
  t.equal(await post(`/cli-logins/${good.secret}/confirm`, byLink(), { code: good.code }), 204);
  t.equal((await good.child.end()).code, 0);
  t.match(good.child.output, /signed in to .* as Alice Arnold/);
  t.equal(statSync(file).mode & 0o777, 0o600);
  const targets = start(t, process.execPath, [sallyport, 'targets'], { env });
  t.equal((await targets.end()).code, 0, 'and the other commands have it');
});
