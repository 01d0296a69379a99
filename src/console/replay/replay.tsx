// The replay of a session's statement log: controls, the drawn time line and the entries, one head for all three.

import { Button, SegmentedControl } from '@mantine/core';
import { IconPlayerPause, IconPlayerPlay } from '@tabler/icons-react';
import { useCallback, useEffect, useMemo, useRef } from 'react';
import { Link } from 'wouter';
import type { HoldView, SessionView } from '../../api/contract.ts';
import type { RecordingLog } from '../recording-log.ts';
import { Empty, Note } from '../parts/notes.tsx';
import { momentWords, plural } from '../words.ts';
import { ReplayChart } from './chart.tsx';
import { Entry } from './entry.tsx';
import { replayAxis, toRealMs, toShownMs, whenOf } from './layout.ts';
import { speeds, usePlayer } from './player.ts';
import type { Speed } from './player.ts';

interface Props {
  readonly session: SessionView;
  readonly log: RecordingLog;
  /** The hold whose place is sought: the head goes there once it is found. */
  readonly hold: HoldView | null;
}

export function Replay({ session, log, hold }: Props) {
  // Written down as they end; read as they were asked.
  const entries = useMemo(() => log.entries.toSorted((a, b) => a.asked_ms - b.asked_ms), [log.entries]);
  const thing = session.protocol === 'ssh' ? 'action' : 'statement';
  const axis = useMemo(() => replayAxis(entries), [entries]);
  const player = usePlayer(axis);
  const headMs = toRealMs(axis, player.shownMs);
  const list = useRef<HTMLOListElement>(null);

  const seek = useRef(player.seek);
  useEffect(() => {
    seek.current = player.seek;
  });
  const pick = useCallback((realMs: number) => seek.current(toShownMs(axis, realMs)), [axis]);

  const sought = hold === null ? undefined : entries.find((entry) => entry.hold_id === hold.id);
  const soughtId = sought?.action_id;
  const soughtMs = sought?.asked_ms;
  const { hasMore, load } = log;
  const isSeeking = hold !== null && hold.state !== 'pending' && soughtId === undefined;
  useEffect(() => {
    // It may stand in a later part of the log.
    if (isSeeking && hasMore) load();
  }, [isSeeking, hasMore, load, entries]);
  useEffect(() => {
    if (soughtMs === undefined || soughtId === undefined) return;
    pick(soughtMs);
    list.current?.querySelector(`[data-action="${CSS.escape(soughtId)}"]`)?.scrollIntoView({ block: 'center' });
  }, [soughtId, soughtMs, pick]);

  const current = entries.findLast((entry) => entry.asked_ms <= headMs)?.action_id;
  useEffect(() => {
    if (!player.playing || current === undefined) return;
    list.current?.querySelector(`[data-when="now"]`)?.scrollIntoView({ block: 'nearest' });
  }, [current, player.playing]);

  return (
    <section className="panel" aria-label="Replay">
      <header>
        <h2>{session.protocol === 'ssh' ? 'Actions' : 'Replay'}</h2>
        <span className="dim">
          {plural(entries.length, thing)}
          {log.hasMore ? ' so far' : ''}
        </span>
        {log.complete || log.hasMore ? null : (
          <span className="dim end">{session.state === 'open' ? 'live: what is asked appears here' : 'its end was not recorded'}</span>
        )}
      </header>
      {hold === null ? null : <SoughtNote hold={hold} found={sought !== undefined} searching={isSeeking && hasMore} />}
      {entries.length === 0 ? (
        <Empty title={session.state === 'open' ? `No ${thing} yet` : `No ${thing} in this session`} />
      ) : (
        <>
          <div className="replay-controls">
            <Button
              size="sm"
              variant="primary"
              onClick={player.toggle}
              leftSection={player.playing ? <IconPlayerPause size={16} /> : <IconPlayerPlay size={16} />}
            >
              {player.playing ? 'Pause' : 'Play'}
            </Button>
            <SegmentedControl
              size="xs"
              aria-label="Speed"
              value={String(player.speed)}
              onChange={(value) => player.setSpeed(Number(value) as Speed)}
              data={speeds.map((speed) => ({ value: String(speed), label: `${speed}×` }))}
            />
            <span className="replay-clock">{momentWords(headMs)}</span>
          </div>
          <ReplayChart entries={entries} axis={axis} shownMs={player.shownMs} onSeek={player.seek} />
          <div className="replay-key">
            <span className="tone-wait">waited for approval</span>
            <span className="tone-ok">ran</span>
            <span className="tone-info">ran, approved</span>
            <span className="tone-bad">refused</span>
          </div>
          <ol ref={list}>
            {entries.map((entry) => (
              <Entry
                key={entry.action_id}
                entry={entry}
                protocol={session.protocol}
                sought={entry.action_id === soughtId}
                when={player.shownMs >= axis.shownMs && !player.playing ? 'past' : whenOf(entry, headMs)}
                onPick={pick}
              />
            ))}
          </ol>
          {log.hasMore ? (
            <div className="more">
              <Button size="xs" onClick={log.load}>
                Load more
              </Button>
            </div>
          ) : null}
        </>
      )}
    </section>
  );
}

/** What one sees of the hold that one came from. */
function SoughtNote({ hold, found, searching }: { readonly hold: HoldView; readonly found: boolean; readonly searching: boolean }) {
  const link = <Link href={`/holds/${hold.id}`}>hold {hold.id}</Link>;
  if (hold.state === 'pending') {
    return (
      <div className="panel-body">
        <Note tone="wait">What was done before {link} is below. What waits has not run, so it is not in the log yet.</Note>
      </div>
    );
  }
  if (found || searching) return null;
  return (
    <div className="panel-body">
      <Note tone="info">The log has no entry of {link}: it ended before anything of it was recorded.</Note>
    </div>
  );
}
