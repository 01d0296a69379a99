// Imports go one way (docs/architecture.md): everything may import src/core, protocols and policies nothing else, and only the
// composition root knows concrete classes across folders. Named here is the file that breaks a rule, and what it imports.

import { join } from 'node:path';
import t from 'tap';
import { cycle, importsOf, readSources } from './support/imports.ts';
import type { Import } from './support/imports.ts';

const root = join(import.meta.dirname, '..');
const sources = readSources(root, ['src', 'protocols', 'policies', 'agent']);

/** Lines in a file: more than the first is named, more than the second fails. */
const linesWanted = 400;
const linesMax = 500;

/** The part of the project a file belongs to: the unit that rules are about. */
function partOf(path: string): string {
  const [top = '', second = '', third = ''] = path.split('/');
  if (top === 'agent') return 'agent';
  if (top === 'policies' && second === 'classify') return `policies/classify/${third.includes('.') ? '' : third}`;
  if (/^src\/api\/contract(-[a-z]+)?\.ts$/.test(path)) return 'contract';
  return `${top}/${second}`;
}

/** What each part may import besides itself and src/core. Features keep rows in src/store and make views of the contract. */
const feature = ['src/store', 'contract'];
const allowed: Readonly<Record<string, readonly string[] | 'anything'>> = {
  contract: [],
  'src/core': [],
  'src/gate': [],
  'src/store': ['contract'],
  'src/api': ['contract'],
  'src/approvals': feature,
  'src/audit': feature,
  'src/config': [],
  'src/identity': feature,
  'src/notify': feature,
  'src/recordings': feature,
  // A live session is the gate's only caller.
  'src/sessions': [...feature, 'src/gate'],
  // Relay threads judge what is plainly allowed, and ask the main thread for the rest.
  'src/relay': ['src/gate', 'src/sessions'],
  'src/targets': feature,
  'src/tunnel': [],
  'src/cli': ['contract'],
  'src/console': ['contract'],
  agent: ['src/tunnel'],
  // What classifiers share lies beside them, not in one of them.
  'policies/classify/postgres': ['policies/classify/'],
  'policies/classify/mysql': ['policies/classify/'],
  'policies/classify/ssh': ['policies/classify/'],
  // Masks follow columns by the trees and words that classifiers read.
  'policies/masking': ['policies/classify/postgres', 'policies/classify/mysql'],
  // The JSON Schema for editors is made from the engine's own.
  'policies/schema': ['policies/engine'],
  // Commands that run without a gateway use its parts directly.
  'src/offline': 'anything',
  'src/gateway.ts': 'anything',
  // The composition root's own rooms.
  'src/composition': 'anything',
  'src/main.ts': 'anything',
};

function mayImport({ from, to }: Import): boolean {
  const [source, wanted] = [partOf(from), partOf(to)];
  if (source === wanted) return true;
  // The console and the command line are clients: nothing of the gateway but the contract, not even core.
  if (source === 'src/cli' || source === 'src/console') return wanted === 'contract';
  if (source === 'src/core' || source === 'contract') return false;
  if (wanted === 'src/core') return true;
  const list = allowed[source] ?? [];
  return list === 'anything' || list.includes(wanted);
}

/** Data, styles and built files are no code of ours. */
const isCode = (path: string) => /\.tsx?$/.test(path);

t.test('every import goes the allowed way', async (t) => {
  t.ok(sources.length > 50, 'the sources were found');
  const wrong = sources.flatMap(({ imports }) => imports).filter((it) => isCode(it.to) && !mayImport(it));
  t.same(
    wrong.map(({ from, to }) => `${from} imports ${to}`),
    [],
  );
});

t.test('every folder of src has a rule', async (t) => {
  const parts = new Set(sources.map(({ path }) => partOf(path)).filter((part) => part.startsWith('src/')));
  t.same(
    [...parts].filter((part) => !(part in allowed)),
    [],
  );
});

t.test('every imported file is there', async (t) => {
  const known = new Set(sources.map(({ path }) => path));
  const code = sources.flatMap(({ imports }) => imports).filter(({ to }) => /\.tsx?$/.test(to) && !to.endsWith('.d.ts'));
  t.same(
    code.filter(({ to }) => !known.has(to)).map(({ from, to }) => `${from} imports ${to}`),
    [],
  );
});

t.test('nothing imports in a circle', async (t) => {
  t.equal(cycle(sources)?.join(' → ') ?? null, null);
});

t.test('the commands start without loading the gateway', async (t) => {
  const eager = sources
    .filter(({ path }) => path === 'src/main.ts' || path.startsWith('src/offline/'))
    .flatMap(({ imports }) => imports)
    .filter(({ to, lazy, typeOnly }) => to === 'src/gateway.ts' && !lazy && !typeOnly);
  t.same(
    eager.map(({ from, to }) => `${from} imports ${to}, and not lazily`),
    [],
  );
});

t.test(`no source file has more than ${linesMax} lines`, async (t) => {
  const longest = [...sources].sort((a, b) => b.lines - a.lines).filter(({ lines }) => lines > linesWanted);
  for (const { path, lines } of longest) t.comment(`${path} has ${lines} lines: is it still one idea?`);
  t.same(
    longest.filter(({ lines }) => lines > linesMax).map(({ path, lines }) => `${path} has ${lines} lines`),
    [],
  );
});

t.test('the rules can tell', async (t) => {
  const breaks: readonly (readonly [string, string])[] = [
    ['src/core/action.ts', '../gate/gate.ts'],
    ['src/core/action.ts', '../api/contract.ts'],
    ['protocols/mysql/codec.ts', '../postgres/codec.ts'],
    ['protocols/mysql/codec.ts', '../../policies/engine/load.ts'],
    ['protocols/mysql/codec.ts', '../../src/config/load.ts'],
    ['policies/engine/load.ts', '../classify/postgres/classifier.ts'],
    ['policies/engine/load.ts', '../../protocols/postgres/codec.ts'],
    ['policies/classify/mysql/classifier.ts', '../postgres/classifier.ts'],
    ['src/console/main.tsx', '../core/words.ts'],
    ['src/cli/holds.ts', '../identity/identity.ts'],
    ['src/gate/gate.ts', '../approvals/holds.ts'],
    ['src/approvals/holds.ts', '../audit/log.ts'],
    ['src/api/server.ts', '../gateway.ts'],
    ['agent/main.ts', '../src/targets/dial.ts'],
  ];
  for (const [from, name] of breaks) {
    const [found] = importsOf(from, `import {\n  a,\n  b,\n} from '${name}';\n`);
    t.ok(found !== undefined && !mayImport(found), `${from} may not import ${name}`);
  }
  const kinds = importsOf(
    'src/main.ts',
    `import type { A } from './a.ts';\n// import './b.ts';\nexport * from './c.ts';\nawait import('./d.ts');\nimport 'e';`,
  );
  t.same(
    kinds.map(({ to, typeOnly, lazy }) => [to, typeOnly, lazy]),
    [
      ['src/a.ts', true, false],
      ['src/c.ts', false, false],
      ['src/d.ts', false, true],
    ],
  );
  const file = (path: string, to: string) => ({ path, lines: 1, imports: [{ from: path, to, typeOnly: false, lazy: false }] });
  t.same(cycle([file('a', 'b'), file('b', 'c'), file('c', 'b')]), ['b', 'c', 'b']);
});
