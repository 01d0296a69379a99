import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { inspect } from 'node:util';
import t from 'tap';
import type { Test } from 'tap';
import { Fault } from '../../src/core/errors.ts';
import { loadConfig, parseConfig } from '../../src/config/load.ts';
import { jsonSchema } from '../../src/config/schema.ts';
import { schemaFile } from '../../src/config/write-schema.ts';
import { certificate, key, otherKey } from './config-pem.ts';

const secret = 'c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LTE=';

/** A folder with what the configurations below point at. */
function folder(t: Test): string {
  const dir = t.testdir({
    'orders.password': 'hunter2 \n',
    'hook.secret': `whsec_${secret}\n`,
    'not.pem': 'hello',
    'gate.pem': certificate,
    'gate.key': key,
    'other.key': otherKey,
    policies: {},
  });
  return dir;
}

function problems(dir: string, text: string, environment: Record<string, string> = {}): string[] {
  try {
    parseConfig(text, `${dir}/sallyport.yaml`, environment);
  } catch (thrown) {
    if (thrown instanceof Fault && thrown.code === 'config-invalid') return thrown.message.replaceAll(`${dir}/`, '').split('\n');
    throw thrown;
  }
  return [];
}

const whole = `
data_dir: data
public_url: https://gate.example.com/
listen:
  http: { port: 0 }
  postgres: { host: 127.0.0.1, port: 6432 }
people:
  - { name: alice, display_name: Alice, groups: [engineers] }
  - { name: bob, groups: [dba] }
  - { name: backup, kind: machine, disabled: true }
rights: { approve: [dba] }
targets:
  - name: orders
    protocol: postgres
    host: db.internal
    user: gateway
    password_file: orders.password
    database: orders
    labels: { env: production }
  - name: local
    protocol: postgres
    host: 127.0.0.1
    port: 15432
    user: gateway
    password_env: LOCAL_PASSWORD
  - { name: socket, protocol: postgres, host: /run/postgresql, user: gateway }
policies: { dir: policies }
audit: { durability: fsync }
webhooks:
  - { name: chat, url: "https://hooks.example.com/x", secret_file: hook.secret, events: [hold.created] }
limits: { handshake_timeout: 5s, statement_bytes: 1MiB, holds: 7 }
log: { level: warn }
`;

t.test('a whole file becomes a configuration', (t) => {
  const dir = folder(t);
  writeFileSync(`${dir}/sallyport.yaml`, whole);
  const config = loadConfig(`${dir}/sallyport.yaml`, { LOCAL_PASSWORD: 'pässwort' });
  t.equal(config.dataDir, `${dir}/data`);
  t.equal(config.policies.dir, `${dir}/policies`);
  t.equal(config.publicUrl, 'https://gate.example.com');
  t.same(config.listen, {
    http: { host: '127.0.0.1', port: 0, behindProxy: false },
    postgres: { host: '127.0.0.1', port: 6432 },
    mysql: null,
    ssh: null,
  });
  t.same(config.people[1], { name: 'bob', displayName: 'bob', kind: 'person', groups: ['dba'], disabled: false, sshKeys: [] });
  t.same(config.rights, { approve: ['dba'], audit: [], operate: [] });
  const [orders, local, socket] = config.targets;
  t.equal(orders?.password?.reveal(), 'hunter2 ', 'only the line end is cut off');
  t.equal(orders?.port, 5432);
  t.equal(orders?.tls.mode, 'verify-full', 'beyond this machine TLS is verified unless the file says otherwise');
  t.equal(local?.password?.reveal(), 'pässwort');
  t.equal(local?.tls.mode, 'prefer');
  t.equal(socket?.tls.mode, 'disable');
  t.equal(socket?.password, null);
  t.equal(config.webhooks[0]?.secret.reveal(), `whsec_${secret}`);
  t.same([config.limits.handshakeTimeoutMs, config.limits.statementBytes, config.limits.holds], [5_000, 1_048_576, 7]);
  t.equal(config.audit.durability, 'fsync');
  t.equal(config.log.level, 'warn');
  t.notMatch(inspect(config, { depth: null }) + JSON.stringify(config), /hunter2|pässwort|c2VjcmV0/, 'no secret is printed');
  t.match(config.warnings.join(), /orders.password can be read by every user/);
  t.end();
});

t.test('the shortest file has safe defaults', (t) => {
  const config = parseConfig('data_dir: /var/x\npolicies: {dir: policies}\npeople:\ntargets: []\n', `${folder(t)}/sallyport.yaml`, {});
  t.same(config.listen.http, { host: '127.0.0.1', port: 8080, behindProxy: false });
  t.same([config.allowPlaintext, config.tls, config.publicUrl, config.audit.durability], [false, null, null, 'kernel']);
  t.same(config.people, []);
  t.end();
});

