// Times as people say them, with the exact one on hover, and the countdown of a hold.

import { IconClock } from '@tabler/icons-react';
import { serverNowMs, useNowMs } from '../clock.ts';
import { agoWords, countdownWords } from '../words.ts';

/** A hold with less than this left is urgent. */
const urgentMs = 60_000;

export function Ago({ at }: { readonly at: string }) {
  const nowMs = useNowMs(30_000);
  return (
    <time dateTime={at} title={exact(at)}>
      {agoWords(at, nowMs)}
    </time>
  );
}

export function At({ at, date = false }: { readonly at: string; readonly date?: boolean }) {
  const when = new Date(at);
  const time = when.toLocaleTimeString('en-GB');
  // The year where it goes without saying would be noise; elsewhere a date without it is another day's.
  const year = when.getFullYear() === new Date(serverNowMs()).getFullYear() ? undefined : 'numeric';
  return (
    <time dateTime={at} title={exact(at)} className="number">
      {date ? `${when.toLocaleDateString('en-GB', { day: '2-digit', month: 'short', year })} ${time}` : time}
    </time>
  );
}

function exact(at: string): string {
  return new Date(at).toLocaleString('en-GB', { dateStyle: 'long', timeStyle: 'long' });
}

export function Countdown({ until }: { readonly until: string }) {
  const leftMs = Date.parse(until) - useNowMs(1_000);
  return (
    <span
      className="countdown"
      role="timer"
      aria-live="off"
      data-urgent={leftMs < urgentMs ? '' : undefined}
      title={`expires ${exact(until)}`}
    >
      <IconClock size={15} aria-hidden />
      <span>
        <span className="unseen">time left </span>
        {leftMs <= 0 ? 'expiring' : countdownWords(leftMs)}
      </span>
    </span>
  );
}

/** How much of the waiting time is left, as a thin bar. The countdown beside it says the same in figures. */
export function CountdownBar({ from, until }: { readonly from: string; readonly until: string }) {
  const leftMs = Date.parse(until) - useNowMs(1_000);
  const share = Math.min(1, Math.max(0, leftMs / Math.max(1, Date.parse(until) - Date.parse(from))));
  return (
    <div className="countdown-bar" aria-hidden="true" data-urgent={leftMs < urgentMs ? '' : undefined}>
      <span style={{ transform: `scaleX(${share})` }} />
    </div>
  );
}
