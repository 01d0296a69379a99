// What the commands say beside the bare answer: a hold in full after its end, a list that was cut, a certificate that is not trusted.

import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import type { Test } from 'tap';
import type { HoldView } from '../../src/api/contract.ts';
import { main } from '../../src/main.ts';
import { certificateFiles } from './agent-fixture.ts';

const hold: Partial<HoldView> = {
  id: 'h-7K3M9Q',
  state: 'approved',
  session_id: 's-12',
  principal: 'alice',
  principal_name: 'Alice Arroyo',
  target: 'orders',
  client_address: '10.0.0.1',
  reason: 'OPS-12',
  access: [{ grant: 'g-7K3M9Q', reason: 'wrong \u001b[31mtotals', break_glass: true }],
  text: 'DELETE FROM payments',
  parameters: [{ type: 'int4', text: '7' }],
  risks: [],
  transaction: 'none',
  rule: 'p/r',
  rule_title: 'Deletes wait',
  approver_groups: ['dba'],
  approvals_needed: 2,
  approvals: [
    { by: 'bob', reason: 'ticket 12', at: '2026-11-21T10:00:00Z', via: 'cli' },
    { by: 'dana', reason: null, at: '2026-11-21T10:01:00Z', on_behalf_of: 'sven' },
  ],
  reason_required: true,
  second_factor: 'totp',
  created_at: '2026-11-21T09:59:00Z',
  expires_at: '2099-01-01T00:00:00Z',
  settled_at: '2026-11-21T10:01:00Z',
  settled_by: null,
  settled_reason: null,
  outcome: { kind: 'completed', rows: 1, duration_ms: 9.4, at: '2026-11-21T10:01:00Z' },
  can_answer: true,
  cannot_answer_because: null,
};

async function gateway(t: Test, answers: Readonly<Record<string, object>>): Promise<string> {
  const server = createServer((request, response) => {
    const answer = answers[(request.url ?? '').replace('/api/v1', '').split('?')[0] ?? ''];
    response.writeHead(answer === undefined ? 404 : 200).end(JSON.stringify(answer ?? {}));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function run(args: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  const out: string[] = [];
  const err: string[] = [];
  const code = await main(args, {
    out: (line) => out.push(line),
    err: (line) => err.push(line),
    columns: 100,
    interactive: true,
    paint: (_colour, text) => text,
  });
  return { code, out: out.join('\n'), err: err.join('\n') };
}

t.test('a hold that has ended still says who asked for what, who answered, and where the session is', async (t) => {
  const url = await gateway(t, { '/holds/h-7K3M9Q': hold });
  const { out } = await run(['holds', 'h-7K3M9Q', '--server', url, '--token', 'x']);
  t.match(out, /Alice Arroyo \(alice\) from 10\.0\.0\.1 on orders\n/);
  t.match(out, /\n {2}reason: OPS-12\n {2}BREAK-GLASS access g-7K3M9Q, asked for: wrong \\x1b\[31mtotals\n/);
  t.match(out, /Deletes wait \(p\/r\); approvers: dba\n {2}\| DELETE FROM payments\n {2}\$1 = 7\n/);
  t.match(out, /approved by bob, .* \(via cli\): ticket 12\n {2}approved by dana for sven, .*\n {2}ran: completed, 1 row, 9 ms\n/);
  t.match(out, /asked .*, ended .*: sallyport replay s-12$/);
  t.notMatch(out, /needs/, 'it needs nothing more');
});

t.test('a hold that waits says what an approval must bring', async (t) => {
  const url = await gateway(t, { '/holds/h-7K3M9Q': { ...hold, state: 'pending', settled_at: null } });
  const { out } = await run(['holds', 'h-7K3M9Q', '--server', url, '--token', 'x']);
  t.equal(out.match(/\| DELETE/g)?.length, 1, 'the text stands there once');
  t.match(out, /an approval needs a reason \(--reason\)\n {2}an approval needs a second factor \(--code/);
});

t.test('a list that is cut says so: nobody takes it for all', async (t) => {
  const url = await gateway(t, { '/holds': { items: [hold, hold], next: 'more' } });
  const cut = await run(['holds', '--limit', '2', '--server', url, '--token', 'x']);
  t.match(cut, { code: 0, err: 'there are more: ask for them with --limit' });
  const whole = await run([
    'holds',
    '--limit',
    '2',
    '--server',
    await gateway(t, { '/holds': { items: [hold], next: null } }),
    '--token',
    'x',
  ]);
  t.match(whole, { code: 0, err: /^$/ });
});

t.test('a certificate that is not trusted here: the words say what to set', async (t) => {
  const { cert, key } = certificateFiles(t);
  const server = createTlsServer({ cert: readFileSync(cert), key: readFileSync(key) }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  for (const args of [
    ['holds', '--server', url, '--token', 'x'],
    ['login', '--server', url, '--no-browser'],
  ])
    t.match(await run(args), { code: 1, err: /certificate is not accepted: .*\n.*NODE_EXTRA_CA_CERTS=/ }, String(args[0]));
});
