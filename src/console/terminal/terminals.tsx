// The terminals of a session: which there are, one of them played or watched. The player is loaded while they are asked for.

import { Button } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { IconEye, IconPlayerPlay, IconTerminal2 } from '@tabler/icons-react';
import { useEffect, useState } from 'react';
import type { ReactNode } from 'react';
import type { SessionView, TerminalView } from '../../api/contract.ts';
import { later } from '../parts/later.tsx';
import { ProblemNote } from '../parts/notes.tsx';
import { Tag } from '../parts/tags.tsx';
import { visibleLine } from '../visible.ts';
import { durationWords, plural, sizeWords } from '../words.ts';
import { terminalApi } from './terminal-api.ts';
import './terminal.css';

const loadReplay = () => import('./replay.tsx');
const TerminalReplay = later(loadReplay);
const TerminalLive = later(() => import('./live.tsx'));

const pollOpenMs = 2_000;

interface Props {
  readonly session: SessionView;
  /** The button that ends the session, for those who may; null otherwise. */
  readonly end: ReactNode;
  /** A moment on the wall clock that one came for; null: none in particular. */
  readonly momentMs: number | null;
}

export function Terminals({ session, end, momentMs }: Props) {
  const terminals = useQuery({
    queryKey: ['terminals', session.id],
    queryFn: ({ signal }) => terminalApi.list(session.id, signal),
    refetchInterval: session.state === 'open' ? pollOpenMs : false,
  });
  useEffect(() => void loadReplay().catch(() => undefined), []); // told when it is opened
  const [chosen, setChosen] = useState<{ readonly index: number; readonly way: 'replay' | 'live' } | null>(null);
  const client = useQueryClient();
  if (terminals.error !== null && terminals.data === undefined) {
    return <ProblemNote error={terminals.error} onRetry={() => void terminals.refetch()} />;
  }
  const items = terminals.data?.items ?? [];
  if (items.length === 0) return null;
  // A single terminal is what one came for.
  const [only] = items;
  // What waited to be run begins after its moment.
  const then =
    momentMs === null
      ? undefined
      : (items.findLast((it) => playsAt(it, momentMs)) ?? items.find((it) => Date.parse(it.started_at) > momentMs));
  const open =
    chosen ??
    (then !== undefined && !then.live
      ? { index: then.index, way: 'replay' as const }
      : items.length === 1 && only !== undefined
        ? { index: only.index, way: only.live ? ('live' as const) : ('replay' as const) }
        : null);
  const shown = open === null ? undefined : items.find(({ index }) => index === open.index);
  return (
    <section className="panel" aria-label="Terminals">
      <header>
        <h2>{plural(items.length, 'terminal')}</h2>
      </header>
      <ul className="terminal-list">
        {items.map((terminal) => (
          <li key={terminal.index} data-open={open?.index === terminal.index ? '' : undefined}>
            <Row terminal={terminal} onOpen={(way) => setChosen({ index: terminal.index, way })} />
          </li>
        ))}
      </ul>
      {open === null || shown === undefined ? null : open.way === 'replay' ? (
        <TerminalReplay
          key={`${open.index} replay`}
          sessionId={session.id}
          terminal={open.index}
          fromMs={momentMs !== null && playsAt(shown, momentMs) ? momentMs - Date.parse(shown.started_at) : 0}
        />
      ) : (
        <TerminalLive
          key={`${open.index} live`}
          sessionId={session.id}
          terminal={open.index}
          onEnded={() => {
            // The watched screen stays; what can be done with it is in the list.
            setChosen(open);
            void client.invalidateQueries({ queryKey: ['terminals', session.id] });
          }}
        >
          {end}
        </TerminalLive>
      )}
    </section>
  );
}

/** Was something shown in it at that moment? */
function playsAt({ started_at: startedAt, duration_ms: durationMs }: TerminalView, momentMs: number): boolean {
  const startedMs = Date.parse(startedAt);
  return momentMs >= startedMs && momentMs <= startedMs + durationMs;
}

function Row({ terminal, onOpen }: { readonly terminal: TerminalView; readonly onOpen: (way: 'replay' | 'live') => void }) {
  const { command, duration_ms: durationMs, bytes, commands, live } = terminal;
  return (
    <>
      <IconTerminal2 size={18} stroke={1.7} aria-hidden />
      <span className="terminal-name">
        <strong className="mono break">{command === null ? 'Shell' : visibleLine(command)}</strong>
        <small className="dim">
          {durationWords(durationMs)} · {sizeWords(bytes)}
          {commands === 0 ? '' : ` · ${plural(commands, 'command')}`}
        </small>
      </span>
      {live ? <Tag tone="bad">running</Tag> : null}
      <span className="end">
        {live ? (
          <Button size="xs" leftSection={<IconEye size={15} />} onClick={() => onOpen('live')}>
            Watch
          </Button>
        ) : null}
        <Button size="xs" leftSection={<IconPlayerPlay size={15} />} onClick={() => onOpen('replay')}>
          Replay
        </Button>
      </span>
    </>
  );
}
