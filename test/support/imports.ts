// Which file of the project imports which, read from the sources themselves.

import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

export interface Import {
  /** Paths from the checkout, with slashes: "src/gate/gate.ts". */
  readonly from: string;
  readonly to: string;
  /** Erased when it runs: `import type`. */
  readonly typeOnly: boolean;
  /** `import('…')`, or a worker's `new URL('…', import.meta.url)`. */
  readonly lazy: boolean;
}

export interface SourceFile {
  readonly path: string;
  readonly lines: number;
  readonly imports: readonly Import[];
}

const statement = /^[ \t]*(?:import|export)\s+(type\s+)?(?:[^'";]*?\sfrom\s*)?['"]([^'"]+)['"]/gm;
const later = /(?:\bimport\(\s*|new URL\(\s*)['"](\.[^'"]+)['"]/g;

/** Every .ts and .tsx file below these folders; those that do not exist are skipped. */
export function readSources(root: string, folders: readonly string[]): SourceFile[] {
  return folders.flatMap((folder) =>
    list(join(root, folder)).map((name) => {
      const path = join(folder, name);
      const text = readFileSync(join(root, path), 'utf8');
      return { path, lines: text.split('\n').length - 1, imports: importsOf(path, text) };
    }),
  );
}

/** Imports of the project's own files; packages are left out. */
export function importsOf(from: string, text: string): Import[] {
  const code = withoutComments(text);
  const found = [
    ...[...code.matchAll(statement)].map((match) => ({ name: match[2] ?? '', typeOnly: match[1] !== undefined, lazy: false })),
    ...[...code.matchAll(later)].map((match) => ({ name: match[1] ?? '', typeOnly: false, lazy: true })),
  ];
  return found
    .filter(({ name }) => name.startsWith('.'))
    .map(({ name, ...kind }) => ({ from, to: normalize(join(dirname(from), name)), ...kind }));
}

/** Only whole-line comments: enough for code that is quoted in them, and a string with slashes in it stays whole. */
function withoutComments(text: string): string {
  return text.replace(/^[ \t]*(\/\/.*|\/\*[\s\S]*?\*\/)[ \t]*$/gm, '');
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => /\.tsx?$/.test(name) && !name.endsWith('.d.ts'));
  } catch {
    return [];
  }
}

function binds({ from, to, typeOnly, lazy }: Import): boolean {
  return !lazy && !(typeOnly && dirname(from) === dirname(to));
}

/**
 * The first cycle found, as the files on it, or null. What is only started (a worker, a lazy part) closes no circle, nor does a
 * type that a neighbour in the same folder names; between folders types count.
 */
export function cycle(files: readonly SourceFile[]): string[] | null {
  const next = new Map(files.map((file) => [file.path, file.imports.filter(binds).map(({ to }) => to)]));
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string): string[] | null => {
    if (done.has(file)) return null;
    const at = path.indexOf(file);
    if (at >= 0) return [...path.slice(at), file];
    path.push(file);
    for (const to of next.get(file) ?? []) {
      const found = visit(to);
      if (found !== null) return found;
    }
    path.pop();
    done.add(file);
    return null;
  };
  for (const file of next.keys()) {
    const found = visit(file);
    if (found !== null) return found;
  }
  return null;
}
