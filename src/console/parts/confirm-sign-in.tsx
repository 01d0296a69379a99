// Confirms a sign-in that waits somewhere else. The person compares the code and sees where it waits: whoever started it
// elsewhere and sent this link must not get in.

import { Button } from '@mantine/core';
import { IconAlertTriangle } from '@tabler/icons-react';
import { useMutation, useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { Link } from 'wouter';
import { Alone, AlonePanel } from './alone.tsx';
import { Facts } from './facts.tsx';
import { Heading } from './heading.tsx';
import { Loading, Note, ProblemNote } from './notes.tsx';
import { Countdown } from './time.tsx';

export interface WaitingSignIn {
  readonly code: string;
  readonly client_address: string;
  readonly expires_at: string;
}

interface Props<Waiting extends WaitingSignIn> {
  /** Of the query that looks it up. */
  readonly queryKey: readonly string[];
  readonly look: (signal: AbortSignal) => Promise<Waiting>;
  readonly confirm: (code: string) => Promise<unknown>;
  readonly refuse: () => Promise<unknown>;
  /** What waits, as in "Is this your …?" and "The … was turned away.". */
  readonly what: string;
  readonly facts: (waiting: Waiting) => readonly (readonly [string, ReactNode])[];
  readonly warning: string;
  /** Why it may not be there. */
  readonly hint?: string;
}

export function ConfirmSignIn<Waiting extends WaitingSignIn>(props: Props<Waiting>) {
  const { what } = props;
  const pending = useQuery({ queryKey: props.queryKey, queryFn: ({ signal }) => props.look(signal), staleTime: Infinity });
  const sending = useMutation({
    mutationFn: (answer: 'confirm' | 'refuse') => (answer === 'confirm' ? props.confirm(pending.data?.code ?? '') : props.refuse()),
  });
  return (
    <Alone>
      <AlonePanel>
        {sending.isSuccess ? (
          <>
            <Heading key="answered">{sending.variables === 'confirm' ? 'Signed in' : 'Refused'}</Heading>
            <p>
              {sending.variables === 'confirm'
                ? 'Go back to your terminal. This page can be closed.'
                : `The ${what} was turned away. If you did not start it, tell whoever runs this gateway.`}
            </p>
            <Link href="/">Go to the console</Link>
          </>
        ) : pending.error !== null ? (
          <>
            <Heading key="gone">This sign-in can’t be confirmed</Heading>
            <ProblemNote error={pending.error} />
            {props.hint === undefined ? null : <p className="dim">{props.hint}</p>}
            <Link href="/">Go to the console</Link>
          </>
        ) : pending.data === undefined ? (
          <Loading />
        ) : (
          <>
            <Heading>Is this your {what}?</Heading>
            <div>
              <div className="sign-in-code" aria-label={`code ${pending.data.code}`}>
                {pending.data.code}
              </div>
            </div>
            <Facts
              rows={[
                ...props.facts(pending.data),
                ['From', <span className="mono">{pending.data.client_address}</span>],
                ['Time left', <Countdown until={pending.data.expires_at} />],
              ]}
            />
            <Note tone="wait" icon={<IconAlertTriangle size={18} />}>
              {props.warning}
            </Note>
            {sending.error === null ? null : <ProblemNote error={sending.error} />}
            <div className="two-buttons">
              <Button size="lg" disabled={sending.isPending} onClick={() => sending.mutate('refuse')}>
                Not mine
              </Button>
              <Button size="lg" variant="primary" loading={sending.isPending} onClick={() => sending.mutate('confirm')}>
                Confirm
              </Button>
            </div>
          </>
        )}
      </AlonePanel>
    </Alone>
  );
}
