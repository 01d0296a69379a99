// The SFTP side of the embedded server: files of its home and nothing beside it, because it may run as root where programs do not.

import { constants, lchownSync } from 'node:fs';
import type { Stats } from 'node:fs';
import * as fs from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import ssh2 from 'ssh2';
import type { Attributes, SFTPWrapper } from 'ssh2';
import type { RunAs } from './unprivileged.ts';

const { STATUS_CODE: code, OPEN_MODE: mode } = ssh2.utils.sftp;
const readBytesMax = 256 * 1024;
type Open = { readonly kind: 'file'; readonly file: FileHandle } | { readonly kind: 'folder'; readonly path: string; done: boolean };

class Outside extends Error {}

/** Answers until the channel ends. Paths begin in `home`; what they lead to has to be in it. */
export function serveFiles(sftp: SFTPWrapper, home: string, owner: RunAs | null): void {
  const open = new Map<number, Open>();
  let next = 0;
  const inside = async (path: string, follow = true): Promise<string> => {
    const root = await fs.realpath(home);
    const asked = resolve(root, path);
    const folder = await fs.realpath(dirname(asked));
    const whole = asked === root ? root : join(folder, basename(asked));
    const real = follow ? await fs.realpath(whole).catch(() => whole) : whole;
    if (real !== root && !real.startsWith(`${root}/`)) throw new Outside();
    return real;
  };
  const own = (path: string) => owner !== null && lchownSync(path, owner.uid, owner.gid);
  const answer = (id: number, work: () => Promise<unknown>) => {
    work().then(
      (value) => value === undefined && sftp.status(id, code.OK),
      (thrown: unknown) => sftp.status(id, statusOf(thrown), thrown instanceof Outside ? 'the embedded server serves its home only' : ''),
    );
  };
  const kept = (handle: Buffer): Open => {
    const found = handle.length === 4 ? open.get(handle.readUInt32BE()) : undefined;
    if (found === undefined) throw new Error('no such handle');
    return found;
  };
  const fileOf = (handle: Buffer): FileHandle => {
    const found = kept(handle);
    if (found.kind !== 'file') throw new Error('not a file');
    return found.file;
  };
  const give = (id: number, opened: Open) => {
    const handle = Buffer.alloc(4);
    handle.writeUInt32BE(next);
    open.set(next, opened);
    next += 1;
    sftp.handle(id, handle);
    return true;
  };
  const change = async (path: string, { mode: bits, atime, mtime, size }: Partial<Attributes>) => {
    if (size !== undefined) await fs.truncate(path, size);
    if (bits !== undefined) await fs.chmod(path, bits & 0o777);
    if (atime !== undefined && mtime !== undefined) await fs.utimes(path, atime, mtime);
  };
  sftp.on('OPEN', (id, path, flags) => {
    answer(id, async () => {
      const file = await inside(path);
      const opened = await fs.open(file, openFlags(flags) | constants.O_NOFOLLOW, 0o644);
      if ((flags & mode.CREAT) !== 0) own(file);
      return give(id, { kind: 'file', file: opened });
    });
  });
  sftp.on('READ', (id, handle, offset, length) => {
    answer(id, async () => {
      const buffer = Buffer.alloc(Math.min(length, readBytesMax));
      const { bytesRead } = await fileOf(handle).read(buffer, 0, buffer.length, offset);
      if (bytesRead === 0) sftp.status(id, code.EOF);
      else sftp.data(id, buffer.subarray(0, bytesRead));
      return true;
    });
  });
  sftp.on('WRITE', (id, handle, offset, data) => {
    answer(id, async () => void (await fileOf(handle).write(data, 0, data.length, offset)));
  });
  sftp.on('CLOSE', (id, handle) => {
    answer(id, async () => {
      const found = kept(handle);
      open.delete(handle.readUInt32BE());
      if (found.kind === 'file') await found.file.close();
    });
  });
  sftp.on('OPENDIR', (id, path) => {
    answer(id, async () => {
      const folder = await inside(path);
      await fs.readdir(folder);
      return give(id, { kind: 'folder', path: folder, done: false });
    });
  });
  sftp.on('READDIR', (id, handle) => {
    answer(id, async () => {
      const folder = kept(handle);
      if (folder.kind !== 'folder' || folder.done) {
        sftp.status(id, code.EOF);
        return true;
      }
      folder.done = true;
      const names = ['.', '..', ...(await fs.readdir(folder.path))];
      const entries = await Promise.all(
        names.map(async (filename) => {
          const stats = await fs.lstat(join(folder.path, filename));
          return { filename, longname: longName(filename, stats), attrs: attributes(stats) };
        }),
      );
      sftp.name(id, entries);
      return true;
    });
  });
  const looks = (follow: boolean) => (id: number, path: string) =>
    answer(id, async () => {
      const found = await inside(path, follow);
      sftp.attrs(id, attributes(await (follow ? fs.stat(found) : fs.lstat(found))));
      return true;
    });
  sftp.on('STAT', looks(true));
  sftp.on('LSTAT', looks(false));
  sftp.on('FSTAT', (id, handle) => {
    answer(id, async () => {
      sftp.attrs(id, attributes(await fileOf(handle).stat()));
      return true;
    });
  });
  sftp.on('REALPATH', (id, path) => {
    answer(id, async () => {
      const filename = await inside(path).catch(() => resolve(home, path));
      sftp.name(id, [{ filename, longname: filename, attrs: attributes(null) }]);
      return true;
    });
  });
  sftp.on('READLINK', (id, path) => {
    answer(id, async () => {
      const filename = await fs.readlink(await inside(path, false));
      sftp.name(id, [{ filename, longname: filename, attrs: attributes(null) }]);
      return true;
    });
  });
  sftp.on('SETSTAT', (id, path, attrs) => answer(id, async () => change(await inside(path), attrs)));
  sftp.on('FSETSTAT', (id, handle, attrs) => {
    answer(id, async () => {
      if (attrs.mode !== undefined) await fileOf(handle).chmod(attrs.mode & 0o777);
      if (attrs.atime !== undefined && attrs.mtime !== undefined) await fileOf(handle).utimes(attrs.atime, attrs.mtime);
    });
  });
  sftp.on('REMOVE', (id, path) => answer(id, async () => fs.unlink(await inside(path, false))));
  sftp.on('RMDIR', (id, path) => answer(id, async () => fs.rmdir(await inside(path, false))));
  sftp.on('MKDIR', (id, path) => {
    answer(id, async () => {
      const folder = await inside(path, false);
      await fs.mkdir(folder);
      own(folder);
    });
  });
  sftp.on('RENAME', (id, from, to) => answer(id, async () => fs.rename(await inside(from, false), await inside(to, false))));
  sftp.on('SYMLINK', (id, points, path) => {
    answer(id, async () => {
      const link = await inside(path, false);
      await fs.symlink(points, link);
      own(link);
    });
  });
  sftp.on('end', () => sftp.end());
  sftp.on('close', () => {
    for (const it of open.values()) if (it.kind === 'file') void it.file.close().catch(() => undefined); // closed already
  });
}

