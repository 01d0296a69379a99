// Which reader judges which program. A name with a folder counts only when the folder is one of the system's; everything that
// is not listed is unknown.

import { builtins } from './builtins.ts';
import type { Reader } from './call.ts';
import { reads, unsure } from './call.ts';
import { changers } from './changers.ts';
import { interpreters } from './interpreters.ts';
import { onlyShows } from './listings.ts';
import { network } from './network.ts';
import { readers } from './readers.ts';
import { services } from './services.ts';
import { textTools } from './text-tools.ts';
import { transfer } from './transfer.ts';
import { wrappers } from './wrappers.ts';

const systemFolders = /^\/(?:usr\/)?s?bin\/(?=[^/]+$)/;

const unknownProgram: Reader = (call) => unsure(call, call.span, `"${short(call.name)}" is not a known program`);

export function readerOf(name: string): Reader {
  const base = name.replace(systemFolders, '');
  const isBuiltin = base === name;
  const reader =
    (isBuiltin ? builtins.get(base) : undefined) ??
    wrappers.get(base) ??
    readers.get(base) ??
    changers.get(base) ??
    interpreters.get(base) ??
    textTools.get(base) ??
    transfer.get(base) ??
    services.get(base) ??
    network.get(base) ??
    unknownProgram;
  return (call) => {
    const known = base === name ? call : { ...call, name: base };
    if (onlyShows(base, known)) reads(known);
    else reader(reader === unknownProgram ? call : known);
  };
}

function short(name: string): string {
  return name.length > 60 ? `${name.slice(0, 60)}…` : name;
}
