// What waits is put into the chain when it is written, in place: whatever was added and taken out before, and wherever the chain
// stands by then, the lines are those that chainLine() makes one by one.

import t from 'tap';
import { chainLine } from '../../src/audit/line.ts';
import { WaitingLines } from '../../src/audit/waiting-lines.ts';
import type { AuditEvent } from '../../src/core/audit.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { event } from './audit-fixtures/log.ts';

const hashOf = (number: number) => String(number).padStart(64, 'a');

function linesOf(seq: number, prev: string, events: readonly AuditEvent[]): { text: string; last: string } {
  let [text, last] = ['', prev];
  events.forEach((it, place) => {
    const { line, hash } = chainLine(seq + place + 1, last, it);
    text += line;
    last = hash;
  });
  return { text, last };
}

t.test('the same lines as one by one, wherever the chain stands', async (t) => {
  const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
  t.comment(`SEED=${seed}`);
  const die = seededRandom(seed);
  const waiting = new WaitingLines();
  let model: AuditEvent[] = [];
  let number = 0;
  let [seq, prev] = [0, hashOf(0)];
  const wrong: string[] = [];

  const check = (): void => {
    const expected = linesOf(seq, prev, model);
    const lines = waiting.chain(seq, Buffer.from(prev, 'latin1')).toString('utf8');
    if (lines !== expected.text) wrong.push(`behind event ${seq}, ${model.length} events: ${lines.slice(0, 300)}`);
    if (model.length > 0 && Buffer.from(waiting.hash).toString('latin1') !== expected.last) wrong.push(`the hash behind event ${seq}`);
  };
  /** Mostly near a number with one digit more. */
  const anywhere = (): number => Math.max(0, 10 ** die(15) - die(12));

  for (let round = 0; round < 4000; round += 1) {
    const kind = die(10);
    if (kind < 5) {
      number += 1;
      const text = ['SELECT 1', 'é'.repeat(die(3000)), 'x'.repeat(die(20_000))][die(3)] as string;
      const it = event(number, { holdId: die(4) === 0 ? 'h-1' : null, detail: { text } });
      if (waiting.add(it) !== model.length) wrong.push(`the place of event ${number}`);
      model.push(it);
    } else if (kind < 7) {
      const places = model.map((_, place) => place).filter(() => die(4) === 0);
      waiting.remove(places);
      model = model.filter((_, place) => !places.includes(place));
    } else if (kind < 8) {
      if (die(2) === 0) [seq, prev] = [anywhere(), hashOf(die(100))]; // another thread wrote in between
      check();
    } else if (model.length > 0 && (kind === 8 || model.length > 40)) {
      check();
      [seq, prev] = [seq + model.length, linesOf(seq, prev, model).last];
      waiting.clear();
      model = [];
    }
    if (waiting.count !== model.length) wrong.push(`${waiting.count} wait, not ${model.length}`);
  }
  t.strictSame(wrong, []);
  t.ok(number > 1000);
});

t.test('what is no JSON adds nothing', async (t) => {
  const waiting = new WaitingLines();
  waiting.add(event(1));
  t.throws(() => waiting.add(event(2, { detail: { rows: 1n } })));
  t.equal(waiting.count, 1);
  t.equal(waiting.chain(8, Buffer.from(hashOf(8))).toString(), linesOf(8, hashOf(8), [event(1)]).text);
});
