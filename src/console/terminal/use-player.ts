// A player and its screen for as long as a place on the page is shown, moved by the animation frames.

import { useEffect, useRef, useState, useSyncExternalStore } from 'react';
import type { RefObject } from 'react';
import type { TerminalIndexView } from '../../api/contract.ts';
import { CastPages } from './cast-pages.ts';
import { CastPlayer } from './cast-player.ts';
import type { PlayerState } from './cast-player.ts';
import { XtermScreen } from './screen.ts';
import { terminalApi } from './terminal-api.ts';

interface Shown {
  readonly player: CastPlayer;
  readonly screen: XtermScreen;
}

const before: PlayerState = { atMs: 0, playing: false, speed: 1, skipsIdle: true, error: null };
const never = (): (() => void) => () => undefined;

export function usePlayer(
  sessionId: string,
  index: TerminalIndexView,
  fromMs: number,
): { readonly place: RefObject<HTMLDivElement | null>; readonly shown: Shown | null; readonly state: PlayerState } {
  const place = useRef<HTMLDivElement>(null);
  const [shown, setShown] = useState<Shown | null>(null);
  useEffect(() => {
    if (place.current === null) return undefined;
    const screen = new XtermScreen(place.current);
    const pages = new CastPages(index, (from, to, signal) => terminalApi.range(sessionId, index.terminal.index, from, to, signal));
    const player = new CastPlayer(pages, screen);
    setShown({ player, screen });
    // The first thing to see is the beginning, or the moment that one came for, as soon as something is shown there.
    void player.seek(fromMs);
    let last: number | null = null;
    let frame = requestAnimationFrame(function move(nowMs) {
      if (last !== null) player.tick(nowMs - last);
      last = nowMs;
      frame = requestAnimationFrame(move);
    });
    return () => {
      cancelAnimationFrame(frame);
      player.close();
      screen.dispose();
      setShown(null);
    };
  }, [sessionId, index, fromMs]);
  const state = useSyncExternalStore(shown?.player.subscribe ?? never, () => shown?.player.state() ?? before);
  return { place, shown, state };
}