t.test('all problems come at once, in the order of the file, with line, column and words', (t) => {
  const text = `data_dirr: data
listen:
  http: { host: 0.0.0.0, port: 99999 }
  postgres: { prot: 6432 }
allow_plaintext: "yes"
people:
  - { name: "a:b", groups: [dba] }
  - { name: bob, kind: persn }
  - { name: BOB }
rights: { approve: [dbas] }
targets:
  - name: orders
    protocl: postgres
    host: db.internal
    user: gateway
    password: hunter2
  - { name: orders2, protocol: mysql, host: 1.2.3.4, user: x, password_file: missing.txt, labels: { debug: true } }
policies: { dir: nowhere }
limits: { handshake_timeout: 15, statement_bytes: 5 bananas, hold: 7 }
`;
  t.strictSame(problems(folder(t), text), [
    'sallyport.yaml:1:1: data_dirr: is not a known key (did you mean "data_dir"?)',
    'sallyport.yaml:1:1: data_dir: is missing',
    'sallyport.yaml:3:32: listen.http.port: ports are 0 to 65535',
    'sallyport.yaml:4:13: listen.postgres.port: is missing',
    'sallyport.yaml:4:15: listen.postgres.prot: is not a known key (did you mean "port"?)',
    'sallyport.yaml:5:18: allow_plaintext: must be true or false',
    'sallyport.yaml:7:13: people[0].name: use 1 to 63 letters, digits and . _ @ + -, beginning with a letter or digit',
    'sallyport.yaml:8:24: people[1].kind: must be one of "person", "machine", "ai-agent" (did you mean "person"?)',
    'sallyport.yaml:12:5: targets[0].protocol: is missing',
    'sallyport.yaml:13:5: targets[0].protocl: is not a known key (did you mean "protocol"?)',
    'sallyport.yaml:16:5: targets[0].password: passwords are not written in this file: put it into a file of its own and name that with password_file, or into an environment variable and name that with password_env',
    'sallyport.yaml:17:108: targets[1].labels.debug: labels are text: put it in quotes',
    "sallyport.yaml:18:18: policies.dir: nowhere can't be used: there is no such file or folder",
    'sallyport.yaml:19:30: limits.handshake_timeout: write a text with a unit, as in "15s"',
    'sallyport.yaml:19:51: limits.statement_bytes: "5 bananas" is not a size: write a number and a unit (B, KiB, MiB, GiB, kB, MB, GB), as in "16MiB"',
    'sallyport.yaml:19:62: limits.hold: is not a known key (did you mean "holds"?)',
  ]);
  t.end();
});

const base = `data_dir: d
policies: { dir: policies }
`;
const ssh = 'host_keys: [ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA], password_file: orders.password, protocol: ssh';
const target = (more: string, listen = 'listen: { postgres: { port: 1 }, mysql: { port: 2 }, ssh: { port: 3 } }') =>
  `${base}${listen}\ntargets:\n  - { name: x, protocol: postgres, host: db.internal, user: u, ${more} }\n`;
const webhook = (more: string) => `${base}webhooks:\n  - { name: w, ${more} }\n`;

