// Every ssh row of the bypass corpus that is a command: what reads is free, everything else waits or is not understood.

import { readFileSync } from 'node:fs';
import t from 'tap';
import { classifyShell } from '../../policies/classify/shell/classifier.ts';

interface Case {
  readonly id: string;
  readonly protocol: string;
  readonly input: string;
  readonly via: string;
  readonly expect: 'read' | 'session' | 'hold' | 'deny';
  readonly why: string;
}

const cases = readFileSync(new URL('cases.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Case)
  .filter((one) => one.protocol === 'ssh' && one.via.startsWith('exec'));

t.ok(cases.length >= 60, 'the corpus is there');

for (const { id, input, expect, why } of cases) {
  t.test(`${id}: ${why}`, async (t) => {
    for (const terminal of [false, true]) {
      const { understood, summary } = classifyShell(input, terminal);
      const free = understood && (summary.access === 'read' || summary.access === 'session');
      t.equal(free, expect === 'read' || expect === 'session', `${JSON.stringify(input)}: ${summary.access}`);
    }
  });
}
