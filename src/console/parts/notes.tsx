// What a page says when it has nothing, waits, or met a problem.

import { Button, Loader } from '@mantine/core';
import { IconAlertTriangle } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { visibleText } from '../visible.ts';
import type { Tone } from '../words.ts';

export function Note({ tone, icon, children, end }: { tone: Tone; icon?: ReactNode; children: ReactNode; end?: ReactNode }) {
  return (
    <div className={`note tone-${tone}`}>
      {icon}
      <div>{children}</div>
      {end === undefined ? null : <div className="end">{end}</div>}
    </div>
  );
}

export function ProblemNote({ error, onRetry }: { readonly error: unknown; readonly onRetry?: () => void }) {
  const words = error instanceof Error ? error.message : 'Something went wrong.';
  return (
    <div role="alert">
      <Note
        tone="bad"
        icon={<IconAlertTriangle size={18} />}
        end={
          onRetry === undefined ? undefined : (
            <Button size="compact-sm" onClick={onRetry}>
              Try again
            </Button>
          )
        }
      >
        {visibleText(words)}
      </Note>
    </div>
  );
}

export function Loading() {
  return (
    <div className="empty" role="status">
      <Loader size="sm" color="gray" />
      <span className="unseen">Loading</span>
    </div>
  );
}

export function Empty({ title, children }: { readonly title: string; readonly children?: ReactNode }) {
  return (
    <div className="empty">
      <strong>{title}</strong>
      {children}
    </div>
  );
}
