// CI jobs and `sallyport exec`: which tokens of an issuer are let in, and what a pipeline sees. First what must not get in.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { exportJWK, exportSPKI, generateKeyPair, importJWK, SignJWT, UnsecuredJWT } from 'jose';
import type { JWK } from 'jose';
import t from 'tap';
import type { Problem, TokenExchanged } from '../../src/api/contract.ts';
import { temporaryDirectory } from '../support/directories.ts';
import { startTestGateway, targetOf } from '../support/gateway.ts';
import { startTokenIssuer } from '../support/oidc-provider.ts';
import { sallyport } from '../support/gateway-process.ts';
import { startPostgres } from '../support/postgres.ts';
import { start } from '../support/processes.ts';
import type { Running } from '../support/processes.ts';
import { eventually } from '../support/eventually.ts';

const policy = `
policy: jobs
rules:
  - { id: connect, actions: [connect], decision: allow }
  - { id: reads, effects: { access: [read, session] }, decision: allow }
  - { id: no-drops, effects: { verbs: [drop] }, decision: deny, message: never }
  - { id: writes, otherwise: true, decision: hold, approvers: { groups: [dba] }, expires: 20s }
  - { id: short, effects: { verbs: [truncate] }, decision: hold, approvers: { groups: [dba] }, expires: 5s }
`;

const good = { sub: 'repo:acme/shop', aud: 'sallyport', repository: 'acme/shop', ref: 'refs/heads/main', environment: 'production' };

