// A terminal watched while it runs.

import { useQuery } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import type { ReactNode } from 'react';
import type { TerminalIndexView } from '../../api/contract.ts';
import { Loading, ProblemNote } from '../parts/notes.tsx';
import { Tag } from '../parts/tags.tsx';
import { useLink } from '../queries.ts';
import type { Tone } from '../words.ts';
import { LiveFeed } from './live-feed.ts';
import type { FeedState } from './live-feed.ts';
import { XtermScreen } from './screen.ts';
import { terminalApi } from './terminal-api.ts';

interface Props {
  readonly sessionId: string;
  readonly terminal: number;
  /** Told when the terminal has ended. */
  readonly onEnded: () => void;
  /** What else stands beside the state: the button that ends the session. */
  readonly children: ReactNode;
}

export default function TerminalLive({ sessionId, terminal, onEnded, children }: Props) {
  const index = useQuery({
    queryKey: ['terminal-live', sessionId, terminal],
    queryFn: ({ signal }) => terminalApi.index(sessionId, terminal, signal),
    staleTime: Infinity,
    gcTime: 0,
  });
  if (index.data !== undefined)
    return (
      <Watch sessionId={sessionId} index={index.data} onEnded={onEnded}>
        {children}
      </Watch>
    );
  return index.error === null ? (
    <Loading />
  ) : (
    <div className="panel-body">
      <ProblemNote error={index.error} onRetry={() => void index.refetch()} />
    </div>
  );
}

function Watch({ sessionId, index, onEnded, children }: Omit<Props, 'terminal'> & { readonly index: TerminalIndexView }) {
  const place = useRef<HTMLDivElement>(null);
  const [state, setState] = useState<FeedState>('connecting');
  const feed = useRef<LiveFeed | null>(null);
  const link = useLink();
  useEffect(() => {
    if (link === 'down') feed.current?.doubt();
  }, [link]);
  const ended = useRef(onEnded);
  useEffect(() => {
    ended.current = onEnded;
  });
  useEffect(() => {
    if (place.current === null) return undefined;
    const screen = new XtermScreen(place.current);
    const opened = new LiveFeed(
      index,
      screen,
      (from) => terminalApi.follow(sessionId, index.terminal.index, from),
      (now) => {
        setState(now);
        if (now === 'ended') ended.current();
      },
    );
    feed.current = opened;
    return () => {
      opened.close();
      screen.dispose();
    };
  }, [sessionId, index]);
  const { tone, words } = stateWords(state);
  return (
    <div className="terminal" role="group" aria-label="Live terminal">
      <div className="terminal-main">
        <div className="terminal-place" ref={place} data-testid="screen" />
        <div className="terminal-controls">
          <span role="status">
            <Tag tone={tone}>{words}</Tag>
          </span>
          <span className="dim">That you watch is in the audit log.</span>
          <span className="end">{children}</span>
        </div>
      </div>
    </div>
  );
}

function stateWords(state: FeedState): { readonly tone: Tone; readonly words: string } {
  switch (state) {
    case 'connecting':
      return { tone: 'plain', words: 'connecting' };
    case 'live':
      return { tone: 'bad', words: '● live' };
    case 'lost':
      return { tone: 'wait', words: 'link lost, trying again' };
    case 'ended':
      return { tone: 'plain', words: 'ended' };
    case 'refused':
      return { tone: 'plain', words: 'you may no longer watch this' };
  }
}
