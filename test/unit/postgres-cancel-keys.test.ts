// Whom a CancelRequest cancels: processes of two targets can have the same id, and one process serves sessions one after the other.

import { randomBytes } from 'node:crypto';
import t from 'tap';
import { CancelKeys } from '../../protocols/postgres/cancel-keys.ts';

t.test('the secret tells sessions of one process id apart', async (t) => {
  const keys = new CancelKeys({ bytes: (count) => randomBytes(count) });
  const cancelled: string[] = [];
  const session = (name: string) => ({ cancel: async () => void cancelled.push(name) });
  const orders = keys.issue(0, 4711, session('orders'));
  const shop = keys.issue(2, 4711, session('shop'));
  t.equal(orders.processId, 4711);
  t.same([orders.secret.length, shop.secret.length], [4, 32]);
  t.equal(keys.cancel(4711, Buffer.alloc(4)), false);
  t.equal(keys.cancel(4711, shop.secret.subarray(0, 4)), false);
  t.equal(keys.cancel(4712, orders.secret), false);
  t.equal(await keys.cancel(4711, shop.secret), true);
  t.equal(await keys.cancel(4711, orders.secret), true);
  t.same(cancelled, ['shop', 'orders']);

  keys.revoke(orders);
  keys.revoke(orders);
  t.equal(keys.cancel(4711, orders.secret), false, 'its session has ended');
  const next = keys.issue(0, 4711, session('orders again'));
  t.equal(await keys.cancel(4711, shop.secret), true);
  t.equal(await keys.cancel(4711, next.secret), true);
  t.same(cancelled.slice(2), ['shop', 'orders again']);
  for (const key of [shop, next]) keys.revoke(key);
  t.equal(keys.cancel(4711, next.secret), false);
});
