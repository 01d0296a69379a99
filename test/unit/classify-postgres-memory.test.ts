// Parsing does not make the process large: V8's optimizing compiler took half a gigabyte for PostgreSQL's parser when it got hot.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import t from 'tap';

/** The whole process, with Node itself; it was 650 MB when everything was compiled. */
const peakMbMax = 160;
/** The optimizing compiler began within the first few hundred. */
const parses = 12_000;

t.test('the most memory that a process ever had that parses a lot', async (t) => {
  const parser = new URL('../../policies/classify/postgres/parser.ts', import.meta.url).href;
  const script = `
    import { readFileSync } from 'node:fs';
    const { Parser } = await import(${JSON.stringify(parser)});
    const parser = await Parser.create();
    for (let number = 0; number < ${parses}; number += 1) parser.parse('SELECT a, b AS c FROM t JOIN u USING (id) WHERE d = ' + number);
    const { kind } = parser.parse('SELECT 1');
    await new Promise((resolve) => setImmediate(resolve));
    parser.close();
    console.log(kind, Number(/VmHWM:\\s*(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) / 1024);
  `;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script]);
  const [kind, peakMb] = stdout.trim().split(' ');
  t.equal(kind, 'statements');
  t.ok(Number(peakMb) < peakMbMax, `${peakMb} MB`);
});
