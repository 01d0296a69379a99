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

/** The gateway's time, rendered again every `everyMs` while `active`. */
export function useNowMs(everyMs: number, active = true): number {
  const [nowMs, setNowMs] = useState(serverNowMs);
  useEffect(() => {
    if (!active) return undefined;
    setNowMs(serverNowMs());
    const timer = setInterval(() => setNowMs(serverNowMs()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs, active]);
  return nowMs;
}
