// Plays the shortened axis: a head that moves with the animation frames while playing.

import { useEffect, useRef, useState } from 'react';
import type { ReplayAxis } from './layout.ts';

export const speeds = [1, 4, 16, 64] as const;
export type Speed = (typeof speeds)[number];

export interface Player {
  /** Place of the head on the shortened axis. */
  readonly shownMs: number;
  readonly playing: boolean;
  readonly speed: Speed;
  readonly setSpeed: (speed: Speed) => void;
  readonly toggle: () => void;
  readonly seek: (shownMs: number) => void;
}

/** Starts at the end: whoever opens a recording first wants to see all of it. */
export function usePlayer(axis: ReplayAxis): Player {
  const [shownMs, setShownMs] = useState(Infinity);
  const [playing, setPlaying] = useState(false);
  const [speed, setSpeed] = useState<Speed>(4);
  const head = useRef(Infinity);

  useEffect(() => {
    if (!playing) return undefined;
    let last: number | null = null;
    let frame = requestAnimationFrame(function move(nowMs) {
      if (last !== null) head.current = Math.min(axis.shownMs, head.current + (nowMs - last) * speed);
      last = nowMs;
      setShownMs(head.current);
      if (head.current >= axis.shownMs) {
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
  };
  return {
    shownMs: Math.min(shownMs, axis.shownMs),
    playing,
    speed,
    setSpeed,
    seek,
    toggle: () => {
      if (!playing && head.current >= axis.shownMs) seek(0);
      setPlaying(!playing);
    },
  };
}
