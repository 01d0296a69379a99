// Every row of the bypass corpus that is typed into a shell, typed into the mediated one: the keys make lines by the gateway's
// own editor, each line is judged by itself, and none that runs freely does any harm.

import { readFileSync } from 'node:fs';
import t from 'tap';
import { classifyShell } from '../../policies/classify/shell/classifier.ts';
import { LineEditor } from '../../protocols/ssh/line-editor.ts';

interface Case {
  readonly id: string;
  readonly protocol: string;
  readonly input: string;
  readonly via: string;
  readonly expect: string;
  readonly why: string;
}

const cases = readFileSync(new URL('cases.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Case)
  .filter((one) => one.protocol === 'ssh' && one.via === 'shell');

function linesOf(input: string): string[] {
  const editor = new LineEditor(80);
  const lines: string[] = [];
  for (let rest: Buffer = Buffer.from(input); rest.length > 0;) {
    const step = editor.feed(rest);
    for (const event of step.events) if (event.kind === 'line' && event.text !== '') lines.push(event.text);
    if (step.events.length === 0) break;
    rest = step.rest;
  }
  return lines;
}

t.ok(cases.length >= 15, 'the corpus is there');
for (const { id, input, expect, why } of cases) {
  t.test(`${id}: ${why}`, async (t) => {
    const lines = linesOf(input);
    const free = lines.filter((line) => {
      const { understood, summary } = classifyShell(line, false);
      return understood && (summary.access === 'read' || summary.access === 'session');
    });
    for (const line of free) t.notMatch(line, /\brm\b|\btrap\b|\bfc\b|PAGER/, `runs freely: ${line}`);
    if (expect === 'read')
      t.same(
        lines.filter((line) => !free.includes(line)),
        [],
        'the control does nothing',
      );
    else t.ok(lines.length === 0 || lines.length > free.length, `no line, or one that waits: ${JSON.stringify(lines)}`);
  });
}