t.test('jobs', async (t) => {
  const server = await startPostgres(t);
  await server.sql('CREATE TABLE payments AS SELECT n AS id FROM generate_series(1, 10) AS n');
  const issuer = await startTokenIssuer(t);
  const machine = {
    name: 'deploy-shop',
    issuer: issuer.issuer,
    audience: 'sallyport',
    claims: { repository: ['acme/shop'], ref: ['refs/heads/main', 'refs/heads/release-*'], environment: ['production'] },
    groups: ['ci'],
  };
  const gateway = await startTestGateway(t, {
    targets: [targetOf(server, 'orders', { env: 'production' })],
    policies: { 'jobs.yaml': policy },
    config: { sign_in: { machines: [machine] } },
  });
  const exchange = async (token: string, more: Record<string, string> = {}) => {
    const form = new URLSearchParams({
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token: token,
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      ...more,
    });
    const response = await fetch(`${gateway.http}/api/v1/token-exchange`, { method: 'POST', body: form });
    return { status: response.status, body: (await response.json()) as TokenExchanged & Problem };
  };
  const now = () => Math.floor(Date.now() / 1000);

  await t.test('tokens that are not exactly as configured are refused', async (t) => {
    const hmac = new TextEncoder().encode('a key that the forger made up, long enough');
    const forged = await new SignJWT({ ...good, iss: issuer.issuer, iat: now(), exp: now() + 300 })
      .setProtectedHeader({ alg: 'HS256' })
      .sign(hmac);
    const keys = (await (await fetch(`${issuer.issuer}/keys`)).json()) as { keys: JWK[] };
    const publicPem = await exportSPKI((await importJWK({ ...keys.keys[0], alg: 'RS256' }, 'RS256', { extractable: true })) as CryptoKey);
    const own = await generateKeyPair('RS256');
    const ownToken = (header: object, claims: object = {}) =>
      new SignJWT({ ...good, iss: issuer.issuer, iat: now(), exp: now() + 300, ...claims })
        .setProtectedHeader({ alg: 'RS256', ...header })
        .sign(own.privateKey);
    const ownJwk = await exportJWK(own.publicKey);
    const byPublicKey = await new SignJWT({ ...good, iss: issuer.issuer, iat: now(), exp: now() + 300 })
      .setProtectedHeader({ alg: 'HS256', kid: 'k0' })
      .sign(new TextEncoder().encode(publicPem));
    const rows: [string, string, RegExp][] = [
      ['signed with the public key as if it were shared', byPublicKey, /signed in a way that is not taken/],
      ['a key of its own, in the header', await ownToken({ kid: 'k0', jwk: ownJwk }), /signature is wrong/],
      ['keys elsewhere', await ownToken({ kid: 'k0', jku: `${issuer.issuer}/keys`, x5u: `${issuer.issuer}/keys` }), /signature is wrong/],
      ['a key id that is a path', await ownToken({ kid: '../../../../dev/null' }), /signature is wrong/],
      ['an extension that must be understood', await ownToken({ kid: 'k0', crit: ['x'], x: 1 }).catch(() => 'a.b.c'), /not/],
      ['audiences without ours', await issuer.sign({ ...good, aud: ['other', 'sallyport2'] }), /"aud"/],
      ['an audience that contains ours', await issuer.sign({ ...good, aud: 'sallyport/' }), /"aud"/],
      ['the issuer with a slash', await issuer.sign({ ...good, iss: `${issuer.issuer}/` }), /no machine .* of that issuer/],
      ['not valid yet', await issuer.sign({ ...good, nbf: now() + 300 }), /"nbf" is not/],
      ['for ever', await issuer.sign({ ...good, exp: undefined as never }), /"exp" is not/],
      ['claims as an object', await issuer.sign({ ...good, repository: { 0: 'acme/shop' } }), /"repository" is not as configured/],
      ['no token', 'rubbish', /not a token of a job/],
      ['unsigned', new UnsecuredJWT({ ...good, iss: issuer.issuer, iat: now(), exp: now() + 300 }).encode(), /not good/],
      ['signed with a shared key', forged, /signed in a way that is not taken/],
      ['another issuer', await issuer.sign({ ...good, iss: 'https://evil.example' }), /no machine .* of that issuer/],
      ['another audience', await issuer.sign({ ...good, aud: 'other' }), /"aud"/],
      ['expired', await issuer.sign({ ...good, iat: now() - 600, exp: now() - 300 }), /expired/],
      ['an unknown key', await issuer.sign(good, { kid: 'k99' }), /signature is wrong/],
      ['another repository', await issuer.sign({ ...good, repository: 'evil/shop' }), /"repository" is not as configured/],
      ['a branch below a pattern', await issuer.sign({ ...good, ref: 'refs/heads/release-1/evil' }), /"ref" is not as configured/],
      ['no environment', await issuer.sign({ ...good, environment: undefined }), /"environment" is not as configured/],
    ];
    for (const [name, token, words] of rows) t.match(await exchange(token), { status: 401, body: { detail: words } }, name);
    t.equal((await exchange(await issuer.sign(good), { grant_type: 'password' })).status, 400);
  });

  await t.test('a good one gets a token that ends with the job', async (t) => {
    const { status, body } = await exchange(await issuer.sign({ ...good, ref: 'refs/heads/release-2', exp: now() + 60 }));
    t.match({ status, body }, { status: 200, body: { token_type: 'Bearer', person: 'deploy-shop' } });
    t.ok(body.expires_in <= 60, `${body.expires_in} s`);
  });

  await t.test('keys may rotate', async () => {
    await issuer.rotate();
    await eventually('the new key is found', async () => (await exchange(await issuer.sign(good))).status === 200);
  });

  const home = temporaryDirectory(t, 'exec-home');
  const exec = async (
    args: readonly string[],
    whileItRuns: (child: Running) => Promise<void> = async () => undefined,
    env: Record<string, string> = {},
  ) => {
    const file = join(home, 'id-token');
    mkdirSync(home, { recursive: true });
    writeFileSync(file, await issuer.sign(good));
    const child = start(t, process.execPath, [sallyport, 'exec', '--server', gateway.http, '--id-token-file', file, ...args], {
      env: { HOME: home, XDG_CONFIG_HOME: home, SALLYPORT_TOKEN: undefined, ...env },
    });
    await whileItRuns(child);
    const { code } = await child.end();
    return { code, output: child.output };
  };

  await t.test('exec: exit codes for pipelines', async (t) => {
    const free = await exec(['orders', '--', 'psql', '-At', '-c', 'SELECT count(*) FROM payments']);
    t.match(free, { code: 0, output: /^10$/m });
    const approved = await exec(['orders', '--', 'psql', '-At', '-c', 'DELETE FROM payments WHERE id = 1'], async (child) => {
      const hold = await gateway.api('bob').pendingHold('DELETE FROM payments WHERE id = 1');
      t.equal(hold.principal, 'deploy-shop');
      await child.waitFor(/sallyport: hold h-\S+ waits for approval by dba/);
      await gateway.api('bob').post(`/holds/${hold.id}/approve`);
    });
    t.match(approved, { code: 0, output: /DELETE 1/ });
    t.match(approved.output, /approved by bob/);
    const denied = await exec(['orders', '--', 'psql', '-At', '-c', 'DELETE FROM payments WHERE id = 2'], async () => {
      const hold = await gateway.api('bob').pendingHold('DELETE FROM payments WHERE id = 2');
      await gateway.api('bob').post(`/holds/${hold.id}/deny`, { reason: 'not today' });
    });
    t.match(denied, { code: 77, output: /not today/ });
    t.match(await exec(['orders', '--', 'psql', '-At', '-c', 'DROP TABLE payments']), {
      code: 77,
      output: /a rule of the gateway refused it/,
    });
    t.match(await exec(['orders', '--', 'psql', '-At', '-c', 'TRUNCATE payments']), { code: 75 }, 'nobody answered in time');
    t.match(await exec(['orders', '--', 'sh', '-c', 'exit 9']), { code: 9 }, "the command's own");
    t.match(await exec(['orders', '--', 'no-such-program']), { code: 127, output: /no program/ });
    t.match(await exec(['nowhere', '--', 'true']), { code: 4, output: /no target/ });
    t.match(await exec(['orders']), { code: 2 });
    const away = await exec(['orders', '--server', 'http://127.0.0.1:1', '--', 'true']);
    t.match(away, { code: 69, output: /can't be reached/ });
  });

  await t.test("exec: the command's token ends with it", async (t) => {
    t.equal(gateway.running.identity.tokens('deploy-shop').filter(({ name }) => name.includes('exec')).length, 0);
    const before = gateway.running.identity.tokens('deploy-shop').length;
    await exec(['orders', '--', 'true']);
    t.equal(gateway.running.identity.tokens('deploy-shop').length, before);
  });
});
