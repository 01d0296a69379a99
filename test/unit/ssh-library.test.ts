// The private parts of ssh2 that the gateway relies on are still there, in the version that is pinned.

import { createRequire } from 'node:module';
import t from 'tap';
import { algorithms } from '../../protocols/ssh/algorithms.ts';

const require = createRequire(import.meta.url);

t.test('the version is the one that was read', async (t) => {
  t.equal((require('ssh2/package.json') as { version: string }).version, '1.17.0');
});

t.test('channels wait for the window by these names', async (t) => {
  const { Channel } = require('ssh2/lib/Channel.js') as { Channel: { prototype: Record<string, unknown> } };
  for (const name of ['_write', 'eof', 'close', 'exit', 'signal', 'setWindow']) t.type(Channel.prototype[name], 'function', name);
  const source = (require('node:fs') as typeof import('node:fs')).readFileSync(require.resolve('ssh2/lib/server.js'), 'utf8');
  for (const words of ['channel._waitWindow', 'channel._chunkcb()', 'this._sock = socket', "socket.on('data'"])
    t.ok(source.includes(words), words);
});

t.test('every algorithm that is offered is one that the library knows, and none is weak', async (t) => {
  const known = require('ssh2/lib/protocol/constants.js') as Record<string, readonly string[]>;
  const lists = { kex: 'SUPPORTED_KEX', cipher: 'SUPPORTED_CIPHER', hmac: 'SUPPORTED_MAC', compress: 'SUPPORTED_COMPRESSION' } as const;
  for (const [name, list] of Object.entries(lists)) {
    for (const algorithm of (algorithms as Record<string, readonly string[]>)[name] ?? []) {
      t.ok(known[list]?.includes(algorithm), algorithm);
      t.notMatch(algorithm, /sha1|md5|cbc|arcfour|group-exchange|group1-/);
    }
  }
});
