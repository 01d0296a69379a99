// What a question to the API has come to: still asked, failed, or answered.

import type { UseQueryResult } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { Loading, ProblemNote } from './notes.tsx';

/** Shows the answer by `children`; what stands on the page already stays when asking again fails. */
export function Answered<T>({ of, children }: { readonly of: UseQueryResult<T>; readonly children: (data: T) => ReactNode }) {
  if (of.data !== undefined) return children(of.data);
  if (of.error === null) return <Loading />;
  return (
    <div className="panel-body">
      <ProblemNote error={of.error} onRetry={() => void of.refetch()} />
    </div>
  );
}
