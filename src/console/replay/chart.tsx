// The drawn time line: one bar for each statement, the waiting part hatched, the running part in the colour of how it ended.
// It is a slider for the mouse, a finger and the keys of a slider.

import { useElementSize } from '@mantine/hooks';
import { memo } from 'react';
import type { RecordingEntry } from '../../api/contract.ts';
import { decisionTone, durationWords, momentWords } from '../words.ts';
import { toRealMs, toShownMs } from './layout.ts';
import type { ReplayAxis } from './layout.ts';

const heightPx = 84;
const trackTopPx = 16;
const trackHeightPx = 44;
const sidePx = 16;
/** A bar is never thinner than can be seen. */
const barMinPx = 3;
const keyStepShare = 0.02;
const pageStepShare = 0.1;

interface Props {
  readonly entries: readonly RecordingEntry[];
  readonly axis: ReplayAxis;
  readonly shownMs: number;
  readonly onSeek: (shownMs: number) => void;
}

export function ReplayChart({ entries, axis, shownMs, onSeek }: Props) {
  const { ref, width } = useElementSize<HTMLDivElement>();
  const innerPx = Math.max(1, width - 2 * sidePx);
  const x = (atShownMs: number): number => sidePx + (atShownMs / axis.shownMs) * innerPx;
  const headX = x(shownMs);

  const seekTo = (event: React.PointerEvent<SVGSVGElement>): void => {
    const left = event.currentTarget.getBoundingClientRect().left;
    onSeek(((event.clientX - left - sidePx) / innerPx) * axis.shownMs);
  };
  const step = (event: React.KeyboardEvent): void => {
    const toMs: Readonly<Record<string, number>> = {
      ArrowLeft: shownMs - axis.shownMs * keyStepShare,
      ArrowRight: shownMs + axis.shownMs * keyStepShare,
      PageDown: shownMs - axis.shownMs * pageStepShare,
      PageUp: shownMs + axis.shownMs * pageStepShare,
      Home: 0,
      End: axis.shownMs,
    };
    const wantedMs = toMs[event.key];
    if (wantedMs === undefined) return;
    event.preventDefault();
    onSeek(wantedMs);
  };

  return (
    <div ref={ref}>
      <svg
        className="replay-chart"
        height={heightPx}
        role="slider"
        tabIndex={0}
        aria-label="Position in the recording"
        aria-valuemin={0}
        aria-valuemax={Math.round(axis.shownMs)}
        aria-valuenow={Math.round(shownMs)}
        aria-valuetext={momentWords(toRealMs(axis, shownMs))}
        onKeyDown={step}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          seekTo(event);
        }}
        onPointerMove={(event) => {
          if (event.buttons !== 0) seekTo(event);
        }}
      >
        <defs>
          <pattern id="waiting" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
            <rect width="6" height="6" fill="var(--sp-wait-bg)" />
            <rect width="2.5" height="6" fill="var(--sp-wait-solid)" />
          </pattern>
        </defs>
        <rect className="track" x={sidePx} y={trackTopPx} width={innerPx} height={trackHeightPx} rx={6} />
        <Bars entries={entries} axis={axis} innerPx={innerPx} />
        <rect className="future" x={headX} y={trackTopPx - 1} width={Math.max(0, sidePx + innerPx - headX)} height={trackHeightPx + 2} />
        <line className="head" x1={headX} x2={headX} y1={8} y2={trackTopPx + trackHeightPx + 6} />
        <circle className="head-grip" cx={headX} cy={8} r={5} />
        <text x={sidePx} y={heightPx - 6}>
          0:00.0
        </text>
        <text x={sidePx + innerPx} y={heightPx - 6} textAnchor="end">
          {momentWords(toRealMs(axis, axis.shownMs))}
        </text>
      </svg>
    </div>
  );
}

interface BarsProps {
  readonly entries: readonly RecordingEntry[];
  readonly axis: ReplayAxis;
  readonly innerPx: number;
}

/** Drawn once for a log and a width: the head moves over it many times a second. */
const Bars = memo(function Bars({ entries, axis, innerPx }: BarsProps) {
  const x = (atShownMs: number): number => sidePx + (atShownMs / axis.shownMs) * innerPx;
  return (
    <>
      {axis.cuts.map((cut) => (
        <g key={cut.atShownMs}>
          <title>{durationWords(cut.idleMs)} without a statement</title>
          <line className="cut" x1={x(cut.atShownMs)} x2={x(cut.atShownMs)} y1={trackTopPx} y2={trackTopPx + trackHeightPx} />
        </g>
      ))}
      {barsOf(entries, (ms) => x(toShownMs(axis, ms))).map((bar) => (
        <DrawnBar key={bar.entry.action_id} bar={bar} />
      ))}
    </>
  );
});

interface Bar {
  readonly entry: RecordingEntry;
  readonly startPx: number;
  readonly runFromPx: number;
  readonly endPx: number;
  readonly waited: boolean;
}

/** One for each entry, but for those that would stand on the very pixels of another of their colour. */
function barsOf(entries: readonly RecordingEntry[], x: (realMs: number) => number): readonly Bar[] {
  const bars = new Map<string, Bar>();
  for (const entry of entries) {
    const startPx = x(entry.asked_ms);
    const endPx = Math.max(x(entry.finished_ms), startPx + barMinPx);
    const releasedPx = entry.released_ms === null ? endPx : x(entry.released_ms);
    const waited = entry.decision === 'hold' && releasedPx - startPx > 1;
    const runFromPx = waited ? Math.min(releasedPx, endPx - barMinPx) : startPx;
    const place = `${[startPx, runFromPx, endPx].map(Math.round).join(' ')} ${decisionTone(entry)}`;
    if (!bars.has(place)) bars.set(place, { entry, startPx, runFromPx, endPx, waited });
  }
  return [...bars.values()];
}

function DrawnBar({ bar: { entry, startPx, runFromPx, endPx, waited } }: { readonly bar: Bar }) {
  const y = trackTopPx + 8;
  const height = trackHeightPx - 16;
  return (
    <g>
      <title>{`${momentWords(entry.asked_ms)} ${entry.statement_kinds.join(', ')}`}</title>
      {waited ? <rect className="waited" x={startPx} y={y} width={Math.max(1, runFromPx - startPx)} height={height} rx={2} /> : null}
      <rect
        className={`run tone-${decisionTone(entry)}`}
        x={runFromPx}
        y={y}
        width={Math.max(barMinPx, endPx - runFromPx)}
        height={height}
        rx={1.5}
      />
    </g>
  );
}
