// The statement log of a session in parts: the first at once, more when somebody wants them, and, while the session runs, what is
// asked as it is asked.

import { useCallback, useEffect, useReducer, useRef } from 'react';
import type { RecordingEntry, RecordingView } from '../api/contract.ts';
import { api } from './api.ts';

/** Entries fetched at once, for whoever reads, and for whoever wants them all: what is drawn of them is made anew with each part. */
const partEntries = 500;
const largePartEntries = 3_000;
const followMs = 700;

export interface RecordingLog {
  readonly entries: readonly RecordingEntry[];
  /** Nothing of it was loaded yet. */
  readonly loading: boolean;
  /** All of it is here, and no more will come. */
  readonly complete: boolean;
  /** There is more than what was loaded. */
  readonly hasMore: boolean;
  readonly error: Error | null;
  readonly load: () => void;
  /** More of it at once. */
  readonly loadMuch: () => void;
}

interface State {
  readonly entries: readonly RecordingEntry[];
  readonly parts: number;
  readonly lastCount: number;
  /** The last part was as large as it may be. */
  readonly full: boolean;
  readonly complete: boolean;
  readonly error: Error | null;
}

const nothing: State = { entries: [], parts: 0, lastCount: 0, full: false, complete: false, error: null };

interface Answer {
  readonly part: RecordingView | Error;
  readonly wanted: number;
}

function grown(state: State, { part, wanted }: Answer): State {
  if (part instanceof Error) return { ...state, error: part };
  return {
    entries: part.entries.length === 0 ? state.entries : [...state.entries, ...part.entries],
    parts: state.parts + 1,
    lastCount: part.entries.length,
    full: part.entries.length === wanted,
    complete: part.complete,
    error: null,
  };
}

/** `open`: the session still runs, so its end is followed. */
export function useRecordingLog(sessionId: string, open: boolean): RecordingLog {
  const [state, tell] = useReducer(grown, nothing);
  const asking = useRef<AbortController | null>(null);
  const cursor = useRef<string | null>(null);
  const ask = useCallback(
    (wanted: number) => {
      if (asking.current !== null) return;
      const stop = new AbortController();
      asking.current = stop;
      void api
        .recording(sessionId, { cursor: cursor.current, limit: wanted }, stop.signal)
        .catch((thrown: unknown) => (thrown instanceof Error ? thrown : new Error(String(thrown))))
        .then((part) => {
          if (stop.signal.aborted) return;
          asking.current = null;
          // At once: who asks for the next part may do so before anything here is rendered again.
          if (!(part instanceof Error)) cursor.current = part.next ?? cursor.current;
          tell({ part, wanted });
        });
    },
    [sessionId],
  );
  const load = useCallback(() => ask(partEntries), [ask]);
  const loadMuch = useCallback(() => ask(largePartEntries), [ask]);
  useEffect(() => {
    load();
    return () => {
      asking.current?.abort();
      asking.current = null;
    };
  }, [load]);

  // What was asked just before the end is fetched once more after it.
  const follows = !state.complete && state.error === null && !state.full && (open || state.lastCount > 0);
  useEffect(() => {
    if (state.parts === 0 || !follows) return undefined;
    const timer = setTimeout(load, followMs);
    return () => clearTimeout(timer);
  }, [state, follows, load]);

  return {
    entries: state.entries,
    loading: state.parts === 0 && state.error === null,
    complete: state.complete,
    hasMore: state.full && !state.complete,
    error: state.error,
    load,
    loadMuch,
  };
}
