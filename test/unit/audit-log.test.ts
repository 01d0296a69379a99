// The log as its users see it: order, durability, bounds, one writer, search.

import { readdirSync, rmSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { hash as digest } from 'node:crypto';
import t, { type Test as TapTest } from 'tap';
import { openAuditLog, type OpenedAuditLog } from '../../src/audit/log.ts';
import { verifyAudit } from '../../src/audit/verify.ts';
import { Secret } from '../../src/core/secret.ts';
import { event, options, temporaryFolder } from './audit-fixtures/log.ts';

async function opened(t: TapTest, more: Parameters<typeof options>[1] = {}): Promise<{ log: OpenedAuditLog; dir: string }> {
  const dir = temporaryFolder();
  const log = await openAuditLog(options(dir, more));
  t.teardown(async () => {
    await log.close();
    rmSync(dir, { recursive: true });
  });
  return { log, dir };
}

const linesOf = (dir: string): Record<string, unknown>[] =>
  readdirSync(dir)
    .filter((it) => it.startsWith('audit-'))
    .sort()
    .flatMap((it) => readFileSync(join(dir, it), 'utf8').split('\n').slice(0, -1))
    .map((it) => JSON.parse(it) as Record<string, unknown>);

t.test('buffered events keep their place before a later append, and are written with it', async (t) => {
  const { log, dir } = await opened(t);
  log.appendSoon(event(1, { actionId: 'first' }));
  log.appendSoon(event(2, { actionId: 'second' }));
  t.equal(linesOf(dir).length, 1, 'not written yet');
  t.equal(log.append(event(3, { actionId: 'third' })), undefined, 'handed to the kernel on return');
  t.strictSame(
    linesOf(dir).map((it) => it['action']),
    [null, 'first', 'second', 'third'],
  );
});

t.test('buffered events are written soon without another append', async (t) => {
  const { log, dir } = await opened(t);
  log.appendSoon(event(1));
  const deadline = Date.now() + 5000;
  while (linesOf(dir).length < 2 && Date.now() < deadline) await new Promise(setImmediate);
  t.equal(linesOf(dir).length, 2);
});

t.test('with fsync every append is a promise, and a thousand at once share few syncs', async (t) => {
  const { log, dir } = await opened(t, { durability: 'fsync' });
  const written: Promise<void>[] = [];
  for (let number = 0; number < 1000; number += 1) {
    const durable = log.append(event(number));
    if (durable === undefined) throw new Error('fsync gave no promise');
    written.push(durable);
  }
  await Promise.all(written);
  t.equal(linesOf(dir).length, 1001);
  t.match(await log.verify(), { ok: true, events: 1001 });
});

t.test('a long text is cut, with its length and digest; hostile names are bounded; secrets are not printed', async (t) => {
  const { log, dir } = await opened(t);
  const text = '\u0000é'.repeat(500_000);
  log.append(event(1, { detail: { text, rule: 'r' } }));
  log.append(event(2, { principal: 'x'.repeat(100_000), detail: { many: Array.from({ length: 50_000 }, (_, n) => n) } }));
  log.append(event(3, { detail: Object.fromEntries(Array.from({ length: 20_000 }, (_, n) => [`k${n}`, n])) }));
  log.append(event(4, { detail: { token: new Secret('hunter2') } }));
  const [, long, hostile, wide, secret] = linesOf(dir) as { principal: string; detail: Record<string, unknown> }[];
  t.match(long?.detail, { text: text.slice(0, 4096), text_length: 1_000_000, text_sha256: digest('sha256', text, 'hex'), rule: 'r' });
  t.equal(hostile?.principal.length, 256);
  t.match(wide?.detail, { detail_cut: { sha256: /^[0-9a-f]{64}$/ } });
  t.strictSame(secret?.detail, { token: '[secret]' });
  t.match(await verifyAudit(dir), { ok: true, events: 5 });
});

t.test('a detail that is no JSON: append refuses, appendSoon notes the event without it', async (t) => {
  const { log, dir } = await opened(t);
  t.throws(() => log.append(event(1, { detail: { rows: 1n } })), { code: 'audit-write-failed' });
  log.appendSoon(event(2, { detail: { rows: 1n } }));
  log.append(event(3));
  t.match(linesOf(dir).slice(1), [{ detail: { detail_unwritable: /BigInt/ } }, { action: 's-1-3' }]);
  t.match(await verifyAudit(dir), { ok: true });
});

t.test('a second gateway on the same folder is refused; after the close it may', async (t) => {
  const { log, dir } = await opened(t);
  await t.rejects(openAuditLog(options(dir)), { code: 'conflict' });
  await log.close();
  t.throws(() => log.append(event(1)), { code: 'audit-write-failed' });
  const next = await openAuditLog(options(dir));
  t.equal(next.head().seq, 1, 'closed in order: nothing to recover');
  await next.close();
});

t.test('verification beside a writing gateway is no false alarm', async (t) => {
  const { log } = await opened(t, { segmentBytes: 64 * 1024 });
  for (let round = 0; round < 5; round += 1) {
    const running = log.verify();
    for (let number = 0; number < 500; number += 1) log.append(event(number));
    t.match(await running, { ok: true });
  }
});

t.test('search', async (t) => {
  const { log, dir } = await opened(t, { segmentBytes: 32 * 1024 });
  for (let number = 2; number <= 600; number += 1) {
    const isHold = number % 100 === 0;
    log.append(
      event(number, {
        type: isHold ? 'hold.denied' : 'action.released',
        principal: number % 2 === 0 ? 'alice' : 'bob',
        sessionId: `s-${number % 10}`,
        holdId: isHold ? `h-${number}` : null,
        detail: isHold ? { reason: 'not on a Friday', text: 'DROP TABLE orders' } : { text: `SELECT ${number}` },
      }),
    );
  }
  const seqs = async (query: Parameters<typeof log.search>[0]) => (await log.search(query)).items.map((it) => it.seq);

  t.strictSame(await seqs({ limit: 3 }), [600, 599, 598], 'newest first, all of it already there');
  t.strictSame(await seqs({ type: 'hold.denied' }), [600, 500, 400, 300, 200, 100]);
  t.strictSame(await seqs({ hold: 'h-300' }), [300]);
  t.strictSame(await seqs({ session: 's-7', principal: 'alice' }), []);
  t.strictSame(await seqs({ session: 's-7', principal: 'bob', limit: 2 }), [597, 587]);
  t.strictSame(await seqs({ principal: 'nobody' }), []);
  t.strictSame(await seqs({ text: 'friday drop' }), [600, 500, 400, 300, 200, 100]);
  t.strictSame(await seqs({ text: 'fri*', principal: 'alice', limit: 1 }), [600], 'beginnings of words');
  t.strictSame(await seqs({ text: 'friday select' }), [], 'both words are in a block, in no event');
  t.strictSame(await seqs({ text: 'select 30*', limit: 3 }), [309, 308, 307]);
  t.strictSame(await seqs({ text: '") OR 1=1 --' }), [], 'what is typed is no syntax');
  t.strictSame(await seqs({ text: '%' }), []);
  t.strictSame(await seqs({ fromMs: event(100).atMs, toMs: event(103).atMs }), [102, 101, 100]);
  t.strictSame(await seqs({ fromMs: event(1_000_000_000).atMs }), []);
  t.match((await log.search({ hold: 'h-100' })).items[0], {
    seq: 100,
    at: new Date(event(100).atMs).toISOString(),
    type: 'hold.denied',
    hold_id: 'h-100',
    detail: { reason: 'not on a Friday' },
    hash: /^[0-9a-f]{64}$/,
  });
  t.strictSame(
    (await log.since(598)).map((it) => it.seq),
    [599, 600],
  );
  await t.rejects(log.search({ cursor: 'x' }), { code: 'invalid-request' });

  await t.test('a type that is none is a slip, told with those that are near', async (t) => {
    const slips = [
      ['hold.aproved', /no events of type "hold.aproved"; did you mean "hold.approved"\?$/],
      ['session-opened', /did you mean "session.opened"\?$/],
      ['sessions', /; there are session.opened, session.refused, session.closed, session.killed$/],
      ['session.everything', /; there are session.opened/],
      ['alice', /; types are written as in hold.approved$/],
      ['__proto__', /no events of type "__proto__"/],
      [`${'x'.repeat(5000)}`, /no events of type "x{64}"/],
      ['', /no events of type ""/],
    ] as const;
    for (const [type, message] of slips) await t.rejects(log.search({ type }), { code: 'invalid-request', message }, type.slice(0, 20));
    await t.rejects(log.search({ type: 'hold.aproved', text: '%' }), { code: 'invalid-request' }, 'whatever else is asked');
    t.strictSame(await seqs({ type: 'agent.revoked' }), [], 'one that has not happened yet');
    t.strictSame(await seqs({ type: 'hold.denied', principal: 'nobody' }), []);
  });

  await t.test('a type that another version wrote is found, in a block and behind the last one', async (t) => {
    const { log } = await opened(t);
    const later = 'moon.landed' as 'hold.denied';
    log.append(event(2, { type: later }));
    t.equal((await log.search({ type: later })).items.length, 1);
    for (let number = 3; number <= 1200; number += 1) log.append(event(number));
    t.equal((await log.search({ type: later })).items[0]?.type, later);
    await t.rejects(log.search({ type: 'moon.landing' }), { code: 'invalid-request' });
    t.equal((await log.search({ principal: later })).items.length, 0);
  });

  await t.rejects(log.search({ limit: 0 }), { code: 'invalid-request' });

  t.test('pages go through all of it, once each, while more is appended', async (t) => {
    const seen: number[] = [];
    let cursor: string | undefined;
    do {
      const page = await log.search({ principal: 'bob', cursor, limit: 70 });
      seen.push(...page.items.map((it) => it.seq));
      cursor = page.next ?? undefined;
      log.append(event(700, { principal: 'bob' }));
    } while (cursor !== undefined);
    t.strictSame(
      seen,
      Array.from({ length: 299 }, (_, n) => 599 - 2 * n),
    );
  });

  t.test('words are found in any case and without their accents', async (t) => {
    const { seq } = log.head();
    log.append(event(1, { detail: { reason: 'CAFÉ Über', list: ['snake_case', 'x'] } }));
    log.append(event(1, { detail: { reason: `Cafe\u0301 "quoted","action":"x"` } }));
    t.strictSame(await seqs({ text: 'cafe' }), [seq + 2, seq + 1]);
    t.strictSame(await seqs({ text: 'café' }), [seq + 2, seq + 1]);
    t.strictSame(await seqs({ text: 'UBER snake_case' }), [seq + 1]);
    t.strictSame(await seqs({ text: 'snake' }), []);
  });

  t.test('names that look like members of a line are found as names', async (t) => {
    const { seq } = log.head();
    const hostile = ',"action":"a","hold":null,"detail":{"text":"x"},"hash":"';
    log.append(event(1, { principal: hostile, detail: { reason: hostile } }));
    for (let number = 0; number < 300; number += 1) log.append(event(1, { detail: { text: 'filler '.repeat(300) } }));
    t.strictSame(await seqs({ principal: hostile }), [seq + 1]);
    t.strictSame(await seqs({ principal: 'a' }), []);
  });

  t.test('an index that is gone or damaged is built again from the log', async (t) => {
    await log.close();
    rmSync(join(dir, 'search.db'));
    const again = await openAuditLog(options(dir));
    t.equal((await again.search({ type: 'hold.denied' })).items.length, 6);
    await again.close();
  });
});
