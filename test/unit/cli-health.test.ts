// `sallyport health --config`: the gateway of this machine, by where its configuration says that it listens, whatever name is in its
// certificate and whatever else is wrong in the file.

import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { runCommand } from '../support/command-line.ts';
import { temporaryDirectory } from '../support/directories.ts';
import { certificateFiles } from './agent-fixture.ts';

t.test('ready, not ready, something else, nobody', async (t) => {
  const dir = temporaryDirectory(t, 'health');
  const file = join(dir, 'sallyport.yaml');
  const { cert, key } = certificateFiles(t, '192.0.2.1');
  let answer = { status: 200, body: '{"status":"ready"}' };
  const server = createServer({ cert: readFileSync(cert), key: readFileSync(key) }, (request, response) => {
    response.writeHead(request.url === '/readyz' ? answer.status : 404).end(answer.body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const asked = async (host: string, more = '') => {
    writeFileSync(file, `listen: { http: { host: '${host}', port: ${port} } }\ntls: { certificate: a, key: b }\n${more}`);
    const { code, out, err } = await runCommand(['health', '--config', file]);
    return `${code} ${out}${err}`;
  };
  t.equal(await asked('127.0.0.1'), `0 ready: https://127.0.0.1:${port}`);
  t.match(await asked('0.0.0.0', 'polices: { dir: nowhere }\n'), /^0 ready/, 'a mistake elsewhere says nothing about what runs');
  answer = { status: 503, body: '{"detail":"statements are refused: the log\\u001b[2J"}' };
  t.match(await asked('127.0.0.1'), /^1 .*is not ready: statements are refused: the log\\x1b/);
  answer = { status: 200, body: '<html>' };
  t.match(await asked('127.0.0.1'), /^1 .*it answered 200, and not as a gateway does/);
  t.match(await runCommand(['health', '--config', file, '--json']), { code: 1, out: /"ready": false/ });
  server.close();
  await once(server, 'close');
  t.match(await asked('127.0.0.1'), /^1 .*can't be reached: connection refused/);
  writeFileSync(file, 'listen: { http: { port: 0 } }\n');
  t.match(await runCommand(['health', '--config', file]), { code: 2, err: /listen.http.port is 0: name the gateway with --server/ });
});
