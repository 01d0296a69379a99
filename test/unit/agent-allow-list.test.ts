// What an agent dials and what it refuses, on the address that is dialled.

import t from 'tap';
import { judgeAddress, judgeRequest, parseAllowList, plainAddress } from '../../agent/allow-list.ts';

const list = parseAllowList([
  'db.internal:5432',
  '*.shop.internal:3306-3310',
  '10.1.0.0/16:5432',
  '[fd00:1::/32]:22',
  '192.0.2.7:*',
  'localhost:6000',
]);

/** Name of the case, host asked for, address that it stands for, port, allowed? */
const cases: readonly (readonly [string, string, string, number, boolean])[] = [
  ['a name on the list', 'db.internal', '10.9.9.9', 5432, true],
  ['the same in capitals, with a dot at its end', 'DB.internal.', '10.9.9.9', 5432, true],
  ['another port', 'db.internal', '10.9.9.9', 5433, false],
  ['a name that only begins the same', 'db.internal.evil.example', '10.9.9.9', 5432, false],
  ['a name that only ends the same', 'evildb.internal', '10.9.9.9', 5432, false],
  ['below a wildcard', 'a.b.shop.internal', '10.9.9.9', 3308, true],
  ['the wildcard itself', 'shop.internal', '10.9.9.9', 3306, false],
  ['below a wildcard, another port', 'a.shop.internal', '10.9.9.9', 3311, false],
  ['a name without its dot', 'evilshop.internal', '10.9.9.9', 3306, false],
  ['an address in a network', '10.1.2.3', '10.1.2.3', 5432, true],
  ['an address beside it', '10.2.0.1', '10.2.0.1', 5432, false],
  ['any name that stands in the network', 'other.internal', '10.1.2.3', 5432, true],
  ['any name that stands beside it', 'other.internal', '10.2.2.3', 5432, false],
  ['IPv6 in a network', '[fd00:1::5]', 'fd00:1::5', 22, true],
  ['IPv6 beside it', 'fd00:2::5', 'fd00:2::5', 22, false],
  ['any port of an address', '192.0.2.7', '192.0.2.7', 1, true],
  ['IPv4 inside IPv6', '::ffff:10.1.2.3', '::ffff:10.1.2.3', 5432, true],
  ['metadata by its address', '169.254.169.254', '169.254.169.254', 80, false],
  ['metadata behind a name on the list (DNS changed)', 'db.internal', '169.254.169.254', 5432, false],
  ['metadata inside IPv6, behind a name', 'db.internal', '::ffff:169.254.169.254', 5432, false],
  ['metadata inside NAT64, behind a name', 'db.internal', '64:ff9b::a9fe:a9fe', 5432, false],
  ['metadata as an IPv4-compatible address', 'db.internal', '::a9fe:a9fe', 5432, false],
  ['metadata over IPv6', 'db.internal', 'fd00:ec2::254', 5432, false],
  ['metadata of another cloud', 'db.internal', '100.100.100.200', 5432, false],
  ['link-local over IPv6', 'db.internal', 'fe80::1', 5432, false],
  ['link-local with an interface', 'db.internal', 'fe80::1%eth0', 5432, false],
  ['loopback behind a name', 'db.internal', '127.0.0.1', 5432, false],
  ['loopback of IPv6 behind a name', 'db.internal', '::1', 5432, false],
  ['the unspecified address, which is this machine', 'db.internal', '0.0.0.0', 5432, false],
  ['the unspecified address of IPv6', 'db.internal', '::', 5432, false],
  ['multicast', 'db.internal', '224.0.0.1', 5432, false],
  ['broadcast', 'db.internal', '255.255.255.255', 5432, false],
  ['localhost by its name', 'localhost', '127.0.0.1', 6000, true],
  ['localhost that stands elsewhere on the link', 'localhost', '169.254.1.1', 6000, false],
  ['an answer that is no address', 'db.internal', 'evil', 5432, false],
];

t.test('the address that is dialled', async (t) => {
  for (const [name, host, address, port, allowed] of cases) {
    const request = judgeRequest(list, host, port);
    const judged = request.kind === 'allowed' ? judgeAddress(list, host, address, port) : request;
    t.equal(judged.kind, allowed ? 'allowed' : 'refused', name);
    if (judged.kind === 'refused') t.match(judged.reason, /allow-list|address|interface/, `${name}: in words`);
  }
});

t.test('what is listed as an address may be special', async (t) => {
  const special = parseAllowList(['127.0.0.1:5432', '169.254.169.254:80', '[::1]:5432']);
  t.equal(judgeAddress(special, '127.0.0.1', '127.0.0.1', 5432).kind, 'allowed');
  t.equal(judgeAddress(special, 'localhost', '127.0.0.1', 5432).kind, 'allowed');
  t.equal(judgeAddress(special, 'metadata', '169.254.169.254', 80).kind, 'allowed');
  t.equal(judgeAddress(special, 'metadata', '::ffff:169.254.169.254', 80).kind, 'allowed');
  t.equal(judgeAddress(special, 'metadata', '169.254.169.253', 80).kind, 'refused');
});

t.test('patterns that mean nothing, or two things, are refused', async (t) => {
  const wrong = [
    '',
    'db',
    'db:',
    'db:0',
    'db:70000',
    'db:9-1',
    ':5432',
    'db:5432:1',
    'fd00::1:22',
    '10.0.0.0/33:1',
    '10.0.0.0/x:1',
    'db/8:1',
    '1.2.3:80',
    '0x7f.1:80',
    '2130706433:80',
    '*:80',
    'a*b:80',
    'db internal:80',
    '*.*:80',
    '[db]x:80',
  ];
  for (const text of wrong) t.throws(() => parseAllowList([text]), Error, text);
  t.throws(() => parseAllowList([]), /empty/);
  t.throws(() => parseAllowList(Array.from({ length: 101 }, (_, index) => `db${index}:1`)), /more than 100/);
});

t.test('addresses inside addresses', async (t) => {
  for (const [given, plain] of [
    ['::ffff:1.2.3.4', '1.2.3.4'],
    ['::ffff:102:304', '1.2.3.4'],
    ['0:0:0:0:0:ffff:1.2.3.4', '1.2.3.4'],
    ['64:ff9b::102:304', '1.2.3.4'],
    ['::1', '::1'],
    ['::', '::'],
    ['2001:db8::1', '2001:db8::1'],
    ['10.0.0.1', '10.0.0.1'],
  ] as const)
    t.equal(plainAddress(given), plain, given);
});
