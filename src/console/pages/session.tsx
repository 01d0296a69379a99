// One session: its facts, its terminals, its statement log, and the button that ends it.

import { IconArrowLeft } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { Link, useSearchParams } from 'wouter';
import type { HoldView, Me, SessionView } from '../../api/contract.ts';
import { api, ApiProblem } from '../api.ts';
import { EndSession } from '../parts/end-session.tsx';
import { Facts } from '../parts/facts.tsx';
import { Heading } from '../parts/heading.tsx';
import { Missing as NoSuch } from '../parts/missing.tsx';
import { Loading, Note, ProblemNote } from '../parts/notes.tsx';
import { Tag } from '../parts/tags.tsx';
import { At } from '../parts/time.tsx';
import { keys, useSession } from '../queries.ts';
import { useRecordingLog } from '../recording-log.ts';
import { Replay } from '../replay/replay.tsx';
import { Terminals } from '../terminal/terminals.tsx';
import { visibleLine, visibleText } from '../visible.ts';
import { durationWords } from '../words.ts';

export default function SessionPage({ sessionId, me }: { readonly sessionId: string; readonly me: Me }) {
  const session = useSession(sessionId);
  return (
    <div className="page">
      <Link href="/sessions" className="back">
        <IconArrowLeft size={15} aria-hidden /> All sessions
      </Link>
      {session.data !== undefined ? (
        <Shown session={session.data} me={me} />
      ) : session.error === null ? (
        <Loading />
      ) : (
        <Missing error={session.error} onRetry={() => void session.refetch()} />
      )}
    </div>
  );
}

function Shown({ session, me }: { readonly session: SessionView; readonly me: Me }) {
  const log = useRecordingLog(session.id, session.state === 'open');
  const holdId = useSearchParams()[0].get('hold');
  const hold = useSought(holdId);
  const mayEnd = session.principal === me.name || me.rights.includes('operate') || me.rights.includes('audit');
  const end = session.state === 'open' && mayEnd ? <EndSession session={session} /> : null;
  // A session that is not recorded still has its facts.
  return (
    <>
      <Head session={session} end={end} mayAudit={session.principal === me.name || me.rights.includes('audit')} />
      {log.error !== null && isNotTheirs(log.error) ? (
        <Note tone="info">What was said in this session is for auditors and for {visibleText(session.principal)}.</Note>
      ) : (
        <>
          {session.protocol === 'ssh' ? <Terminals session={session} end={end} momentMs={momentOf(session, hold)} /> : null}
          {log.error === null ? null : <ProblemNote error={log.error} onRetry={log.load} />}
          {log.loading ? (
            <Loading />
          ) : log.entries.length > 0 || log.error === null ? (
            <Replay session={session} log={log} hold={hold} />
          ) : null}
        </>
      )}
    </>
  );
}

/** The hold whose place in the session was asked for by a link; null: none, or it is not for the viewer to see. */
function useSought(holdId: string | null): HoldView | null {
  const hold = useQuery({
    queryKey: keys.hold(holdId ?? ''),
    queryFn: ({ signal }) => api.hold(holdId ?? '', signal),
    enabled: holdId !== null,
  });
  return holdId === null ? null : (hold.data ?? null);
}

/** When it was asked, on the wall clock of the gateway. */
function momentOf(session: SessionView, hold: HoldView | null): number | null {
  return hold === null || hold.session_id !== session.id ? null : Date.parse(hold.created_at);
}

/** Operators see that there is a session and may end it; that is no error. */
function isNotTheirs(error: Error): boolean {
  return error instanceof ApiProblem && error.status === 403;
}

function Missing({ error, onRetry }: { readonly error: Error; readonly onRetry: () => void }) {
  if (!(error instanceof ApiProblem) || error.status !== 404) return <ProblemNote error={error} onRetry={onRetry} />;
  return <NoSuch thing="session" />;
}

function Head({ session, end, mayAudit }: { readonly session: SessionView; readonly end: ReactNode; readonly mayAudit: boolean }) {
  const lastedMs = session.ended_at === null ? null : Date.parse(session.ended_at) - Date.parse(session.started_at);
  return (
    <>
      <div className="page-head">
        <Heading>
          {visibleLine(session.principal)} on {session.target}
        </Heading>
        <Tag tone={session.state === 'open' ? 'ok' : 'plain'}>{session.state}</Tag>
        {end === null ? null : <div className="end">{end}</div>}
      </div>
      <section className="panel" aria-label="Facts">
        <div className="panel-body">
          <Facts
            rows={[
              ['Started', <At at={session.started_at} date />],
              [
                'Ended',
                session.ended_at === null ? null : (
                  <>
                    <At at={session.ended_at} date /> {lastedMs === null ? '' : `(after ${durationWords(lastedMs)})`}
                  </>
                ),
              ],
              ['Why', session.end_reason === null ? null : visibleText(session.end_reason)],
              ['From', <span className="mono">{session.client_address}</span>],
              ['Connection', `${session.protocol}, ${session.tls ? 'TLS' : 'no TLS'}, signed in by ${session.method}`],
              [session.protocol === 'ssh' ? 'Account' : 'Database', session.database === null ? null : visibleText(session.database)],
              [
                session.protocol === 'ssh' ? 'Actions' : 'Statements',
                `${session.statements}, of which ${session.held} held and ${session.denied} denied`,
              ],
              [
                'Session',
                <>
                  <span className="mono break">{session.id}</span>{' '}
                  {mayAudit ? <Link href={`/audit?session=${session.id}`}>all its events</Link> : null}
                </>,
              ],
            ]}
          />
        </div>
      </section>
    </>
  );
}
