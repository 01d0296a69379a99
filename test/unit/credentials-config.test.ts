// What sallyport.yaml may say about credentials of targets, and the words for what it may not.

import { inspect } from 'node:util';
import t from 'tap';
import type { Test } from 'tap';
import { parseConfig } from '../../src/config/load.ts';
import { messageOf } from '../../src/core/errors.ts';

const masterKey = `${'k'.repeat(43)}=`;

function parse(t: Test, target: string, credentials: string, protocol = 'postgres') {
  const dir = t.testdir({ policies: {}, key: masterKey, bad: 'hunter2', id: 'secret-id' });
  const text = `
data_dir: data
policies: { dir: policies }
listen: { postgres: { port: 6432 }, ssh: { port: 2222 } }
targets:
  - { name: orders, protocol: ${protocol}, host: 127.0.0.1, user: u, ${target} }
credentials: { ${credentials} }
`;
  return parseConfig(text, `${dir}/sallyport.yaml`, { TOKEN: 'hvs.planted', AWS_ACCESS_KEY_ID: 'A', AWS_SECRET_ACCESS_KEY: 'planted-aws' });
}

const vault = "vault: { address: 'https://vault:8200', token_env: TOKEN }";

t.test('what is right', (t) => {
  const config = parse(t, 'credential: { vault_kv: a/b, user_field: login }', `${vault}, master_key: { file: key }, cache: 5s`);
  t.match(config.targets[0]?.credential, {
    kind: 'vault-kv',
    mount: 'secret',
    path: 'a/b',
    fields: { user: 'login', password: 'password' },
  });
  t.match(config.credentials, { cacheMs: 5_000, vault: { auth: { kind: 'token' } } });
  t.notMatch(inspect(config, { depth: 9 }), /planted|kkkkkkkk/, 'secrets are no text');
  const key = parse(
    t,
    'credential: { aws_secret: x, private_key_field: key }, host_keys: [ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI]',
    'aws: { region: eu-central-1 }',
    'ssh',
  );
  t.match(key.targets[0]?.credential, { kind: 'aws-secret', fields: { password: null, privateKey: 'key' } });
  t.match(parse(t, 'password_file: key', '').targets[0]?.credential, { kind: 'local', password: { file: /key$/ } });
  t.equal(parse(t, 'database: x', '').targets[0]?.credential, null);
  t.end();
});

t.test('what is wrong is said', (t) => {
  const table: [string, string, RegExp, string?][] = [
    ['credential: stored', '', /needs credentials.master_key, which is not set/],
    ['credential: { vault_kv: x }', '', /needs credentials.vault/],
    ['credential: { vault_database: x }', '', /needs credentials.vault/],
    ['credential: { aws_secret: x }', '', /needs credentials.aws/],
    ['credential: stored, password_file: key', 'master_key: { file: key }', /password_file: is one too many/],
    ['credential: somewhere', '', /must be stored, \{ vault_kv: PATH \}/],
    ['credential: { vault_kv: x, private_key_field: k }', vault, /is for SSH targets/],
    ['credential: { vault_database: x }, host_keys: [ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI]', vault, /makes accounts of databases/, 'ssh'],
    ['database: x', 'master_key: { file: bad }', /is not a master key: 32 bytes as base64/],
    ['database: x', 'former_master_keys: [{ file: key }]', /there is no master_key/],
    ['database: x', 'master_key: { aws_kms: x }', /needs credentials.aws/],
    ['database: x', "vault: { address: 'http://vault:8200', token_env: TOKEN }", /must begin with https:\/\//],
    ['database: x', "vault: { address: 'https://vault:8200' }", /says not how to sign in/],
    ['database: x', "vault: { address: 'https://vault:8200', token_env: TOKEN, role_id: x }", /in more than one way/],
    ['database: x', "vault: { address: 'https://vault:8200', role_id: x }", /needs one of secret_id_file and secret_id_env/],
    ['database: x', "vault: { address: 'https://vault:8200', token_env: NONE }", /NONE is not set/],
    ['database: x', 'aws: { region: eu, access_key_id_env: NONE }', /region/],
  ];
  for (const [target, credentials, words, protocol] of table) {
    let said = '';
    try {
      parse(t, target, credentials, protocol);
    } catch (thrown) {
      said = messageOf(thrown);
    }
    t.match(said, words, `${target} / ${credentials}`);
    t.notMatch(said, /hunter2|planted/);
  }
  t.end();
});
