// A profile as a picture: what was sampled, as wide as it took, and neither sleep nor start-up.

import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { temporaryDirectory } from '../support/directories.ts';

const script = join(import.meta.dirname, '../bench/flame-graph.ts');
const frame = (functionName: string, url: string) => ({ functionName, url, lineNumber: 1 });

t.test('drawn', async (t) => {
  const directory = temporaryDirectory(t, 'flame');
  const [file, out] = [join(directory, 'a.cpuprofile'), join(directory, 'a.svg')];
  const nodes = [
    { id: 1, callFrame: frame('(root)', ''), children: [2, 5, 6] },
    { id: 2, callFrame: frame('serve', 'file:///x/src/gateway.ts'), children: [3, 4] },
    { id: 3, callFrame: frame('judge<T>', 'file:///x/policies/engine/a.ts') },
    { id: 4, callFrame: frame('write', '') },
    { id: 5, callFrame: frame('(idle)', '') },
    { id: 6, callFrame: frame('executeUserEntryPoint', 'node:internal/modules/run_main'), children: [7] },
    { id: 7, callFrame: frame('compile', '') },
  ];
  writeFileSync(file, JSON.stringify({ nodes, samples: [3, 4, 5, 7, 2], timeDeltas: [600, 300, 5000, 7000, 100] }));
  const { status, stderr } = spawnSync(process.execPath, [script, file, out, 'before & after'], { encoding: 'utf8' });
  t.equal(status, 0, stderr);
  const drawing = readFileSync(out, 'utf8');
  t.match(drawing, 'before &#38; after (0.0 s of CPU time)');
  const box = (name: string) =>
    new RegExp(`<title>${name}: ([\\d.]+) %</title><rect x="([\\d.]+)" y="(\\d+)" width="([\\d.]+)"`).exec(drawing);
  t.match(box('serve src/gateway.ts'), { 1: '100.0', 2: '0.0', 4: '1199.5' });
  t.match(box('judge&#60;T&#62; policies/engine/a.ts'), { 1: '60.0', 2: '0.0', 4: '719.5' });
  t.match(box('write \\(native\\)'), { 1: '30.0', 2: '720.0', 4: '359.5' });
  t.notMatch(drawing, /idle|compile/);
  t.ok(Number(box('serve src/gateway.ts')?.[3]) > Number(box('write \\(native\\)')?.[3]), 'what called stands below');
});
