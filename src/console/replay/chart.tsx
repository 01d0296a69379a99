// The drawn time line: one bar for each statement, the waiting part hatched, the running part in the colour of how it ended.
// It is a slider for the mouse, a finger and the arrow keys.

import { useElementSize } from '@mantine/hooks';
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
    const direction = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    if (direction === 0) return;
    event.preventDefault();
    onSeek(shownMs + direction * axis.shownMs * keyStepShare);
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
        {axis.cuts.map((cut) => (
          <g key={cut.atShownMs}>
            <title>{durationWords(cut.idleMs)} without a statement</title>
            <line className="cut" x1={x(cut.atShownMs)} x2={x(cut.atShownMs)} y1={trackTopPx} y2={trackTopPx + trackHeightPx} />
          </g>
        ))}
        {entries.map((entry) => (
          <Bar key={entry.action_id} entry={entry} x={(ms) => x(toShownMs(axis, ms))} />
        ))}
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

function Bar({ entry, x }: { readonly entry: RecordingEntry; readonly x: (realMs: number) => number }) {
  const start = x(entry.asked_ms);
  const end = Math.max(x(entry.finished_ms), start + barMinPx);
  const released = entry.released_ms === null ? end : x(entry.released_ms);
  const waited = entry.decision === 'hold' && released - start > 1;
  const runFrom = waited ? Math.min(released, end - barMinPx) : start;
  const y = trackTopPx + 8;
  const height = trackHeightPx - 16;
  return (
    <g>
      <title>{`${momentWords(entry.asked_ms)} ${entry.statement_kinds.join(', ')}`}</title>
      {waited ? <rect className="waited" x={start} y={y} width={Math.max(1, runFrom - start)} height={height} rx={2} /> : null}
      <rect
        className={`run tone-${decisionTone(entry)}`}
        x={runFrom}
        y={y}
        width={Math.max(barMinPx, end - runFrom)}
        height={height}
        rx={1.5}
      />
    </g>
  );
}
