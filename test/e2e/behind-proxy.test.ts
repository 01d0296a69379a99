// The gateway behind a reverse proxy on its machine: limits and the audit log go by whom the proxy met, and by nobody else's word.

import t from 'tap';
import type { AuditEventView, Page } from '../../src/api/contract.ts';
import { clientAddressOf } from '../../src/api/client-address.ts';
import { startTestGateway } from '../support/gateway.ts';

const password = 'several words together';

t.test('the last address that a proxy of this machine appended counts', async (t) => {
  const rows: readonly (readonly [string, string, string | undefined, boolean, string])[] = [
    ['without a proxy nobody is believed', '127.0.0.1', '203.0.113.9', false, '127.0.0.1'],
    ['the proxy is', '127.0.0.1', '203.0.113.9', true, '203.0.113.9'],
    ['by IPv6 too', '::1', '2001:db8::9', true, '2001:db8::9'],
    ['and by IPv4 in IPv6', '::ffff:127.0.0.1', '203.0.113.9', true, '203.0.113.9'],
    ['what a client wrote stands before it', '127.0.0.1', '10.0.0.1, 198.51.100.1,203.0.113.9', true, '203.0.113.9'],
    ['a port is left out', '127.0.0.1', '203.0.113.9:4711', true, '203.0.113.9'],
    ['of IPv6 too', '127.0.0.1', '[2001:db8::9]:4711', true, '2001:db8::9'],
    ['words are no address', '127.0.0.1', '203.0.113.9, unknown', true, '127.0.0.1'],
    ['nothing is none', '127.0.0.1', '', true, '127.0.0.1'],
    ['no header is none', '127.0.0.1', undefined, true, '127.0.0.1'],
    ['a proxy elsewhere is not believed', '192.0.2.1', '203.0.113.9', true, '192.0.2.1'],
  ];
  for (const [name, ip, header, behindProxy, expected] of rows) {
    const headers = header === undefined ? {} : { 'x-forwarded-for': header };
    t.equal(clientAddressOf({ ip, headers }, behindProxy), expected, name);
  }
});

t.test('a stranger’s failures make nobody else wait', { timeout: 60_000 }, async (t) => {
  const gateway = await startTestGateway(t, {
    config: {
      sign_in: { passwords: true },
      listen: { http: { host: '127.0.0.1', port: 0, behind_proxy: true }, postgres: { host: '127.0.0.1', port: 0 } },
    },
  });
  const post = async (path: string, from: string, body: object) =>
    (
      await fetch(`${gateway.http}/api/v1${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-forwarded-for': from },
        body: JSON.stringify(body),
      })
    ).status;
  t.equal((await gateway.api('erin').post('/people/bob/password', { password })).status, 204);
  const statuses: number[] = [];
  for (let tries = 0; tries < 7; tries += 1) {
    statuses.push(await post('/login/password', `10.0.0.${tries}, 203.0.113.9`, { name: 'bob', password: 'wrong wrong wrong' }));
  }
  t.equal(statuses.at(-1), 429, 'whatever the stranger writes before it');
  t.equal(await post('/login/password', '203.0.113.10', { name: 'bob', password }), 200);
  for (let begun = 0; begun < 20; begun += 1) t.equal(await post('/cli-logins', '203.0.113.9', { machine: 'theirs' }), 200);
  t.equal(await post('/cli-logins', '203.0.113.9', { machine: 'theirs' }), 429);
  t.equal(await post('/cli-logins', '203.0.113.10', { machine: 'mine' }), 200);
  const { body } = await gateway.api('carol').get<Page<AuditEventView>>('/audit?type=sign-in.succeeded&principal=bob');
  t.match(body.items, [{ detail: { client_address: '203.0.113.10' } }]);
});
