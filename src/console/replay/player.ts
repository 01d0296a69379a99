// Plays the shortened axis: a head that moves with the animation frames while playing.

import { useEffect, useRef, useState } from 'react';
import type { ReplayAxis } from './layout.ts';

export const speeds = [1, 4, 16, 64] as const;
export type Speed = (typeof speeds)[number];
/** While playing, what is written goes along this often: a hundred statements take longer to draw than a frame lasts. */
const writtenEveryMs = 300;

export interface Player {
  /** Place of the head on the shortened axis. */
  readonly shownMs: number;
  /** The place that what is written goes along with: the same, but while playing a moment behind. */
  readonly writtenMs: number;
  readonly playing: boolean;
  readonly speed: Speed;
  readonly setSpeed: (speed: Speed) => void;
  readonly toggle: () => void;
  readonly seek: (shownMs: number) => void;
}

/** Starts at the end: whoever opens a recording first wants to see all of it. */
export function usePlayer(axis: ReplayAxis): Player {
  const [shownMs, setShownMs] = useState(Infinity);
  const [writtenMs, setWrittenMs] = useState(Infinity);
  const [playing, setPlaying] = useState(false);
  const [speed, setSpeed] = useState<Speed>(4);
  const head = useRef(Infinity);

  useEffect(() => {
    if (!playing) return undefined;
    let last: number | null = null;
    let lastWritten = 0;
    let frame = requestAnimationFrame(function move(nowMs) {
      if (last !== null) head.current = Math.min(axis.shownMs, head.current + (nowMs - last) * speed);
      last = nowMs;
      setShownMs(head.current);
      const atEnd = head.current >= axis.shownMs;
      if (atEnd || nowMs - lastWritten >= writtenEveryMs) {
        lastWritten = nowMs;
        setWrittenMs(head.current);
      }
      if (atEnd) {
        setPlaying(false);
        return;
      }
      frame = requestAnimationFrame(move);
    });
    return () => cancelAnimationFrame(frame);
  }, [playing, speed, axis]);

  const seek = (toMs: number): void => {
    head.current = Math.min(axis.shownMs, Math.max(0, toMs));
    setShownMs(head.current);
    setWrittenMs(head.current);
  };
  return {
    shownMs: Math.min(shownMs, axis.shownMs),
    writtenMs: Math.min(writtenMs, axis.shownMs),
    playing,
    speed,
    setSpeed,
    seek,
    toggle: () => {
      seek(!playing && head.current >= axis.shownMs ? 0 : head.current);
      setPlaying(!playing);
    },
  };
}
