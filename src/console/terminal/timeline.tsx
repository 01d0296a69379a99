// The time line under a screen: a slider for the head, a tick for each command.

import { momentWords } from '../words.ts';

/** More ticks than this would be one grey bar. */
const ticksMax = 400;

interface Props {
  readonly atMs: number;
  readonly durationMs: number;
  readonly marks: readonly { readonly at_ms: number; readonly text: string }[];
  readonly onSeek: (atMs: number) => void;
}

export function Timeline({ atMs, durationMs, marks, onSeek }: Props) {
  const endMs = Math.max(1, durationMs);
  return (
    <div className="terminal-timeline">
      <svg aria-hidden="true" viewBox="0 0 1000 6" preserveAspectRatio="none">
        {marks.length > ticksMax
          ? null
          : marks.map((mark, number) => <rect key={number} x={(mark.at_ms / endMs) * 999} width={1.6} height={6} />)}
      </svg>
      <input
        type="range"
        min={0}
        max={endMs}
        step={1}
        value={Math.min(atMs, endMs)}
        aria-label="Moment"
        aria-valuetext={`${momentWords(atMs)} of ${momentWords(durationMs)}`}
        onChange={(event) => onSeek(Number(event.currentTarget.value))}
      />
    </div>
  );
}