t.test('what would be unsafe, or never take effect, is refused in words', (t) => {
  const dir = folder(t);
  const table: [string, string, RegExp][] = [
    [
      'the console in clear on the network',
      `${base}listen: { http: { host: 0.0.0.0, port: 80 } }`,
      /console and the API are not served without TLS/,
    ],
    [
      'a database in clear on the network',
      `${base}listen: { postgres: { host: "::", port: 1 } }`,
      /nobody on another machine could sign in/,
    ],
    ['the same port twice', `${base}listen: { http: { port: 7 }, postgres: { port: 7 } }`, /listen.http has the same host and port/],
    ['a target that nobody can reach', target('port: 1', ''), /nobody can reach this target: listen.postgres is not set/],
    ['a public address in clear', `${base}public_url: http://gate.example.com`, /must begin with https:/],
    ['a public address with a path', `${base}public_url: https://gate.example.com/x`, /only scheme, host and port/],
    ['two sources of a password', target('password_env: A, password_file: orders.password'), /is one too many/],
    ['an unset variable', target('password_env: NOT_SET'), /environment variable NOT_SET is not set/],
    ['a folder as a password file', target('password_file: policies'), /can't read policies: it is a folder/],
    [
      'a certificate of its own beside tls',
      `${base}tls: { certificate: gate.pem, key: gate.key }\nlisten: { mysql: { port: 3306, own_certificate: false } }`,
      /own_certificate: has no effect where tls is set/,
    ],
    ['an authority that is not looked at', target('tls: { mode: require, ca: gate.pem }'), /has no effect with mode require/],
    ['a certificate without its key', target('tls: { certificate: gate.pem }'), /tls.key: is missing/],
    ['a file that is no certificate', target('tls: { ca: not.pem }'), /not.pem holds no certificate in PEM form/],
    ['a key of another certificate', `${base}tls: { certificate: gate.pem, key: other.key }`, /the key does not belong to the certificate/],
    [
      'a misspelt group',
      `${base}people: [{ name: bob, groups: [dba] }]\nrights: { approve: [dbas] }`,
      /nobody is in the group "dbas" \(did you mean "dba"/,
    ],
    ['ssh with TLS', target('port: 3').replace('protocol: postgres', `tls: {mode: require}, ${ssh}`), /leave tls out/],
    [
      'ssh without a pinned host key',
      target('password_file: orders.password').replace('protocol: postgres', 'protocol: ssh'),
      /host_keys: is missing: pin/,
    ],
    [
      'ssh without a credential',
      target('port: 3').replace('protocol: postgres', 'host_keys: [ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA], protocol: ssh'),
      /private_key_file: is missing/,
    ],
    ['a shell mode for a database', target('shell: none'), /is for SSH targets/],
    ['a private key for a person', `${base}people: [{ name: a, ssh_keys: ["-----BEGIN OPENSSH PRIVATE KEY-----"] }]`, /write a public key/],
    ['a relative socket', target('port: 3').replace('db.internal', 'run/pg'), /absolute path/],
    ['a webhook in clear', webhook('url: "http://hooks.example.com/", secret_file: hook.secret'), /must begin with https:/],
    ['a webhook without a secret', webhook('url: "https://hooks.example.com/"'), /every delivery is signed/],
    ['a short secret', webhook('url: "https://hooks.example.com/", secret_file: orders.password'), /24 to 64 random bytes/],
    ['a secret in the address', webhook('url: "https://u:p@hooks.example.com/", secret_file: hook.secret'), /must not carry/],
    ['a webhook for nobody', webhook('url: "https://hooks.example.com/", secret_file: hook.secret, answers_as: bob'), /there is no person/],
    ['a webhook for nothing', webhook('url: "https://hooks.example.com/", secret_file: hook.secret, events: []'), /never fires/],
    ['a file protocol', webhook('url: "file:///etc/passwd", secret_file: hook.secret'), /must be a whole address/],
  ];
  for (const [name, text, expected] of table) {
    const found = problems(dir, text);
    t.equal(found.length, 1, `${name}: one problem`);
    t.match(found[0] ?? '', expected, name);
    t.match(found[0] ?? '', /^sallyport\.yaml:\d+:\d+: /, `${name}: says where`);
  }
  t.equal(problems(dir, webhook('url: "http://127.0.0.1:9/", secret_file: hook.secret')).length, 0, 'plain http to this machine is fine');
  t.equal(
    problems(dir, `${base}allow_plaintext: true\nlisten: { postgres: { host: 0.0.0.0, port: 1 } }`).length,
    0,
    'plain text that was asked for',
  );
  t.end();
});

t.test('with a certificate everything may listen on the network', (t) => {
  const config = parseConfig(
    `${base}tls: { certificate: gate.pem, key: gate.key }\nlisten: { http: { host: 0.0.0.0, port: 443 }, postgres: { host: 0.0.0.0, port: 5432 } }`,
    `${folder(t)}/sallyport.yaml`,
    {},
  );
  t.equal(config.tls?.certificate, certificate);
  t.equal(config.tls?.key.reveal(), key);
  t.end();
});

t.test('broken YAML says where and never quotes a value', (t) => {
  const dir = folder(t);
  t.match(problems(dir, 'data_dir: [a\npeople: {'), [/^sallyport\.yaml:\d+:\d+: /]);
  t.match(problems(dir, 'data_dir: a\ndata_dir: b\n')[0] ?? '', /^sallyport\.yaml:2:1: .*unique/);
  t.match(problems(dir, '')[0] ?? '', /^sallyport\.yaml:1:1: the configuration is a set of keys/);
  t.match(problems(dir, '- a')[0] ?? '', /is a set of keys/);
  const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c,*c,*c,*c]\n`;
  t.match(problems(dir, bomb)[0] ?? '', /alias/);
  t.notMatch(problems(dir, target('password: hunter2')).join('\n'), /hunter2/);
  t.end();
});

t.test('a file that is not there', (t) => {
  mkdirSync(`${t.testdir({})}/x`);
  t.throws(() => loadConfig('/nonexistent/sallyport.yaml'), {
    code: 'config-invalid',
    message: /can't read the configuration: there is no such file/,
  });
  t.end();
});

t.test('the JSON Schema is current', (t) => {
  t.same(JSON.parse(readFileSync(schemaFile, 'utf8')), jsonSchema(), 'run: node src/config/write-schema.ts');
  t.end();
});
