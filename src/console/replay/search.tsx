// Where a text stands in a session's log. The gateway looks, also in what was not loaded here, and each place can be gone to.

import { Button } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { useRef } from 'react';
import type { RecordingEntry, SessionView } from '../../api/contract.ts';
import { api } from '../api.ts';
import { useFoundMarks } from '../found-marks.ts';
import { Empty, Loading, ProblemNote } from '../parts/notes.tsx';
import { useSeeking } from '../queries.ts';
import { plural } from '../words.ts';
import { Entry } from './entry.tsx';

const placesAtOnce = 50;

interface Props {
  readonly session: SessionView;
  readonly wanted: string;
  readonly onPick: (entry: RecordingEntry) => void;
}

export function Found({ session, wanted, onPick }: Props) {
  const found = useInfiniteQuery({
    queryKey: ['recording-search', session.id, wanted],
    queryFn: ({ pageParam, signal }) => api.recording(session.id, { cursor: pageParam, limit: placesAtOnce, text: wanted }, signal),
    initialPageParam: null as string | null,
    // At the end of what is recorded so far the cursor stays where it is.
    getNextPageParam: ({ complete, next = null }, _pages, asked) => (complete || next === asked ? null : next),
  });
  const entries = (found.data?.pages ?? []).flatMap((page) => page.entries);
  const lastIsFull = found.data?.pages.at(-1)?.entries.length === placesAtOnce;
  const goesOn = useSeeking(found, !lastIsFull);
  const list = useRef<HTMLOListElement>(null);
  useFoundMarks(list, [wanted]);

  if (found.error !== null) {
    return (
      <div className="panel-body">
        <ProblemNote error={found.error} onRetry={() => void found.refetch()} />
      </div>
    );
  }
  const searching = found.data === undefined || goesOn;
  const words = `Found in ${plural(entries.length, 'place')}${found.hasNextPage ? ' so far' : ''}. The time of a place leads there.`;
  return (
    <>
      <p className="dim replay-found" role="status">
        {searching || entries.length === 0 ? '' : words}
      </p>
      <ol ref={list}>
        {entries.map((entry) => (
          <Entry key={entry.action_id} entry={entry} protocol={session.protocol} sought={false} when="past" onPick={() => onPick(entry)} />
        ))}
      </ol>
      {searching ? <Loading /> : null}
      {entries.length === 0 && !searching ? <Empty title="Found nowhere in this session" /> : null}
      {found.hasNextPage && !searching ? (
        <div className="more">
          <Button size="xs" onClick={() => void found.fetchNextPage()}>
            More
          </Button>
        </div>
      ) : null}
    </>
  );
}
