// A list that the gateway gives in parts, newest first: what there is, or why there is nothing, and the way to older ones. What is
// shown stays when the gateway can't be asked again.

import { Button } from '@mantine/core';
import type { UseInfiniteQueryResult } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { Empty, Loading, ProblemNote } from './notes.tsx';

interface Props {
  readonly list: Pick<
    UseInfiniteQueryResult,
    'data' | 'error' | 'refetch' | 'hasNextPage' | 'isFetchNextPageError' | 'isFetchingNextPage' | 'fetchNextPage'
  >;
  readonly count: number;
  /** Nothing was found so far, and older ones are looked at. */
  readonly seeking?: boolean;
  /** What is said of an empty list. */
  readonly none: string;
  readonly children: ReactNode;
}

export function OlderOnes({ list, count, seeking = false, none, children }: Props) {
  const { data, error, refetch, hasNextPage, isFetchNextPageError, isFetchingNextPage, fetchNextPage } = list;
  if (error !== null && (data === undefined || isFetchNextPageError)) {
    return (
      <>
        {count > 0 ? children : null}
        <div className="panel-body">
          <ProblemNote error={error} onRetry={() => void (data === undefined ? refetch() : fetchNextPage())} />
        </div>
      </>
    );
  }
  if (data === undefined || seeking) return <Loading />;
  if (count === 0) return <Empty title={none} />;
  return (
    <>
      {children}
      {hasNextPage ? (
        <div className="more">
          <Button size="xs" loading={isFetchingNextPage} onClick={() => void fetchNextPage()}>
            Older
          </Button>
        </div>
      ) : null}
    </>
  );
}
