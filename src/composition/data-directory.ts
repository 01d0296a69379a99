// The data folder at the start: made when it is not there, and words for the operator when the system does not let the gateway
// use it or what is in it, as after a run as another user, a full disk or a file system that is read-only.

import { accessSync, constants } from 'node:fs';
import { Fault } from '../core/errors.ts';
import { makeFolder } from '../core/make-folder.ts';

/** Makes the folder with mode 0700 when it is not there. Throws Fault store-failed when the gateway can't keep anything in it. */
export function openDataDirectory(dir: string): void {
  try {
    makeFolder(dir);
    accessSync(dir, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT')
      throw new Fault('store-failed', `data_dir: ${dir} can't be made: the file system there takes no folders`, { cause: thrown });
    throw inWords(thrown, dir);
  }
}

/** What the system refused about a file of the data folder as Fault store-failed; everything else is given back as it is. */
export function inWords(thrown: unknown, dir: string): unknown {
  if (thrown instanceof Fault || !(thrown instanceof Error)) return thrown;
  const { code, path = dir } = thrown as NodeJS.ErrnoException;
  const refusal = refusals(code);
  if (refusal === null || !path.startsWith(dir)) return thrown;
  return new Fault('store-failed', `data_dir: ${path} can't be used: ${refusal.why}`, { cause: thrown, hint: refusal.hint });
}

function refusals(code: string | undefined): { readonly why: string; readonly hint: string } | null {
  switch (code) {
    case 'EACCES':
    case 'EPERM':
      return { why: 'permission denied', hint: `the folder and all files in it belong to the user that runs the gateway${ownName()}` };
    case 'EEXIST':
    case 'ENOTDIR':
      return { why: 'it is not a folder', hint: 'name a folder of its own under data_dir' };
    case 'EROFS':
    case 'SQLITE_READONLY':
      return {
        why: 'the file system is read-only',
        hint: 'mount it for writing; under systemd, allow the folder by StateDirectory or ReadWritePaths',
      };
    case 'ENOSPC':
    case 'EDQUOT':
    case 'SQLITE_FULL':
      return { why: 'there is no space left', hint: 'make room: recordings and the audit log grow with use (docs/operating.md)' };
    default:
      return null;
  }
}

function ownName(): string {
  const uid = process.getuid?.();
  return uid === undefined ? '' : ` (now user ${uid}): chown -R`;
}
