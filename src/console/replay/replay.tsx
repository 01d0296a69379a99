// The replay of a session's statement log: controls, the drawn time line and the entries, one head for all three.

import { Button, SegmentedControl } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { IconPlayerPause, IconPlayerPlay } from '@tabler/icons-react';
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { Link, useSearchParams } from 'wouter';
import type { HoldView, RecordingEntry, SessionView } from '../../api/contract.ts';
import { withAsked } from '../asked.ts';
import type { RecordingLog } from '../recording-log.ts';
import { Search } from '../parts/fields.tsx';
import { Empty, Note } from '../parts/notes.tsx';
import { momentWords, plural } from '../words.ts';
import { ReplayChart } from './chart.tsx';
import { Entry } from './entry.tsx';
import { replayAxis, toRealMs, toShownMs, whenOf } from './layout.ts';
import { speeds, usePlayer } from './player.ts';
import type { Speed } from './player.ts';
import { Found } from './search.tsx';

/** Drawn at once; a session may have tens of thousands of entries. */
const shownEntries = 100;
const typingPauseMs = 300;

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
  const writtenMs = toRealMs(axis, player.writtenMs);
  const list = useRef<HTMLDivElement>(null);
  const [from, setFrom] = useState(0);
  const shown = entries.slice(from, from + shownEntries);

  const seek = (toShown: number): void => {
    player.seek(toShown);
    setFrom(partOf(indexAt(entries, toRealMs(axis, toShown))));
  };
  const latestSeek = useRef(seek);
  useEffect(() => {
    latestSeek.current = seek;
  });
  const pick = useCallback((realMs: number) => latestSeek.current(toShownMs(axis, realMs)), [axis]);

  // In the address: what was searched can be sent to somebody, and come back to.
  const [asked, ask] = useSearchParams();
  const words = asked.get('text') ?? '';
  const [wanted] = useDebouncedValue(words.trim(), typingPauseMs);
  const searches = words.trim() !== '' && wanted !== '';
  const search = (text: string): void => ask((before) => withAsked(before, { text }), { replace: true });

  /** A new one for each that is picked: the same place may be gone to twice. */
  const [picked, setPicked] = useState<Pick<RecordingEntry, 'action_id'> | null>(null);
  const place = picked ?? hold?.id ?? null;
  const sought = entries.find((entry) => (picked === null ? entry.hold_id === hold?.id : entry.action_id === picked.action_id));
  const soughtId = sought?.action_id;
  const soughtMs = sought?.asked_ms;
  const { hasMore, loadMuch } = log;
  const isSeeking = sought === undefined && (picked !== null || (hold !== null && hold.state !== 'pending'));
  const [wantsAll, setWantsAll] = useState(false);
  useEffect(() => {
    // It may stand in a later part of the log.
    if ((isSeeking || wantsAll) && hasMore) loadMuch();
  }, [isSeeking, wantsAll, hasMore, loadMuch, entries]);
  const reached = useRef<{ head: typeof place; list: typeof place }>({ head: null, list: null });
  useEffect(() => {
    if (soughtMs === undefined || reached.current.head === place) return;
    reached.current.head = place;
    pick(soughtMs);
  }, [place, soughtMs, pick]);
  useEffect(() => {
    if (soughtId === undefined || searches || reached.current.list === place) return;
    const entry = list.current?.querySelector(`[data-action="${CSS.escape(soughtId)}"]`) ?? null;
    if (entry === null) return;
    reached.current.list = place;
    entry.scrollIntoView({ block: 'center' });
  }, [place, soughtId, searches, from]);

  const current = indexAt(entries, writtenMs);
  useEffect(() => {
    if (!player.playing) return;
    setFrom(partOf(current));
    list.current?.querySelector(`[data-when="now"]`)?.scrollIntoView({ block: 'nearest' });
  }, [current, player.playing]);

  const parts = (label: string) =>
    entries.length <= shownEntries ? null : (
      <Parts
        label={label}
        from={from}
        count={entries.length}
        onShow={(first) => {
          setFrom(first);
          list.current?.scrollIntoView({ block: 'start' });
        }}
      />
    );

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
            <div className="end">
              <Search label={`Search ${thing}s`} placeholder={`Search ${thing}s`} value={words} onChange={search} />
            </div>
          </div>
          <ReplayChart entries={entries} axis={axis} shownMs={player.shownMs} onSeek={seek} />
          <div className="replay-key">
            <span className="tone-wait">waited for approval</span>
            <span className="tone-ok">ran</span>
            <span className="tone-info">ran, approved</span>
            <span className="tone-bad">refused</span>
          </div>
          {!searches ? null : (
            <Found
              session={session}
              wanted={wanted}
              onPick={(entry) => {
                setPicked({ action_id: entry.action_id });
                search('');
              }}
            />
          )}
          <div ref={list} hidden={searches}>
            {parts('Parts of the log')}
            <ol>
              {shown.map((entry) => (
                <Entry
                  key={entry.action_id}
                  entry={entry}
                  protocol={session.protocol}
                  sought={entry.action_id === soughtId}
                  when={player.shownMs >= axis.shownMs && !player.playing ? 'past' : whenOf(entry, writtenMs)}
                  onPick={pick}
                />
              ))}
            </ol>
            {parts('Parts of the log, again')}
          </div>
          {log.hasMore && !searches ? (
            <div className="more">
              <Button.Group>
                <Button size="xs" disabled={wantsAll} onClick={log.load}>
                  Load more
                </Button>
                <Button size="xs" loading={wantsAll && log.error === null} onClick={() => setWantsAll(true)}>
                  Load all
                </Button>
              </Button.Group>
            </div>
          ) : null}
        </>
      )}
    </section>
  );
}

/** The last entry that was asked by then; -1 before the first. */
function indexAt(entries: readonly RecordingEntry[], realMs: number): number {
  return entries.findLastIndex((entry) => entry.asked_ms <= realMs);
}

/** Where the part of the list begins in which that entry stands. */
function partOf(index: number): number {
  return Math.max(0, Math.floor(index / shownEntries)) * shownEntries;
}

interface PartsProps {
  readonly label: string;
  readonly from: number;
  readonly count: number;
  readonly onShow: (from: number) => void;
}

/** Which part of a long log is shown, and the way to the others. */
function Parts({ label, from, count, onShow }: PartsProps) {
  const last = partOf(count - 1);
  const to = Math.min(from + shownEntries, count);
  return (
    <nav className="replay-parts" aria-label={label}>
      <Button size="compact-sm" disabled={from === 0} onClick={() => onShow(0)}>
        First
      </Button>
      <Button size="compact-sm" disabled={from === 0} onClick={() => onShow(from - shownEntries)}>
        Earlier
      </Button>
      <span className="number">{`${(from + 1).toLocaleString('en')} to ${to.toLocaleString('en')} of ${count.toLocaleString('en')}`}</span>
      <Button size="compact-sm" disabled={from === last} onClick={() => onShow(from + shownEntries)}>
        Later
      </Button>
      <Button size="compact-sm" disabled={from === last} onClick={() => onShow(last)}>
        Last
      </Button>
    </nav>
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
