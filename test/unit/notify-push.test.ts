// Web Push: the example of RFC 8291, the proof of RFC 8292, and where the gateway may be made to post.

import { createPublicKey, randomBytes, verify } from 'node:crypto';
import t from 'tap';
import { encryptPush, pushKeysProblem, PushSender } from '../../src/notify/push-encryption.ts';
import { Push, pushServicesDefault } from '../../src/notify/push.ts';
import { openDatabase } from '../../src/store/database.ts';
import { PushSubscriptionStore, pushSubscriptionMigrations } from '../../src/store/push-subscriptions.ts';

const random = { bytes: (count: number) => randomBytes(count) };
// RFC 8291, appendix A
const keys = {
  p256dh: 'BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4',
  auth: 'BTBZMqHH6r4Tts7J_aSIgg',
};
const wanted =
  'DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN';

t.test('the example of RFC 8291 comes out byte for byte', async (t) => {
  const senderKey = Buffer.from('yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw', 'base64url');
  const salt = Buffer.from('DGv6ra1nlYgDCS1FRnbzlw', 'base64url');
  const body = encryptPush(Buffer.from('When I grow up, I want to be a watermelon'), keys, random, { senderKey, salt });
  t.equal(body.toString('base64url'), wanted);
  t.not(
    encryptPush(Buffer.from('x'), keys, random).toString('base64url'),
    encryptPush(Buffer.from('x'), keys, random).toString('base64url'),
  );
});

t.test('the proof is signed by the key that browsers subscribed with, for that service only', async (t) => {
  const sender = new PushSender(randomBytes(32), 'mailto:ops@example.com');
  const header = sender.proof('https://push.example.net/push/JzLQ3raZJfFBR0aqvOMsLrt54w4rJUsV', Date.UTC(2026, 0, 1));
  const [, token = '', key = ''] = /^vapid t=([^,]+), k=(.+)$/.exec(header) ?? [];
  t.equal(key, sender.publicKey);
  const [head = '', claims = '', signature = ''] = token.split('.');
  t.same(JSON.parse(Buffer.from(head, 'base64url').toString()), { typ: 'JWT', alg: 'ES256' });
  t.same(JSON.parse(Buffer.from(claims, 'base64url').toString()), {
    aud: 'https://push.example.net',
    exp: Date.UTC(2026, 0, 1) / 1000 + 43_200,
    sub: 'mailto:ops@example.com',
  });
  const point = Buffer.from(key, 'base64url');
  const [x, y] = [point.subarray(1, 33).toString('base64url'), point.subarray(33).toString('base64url')];
  const publicKey = createPublicKey({ key: { kty: 'EC', crv: 'P-256', x, y }, format: 'jwk' });
  const isGood = verify(
    'sha256',
    Buffer.from(`${head}.${claims}`),
    { key: publicKey, dsaEncoding: 'ieee-p1363' },
    Buffer.from(signature, 'base64url'),
  );
  t.ok(isGood);
});

t.test('keys that no browser gives out', async (t) => {
  t.equal(pushKeysProblem(keys), null);
  t.match(pushKeysProblem({ ...keys, auth: 'AAAA' }), /16 bytes/);
  t.match(pushKeysProblem({ ...keys, p256dh: 'AAAA' }), /public key/);
  t.match(pushKeysProblem({ ...keys, p256dh: Buffer.concat([Buffer.of(4), Buffer.alloc(64, 1)]).toString('base64url') }), /point/);
});

t.test('nobody makes the gateway post anywhere else', async (t) => {
  const push = new Push({
    store: new PushSubscriptionStore(openDatabase(':memory:', pushSubscriptionMigrations)),
    sender: new PushSender(randomBytes(32), 'mailto:ops@example.com'),
    services: pushServicesDefault,
    people: () => [],
    links: () => ({ console: 'https://gate.example.com/' }),
    clock: { nowMs: () => Date.now(), monotonicMs: () => performance.now() },
    random,
    timeoutMs: 1_000,
  });
  const table: [string, boolean][] = [
    ['https://fcm.googleapis.com/fcm/send/x', true],
    ['https://updates.push.services.mozilla.com/wpush/v2/x', true],
    ['https://web.push.apple.com/x', true],
    ['http://fcm.googleapis.com/x', false],
    ['https://fcm.googleapis.com.example.com/x', false],
    ['https://fcm.googleapis.com@127.0.0.1/x', false],
    ['https://u:p@fcm.googleapis.com/x', false],
    ['https://evilpush.apple.com/x', false],
    ['https://169.254.169.254/latest/meta-data', false],
    ['http://127.0.0.1:8080/', false],
    ['file:///etc/passwd', false],
    ['x', false],
    [`https://fcm.googleapis.com/${'x'.repeat(1_000)}`, false],
  ];
  for (const [endpoint, isGood] of table) {
    const subscribe = () => push.subscribe('bob', { name: 'phone', endpoint, ...keys });
    if (isGood) t.doesNotThrow(subscribe, endpoint);
    else t.throws(subscribe, { code: 'invalid-request' }, endpoint);
  }
  t.equal(push.subscriptions('bob').length, 3);
  const [first] = push.subscriptions('bob');
  t.notOk(push.unsubscribe('alice', first?.id ?? ''), "somebody else's");
  t.ok(push.unsubscribe('bob', first?.id ?? ''));
  for (let index = 0; index < 8; index += 1) push.subscribe('bob', { name: 'x', endpoint: `https://fcm.googleapis.com/${index}`, ...keys });
  t.throws(() => push.subscribe('bob', { name: 'x', endpoint: 'https://fcm.googleapis.com/more', ...keys }), { code: 'limit-reached' });
});
