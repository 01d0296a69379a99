// Sums up a CPU profile of V8 (node --cpu-prof): self time by function, and by folder of the project.
// node profile-summary.ts FILE.cpuprofile [LINES]

import { readFileSync } from 'node:fs';

interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
}

const [file = '', lines = '40'] = process.argv.slice(2);
const profile = JSON.parse(readFileSync(file, 'utf8')) as CpuProfile;
const frames = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame]));
const byFunction = new Map<string, number>();
const byPlace = new Map<string, number>();
let busyMicros = 0;

profile.samples.forEach((id, index) => {
  const frame = frames.get(id);
  const micros = profile.timeDeltas[index] ?? 0;
  if (frame === undefined || frame.functionName === '(idle)') return;
  busyMicros += micros;
  const place = placeOf(frame.url);
  add(byFunction, `${frame.functionName || '(anonymous)'}  ${place}:${frame.lineNumber + 1}`, micros);
  add(byPlace, folderOf(place), micros);
});

print('by folder', byPlace, 20);
print('by function, self time', byFunction, Number(lines));

function placeOf(url: string): string {
  if (url === '') return '(native)';
  return url
    .replace(/^file:\/\//, '')
    .replace(/^.*\/node_modules\//, 'node_modules/')
    .replace(/^.*\/((?:src|protocols|policies|test)\/)/, '$1');
}

/** The first two parts of a path: "src/audit", "policies/engine". */
function folderOf(place: string): string {
  return place.startsWith('node:') || place.startsWith('(')
    ? place
    : place
        .split('/')
        .slice(0, place.startsWith('policies/classify') ? 3 : 2)
        .join('/');
}

function add(sums: Map<string, number>, key: string, micros: number): void {
  sums.set(key, (sums.get(key) ?? 0) + micros);
}

function print(title: string, sums: ReadonlyMap<string, number>, count: number): void {
  process.stdout.write(`${title} (${(busyMicros / 1e6).toFixed(2)} s busy)\n`);
  const sorted = [...sums].sort(([, a], [, b]) => b - a).slice(0, count);
  for (const [key, micros] of sorted) process.stdout.write(`${((100 * micros) / busyMicros).toFixed(1).padStart(6)} %  ${key}\n`);
}
