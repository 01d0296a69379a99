// What the targets themselves say they ran, from their own logs.

import { readFileSync } from 'node:fs';
import type { World } from './world.ts';

export interface Ran {
  readonly where: 'postgres' | 'mysql' | 'ssh';
  /** Null where the log has none that fine. */
  readonly atMs: number | null;
  readonly text: string;
}

export function whatRan(world: World): Ran[] {
  return [
    ...ranInPostgres(world.postgres.log),
    ...ranInMariadb(readFileSync(world.mariadbLog, 'utf8')),
    ...ranInSsh(readFileSync(world.ssh.log, 'utf8')),
  ];
}

function ranInPostgres(log: string): Ran[] {
  return log.split('\n').flatMap((line) => {
    const [, seconds, name, text] = /^([\d.]+)\|\d+\|([^|]*)\|LOG: {2}(?:statement|execute [^:]+): (.*)$/.exec(line) ?? [];
    if (text === undefined || name === 'soak-itself') return [];
    return [{ where: 'postgres' as const, atMs: Number(seconds) * 1000, text }];
  });
}

/** A prepared statement stands there twice, when it is prepared and with its values when it is executed: the second counts. */
function ranInMariadb(log: string): Ran[] {
  return log.split('\n').flatMap((line) => {
    const text = /^[\d :]*\t+ *\d+ (?:Query|Execute)\t(.*)$/.exec(line)?.[1];
    return text === undefined ? [] : [{ where: 'mysql' as const, atMs: null, text }];
  });
}

function ranInSsh(log: string): Ran[] {
  return log.split('\n').flatMap((line) => {
    const [, seconds, text] = /^([\d.]+) (.*)$/.exec(line) ?? [];
    return text === undefined ? [] : [{ where: 'ssh' as const, atMs: Number(seconds) * 1000, text }];
  });
}
