// The sessions: who is on which target now, and who was.

import { Button } from '@mantine/core';
import { useDeferredValue, useState } from 'react';
import { Link } from 'wouter';
import type { Me, SessionView } from '../../api/contract.ts';
import { openFirst } from '../live-cache.ts';
import { Choice, Search } from '../parts/fields.tsx';
import { Heading } from '../parts/heading.tsx';
import { Empty, Loading, ProblemNote } from '../parts/notes.tsx';
import { Tag } from '../parts/tags.tsx';
import { Ago } from '../parts/time.tsx';
import { useSessions } from '../queries.ts';
import { visibleLine } from '../visible.ts';
import { durationWords, plural } from '../words.ts';

const states = [
  ['all', 'Open and closed'],
  ['open', 'Open'],
  ['closed', 'Closed'],
] as const;

export default function SessionsPage({ me }: { readonly me: Me }) {
  const seesAll = me.rights.includes('audit') || me.rights.includes('operate');
  const [state, setState] = useState<(typeof states)[number][0]>('all');
  const sessions = useSessions(state === 'all' ? null : state);
  // Those that are open stand first, also one that began long before the newest that were loaded.
  const open = useSessions('open');
  const [words, setWords] = useState('');
  const wanted = useDeferredValue(words.trim().toLowerCase());
  const loaded = [...(sessions.data?.pages ?? []), ...(state === 'all' ? (open.data?.pages ?? []) : [])].flatMap(({ items }) => items);
  const items = openFirst([...new Map(loaded.map((session) => [session.id, session])).values()]).filter(
    (session) => (state === 'all' || session.state === state) && (wanted === '' || haystack(session).includes(wanted)),
  );
  return (
    <div className="page">
      <div className="page-head">
        <Heading>Sessions</Heading>
        {seesAll ? null : <span className="dim">your own sessions</span>}
        <div className="filters end">
          <Search label="Search sessions" placeholder="Person, target, address" value={words} onChange={setWords} />
          <Choice label="State" value={state} options={states} onChange={setState} />
        </div>
      </div>
      <section className="panel" aria-label="Sessions">
        {sessions.data === undefined ? (
          sessions.error === null ? (
            <Loading />
          ) : (
            <div className="panel-body">
              <ProblemNote error={sessions.error} onRetry={() => void sessions.refetch()} />
            </div>
          )
        ) : items.length === 0 ? (
          <Empty title={wanted === '' && state === 'all' ? 'No session yet' : 'No session matches'} />
        ) : (
          items.map((session) => <SessionRow key={session.id} session={session} />)
        )}
        {sessions.hasNextPage ? (
          <div className="more">
            {wanted === '' ? null : <p className="dim">Searched in the newest {plural(loaded.length, 'session')}.</p>}
            <Button size="xs" loading={sessions.isFetchingNextPage} onClick={() => void sessions.fetchNextPage()}>
              Older
            </Button>
          </div>
        ) : null}
      </section>
    </div>
  );
}

function haystack(session: SessionView): string {
  return [session.principal, session.target, session.client_address, session.protocol, session.database, session.id]
    .join('\n')
    .toLowerCase();
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
        {session.target}
        <small>
          {session.protocol}
          {session.database === null ? '' : ` · ${visibleLine(session.database)}`}
        </small>
      </span>
      <span className="tags">
        <Tag>{plural(session.statements, 'statement')}</Tag>
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
