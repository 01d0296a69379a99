// What many hear of one change: made once for a person, in bytes that all share who see the same, and in others for who does not.

import t from 'tap';
import type { HoldView, LiveMessage } from '../../src/api/contract.ts';
import { LiveChange } from '../../src/api/live-change.ts';
import type { Viewer } from '../../src/api/live-change.ts';
import { person } from './approvals-fixtures/desk.ts';

const viewer = (name: string): Viewer => ({ principal: person(name), rights: ['approve'] });

t.test('a long statement is put into bytes once', (t) => {
  const hold = { id: 'h-1', text: `DELETE ${'x'.repeat(1_000_000)}`, parameters: [{ type: 'text', text: 'y' }] } as unknown as HoldView;
  const made: string[] = [];
  const change = new LiveChange(({ principal: { name } }) => {
    made.push(name);
    return name === 'eve' ? null : { kind: 'hold', hold: { ...hold, can_answer: name !== 'alice' } };
  });
  const of = (name: string) => change.bytesFor(viewer(name));
  const bob = of('bob');
  t.equal(of('dana'), bob);
  t.equal(of('bob'), bob);
  t.equal(of('eve'), null);
  t.equal(of('eve'), null);
  const alice = of('alice');
  t.strictSame(made, ['bob', 'dana', 'eve', 'alice']);
  const read = (bytes: Buffer | null) => JSON.parse(String(bytes)) as LiveMessage;
  t.strictSame(read(bob), { kind: 'hold', hold: { ...hold, can_answer: true } });
  t.strictSame(read(alice), { kind: 'hold', hold: { ...hold, can_answer: false } });
  t.end();
});
