// The commands against a server of ours that answers with the contract's shapes and hostile content. What a real gateway
// answers is shown by the end-to-end tests.

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { statSync } from 'node:fs';
import t from 'tap';
import type { Test } from 'tap';
import { Client } from '../../src/cli/client.ts';
import { holds } from '../../src/cli/holds.ts';
import { checkServer, credentialsFile, findCredentials, saveCredentials } from '../../src/cli/credentials.ts';
import { CommandFailure } from '../../src/cli/exit-code.ts';
import type { Terminal } from '../../src/cli/terminal.ts';
import { main } from '../../src/main.ts';

const evil = 'DROP\u001b[2J TABLE\u202e x';
const hold = {
  id: 'h-7K3M9Q',
  state: 'pending',
  principal: 'alice',
  principal_name: `Alice ${evil}`,
  target: 'orders',
  client_address: '10.0.0.1',
  text: `${evil};\nSELECT 1`,
  parameters: [{ type: 'text', text: evil }],
  risks: [{ start: 0, end: 4, why: evil }],
  transaction: 'open',
  rule: 'p/r',
  rule_title: evil,
  approver_groups: [evil],
  approvals_needed: 2,
  approvals: [{ by: 'bob', reason: null, at: '2026-11-21T10:00:00Z' }],
  expires_at: '2099-01-01T00:00:00Z',
  settled_by: null,
  settled_reason: null,
  can_answer: false,
  cannot_answer_because: evil,
};
const session = {
  id: 's-1',
  state: 'closed',
  principal: evil,
  target: 'orders',
  protocol: 'postgres',
  client_address: evil,
  tls: true,
  method: 'token',
  database: evil,
  started_at: '2026-11-21T10:00:00Z',
  ended_at: '2026-11-21T10:05:00Z',
  end_reason: evil,
  statements: 3,
  held: 1,
  denied: 1,
};
const entry = {
  kind: 'statement',
  action_id: 'a1',
  asked_ms: 10,
  released_ms: 60,
  finished_ms: 70,
  text: `${evil}\n2`,
  parameters: [{ type: null, text: evil }],
  statement_kinds: ['drop table'],
  effects: [],
  decision: 'hold',
  rule: evil,
  hold_id: 'h-1',
  approved_by: [evil],
  outcome: 'failed',
  rows: null,
  error: { code: '42P01', message: evil },
  results: [[evil, null]],
};
const event = {
  seq: 7,
  at: '2026-11-21T10:00:00Z',
  type: 'hold.denied',
  principal: evil,
  target: 'orders',
  session_id: null,
  action_id: null,
  hold_id: 'h-1',
  detail: { reason: evil, n: 1, none: null },
  hash: 'ff',
};
const page = (item: object) => ({ items: [item], next: null });

const answers: Readonly<Record<string, [number, object]>> = {
  'GET /holds': [200, page(hold)],
  'GET /sessions': [200, page(session)],
  'GET /sessions/s-1': [200, session],
  'POST /sessions/s-1/kill': [200, session],
  'GET /sessions/s-1/recording': [200, { session, entries: [entry, { ...entry, asked_ms: 100 }], complete: false }],
  'GET /audit': [200, page(event)],
  'GET /targets': [200, page({ name: 'orders', protocol: 'postgres', labels: { env: evil }, host: 'h', port: 1, connect: 'psql -h gate' })],
  'GET /me': [200, { name: 'bob', display_name: evil, kind: 'person', groups: [], rights: [] }],
  'POST /tokens': [201, { token: 'sp_abc', id: 't1', person: 'bob', expires_at: '2026-11-21T18:00:00Z' }],
  'POST /holds/h-7K3M9Q/approve': [200, { ...hold, state: 'approved' }],
  'POST /holds/h-counted/approve': [200, hold],
  'POST /holds/h-late/deny': [409, { title: 'Conflict', status: 409, detail: `the hold has expired ${evil}` }],
  'POST /holds/h-mine/approve': [403, { title: 'Forbidden', status: 403, detail: 'you asked for it yourself' }],
  'POST /holds/..%2Fx/approve': [404, { title: 'Not Found', status: 404, detail: 'there is no such hold' }],
};

interface Asked {
  readonly line: string;
  readonly authorization: string | undefined;
  readonly body: string;
}