function openFlags(asked: number): number {
  const both = (asked & mode.READ) !== 0 && (asked & mode.WRITE) !== 0;
  const base = both ? constants.O_RDWR : (asked & mode.WRITE) !== 0 ? constants.O_WRONLY : constants.O_RDONLY;
  const more: readonly (readonly [number, number])[] = [
    [mode.APPEND, constants.O_APPEND],
    [mode.CREAT, constants.O_CREAT],
    [mode.TRUNC, constants.O_TRUNC],
    [mode.EXCL, constants.O_EXCL],
  ];
  return more.reduce((flags, [bit, flag]) => ((asked & bit) === 0 ? flags : flags | flag), base);
}

function attributes(stats: Stats | null): Attributes {
  if (stats === null) return { mode: 0, uid: 0, gid: 0, size: 0, atime: 0, mtime: 0 };
  const seconds = (ms: number) => Math.floor(ms / 1000);
  const { mode: bits, uid, gid, size, atimeMs, mtimeMs } = stats;
  return { mode: bits, uid, gid, size, atime: seconds(atimeMs), mtime: seconds(mtimeMs) };
}

function longName(name: string, stats: Stats): string {
  const kind = stats.isDirectory() ? 'd' : stats.isSymbolicLink() ? 'l' : '-';
  const bits = [...'rwxrwxrwx'].map((letter, at) => ((stats.mode >> (8 - at)) & 1 ? letter : '-')).join('');
  const day = stats.mtime.toUTCString().slice(5, 16);
  return `${kind}${bits} ${stats.nlink} web web ${String(stats.size).padStart(8)} ${day} ${name}`;
}

function statusOf(thrown: unknown): number {
  if (thrown instanceof Outside) return code.PERMISSION_DENIED;
  switch ((thrown as NodeJS.ErrnoException).code) {
    case 'ENOENT':
      return code.NO_SUCH_FILE;
    case 'EACCES':
    case 'EPERM':
    case 'ELOOP':
      return code.PERMISSION_DENIED;
    default:
      return code.FAILURE;
  }
}
