// What each SFTP request does, as a table: judged with these effects, covered by what was judged before (a handle, the
// subsystem itself), or not passed on at all.

import type { Effect } from '../../src/core/effect.ts';
import { FieldReader, openFlag, type, typeOf, UnreadablePath } from './sftp-messages.ts';

export interface JudgedPath {
  readonly path: string;
  /** False for what acts on a link itself: only its folder is resolved. */
  readonly follow: boolean;
  readonly effects: readonly ('file-read' | 'file-write' | 'file-remove')[];
}

export type Operation =
  /** An action of its own. `opens` gives a handle that lives under its permit. */
  | {
      readonly kind: 'judged';
      readonly verb: string;
      readonly paths: readonly JudgedPath[];
      readonly opens: 'file' | 'folder' | null;
      readonly writes: boolean;
    }
  /** Under the permit of its handle; writing needs one that may write. */
  | { readonly kind: 'handle'; readonly handle: Buffer; readonly writes: boolean; readonly source: Buffer | null }
  /** Looking at names and attributes: under the permit of the subsystem. */
  | { readonly kind: 'lookup' }
  | { readonly kind: 'unsupported' }
  /** What it names cannot be shown to anybody. */
  | { readonly kind: 'unreadable'; readonly why: string };

/** Reads one request. Throws Fault protocol-violation for one that is malformed. */
export function operationOf(packet: Buffer): Operation {
  try {
    return readRequest(packet);
  } catch (thrown) {
    if (!(thrown instanceof UnreadablePath)) throw thrown;
    return { kind: 'unreadable', why: thrown.message };
  }
}

function readRequest(packet: Buffer): Operation {
  const fields = new FieldReader(packet);
  if (typeOf(packet) !== type.init) fields.uint32();
  switch (typeOf(packet)) {
    case type.open: {
      const path = fields.path();
      const flags = fields.uint32();
      const writes = (flags & (openFlag.write | openFlag.append | openFlag.create | openFlag.truncate)) !== 0;
      const reads = (flags & openFlag.read) !== 0 || !writes;
      const effects = [...(reads ? (['file-read'] as const) : []), ...(writes ? (['file-write'] as const) : [])];
      return { kind: 'judged', verb: writes ? 'write' : 'read', paths: [{ path, follow: true, effects }], opens: 'file', writes };
    }
    case type.opendir:
      return { ...judged('list', { path: fields.path(), follow: true, effects: ['file-read'] }), opens: 'folder', writes: false };
    case type.setstat:
      return judged('set attributes of', { path: fields.path(), follow: true, effects: ['file-write'] });
    case type.remove:
      return judged('remove', { path: fields.path(), follow: false, effects: ['file-remove'] });
    case type.rmdir:
      return judged('rmdir', { path: fields.path(), follow: false, effects: ['file-remove'] });
    case type.mkdir:
      return judged('mkdir', { path: fields.path(), follow: false, effects: ['file-write'] });
    case type.rename:
      return renames(fields);
    case type.symlink: {
      // OpenSSH sends the text of the link first, and the name of the link second.
      const points = fields.path();
      return judged(`link (to ${points})`, { path: fields.path(), follow: false, effects: ['file-write'] });
    }
    case type.close:
    case type.read:
    case type.readdir:
    case type.fstat:
      return { kind: 'handle', handle: fields.bytes(), writes: false, source: null };
    case type.write:
    case type.fsetstat:
      return { kind: 'handle', handle: fields.bytes(), writes: true, source: null };
    case type.init:
    case type.lstat:
    case type.stat:
    case type.realpath:
    case type.readlink:
      return { kind: 'lookup' };
    case type.extended:
      return extended(fields);
    default:
      return { kind: 'unsupported' };
  }
}

/** OpenSSH's extensions (PROTOCOL, 4). One that is not listed is not passed on. */
function extended(fields: FieldReader): Operation {
  switch (fields.bytes().toString('latin1')) {
    case 'posix-rename@openssh.com':
      return renames(fields);
    case 'hardlink@openssh.com': {
      const old = fields.path();
      return judged(
        'hard link',
        { path: old, follow: false, effects: ['file-read'] },
        { path: fields.path(), follow: false, effects: ['file-write'] },
      );
    }
    case 'lsetstat@openssh.com':
      return judged('set attributes of', { path: fields.path(), follow: false, effects: ['file-write'] });
    case 'fsync@openssh.com':
      return { kind: 'handle', handle: fields.bytes(), writes: true, source: null };
    case 'copy-data': {
      const source = fields.bytes();
      fields.uint64();
      fields.uint64();
      return { kind: 'handle', handle: fields.bytes(), writes: true, source };
    }
    case 'statvfs@openssh.com':
    case 'fstatvfs@openssh.com':
    case 'limits@openssh.com':
    case 'expand-path@openssh.com':
    case 'home-directory':
    case 'users-groups-by-id@openssh.com':
      return { kind: 'lookup' };
    default:
      return { kind: 'unsupported' };
  }
}

function renames(fields: FieldReader): Operation {
  const from = fields.path();
  return judged(
    'rename',
    { path: from, follow: false, effects: ['file-remove'] },
    { path: fields.path(), follow: false, effects: ['file-write'] },
  );
}

function judged(verb: string, ...paths: JudgedPath[]): Extract<Operation, { kind: 'judged' }> {
  return { kind: 'judged', verb, paths, opens: null, writes: true };
}

/** The effects of an operation on the paths that the target resolved. */
export function effectsOf(paths: readonly JudgedPath[], resolved: readonly string[]): Effect[] {
  return paths.flatMap(({ effects }, index) =>
    effects.map((verb): Effect => ({
      verb,
      access: verb === 'file-read' ? 'read' : 'write',
      objectKind: 'file',
      object: resolved[index] ?? null,
    })),
  );
}

/** "rename /a to /b"; where the target resolved another path than was asked, both. */
export function textOf(verb: string, paths: readonly JudgedPath[], resolved: readonly string[]): string {
  const names = paths.map(({ path }, index) => (path === resolved[index] ? path : `${path} (${resolved[index] ?? '?'})`));
  return `${verb} ${names.join(' to ')}`;
}
