// The gateway's time as this page knows it: countdowns must follow the clock that expires holds, not the one of a phone.

import { useEffect, useState } from 'react';

let offsetMs = 0;

/** Called with the `server_time` of each live hello. */
export function setServerTime(iso: string): void {
  const serverMs = Date.parse(iso);
  if (Number.isFinite(serverMs)) offsetMs = serverMs - Date.now();
}

/** Milliseconds since 1970 by the gateway's clock. */
export function serverNowMs(): number {
  return Date.now() + offsetMs;
}

/** One for each length: hundreds of countdowns are drawn together, not each in a turn of its own. */
const tickers = new Map<number, { readonly heard: Set<() => void>; readonly timer: ReturnType<typeof setInterval> }>();

/** Calls back every `everyMs` until the function that is returned is called. */
function onTick(everyMs: number, tell: () => void): () => void {
  let ticker = tickers.get(everyMs);
  if (ticker === undefined) {
    const heard = new Set<() => void>();
    ticker = {
      heard,
      timer: setInterval(() => {
        for (const hear of heard) hear();
      }, everyMs),
    };
    tickers.set(everyMs, ticker);
  }
  const { heard, timer } = ticker;
  heard.add(tell);
  return () => {
    heard.delete(tell);
    if (heard.size > 0) return;
    clearInterval(timer);
    tickers.delete(everyMs);
  };
}

/** The gateway's time, rendered again every `everyMs` while `active`. */
export function useNowMs(everyMs: number, active = true): number {
  const [nowMs, setNowMs] = useState(serverNowMs);
  useEffect(() => {
    if (!active) return undefined;
    const tell = (): void => setNowMs(serverNowMs());
    tell();
    return onTick(everyMs, tell);
  }, [everyMs, active]);
  return nowMs;
}
