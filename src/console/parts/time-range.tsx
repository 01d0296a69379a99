// The choice of a time for a list: the last hour, the last days, or between two moments. It stands in the page's address.

import { TextInput } from '@mantine/core';
import type { Changed } from '../asked.ts';
import { serverNowMs } from '../clock.ts';
import { Choice } from './fields.tsx';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const ranges = [
  ['', 'Any time', 0],
  ['hour', 'Last hour', hourMs],
  ['day', 'Last 24 hours', 24 * hourMs],
  ['week', 'Last 7 days', 7 * 24 * hourMs],
  ['between', 'Between …', 0],
] as const;

/** What the API is asked. "Last hour" counts back from now, whenever the address is opened. */
export function timeAsked(asked: URLSearchParams): { readonly since: string; readonly until: string } {
  const lengthMs = ranges.find(([name]) => name === asked.get('time'))?.[2] ?? 0;
  const since = lengthMs === 0 ? (asked.get('since') ?? '') : new Date(serverNowMs() - lengthMs).toISOString();
  return { since, until: asked.get('until') ?? '' };
}

interface Props {
  readonly asked: URLSearchParams;
  readonly onChange: (changed: Changed<'time' | 'since' | 'until'>) => void;
}

export function TimeRange({ asked, onChange }: Props) {
  const hasMoments = asked.has('since') || asked.has('until');
  const range = ranges.find(([name]) => name === asked.get('time'))?.[0] ?? '';
  const shown = range === '' && hasMoments ? 'between' : range;
  return (
    <>
      <Choice
        label="Time"
        value={shown}
        options={ranges.map(([name, words]) => [name, words] as const)}
        onChange={(time) => onChange({ since: '', until: '', time })}
      />
      {shown === 'between' ? <Moment label="From" value={asked.get('since') ?? ''} onChange={(since) => onChange({ since })} /> : null}
      {shown === 'between' ? <Moment label="Until" value={asked.get('until') ?? ''} onChange={(until) => onChange({ until })} /> : null}
    </>
  );
}

interface MomentProps {
  readonly label: string;
  readonly value: string;
  readonly onChange: (iso: string) => void;
}

function Moment({ label, value, onChange }: MomentProps) {
  return (
    <TextInput
      size="xs"
      type="datetime-local"
      aria-label={label}
      defaultValue={localOf(value)}
      onChange={(event) => onChange(isoOf(event.currentTarget.value))}
    />
  );
}

/** datetime-local fields speak local time without a zone; the API wants UTC. */
function isoOf(local: string): string {
  const ms = Date.parse(local);
  return Number.isFinite(ms) ? new Date(ms).toISOString() : '';
}

function localOf(iso: string): string {
  const ms = Date.parse(iso);
  if (!Number.isFinite(ms)) return '';
  return new Date(ms - new Date(ms).getTimezoneOffset() * minuteMs).toISOString().slice(0, 'yyyy-mm-ddThh:mm'.length);
}