async function gateway(t: Test): Promise<{ url: string; asked: Asked[] }> {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      const [path, query = ''] = (request.url ?? '').replace('/api/v1', '').split('?');
      const key = `${request.method} ${path}`;
      asked.push({ line: query === '' ? key : `${key}?${query}`, authorization: request.headers.authorization, body });
      const [status, answer] =
        request.headers.authorization === 'Bearer good' ? (answers[key] ?? [404, {}]) : [401, { title: 'Unauthorized' }];
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

async function run(args: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  const out: string[] = [];
  const err: string[] = [];
  const terminal: Terminal = {
    out: (line) => out.push(line),
    err: (line) => err.push(line),
    columns: 100,
    interactive: true,
    paint: (_colour, text) => text,
  };
  const code = await main(args, terminal);
  return { code, out: out.join('\n'), err: err.join('\n') };
}

t.test('every listing prints hostile content safely, as a table and as JSON', async (t) => {
  const { url, asked } = await gateway(t);
  const signedIn = ['--server', url, '--token', 'good'];
  const table: [string[], RegExp][] = [
    [['holds'], /h-7K3M9Q/],
    [['sessions'], /s-1/],
    [['sessions', 's-1'], /ended .*\\x1b/],
    [['replay', 's-1'], /held as h-1 for 50 ms/],
    [['replay', 's-1', '--speed', '1000'], /42P01: DROP\\x1b\[2J TABLE\\u202e x/],
    [['audit', '--type', 'hold.denied'], /reason=DROP\\x1b/],
    [['targets'], /psql -h gate/],
  ];
  for (const [args, expected] of table) {
    for (const json of args.includes('--speed') ? [[]] : [[], ['--json']]) {
      const { code, out, err } = await run([...args, ...json, ...signedIn]);
      t.equal(code, 0, [...args, ...json].join(' '));
      t.notMatch(out + err, /[\u001b\u202e]/, 'nothing a terminal obeys');
      if (json.length === 0) t.match(out, expected);
      else t.match(JSON.stringify(JSON.parse(out)), /\\u001b\[2J TABLE\u202e x/, 'JSON keeps the exact text');
    }
  }
  t.ok(asked.some(({ line }) => line === 'GET /audit?type=hold.denied&limit=50'));
  t.ok(asked.every(({ authorization }) => authorization === 'Bearer good'));
});

t.test('answers carry the reason, and every outcome has its exit code', async (t) => {
  const { url, asked } = await gateway(t);
  const at = ['--server', url];
  const free = createServer().listen(0, '127.0.0.1');
  await once(free, 'listening');
  const nobody = `http://127.0.0.1:${(free.address() as AddressInfo).port}`;
  free.close();
  await once(free, 'close');
  const good = [...at, '--token', 'good'];
  const table: [string[], number, RegExp][] = [
    [['approve', 'h-7K3M9Q', '--reason', 'looks fine', ...good], 0, /^approved: h-7K3M9Q of alice on orders/],
    [['approve', 'h-counted', ...good], 0, /1 of 2 approvals/],
    [['deny', 'h-late', '--reason', 'no', ...good], 5, /the hold has expired DROP\\x1b/],
    [['approve', 'r-7K3M9Q', '--shape-for', '30m', ...good], 2, /r-7K3M9Q is a request for access: it has no shape/],
    [['approve', 'h-mine', ...good], 3, /you asked for it yourself/],
    [['approve', '../x', ...good], 4, /there is no such hold/],
    [['approve', 'h-7K3M9Q', ...at, '--token', 'stale'], 3, /sallyport login/],
    [['deny', 'h-7K3M9Q', ...good], 2, /--reason/],
    [['approve', 'h-7K3M9Q', '--server', nobody, '--token', 'x'], 1, /can't be reached: connection refused/],
    [['approve', 'h-7K3M9Q', '--server', 'http://gate.example.com', '--token', 'x'], 2, /not sent in clear to gate\.example\.com/],
    [['sessions', '--kill', ...good], 2, /say which session/],
    [['sessions', 's-1', '--kill', ...good], 0, /told to end/],
    [['token', '--ttl', 'soon', ...good], 2, /is not a time\n/],
    [['token', '--ttl', '30m1h', ...good], 2, /as in 30m, 8h or 1h30m/],
    [['token', '--ttl', '0s', ...good], 2, /is not a time\n/],
    [['nonsense'], 2, /unknown command/],
    [['nonsense', '--help'], 2, /unknown command 'nonsense'/],
    [['help', 'nonsense'], 2, /unknown command 'nonsense'/],
    [['policy', 'nonsense', '-h'], 2, /unknown command 'nonsense'/],
    [['agents', '--server', url, 'token', '--help'], 0, /agents token \[options\] <name>/],
    [['help', 'holds'], 0, /Usage: sallyport holds/],
    [['health', '--config', '/nonexistent.yaml'], 2, /can't be read/],
    [['health', '--server', nobody], 1, /can't be reached: connection refused/],
    [['health', '--server', url], 1, /is not ready: it answered \d+, and not as a gateway does/],
    [['gateway', '--config', '/nonexistent.yaml'], 2, /no such file/],
    [['--version'], 0, /^\d+\.\d+\.\d+$/],
  ];
  for (const [args, expected, words] of table) {
    const { code, out, err } = await run(args);
    const name = args.slice(0, 4).join(' ');
    t.equal(code, expected, name);
    t.match(out + err, words, name);
    t.notMatch(out + err, /\u001b|\n {4}at /, `${name}: no stack, no escape`);
  }
  t.same(JSON.parse(asked[0]?.body ?? ''), { reason: 'looks fine' });
});

t.test('a token is alone on stdout', async (t) => {
  const { url, asked } = await gateway(t);
  const { code, out, err } = await run(['token', '--ttl', '1h30m', '--server', url, '--token', 'good']);
  t.same([code, out], [0, 'sp_abc']);
  t.match(err, /for bob, until/);
  t.same(JSON.parse(asked[0]?.body ?? ''), { name: 'sallyport token', ttl_ms: 5_400_000 });
});

t.test('credentials are saved for their owner alone and go to their own server only', (t) => {
  const environment = { HOME: t.testdir({}) };
  saveCredentials({ server: 'https://gate.example.com', token: 'saved' }, environment);
  t.equal(statSync(credentialsFile(environment)).mode & 0o777, 0o600);
  t.same(findCredentials({}, environment), { server: 'https://gate.example.com', token: 'saved' });
  t.equal(
    findCredentials({}, { ...environment, SALLYPORT_SERVER: '' }).server,
    'https://gate.example.com',
    'an empty variable says nothing',
  );
  const codeOf = (body: () => unknown): unknown => {
    try {
      return body();
    } catch (thrown) {
      return thrown instanceof CommandFailure ? thrown.exitCode : thrown;
    }
  };
  t.equal(
    codeOf(() => findCredentials({ server: 'https://other.example.com' }, environment)),
    3,
    'not to another server',
  );
  t.equal(findCredentials({ server: 'https://GATE.example.com/' }, environment).token, 'saved');
  t.equal(findCredentials({}, { ...environment, SALLYPORT_TOKEN: 'e' }).token, 'e');
  t.equal(findCredentials({ token: 'o' }, { ...environment, SALLYPORT_TOKEN: 'e' }).token, 'o');
  t.equal(
    codeOf(() => checkServer('ftp://x')),
    2,
  );
  t.equal(
    codeOf(() => checkServer('http://127.0.0.1.example.com')),
    2,
  );
  t.equal(checkServer('http://[::1]:8080/'), 'http://[::1]:8080');
  t.end();
});

t.test('watching prints each hold when it appears and when it ends', async (t) => {
  const settled = { ...hold, state: 'denied', settled_by: 'bob', settled_reason: evil };
  let looks = 0;
  const server = createServer((request, response) => {
    const one = (request.url ?? '').endsWith('/holds/h-7K3M9Q');
    if (!one) looks++;
    response.end(JSON.stringify(one ? settled : { items: looks === 1 ? [hold] : [], next: null }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const lines: string[] = [];
  const stop = new AbortController();
  const terminal: Terminal = {
    out: (line) => {
      lines.push(line);
      if (line.includes('denied')) stop.abort();
    },
    err: () => {},
    columns: 100,
    interactive: true,
    paint: (_colour, text) => text,
  };
  const client = new Client({ server: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, token: 'x' });
  await holds({ terminal, client, nowMs: () => 0, signal: stop.signal }, { state: 'pending', watch: true, limit: 50 });
  t.match(lines[0], /^h-7K3M9Q pending, .* 1 of 2 {2}Alice DROP\\x1b/);
  t.ok(lines.some((line) => line.includes('locks are held')));
  t.ok(lines.includes('  | SELECT 1'));
  t.match(lines.at(-1), /^h-7K3M9Q denied by bob: DROP\\x1b\[2J TABLE\\u202e x$/);
  t.notMatch(lines.join(''), /[\u001b\u202e]/);
});
