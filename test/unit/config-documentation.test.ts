// docs/configuration.md says what the loader does: every example loads, and every key is described.

import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import t from 'tap';
import { defaultLimits } from '../../src/config/limits.ts';
import { parseConfig } from '../../src/config/load.ts';
import { jsonSchema } from '../../src/config/schema.ts';
import { parseDuration, parseSize } from '../../src/config/units.ts';
import { certificate, key } from './config-pem.ts';

const text = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8');
const secret = 'c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LTE=';

t.test('every example loads', (t) => {
  const dir = t.testdir({
    policies: {},
    secrets: {
      'orders.password': 'x',
      'shop.password': 'x',
      'chat.secret': secret,
      'master.key': `${'A'.repeat(43)}=`,
      'vault-secret-id': 'x',
      policies_ed25519: 'x',
    },
    allowed_signers: 'alice@example.com ssh-ed25519 AAAA',
    tls: { 'gateway.pem': certificate, 'gateway.key': key, 'internal-ca.pem': certificate },
  });
  const examples = [...text.matchAll(/```yaml\n(.*?)```/gs)].map(([, example]) => example ?? '');
  t.ok(examples.length >= 7, 'the examples were found');
  for (const example of examples) {
    // A fragment shows some keys; what every file needs is added.
    const keys = parse(example) as object;
    const policies = 'policies' in keys ? '' : 'policies: { dir: policies }\n';
    const whole = 'data_dir' in keys ? example : `data_dir: data\n${policies}${example}`;
    t.doesNotThrow(() => parseConfig(whole, `${dir}/sallyport.yaml`, { ORDERS_PASSWORD: 'x', ONCALL_SECRET: secret }), example);
  }
  t.end();
});

t.test('every key is described', (t) => {
  const keys = new Set<string>();
  const collect = (schema: unknown): void => {
    if (typeof schema !== 'object' || schema === null) return;
    const { properties } = schema as { properties?: Record<string, unknown> };
    for (const name of Object.keys(properties ?? {})) keys.add(name);
    for (const inner of Object.values(schema)) collect(inner);
  };
  collect(jsonSchema());
  t.ok(keys.size > 40);
  for (const name of keys) t.match(text, new RegExp(`\`${name}\`|^## ${name}\\b`, 'm'), name);
  t.end();
});

t.test('the defaults of the limits are the real ones', (t) => {
  const section = /## limits\n(.*?)```yaml/s.exec(text)?.[1] ?? '';
  const rows = [...section.matchAll(/^\| `(\w+)`\s+\| `?(\w+)`?\s+\|/gm)].map(([, name, value]) => [name ?? '', value ?? ''] as const);
  const read = (value: string): number => {
    for (const parsed of [parseDuration(value), parseSize(value)]) if (parsed.ok) return parsed.value;
    return Number(value);
  };
  const camel = (name: string): string => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
  const real = defaultLimits as unknown as Record<string, number>;
  for (const [name, value] of rows) t.equal(read(value), real[camel(name)] ?? real[`${camel(name)}Ms`], name);
  t.equal(rows.length, Object.keys(defaultLimits).length, 'all of them');
  t.end();
});
