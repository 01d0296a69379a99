// The sessions: who is on which target now, and who was.

import { useDebouncedValue } from '@mantine/hooks';
import { useMemo, useRef } from 'react';
import { Link, useSearchParams } from 'wouter';
import type { Me, SessionView } from '../../api/contract.ts';
import type { SessionFilters } from '../api.ts';
import { withAsked } from '../asked.ts';
import type { Changed } from '../asked.ts';
import { useFoundMarks } from '../found-marks.ts';
import { openFirst } from '../live-cache.ts';
import { Choice, Search } from '../parts/fields.tsx';
import { Heading } from '../parts/heading.tsx';
import { OlderOnes } from '../parts/older.tsx';
import { Tag } from '../parts/tags.tsx';
import { TimeRange, timeAsked } from '../parts/time-range.tsx';
import { Ago } from '../parts/time.tsx';
import { useSeeking, useSessions } from '../queries.ts';
import { visibleLine } from '../visible.ts';
import { durationWords, plural } from '../words.ts';

const typingPauseMs = 250;

const states = [
  ['', 'Open and closed'],
  ['open', 'Open'],
  ['closed', 'Closed'],
] as const;

export default function SessionsPage({ me }: { readonly me: Me }) {
  const seesAll = me.rights.includes('audit') || me.rights.includes('operate');
  // In the address: a search can be sent to somebody, kept, and come back to.
  const [asked, ask] = useSearchParams();
  const [settled] = useDebouncedValue(asked.toString(), typingPauseMs);
  const filters = useMemo(() => filtersOf(new URLSearchParams(settled)), [settled]);
  const sessions = useSessions(filters);
  // Those that are open stand first, also one that began long before the newest that were loaded.
  const open = useSessions(filters.state === '' ? { ...filters, state: 'open' } : filters);
  const loaded = [...(sessions.data?.pages ?? []), ...(open.data?.pages ?? [])].flatMap(({ items }) => items);
  const items = openFirst([...new Map(loaded.map((session) => [session.id, session])).values()]).filter(
    ({ state }) => filters.state === '' || state === filters.state,
  );
  const seeking = useSeeking(sessions, items.length === 0);
  const list = useRef<HTMLElement>(null);
  useFoundMarks(list, filters.text.split(/\s+/));
  const change = (changed: Changed) => ask((before) => withAsked(before, changed), { replace: true });
  return (
    <div className="page">
      <div className="page-head">
        <Heading>Sessions</Heading>
        {seesAll ? null : <span className="dim">your own sessions</span>}
      </div>
      <div className="filters">
        <Search
          label="Search sessions"
          placeholder="Person, target, address"
          value={asked.get('text') ?? ''}
          onChange={(text) => change({ text })}
        />
        <Choice label="State" value={stateOf(asked)} options={states} onChange={(state) => change({ state })} />
        <TimeRange asked={asked} onChange={change} />
      </div>
      <section className="panel" aria-label="Sessions" ref={list}>
        <OlderOnes list={sessions} count={items.length} seeking={seeking} none={settled === '' ? 'No session yet' : 'No session matches'}>
          {items.map((session) => (
            <SessionRow key={session.id} session={session} />
          ))}
        </OlderOnes>
      </section>
    </div>
  );
}

function stateOf(asked: URLSearchParams): SessionFilters['state'] {
  return states.find(([state]) => state === asked.get('state'))?.[0] ?? '';
}

function filtersOf(asked: URLSearchParams): SessionFilters {
  return { state: stateOf(asked), text: (asked.get('text') ?? '').trim(), ...timeAsked(asked) };
}

function SessionRow({ session }: { readonly session: SessionView }) {
  const lastedMs = session.ended_at === null ? null : Date.parse(session.ended_at) - Date.parse(session.started_at);
  return (
    <Link href={`/sessions/${session.id}`} className="session-row">
      <span>
        <Tag tone={session.state === 'open' ? 'ok' : 'plain'}>{session.state}</Tag>
      </span>
      <span>
        <strong>{visibleLine(session.principal)}</strong>
        <small className="mono">{session.client_address}</small>
      </span>
      <span>
        {/* An element of its own: WebKit marks no text that stands beside a block. */}
        <span>{session.target}</span>
        <small>
          {session.protocol}
          {session.database === null ? '' : ` · ${visibleLine(session.database)}`}
        </small>
      </span>
      <span className="tags">
        <Tag>{plural(session.statements, session.protocol === 'ssh' ? 'action' : 'statement')}</Tag>
        {session.held > 0 ? <Tag tone="wait">{session.held} held</Tag> : null}
        {session.denied > 0 ? <Tag tone="bad">{session.denied} denied</Tag> : null}
      </span>
      <span>
        <Ago at={session.started_at} />
        <small>{lastedMs === null ? 'still open' : `lasted ${durationWords(lastedMs)}`}</small>
      </span>
    </Link>
  );
}
