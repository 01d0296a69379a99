// Runs the gateway's own queries on a signed-in, idle connection, one after the other: what a session begins with, the
// catalogue, KILL. Never used for what a client asked.

import { Fault } from '../../src/core/errors.ts';
import { readPacket, writePacket } from './byte-stream.ts';
import { flag, has } from './capabilities.ts';
import { BodyReader } from './body-reader.ts';
import { query, readErr, readOk } from './messages.ts';
import { TargetRefused } from './target-refused.ts';
import type { Upstream } from './upstream.ts';

/** Text cells by position. */
export type Row = readonly (string | null)[];

const payloadBytesMax = 0xfffffe;
/** Rows of one own query; a catalogue with more objects is not read. */
const rowsMax = 200_000;

/** The rows of one statement; none for a statement without a result. Throws Fault target-lost. */
export async function ownQuery(upstream: Upstream, text: string, signal: AbortSignal): Promise<Row[]> {
  const { stream } = upstream;
  const deprecatesEof = has(upstream.capabilities, flag.deprecateEof);
  let sequence = 1;
  const receive = async (): Promise<Buffer> => (await readPacket(stream, sequence++, payloadBytesMax, signal)).payload;
  writePacket(stream, query(text, has(upstream.capabilities, flag.queryAttributes)), 0);
  const first = await receive();
  if (first[0] === 0xff) throw new TargetRefused('target-lost', 'a query of the gateway failed', readErr(first));
  if (first[0] === 0x00) {
    readOk(first, has(upstream.capabilities, flag.sessionTrack));
    return [];
  }
  const columns = new BodyReader(first).lenenc();
  for (let i = 0; i < columns; i++) await receive();
  if (!deprecatesEof) await receive();
  const rows: Row[] = [];
  for (;;) {
    const payload = await receive();
    if (payload[0] === 0xff) throw new TargetRefused('target-lost', 'a query of the gateway failed', readErr(payload));
    if (payload[0] === 0xfe && (deprecatesEof || payload.length < 9)) return rows;
    if (rows.length >= rowsMax) throw new Fault('limit-reached', `a query of the gateway has more than ${rowsMax} rows`);
    rows.push(readTextRow(payload, columns));
  }
}

/** Cells of a text row; bytes that are no UTF-8 are replaced. */
export function readTextRow(payload: Buffer, columns: number): Row {
  const reader = new BodyReader(payload);
  const cells: (string | null)[] = [];
  for (let i = 0; i < columns; i++) {
    const length = reader.lenencOrNull();
    cells.push(length === null ? null : reader.bytes(length).toString('utf8'));
  }
  return cells;
}
