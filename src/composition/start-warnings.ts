// What is likely to trouble this gateway later, told in its log while somebody looks at it: when it starts.

import type { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** A session has a client, a target and a recording. */
const filesPerConnection = 3;
/** More than that is left alone: limits.connections is high unless somebody lowered it, and few gateways come near it. */
const filesEnough = 4096;
/** Renewals by ACME happen a month before the end: by now one has failed. */
const certificateMsMin = 14 * 86_400_000;

/** Null where the system does not tell. */
export function openFilesMax(): number | null {
  try {
    const soft = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    return soft === undefined ? null : Number(soft);
  } catch {
    return null;
  }
}

export function openFilesWarning(filesMax: number | null, connections: number): string | null {
  if (filesMax === null || filesMax >= Math.min(filesEnough, connections * filesPerConnection)) return null;
  const enough = Math.floor(filesMax / filesPerConnection);
  return `this process may open ${filesMax} files, enough for about ${enough} connections; limits.connections is ${connections}: raise it (LimitNOFILE, ulimit -n)`;
}

/** About the gateway's own certificate. */
export function certificateWarning({ validFrom, validTo }: X509Certificate, nowMs: number): string | null {
  const [fromMs, toMs] = [Date.parse(validFrom), Date.parse(validTo)];
  const day = (atMs: number) => new Date(atMs).toISOString().slice(0, 10);
  const renew = 'replace the files of tls';
  if (nowMs >= toMs) return `the gateway's certificate ended on ${day(toMs)}: clients refuse it; ${renew}`;
  if (nowMs < fromMs) return `the gateway's certificate begins on ${day(fromMs)} only: clients refuse it; is the clock right?`;
  return toMs - nowMs < certificateMsMin ? `the gateway's certificate ends on ${day(toMs)}; ${renew}` : null;
}
