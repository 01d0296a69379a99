// Draws a CPU profile of V8 (node --cpu-prof) as a flame graph: width is CPU time, what called stands below what it called, colours tell
// whose code it is. node flame-graph.ts FILE.cpuprofile OUT.svg TITLE

import { writeFileSync } from 'node:fs';
import { isIdle, nameOf, placeOf, readProfile } from './cpu-profile.ts';
import type { CpuProfile } from './cpu-profile.ts';

const width = 1200;
const rowHeight = 17;
const headHeight = 52;
const letterWidth = 6.2;
/** Narrower frames, in pixels, are left out: nobody can see them, and they are most of the file. */
const narrowest = 3;
/** Under Node's loader of modules a process starts: not what is measured. */
const startUp = /^node:internal\/(modules|bootstrap|process\/pre_execution)/;

const owners = [
  { words: 'kernel and V8', color: '#9aa5b1', is: (place: string) => place === '(native)' },
  { words: 'Node', color: '#7fb685', is: (place: string) => place.startsWith('node:') },
  { words: 'packages', color: '#c3a6d8', is: (place: string) => place.startsWith('node_modules/') || place.startsWith('wasm:') },
  { words: 'protocols', color: '#f2b35e', is: (place: string) => place.startsWith('protocols/') },
  { words: 'policies', color: '#e58a7b', is: (place: string) => place.startsWith('policies/') },
  { words: 'gateway', color: '#7fb2e5', is: () => true },
] as const;

interface Frame {
  readonly name: string;
  readonly place: string;
  micros: number;
  readonly above: Map<string, Frame>;
}

const [file = '', out = '', title = file] = process.argv.slice(2);
const root = framesOf(readProfile(file));
writeFileSync(out, drawn(root, title));

/** The same function called from the same place is one frame, whatever line it was called from. */
function framesOf(profile: CpuProfile): Frame {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const parents = new Map(profile.nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)));
  const all: Frame = { name: 'all', place: '(native)', micros: 0, above: new Map() };
  const frames = new Map<number, Frame>();
  const frameOf = (id: number): Frame => {
    const node = nodes.get(id);
    const parent = parents.get(id);
    if (node === undefined || parent === undefined) return all;
    let frame = frames.get(id);
    if (frame === undefined) {
      const below = frameOf(parent);
      const [name, place] = [nameOf(node), placeOf(node.callFrame.url)];
      const key = `${name} ${place}`;
      frame = below.above.get(key) ?? { name, place, micros: 0, above: new Map() };
      below.above.set(key, frame);
      frames.set(id, frame);
    }
    return frame;
  };
  profile.samples.forEach((id, index) => {
    const node = nodes.get(id);
    if (node === undefined || isIdle(node)) return;
    const micros = profile.timeDeltas[index] ?? 0;
    const touched = new Set<Frame>([all]);
    for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) touched.add(frameOf(at));
    if ([...touched].some(({ place }) => startUp.test(place))) return;
    for (const frame of touched) frame.micros += micros;
  });
  return all;
}

function drawn(all: Frame, words: string): string {
  const boxes: { readonly frame: Frame; readonly x: number; readonly depth: number; readonly w: number }[] = [];
  const place = (frame: Frame, x: number, depth: number): void => {
    const w = (frame.micros / all.micros) * width;
    if (w < narrowest) return;
    boxes.push({ frame, x, depth, w });
    let from = x;
    for (const it of [...frame.above.values()].sort((a, b) => b.micros - a.micros)) {
      place(it, from, depth + 1);
      from += (it.micros / all.micros) * width;
    }
  };
  place(all, 0, 0);
  const height = headHeight + (Math.max(...boxes.map(({ depth }) => depth)) + 1) * rowHeight;
  const legend = owners.map(
    ({ words: whose, color }, at) =>
      `<rect x="${10 + at * 130}" y="30" width="11" height="11" fill="${color}"/><text x="${26 + at * 130}" y="40">${whose}</text>`,
  );
  const drawnBoxes = boxes.map(({ frame, x, depth, w }) => {
    const y = height - (depth + 1) * rowHeight;
    const share = `${((100 * frame.micros) / all.micros).toFixed(1)} %`;
    const letters = Math.floor((w - 4) / letterWidth);
    const label = letters < 3 ? '' : frame.name.length <= letters ? frame.name : `${frame.name.slice(0, letters - 1)}…`;
    return (
      `<g><title>${escaped(`${frame.name} ${frame.place}: ${share}`)}</title>` +
      `<rect x="${x.toFixed(1)}" y="${y}" width="${Math.max(w - 0.5, 0.5).toFixed(1)}" height="${rowHeight - 1}" fill="${colorOf(frame.place)}"/>` +
      (label === '' ? '' : `<text x="${(x + 3).toFixed(1)}" y="${y + 12}">${escaped(label)}</text>`) +
      '</g>'
    );
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="ui-monospace, monospace" font-size="10.5">`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    `<text x="10" y="19" font-size="14">${escaped(words)} (${(all.micros / 1e6).toFixed(1)} s of CPU time)</text>`,
    ...legend,
    ...drawnBoxes,
    '</svg>\n',
  ].join('\n');
}

function colorOf(place: string): string {
  return owners.find((owner) => owner.is(place))?.color ?? '#fff';
}

function escaped(text: string): string {
  return text.replace(/[&<>]/g, (it) => `&#${it.charCodeAt(0)};`);
}
