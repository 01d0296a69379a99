// Runs the gateway's own queries on a signed-in connection (the catalogue). Never used for what a client asked.

import { parse } from 'pg-protocol';
import type { DataRowMessage, DatabaseError, RowDescriptionMessage } from 'pg-protocol/dist/messages.js';
import { Fault } from '../../src/core/errors.ts';
import { query } from './messages.ts';
import type { Upstream } from './upstream.ts';

/** Text cells by column name. */
export type Row = Readonly<Record<string, string | null>>;

/** Rows of each statement, in order, all in one read-only transaction. Closes the connection at the end, also when it fails. */
export function runOwnQueries(upstream: Upstream, texts: readonly string[], signal: AbortSignal): Promise<Row[][]> {
  return askOwn(upstream, signal, async (ask) => {
    const results: Row[][] = [];
    for (const text of texts) results.push(await ask(text));
    return results;
  });
}

/** The same for questions that depend on earlier answers. */
export async function askOwn<Answer>(
  upstream: Upstream,
  signal: AbortSignal,
  use: (ask: (text: string) => Promise<Row[]>) => Promise<Answer>,
): Promise<Answer> {
  upstream.stream.on('error', () => undefined); // between two queries nobody else listens
  try {
    await runOne(upstream, 'START TRANSACTION READ ONLY', signal);
    return await use((text) => runOne(upstream, text, signal));
  } finally {
    upstream.stream.destroy();
  }
}

function runOne(upstream: Upstream, text: string, signal: AbortSignal): Promise<Row[]> {
  const { stream } = upstream;
  return new Promise((resolve, reject) => {
    let names: string[] = [];
    let failure: Error | null = null;
    const rows: Row[] = [];
    const onAbort = () => stream.destroy(new Fault('target-lost', 'the catalogue could not be read in time'));
    signal.addEventListener('abort', onAbort, { once: true });
    const done = () => {
      signal.removeEventListener('abort', onAbort);
      // The parser's own two are not to be had; others' on 'close' (whose connection it is) have to stay.
      stream.removeAllListeners('data').removeAllListeners('end').off('error', onError).off('close', onClose);
      if (failure === null) resolve(rows);
      else reject(failure);
    };
    const onError = (why: Error) => {
      failure = new Fault('target-lost', `the catalogue could not be read: ${why.message}`);
    };
    const onClose = () => {
      failure ??= new Fault('target-lost', 'the target closed the connection while its catalogue was read');
      done();
    };
    stream.once('error', onError).once('close', onClose);
    void parse(stream, (message) => {
      if (message.name === 'rowDescription') names = (message as RowDescriptionMessage).fields.map((field) => field.name);
      else if (message.name === 'dataRow') rows.push(rowOf(names, message as DataRowMessage));
      else if (message.name === 'error')
        failure = new Fault('target-lost', `the catalogue query failed: ${(message as unknown as DatabaseError).message}`);
      else if (message.name === 'readyForQuery') done();
    }); // ends with the stream; what it reports comes through the callback
    stream.write(query(text));
  });
}

/** A row by the names of its columns. */
export function rowOf(names: readonly string[], message: DataRowMessage): Row {
  return Object.fromEntries(names.map((name, index) => [name, (message.fields[index] as string | null | undefined) ?? null]));
}
