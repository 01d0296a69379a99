// Opening a recorded terminal of a day, as the console's replay does it: the list, the index, and the first page; then a place in the
// middle. Once with the index that the recorder leaves, once without it, as after a crash.

import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { indexCast, pointBytes } from '../../src/recordings/cast-index.ts';
import type { Teardown } from '../support/directories.ts';
import { eventually } from '../support/eventually.ts';
import { writeDayLongCast } from '../support/long-cast.ts';
import { WireClient } from '../support/postgres-wire.ts';
import { person, startBenchGateway, targetName } from './gateway.ts';
import type { Probe } from './probe.ts';
import { median } from './statistics.ts';
import { startStubPostgres } from './stub-postgres.ts';

/** Ten a second, all day. */
export const eventsOfDay = 864_000;
const asksEach = 5;

export const dayRecording: Probe = {
  name: 'day-recording',
  title: 'open a recorded terminal of 24 hours, list, index and first page by the API',
  unit: 'ms',
  must: 1000,
  run: async (t) => {
    const { read, cast, bytes } = await recordedDay(t);
    const open = async () => {
      await read('');
      const index = (await (await read('/0/index')).json()) as { points: { offset: number }[] };
      const middle = index.points[Math.floor(index.points.length / 2)]?.offset ?? 0;
      await (await read('/0', `bytes=0-${pointBytes - 1}`)).arrayBuffer();
      return middle;
    };
    const withoutMs = await timedMs(open);
    const { ...kept } = await indexCast(cast);
    writeFileSync(`${cast}.index`, JSON.stringify(kept));
    const times: number[] = [];
    let middle = 0;
    for (let turn = 0; turn < asksEach; turn += 1) times.push(await timedMs(async () => (middle = await open())));
    const middleMs = await timedMs(async () => (await read('/0', `bytes=${middle}-${middle + pointBytes - 1}`)).arrayBuffer());
    const searchMs = await timedMs(async () => (await read('/0/search?q=nowhere%20to%20be%20found')).json());
    return {
      // A recording without its index is opened once so, and the index is kept in memory from then on.
      value: Math.max(median(times), withoutMs),
      details: {
        'with its index ms': median(times),
        'without ms': withoutMs,
        'a page in the middle ms': middleMs,
        'search that finds nothing ms': searchMs,
        MB: bytes / 1e6,
      },
    };
  },
};

/** A session that the gateway knows, and a day of terminal in its folder of recordings. */
async function recordedDay(t: Teardown) {
  const stub = await startStubPostgres(t);
  const target = { host: '127.0.0.1', port: stub.port, user: 'stub', password: 'stub', database: 'stub' };
  const { endpoint, http, auditorToken, dataDir } = await startBenchGateway(t, { protocol: 'postgres', target, nodeFlags: [] });
  const client = await WireClient.open(t, { ...endpoint, user: person, database: targetName });
  client.socket.destroy();
  const { session, cast, bytes } = await putDay(dataDir);
  const read = async (path: string, range?: string): Promise<Response> => {
    const headers = { authorization: `Bearer ${auditorToken}`, ...(range === undefined ? {} : { range }) };
    const response = await fetch(`${http}/api/v1/sessions/${session}/terminals${path}`, { headers });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return response;
  };
  return { read, cast, bytes };
}

/** Puts a day of terminal beside the recording of the only session, which has none. */
export async function putDay(dataDir: string): Promise<{ readonly session: string; readonly cast: string; readonly bytes: number }> {
  const folder = join(dataDir, 'recordings');
  const recording = await eventually('the session is recorded', () => readdirSync(folder).find((it) => it.endsWith('.jsonl')));
  const session = recording.replace('.jsonl', '');
  const cast = join(folder, `${session}.0.cast`);
  return { session, cast, bytes: writeDayLongCast(cast, eventsOfDay) };
}

export async function timedMs(work: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await work();
  return performance.now() - startMs;
}
