// The replay of a recorded terminal: screen, time line, speed, commands, search; everything by mouse, touch and keyboard.

import { Button, Checkbox } from '@mantine/core';
import { IconDownload, IconMaximize, IconPlayerPause, IconPlayerPlay } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useRef } from 'react';
import type { KeyboardEvent } from 'react';
import type { TerminalIndexView } from '../../api/contract.ts';
import { Choice } from '../parts/fields.tsx';
import { Loading, ProblemNote } from '../parts/notes.tsx';
import { momentWords } from '../words.ts';
import { speeds } from './cast-player.ts';
import type { CastPlayer } from './cast-player.ts';
import { Finder } from './finder.tsx';
import { terminalApi } from './terminal-api.ts';
import { Timeline } from './timeline.tsx';
import { usePlayer } from './use-player.ts';

const stepMs = 5_000;
const speedChoices = speeds.map((speed) => [String(speed), `${speed}×`] as const);

interface Props {
  readonly sessionId: string;
  readonly terminal: number;
  /** What is shown first. */
  readonly fromMs: number;
}

export default function TerminalReplay({ sessionId, terminal, fromMs }: Props) {
  const index = useQuery({
    queryKey: ['terminal-index', sessionId, terminal],
    queryFn: ({ signal }) => terminalApi.index(sessionId, terminal, signal),
    staleTime: Infinity,
    gcTime: 0,
  });
  if (index.data !== undefined) return <Player sessionId={sessionId} index={index.data} fromMs={fromMs} />;
  return index.error === null ? (
    <Loading />
  ) : (
    <div className="panel-body">
      <ProblemNote error={index.error} onRetry={() => void index.refetch()} />
    </div>
  );
}

interface PlayerProps {
  readonly sessionId: string;
  readonly index: TerminalIndexView;
  readonly fromMs: number;
}

function Player({ sessionId, index, fromMs }: PlayerProps) {
  const { place, shown, state } = usePlayer(sessionId, index, fromMs);
  const whole = useRef<HTMLDivElement>(null);
  const { duration_ms: durationMs } = index.terminal;
  const seek = (atMs: number): void => void shown?.player.seek(atMs);
  const fullScreen = (): void => {
    // Phones may have none for anything but films.
    if (!document.fullscreenEnabled) return;
    if (document.fullscreenElement === null) void whole.current?.requestFullscreen();
    else void document.exitFullscreen();
  };
  return (
    <div
      ref={whole}
      className="terminal"
      role="group"
      aria-label="Terminal player"
      tabIndex={0}
      onKeyDown={(event) => shown !== null && onKey(event, shown.player, index, fullScreen)}
    >
      <div className="terminal-main">
        <div className="terminal-place" ref={place} data-testid="screen" />
        <Timeline atMs={state.atMs} durationMs={durationMs} marks={index.marks} onSeek={seek} />
        <div className="terminal-controls">
          <Button
            size="xs"
            variant="primary"
            onClick={() => shown?.player.toggle()}
            leftSection={state.playing ? <IconPlayerPause size={16} /> : <IconPlayerPlay size={16} />}
          >
            {state.playing ? 'Pause' : 'Play'}
          </Button>
          <span className="replay-clock" role="timer">
            {momentWords(state.atMs)} / {momentWords(durationMs)}
          </span>
          <Choice
            label="Speed"
            value={String(state.speed)}
            options={speedChoices}
            onChange={(value) => shown?.player.setSpeed(speeds.find((speed) => String(speed) === value) ?? 1)}
          />
          <Checkbox
            size="xs"
            label="Skip idle time"
            checked={state.skipsIdle}
            onChange={(event) => shown?.player.setSkipsIdle(event.currentTarget.checked)}
          />
          <span className="end">
            <a
              className="icon-button"
              href={terminalApi.download(sessionId, index.terminal.index)}
              download={`${sessionId}-${index.terminal.index}.cast`}
              aria-label="Download as asciicast"
              title="Download as asciicast (plays in any asciinema player)"
            >
              <IconDownload size={17} stroke={1.7} />
            </a>
            {document.fullscreenEnabled ? (
              <button type="button" className="icon-button" aria-label="Full screen" title="Full screen (F)" onClick={fullScreen}>
                <IconMaximize size={17} stroke={1.7} />
              </button>
            ) : null}
          </span>
        </div>
        {state.error === null ? null : (
          <div className="panel-body">
            <ProblemNote error={state.error} onRetry={() => seek(state.atMs)} />
          </div>
        )}
        <p className="terminal-keys dim hide-narrow">
          <kbd className="kbd">space</kbd> play <kbd className="kbd">←</kbd> <kbd className="kbd">→</kbd> 5 s <kbd className="kbd">[</kbd>{' '}
          <kbd className="kbd">]</kbd> command <kbd className="kbd">&lt;</kbd> <kbd className="kbd">&gt;</kbd> speed{' '}
          <kbd className="kbd">I</kbd> idle <kbd className="kbd">F</kbd> full screen <kbd className="kbd">/</kbd> search
        </p>
      </div>
      <Finder
        sessionId={sessionId}
        index={index}
        atMs={state.atMs}
        onSeek={(atMs, text) => {
          void shown?.player.seek(atMs).then(() => shown.screen.highlight(text));
        }}
      />
    </div>
  );
}

/** Keys of the whole player; those pressed in a field are the field's. */
function onKey(event: KeyboardEvent<HTMLElement>, player: CastPlayer, index: TerminalIndexView, fullScreen: () => void): void {
  const target = event.target as HTMLElement;
  if (target.closest('input:not([type=checkbox]):not([type=range]), select, textarea') !== null) return;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === ' ' && target.closest('button, a, input') !== null) return;
  const { atMs, speed, skipsIdle } = player.state();
  const faster = (by: 1 | -1): void => player.setSpeed(speeds[speeds.indexOf(speed) + by] ?? speed);
  const actions: Readonly<Record<string, () => void>> = {
    ' ': () => player.toggle(),
    k: () => player.toggle(),
    ArrowLeft: () => void player.seek(atMs - stepMs),
    ArrowRight: () => void player.seek(atMs + stepMs),
    Home: () => void player.seek(0),
    End: () => void player.seek(player.durationMs),
    '[': () => void player.seek(index.marks.findLast((mark) => mark.at_ms < atMs - 500)?.at_ms ?? 0),
    ']': () => void player.seek(index.marks.find((mark) => mark.at_ms > atMs)?.at_ms ?? player.durationMs),
    '<': () => faster(-1),
    '>': () => faster(1),
    i: () => player.setSkipsIdle(!skipsIdle),
    f: fullScreen,
    '/': () => event.currentTarget.querySelector<HTMLInputElement>('input[type=search]')?.focus(),
  };
  const action = actions[event.key];
  if (action === undefined) return;
  event.preventDefault();
  action();
}
