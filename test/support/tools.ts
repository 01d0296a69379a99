// The real tools that tests drive. One that is missing is a failure with words, never a skip: a skipped proof proves nothing.

import { accessSync, constants, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** The path of a program, or an Error that names the Debian package to install. */
export function tool(name: string, debianPackage: string): string {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  for (const folder of folders) {
    const path = join(folder, name);
    if (isProgram(path)) return path;
  }
  throw missing(name, debianPackage);
}

/** Debian's newest PostgreSQL server binaries. */
export function debianPostgresBinaries(): string {
  const base = '/usr/lib/postgresql';
  let versions: string[] = [];
  try {
    versions = readdirSync(base).sort((a, b) => Number(b) - Number(a));
  } catch {
    // Told below.
  }
  for (const version of versions) {
    const folder = join(base, version, 'bin');
    if (isProgram(join(folder, 'postgres'))) return folder;
  }
  throw missing('postgres', 'postgresql');
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function missing(name: string, debianPackage: string): Error {
  return new Error(`this test needs ${name}: apt-get install ${debianPackage} (npm test does it when it may)`);
}
