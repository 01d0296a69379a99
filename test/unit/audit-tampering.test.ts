// Every way to falsify the log is found, and the first wrong event is named.

import { cpSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { generateKeyPairSync, hash as digest, sign } from 'node:crypto';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import t from 'tap';
import { Chain, emptyHead } from '../../src/audit/chain.ts';
import { openAuditLog } from '../../src/audit/log.ts';
import { noHash } from '../../src/audit/line.ts';
import { verifyAudit } from '../../src/audit/verify.ts';
import { event, options, temporaryFolder } from './audit-fixtures/log.ts';

const original = temporaryFolder();
const log = await openAuditLog(options(original, { segmentBytes: 16 * 1024 }));
for (let number = 2; number <= 200; number += 1) log.append(event(number)); // event `number` has that sequence number
const head = log.head();
await log.close();
const segments = readdirSync(original)
  .filter((name) => name.startsWith('audit-'))
  .sort();
t.teardown(() => rmSync(original, { recursive: true }));

type Lines = string[];

/** Rewrites the lines of one segment. */
function edit(dir: string, segment: string, change: (lines: Lines) => Lines): void {
  const path = join(dir, segment);
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
  writeFileSync(
    path,
    change(lines)
      .map((it) => `${it}\n`)
      .join(''),
  );
}

const seqOf = (line: string): number => (JSON.parse(line) as { seq: number }).seq;
const at = (lines: Lines, seq: number): number => lines.findIndex((it) => seqOf(it) === seq);
const first = segments[0] as string;
const second = segments[1] as string;
const last = segments.at(-1) as string;
const secondStart = seqOf(readFileSync(join(original, second), 'utf8').split('\n')[0] as string);

/** A line with another content and a hash that fits it: what somebody without the key can make. */
function rehashed(line: string, change: (value: Record<string, unknown>) => void): string {
  const value = JSON.parse(line) as Record<string, unknown>;
  delete value['hash'];
  change(value);
  const body = JSON.stringify(value);
  return `${body.slice(0, -1)},"hash":"${digest('sha256', body, 'hex')}"}`;
}

/** Everything from `seq` on written anew with fitting hashes. */
function rewriteFrom(dir: string, seq: number): void {
  let prev = noHash;
  for (const segment of segments) {
    edit(dir, segment, (lines) =>
      lines.map((line) => {
        const changed = seqOf(line) < seq ? line : rehashed(line, (value) => Object.assign(value, { prev, principal: 'mallory' }));
        prev = (JSON.parse(changed) as { hash: string }).hash;
        return changed;
      }),
    );
  }
}

interface Tampering {
  readonly name: string;
  readonly tamper: (dir: string) => void;
  readonly seq: number;
  readonly why: RegExp;
}

const tamperings: readonly Tampering[] = [
  {
    name: 'a changed letter in a text',
    tamper: (dir) => edit(dir, first, (lines) => lines.map((it) => it.replace('"SELECT 20"', '"SELECT 21"'))),
    seq: 20,
    why: /event 20 was changed: its hash/,
  },
  {
    name: 'a changed byte that stays the same JSON',
    tamper: (dir) =>
      edit(dir, first, (lines) => lines.map((it) => (seqOf(it) === 21 ? it.replace('"SELECT 21"', '"SELECT \\u0032\\u0031"') : it))),
    seq: 21,
    why: /event 21 was changed/,
  },
  {
    name: 'a changed event with a fitting hash',
    tamper: (dir) =>
      edit(dir, first, (lines) => lines.map((it) => (seqOf(it) === 30 ? rehashed(it, (v) => (v['principal'] = 'bob')) : it))),
    seq: 31,
    why: /does not continue the chain/,
  },
  {
    name: 'a removed event',
    tamper: (dir) => edit(dir, second, (lines) => lines.toSpliced(at(lines, secondStart + 3), 1)),
    seq: secondStart + 3,
    why: /event \d+ is not where it belongs: event \d+ stands in its place/,
  },
  {
    name: 'two events in the other order',
    tamper: (dir) => edit(dir, first, (lines) => [...lines.slice(0, 9), lines[10] as string, lines[9] as string, ...lines.slice(11)]),
    seq: 10,
    why: /event 10 is not where it belongs: event 11 stands/,
  },
  {
    name: 'an event twice',
    tamper: (dir) => edit(dir, first, (lines) => [...lines.slice(0, 10), lines[9] as string, ...lines.slice(10)]),
    seq: 11,
    why: /event 10 stands where event 11 belongs/,
  },
  {
    name: 'an inserted event with a fitting hash',
    tamper: (dir) =>
      edit(dir, first, (lines) => {
        const prev = (JSON.parse(lines[9] as string) as { hash: string }).hash;
        const forged = rehashed(lines[10] as string, (value) => Object.assign(value, { prev, principal: 'bob' }));
        return [...lines.slice(0, 10), forged, ...lines.slice(10)];
      }),
    seq: 12,
    why: /event 11 stands where event 12 belongs/,
  },
  {
    name: 'the first event removed',
    tamper: (dir) => edit(dir, first, (lines) => lines.slice(1)),
    seq: 1,
    why: /does not begin with its birth/,
  },
  {
    name: 'two files with each other’s names',
    tamper: (dir) => {
      renameSync(join(dir, second), join(dir, 'x'));
      renameSync(join(dir, last), join(dir, second));
      renameSync(join(dir, 'x'), join(dir, last));
    },
    seq: secondStart,
    why: /stands in its place/,
  },
  { name: 'a file removed', tamper: (dir) => rmSync(join(dir, second)), seq: secondStart, why: /is missing: the next file begins/ },
  {
    name: 'the tail cut off',
    tamper: (dir) => edit(dir, last, (lines) => lines.slice(0, -1)),
    seq: 200,
    why: /event 200 was removed: a signed checkpoint/,
  },
  {
    name: 'half of the last line cut off',
    tamper: (dir) => {
      const bytes = readFileSync(join(dir, last));
      writeFileSync(join(dir, last), bytes.subarray(0, bytes.length - 40));
    },
    seq: 200,
    why: /event 200 was removed/,
  },
  { name: 'the last file removed', tamper: (dir) => rmSync(join(dir, last)), seq: 0, why: /was removed: a signed checkpoint/ },
  {
    name: 'everything rewritten from an event on',
    tamper: (dir) => rewriteFrom(dir, 150),
    seq: 200,
    why: /is not the one that a signed checkpoint names/,
  },
  { name: 'the checkpoints removed', tamper: (dir) => rmSync(join(dir, 'checkpoints.jsonl')), seq: 0, why: /checkpoints were removed/ },
  {
    name: 'a checkpoint changed',
    tamper: (dir) => edit(dir, 'checkpoints.jsonl', (lines) => lines.map((it) => it.replace('"seq":200', '"seq":199'))),
    seq: 0,
    why: /checkpoint of event 199 was changed: its signature/,
  },
  {
    name: 'another key, and the checkpoints signed anew with it',
    tamper: (dir) => {
      const { privateKey } = generateKeyPairSync('ed25519');
      writeFileSync(join(dir, 'checkpoint-key.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }));
      edit(dir, 'checkpoints.jsonl', (lines) =>
        lines.map((line) => {
          const { log, seq, hash, at_ms } = JSON.parse(line) as Record<string, string | number>;
          const signed = Buffer.from(`sallyport audit checkpoint\n${log}\n${seq}\n${hash}\n${at_ms}\n`);
          return JSON.stringify({ log, seq, hash, at_ms, signature: sign(null, signed, privateKey).toString('base64') });
        }),
      );
    },
    seq: 0,
    why: /checkpoint of event \d+ was changed: its signature/,
  },
];

for (const { name, tamper, seq, why } of tamperings) {
  t.test(`found: ${name}`, async (t) => {
    const dir = temporaryFolder();
    t.teardown(() => rmSync(dir, { recursive: true }));
    cpSync(original, dir, { recursive: true });
    tamper(dir);
    const result = await verifyAudit(dir);
    if (result.ok) throw new Error('it was not found');
    t.match(result.why, why);
    if (seq !== 0) t.equal(result.seq, seq);
    await t.rejects(openAuditLog(options(dir)), { code: 'audit-chain-broken' }, 'the gateway does not go on with it');
  });
}

t.test('untouched it verifies', async (t) => {
  const result = await verifyAudit(original);
  t.match(result, { ok: true, events: 200, head: head.hash, checkpointSeq: 200, tornBytes: 0 });
  t.ok(segments.length >= 4, 'over several files');
});

t.test('a log rewritten as a whole, key and all, is found by a head kept elsewhere', async (t) => {
  const dir = temporaryFolder();
  t.teardown(() => rmSync(dir, { recursive: true }));
  const forged = await openAuditLog(options(dir));
  for (let number = 2; number <= 200; number += 1) forged.append(event(number));
  await forged.close();
  // Its checkpoints are genuine: only what was kept elsewhere contradicts.
  t.match(await verifyAudit(dir), { ok: true });
  t.match(await verifyAudit(dir, { known: head }), { ok: false, seq: 200, why: /the head that you gave/ });
});

t.test('so is a log that was rolled back with its checkpoints, by a copy of the checkpoints that was kept elsewhere', async (t) => {
  const dir = temporaryFolder();
  t.teardown(() => rmSync(dir, { recursive: true }));
  const begun = await openAuditLog(options(dir));
  begun.append(event(2));
  await begun.close();
  const earlier = temporaryFolder();
  t.teardown(() => rmSync(earlier, { recursive: true }));
  cpSync(dir, earlier, { recursive: true });
  const goneOn = await openAuditLog(options(dir));
  goneOn.append(event(3));
  await goneOn.close();
  const kept = join(dir, 'checkpoints.jsonl');
  t.match(await verifyAudit(dir, { keptCheckpoints: kept }), { ok: true, events: 3 });
  t.match(await verifyAudit(earlier), { ok: true, events: 2 });
  t.match(await verifyAudit(earlier, { keptCheckpoints: kept }), {
    ok: false,
    seq: 3,
    why: /a checkpoint that you kept says that the log/,
  });
  t.match(await verifyAudit(original, { keptCheckpoints: kept }), { ok: false, why: /in the copy that you kept: this is another log/ });
  writeFileSync(join(earlier, 'empty'), '');
  t.match(await verifyAudit(dir, { keptCheckpoints: join(earlier, 'empty') }), { ok: false, why: /no checkpoint in it/ });
});

t.test('what a search shows is in the log, whatever somebody wrote into its index', async (t) => {
  const forgedSegment = 1_000_000_000_000_000; // a digit more than any file of the log has: verification does not read it
  const changes: Record<string, string> = {
    'a block in another file': `UPDATE blocks SET segment = ${forgedSegment}, offset = 0, length_bytes = LENGTH WHERE id = (SELECT min(id) FROM blocks)`,
    'a block of other lines': 'UPDATE blocks SET offset = offset + 1 WHERE id = (SELECT min(id) FROM blocks)',
    'a block of fewer lines': 'UPDATE blocks SET first_seq = first_seq + 5 WHERE id = (SELECT min(id) FROM blocks)',
    'a block of a file that is gone': 'UPDATE blocks SET segment = 5 WHERE id = (SELECT min(id) FROM blocks)',
    'a block without end': 'UPDATE blocks SET length_bytes = 1e15 WHERE id = (SELECT min(id) FROM blocks)',
  };
  for (const [name, change] of Object.entries(changes)) {
    const dir = temporaryFolder();
    t.teardown(() => rmSync(dir, { recursive: true }));
    const indexed = await openAuditLog(options(dir));
    for (let number = 2; number <= 1500; number += 1) indexed.append(event(number));
    await indexed.search({});
    await indexed.close();
    const lines = readFileSync(join(dir, first), 'utf8').split('\n').slice(0, 512);
    const forged = `${lines.map((line) => rehashed(line, (value) => (value['principal'] = 'mallory'))).join('\n')}\n`;
    writeFileSync(join(dir, `audit-${forgedSegment}.jsonl`), forged);
    const index = new Database(join(dir, 'search.db'));
    index.exec(change.replace('LENGTH', String(forged.length)));
    index.close();
    t.match(await verifyAudit(dir), { ok: true }, 'the log is whole');
    const searched = await openAuditLog(options(dir));
    const page = async () => (await searched.search({ cursor: '20', limit: 10 })).items.map(({ seq, principal }) => [seq, principal]);
    await t.rejects(page(), { code: 'store-failed', message: /did not fit the log and is built again/ }, name);
    t.strictSame(
      await page(),
      Array.from({ length: 10 }, (_, back) => [19 - back, 'alice']),
      `${name}: asked again it is the log`,
    );
    await searched.close();
  }
});

t.test('an event that was changed in the file is shown as unreadable', async (t) => {
  const dir = temporaryFolder();
  t.teardown(() => rmSync(dir, { recursive: true }));
  cpSync(original, dir, { recursive: true });
  const searched = await openAuditLog(options(dir));
  await searched.search({});
  edit(dir, second, (lines) => lines.map((it) => (seqOf(it) === secondStart + 1 ? it.replace('"SELECT', '"DELETE') : it)));
  const { items } = await searched.search({ cursor: String(secondStart + 3), limit: 3 });
  t.match(items, [{ type: 'action.released' }, { type: 'log.unreadable', seq: secondStart + 1, detail: {} }, { type: 'action.released' }]);
  await searched.close();
});

t.test('every single byte counts', async (t) => {
  const bytes = readFileSync(join(original, first)).subarray(0, 2000);
  const lines = bytes.subarray(0, bytes.lastIndexOf('\n'));
  const follow = (log: Buffer): boolean => {
    const chain = new Chain(emptyHead);
    let start = 0;
    for (let end = log.indexOf('\n'); start < log.length; end = log.indexOf('\n', start)) {
      const stop = end === -1 ? log.length : end;
      if (chain.take(log.subarray(start, stop)) !== null) return false;
      start = stop + 1;
    }
    return true;
  };
  t.ok(follow(lines));
  const missed: number[] = [];
  for (let index = 0; index < lines.length; index += 1) {
    const changed = Buffer.from(lines);
    changed[index] = (changed[index] as number) ^ 1;
    if (follow(changed)) missed.push(index);
  }
  t.strictSame(missed, []);
});
