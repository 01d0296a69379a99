// One session: its facts, its replay, and the button that ends it.

import { Button, Modal } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { IconArrowLeft } from '@tabler/icons-react';
import { useState } from 'react';
import { Link } from 'wouter';
import type { Me, SessionView } from '../../api/contract.ts';
import { api, ApiProblem } from '../api.ts';
import { Facts } from '../parts/facts.tsx';
import { Empty, Loading, Note, ProblemNote } from '../parts/notes.tsx';
import { Tag } from '../parts/tags.tsx';
import { At } from '../parts/time.tsx';
import { keys, useRecording } from '../queries.ts';
import { Replay } from '../replay/replay.tsx';
import { visibleLine, visibleText } from '../visible.ts';
import { durationWords } from '../words.ts';

export default function SessionPage({ sessionId, me }: { readonly sessionId: string; readonly me: Me }) {
  const recording = useRecording(sessionId);
  // A session that is not recorded still has its facts.
  const alone = useQuery({
    queryKey: keys.session(sessionId),
    queryFn: ({ signal }) => api.session(sessionId, signal),
    enabled: recording.error !== null,
  });
  const session = recording.data?.session ?? alone.data;
  return (
    <div className="page">
      <Link href="/sessions" className="back">
        <IconArrowLeft size={15} aria-hidden /> All sessions
      </Link>
      {session === undefined ? (
        recording.error !== null && alone.error !== null ? (
          <Missing error={alone.error} onRetry={() => void recording.refetch()} />
        ) : (
          <Loading />
        )
      ) : (
        <>
          <Head session={session} me={me} />
          {recording.data !== undefined ? (
            <Replay recording={recording.data} />
          ) : recording.error === null ? null : isNotTheirs(recording.error) ? (
            <Note tone="info">What was said in this session is for auditors and for {visibleText(session.principal)}.</Note>
          ) : (
            <ProblemNote error={recording.error} onRetry={() => void recording.refetch()} />
          )}
        </>
      )}
    </div>
  );
}

/** Operators see that there is a session and may end it; that is no error. */
function isNotTheirs(error: Error): boolean {
  return error instanceof ApiProblem && error.status === 403;
}

function Missing({ error, onRetry }: { readonly error: Error; readonly onRetry: () => void }) {
  if (!(error instanceof ApiProblem) || error.status !== 404) return <ProblemNote error={error} onRetry={onRetry} />;
  return (
    <Empty title="There is no such session">
      <p>It may be somebody else’s and not yours to see.</p>
    </Empty>
  );
}

function Head({ session, me }: { readonly session: SessionView; readonly me: Me }) {
  const mayEnd = session.principal === me.name || me.rights.includes('operate') || me.rights.includes('audit');
  const lastedMs = session.ended_at === null ? null : Date.parse(session.ended_at) - Date.parse(session.started_at);
  return (
    <>
      <div className="page-head">
        <h1>
          {visibleLine(session.principal)} on {session.target}
        </h1>
        <Tag tone={session.state === 'open' ? 'ok' : 'plain'}>{session.state}</Tag>
        {session.state === 'open' && mayEnd ? (
          <div className="end">
            <EndSession session={session} />
          </div>
        ) : null}
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
              ['Database', session.database === null ? null : visibleText(session.database)],
              ['Statements', `${session.statements}, of which ${session.held} held and ${session.denied} denied`],
              ['Session', <span className="mono break">{session.id}</span>],
            ]}
          />
        </div>
      </section>
    </>
  );
}

function EndSession({ session }: { readonly session: SessionView }) {
  const [asking, setAsking] = useState(false);
  const client = useQueryClient();
  const kill = useMutation({
    mutationFn: () => api.kill(session.id),
    onSuccess: async () => {
      setAsking(false);
      await client.invalidateQueries({ queryKey: keys.recording(session.id) });
      await client.invalidateQueries({ queryKey: keys.session(session.id) });
      await client.invalidateQueries({ queryKey: keys.sessions });
    },
  });
  return (
    <>
      <Button size="xs" c="var(--sp-bad-text)" onClick={() => setAsking(true)}>
        End session
      </Button>
      <Modal opened={asking} onClose={() => setAsking(false)} title="End this session?">
        <p>
          {visibleLine(session.principal)} is disconnected from {session.target} at once. A statement that runs is cancelled and an open
          transaction is rolled back; what waits for approval is withdrawn.
        </p>
        {kill.error === null ? null : (
          <div style={{ marginTop: 12 }}>
            <ProblemNote error={kill.error} />
          </div>
        )}
        <div className="two-buttons" style={{ marginTop: 16 }}>
          <Button onClick={() => setAsking(false)}>Keep it</Button>
          <Button variant="deny" loading={kill.isPending} onClick={() => kill.mutate()}>
            End session
          </Button>
        </div>
      </Modal>
    </>
  );
}
