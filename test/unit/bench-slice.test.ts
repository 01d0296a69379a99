// A short slice of the benchmark: that it runs from end to end and writes its numbers. Never its times.

import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { withoutLiterals } from '../../policies/classify/postgres/masked-literals.ts';
import { newFormScripts } from '../bench/new-forms.ts';
import { temporaryDirectory } from '../support/directories.ts';

const run = promisify(execFile);
const main = join(import.meta.dirname, '../bench/main.ts');

t.test('one row, one second, directly and through the gateway', async (t) => {
  const out = join(temporaryDirectory(t, 'bench'), 'bench.json');
  const args = [
    '--only',
    'pg-prepared-c1',
    '--contenders',
    'direct,sallyport',
    '--seconds',
    '1',
    '--warm-up',
    '1',
    '--rounds',
    '1',
    '--out',
    out,
  ];
  const { stdout } = await run(process.execPath, ['--disable-warning=ExperimentalWarning', main, ...args], { timeout: 60_000 });
  t.match(stdout, /pgbench -S prepared, 1 client\n {2}direct .*tps.*\n {2}sallyport .*tps/);
  const { rows, machine } = JSON.parse(readFileSync(out, 'utf8')) as {
    rows: { name: string; samples: { contender: string; perSecond: number; cpuMicros: number | null }[] }[];
    machine: { cores: number };
  };
  t.ok(machine.cores > 0);
  t.same(
    rows.map(({ name, samples }) => [name, samples.map(({ contender, perSecond }) => [contender, perSecond > 0])]),
    [
      [
        'pg-prepared-c1',
        [
          ['direct', true],
          ['sallyport', true],
        ],
      ],
    ],
  );
  t.ok((rows[0]?.samples[1]?.cpuMicros ?? 0) > 0, 'CPU time of the gateway was counted');
});

t.test('queries of forms that are all new', async (t) => {
  const texts = newFormScripts().flatMap((script) => script.split('\n').filter((line) => line.startsWith('SELECT')));
  const forms = new Set(texts.map((text) => withoutLiterals(text.replaceAll(':n', '7'))));
  t.equal(forms.size, texts.length, 'no two have one in common');
  t.ok(texts.every((text) => text.length > 1_000 && text.length < 4_000));
  const args = [
    '--only',
    'pg-new-forms-c16',
    '--contenders',
    'direct,sallyport',
    '--seconds',
    '1',
    '--warm-up',
    '0',
    '--rounds',
    '1',
    '--out',
    '',
  ];
  const { stdout } = await run(process.execPath, ['--disable-warning=ExperimentalWarning', main, ...args], { timeout: 60_000 });
  t.match(stdout, /every text of a new form.*\n {2}direct .*tps.*\n {2}sallyport .*tps/);
});

t.test('a row about the gateway alone', async (t) => {
  const args = ['--only', 'many-holds', '--sessions', '5', '--out', ''];
  const { stdout } = await run(process.execPath, ['--disable-warning=ExperimentalWarning', main, ...args], { timeout: 60_000 });
  t.match(stdout, /many-holds: approve .*\n.* ms, must 50 ms\n {2}holds 5\.0, /);
});

t.test('a row that does not exist is told', async (t) => {
  await t.rejects(run(process.execPath, [main, '--only', 'pg-fly']), { code: 1, stderr: /there is no row "pg-fly"/ });
});
