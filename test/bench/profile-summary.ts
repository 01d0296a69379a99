// Sums up a CPU profile of V8 (node --cpu-prof): self time by function, and by folder of the project.
// node profile-summary.ts FILE.cpuprofile [LINES]

import { isIdle, nameOf, placeOf, readProfile } from './cpu-profile.ts';

const [file = '', lines = '40'] = process.argv.slice(2);
const profile = readProfile(file);
const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
const byFunction = new Map<string, number>();
const byPlace = new Map<string, number>();
let busyMicros = 0;

profile.samples.forEach((id, index) => {
  const node = nodes.get(id);
  const micros = profile.timeDeltas[index] ?? 0;
  if (node === undefined || isIdle(node)) return;
  busyMicros += micros;
  const place = placeOf(node.callFrame.url);
  add(byFunction, `${nameOf(node)}  ${place}:${node.callFrame.lineNumber + 1}`, micros);
  add(byPlace, folderOf(place), micros);
});

print('by folder', byPlace, 20);
print('by function, self time', byFunction, Number(lines));

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
