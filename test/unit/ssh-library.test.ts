// The private parts of ssh2 that the gateway relies on are still there, in the version that is pinned.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import t from 'tap';
import { algorithms } from '../../protocols/ssh/algorithms.ts';
import { hasNativeCrypto } from '../../protocols/ssh/ssh2-internals.ts';

const require = createRequire(import.meta.url);

t.test('the version is the one that was read', async (t) => {
  t.equal((require('ssh2/package.json') as { version: string }).version, '1.17.0');
});

t.test('channels wait for the window by these names', async (t) => {
  const { Channel } = require('ssh2/lib/Channel.js') as { Channel: { prototype: Record<string, unknown> } };
  for (const name of ['_write', 'eof', 'close', 'exit', 'signal', 'setWindow']) t.type(Channel.prototype[name], 'function', name);
  const source = sourceOf('ssh2/lib/server.js');
  for (const words of ['channel._waitWindow', 'channel._chunkcb()', 'this._sock = socket', "socket.on('data'"])
    t.ok(source.includes(words), words);
});

t.test('what is not sent is bounded by these names', async (t) => {
  for (const module of ['ssh2/lib/server.js', 'ssh2/lib/client.js'])
    for (const words of ["this.emit('handshake', negotiated)", 'channel.incoming.window -= data.length', 'this._protocol'])
      t.ok(sourceOf(module).includes(words), `${module}: ${words}`);
  t.ok(sourceOf('ssh2/lib/client.js').includes('channel.stderr.push(data)'));
  t.ok(sourceOf('ssh2/lib/Channel.js').includes('this.stderr = new ServerStderr(this)'));
  t.ok(sourceOf('ssh2/lib/protocol/kex.js').includes('this._kexinit = this._protocol._kexinit = undefined'));
});

t.test('a refusal of a channel gets its words by these names', async (t) => {
  t.ok(sourceOf('ssh2/lib/server.js').includes("proto.channelOpenFail(info.sender, reason, '')"));
  t.ok(sourceOf('ssh2/lib/protocol/Protocol.js').includes('channelOpenFail(remote, reason, desc)'));
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

t.test('encryption runs in C++ where a compiler was there', async (t) => {
  const { bindingAvailable } = require('ssh2/lib/protocol/crypto.js') as { bindingAvailable: unknown };
  t.type(bindingAvailable, 'boolean', 'the driver asks for it by this name');
  t.equal(hasNativeCrypto(), bindingAvailable);
});

t.test('a certificate takes the place of one request by these names', async (t) => {
  const source = sourceOf('ssh2/lib/protocol/Protocol.js');
  for (const words of [
    'authPK(',
    'this._kex.sessionID',
    'this._packetRW.write.alloc(',
    'this._packetRW.write.allocStart',
    'this._packetRW.write.finalize(',
    'this._authsQueue.push(',
    'sendPacket(this, this._packetRW.write.finalize(',
  ])
    t.ok(source.includes(words), words);
});

t.test('host certificates are negotiated and verified by these names, in this order', async (t) => {
  const { SUPPORTED_SERVER_HOST_KEY: supported } = require('ssh2/lib/protocol/constants.js') as Record<string, unknown>;
  t.ok(Array.isArray(supported) && !Object.isFrozen(supported), 'a list that names can be added to');
  const library = sourceOf('ssh2/lib/protocol/kex.js');
  let at = 0;
  for (const words of [
    'self._kex = createKeyExchange(init, self, payload)',
    ': this._hostKey);', // K_S
    'hashString(hash, serverPublicHostKey)',
    'hashString(hash, (isServer ? pubKey : this.getPublicKey()))', // the turn
    'const exchangeHash = hash.digest()',
    'sigType !== negotiated.serverHostKey',
    'bufferParser.init(this._hostKey, 0)',
    'this._hostKey.slice(',
    'switch (this.negotiated.serverHostKey)',
    'parsedHostKey.verify(exchangeHash, sigValue, hashAlgo)',
    'hostPubKeyType !== this.negotiated.serverHostKey',
    'this._hostKey = hostPubKey',
    'this._protocol._hostVerifier(hostPubKey',
  ]) {
    at = library.indexOf(words, at);
    t.not(at, -1, words);
  }
});

t.test("a channel to the client's agent is opened by these names", async (t) => {
  const { prototype } = require('ssh2/lib/protocol/Protocol.js') as { prototype: Record<string, unknown> };
  t.type(prototype['openssh_authAgent'], 'function');
  t.type(prototype['rekey'], 'function', 'and new keys are asked for by this one');
  const source = sourceOf('ssh2/lib/utils.js');
  for (const words of ['class ChannelManager', '  add(val)']) t.ok(source.includes(words), words);
  t.ok(sourceOf('ssh2/lib/server.js').includes('this._chanMgr = new ChannelManager'));
});

t.test('compressed packets are guarded by these names', async (t) => {
  const { ZlibPacketWriter, ZlibPacketReader } = require('ssh2/lib/protocol/zlib.js') as Record<
    string,
    { prototype: Record<string, unknown> }
  >;
  for (const name of ['cleanup', 'finalize']) t.type(ZlibPacketWriter?.prototype[name], 'function', name);
  t.type(ZlibPacketReader?.prototype['read'], 'function');
});

function sourceOf(module: string): string {
  return readFileSync(require.resolve(module), 'utf8');
}
