// Access for a while: who waits for it, who has it, which emergencies are to be reviewed; and asking for it.

import { Button } from '@mantine/core';
import { IconKey } from '@tabler/icons-react';
import { useState } from 'react';
import type { ReactNode } from 'react';
import { Link } from 'wouter';
import type { AccessRequestView, GrantView } from '../../api/contract.ts';
import { useActiveGrants, useGrantsToReview, usePendingRequests, useRequestHistory } from '../access-queries.ts';
import { grantState, requestState, scopeWords } from '../access-words.ts';
import { Heading } from '../parts/heading.tsx';
import { Loading, ProblemNote } from '../parts/notes.tsx';
import { RequestForm } from '../parts/request-form.tsx';
import { ActiveShapes } from '../parts/shape-list.tsx';
import { LabelTags, Tag } from '../parts/tags.tsx';
import { Ago, Countdown } from '../parts/time.tsx';
import { visibleLine } from '../visible.ts';
import { durationWords, plural } from '../words.ts';

export default function AccessPage() {
  const [asking, setAsking] = useState(false);
  const pending = usePendingRequests();
  const active = useActiveGrants();
  const toReview = useGrantsToReview();
  const history = useRequestHistory();
  return (
    <div className="page">
      <div className="page-head">
        <Heading>Access</Heading>
        <div className="end">
          <Button size="xs" leftSection={<IconKey size={15} />} aria-expanded={asking} onClick={() => setAsking(!asking)}>
            {asking ? 'Close' : 'Ask for access'}
          </Button>
        </div>
      </div>
      {asking ? (
        <section className="panel" aria-label="Ask">
          <RequestForm />
        </section>
      ) : null}
      {(toReview.data?.items.length ?? 0) === 0 ? null : (
        <Section title="To review" asked={toReview} empty="">
          {(grant) => <GrantRow grant={grant} />}
        </Section>
      )}
      <Section title="Waiting for an answer" asked={pending} empty="Nothing waits that you may see">
        {(request) => <RequestRow request={request} />}
      </Section>
      <Section title="In force" asked={active} empty="No access that you may see is in force">
        {(grant) => <GrantRow grant={grant} />}
      </Section>
      <ActiveShapes />
      <Section title="Asked lately" asked={history} empty="Nothing was asked yet">
        {(request) => <RequestRow request={request} />}
      </Section>
    </div>
  );
}

interface Asked<Item> {
  readonly data?: { readonly items: readonly Item[] } | undefined;
  readonly error: unknown;
  readonly refetch: () => unknown;
}

function Section<Item extends { readonly id: string }>({
  title,
  asked,
  empty,
  children,
}: {
  readonly title: string;
  readonly asked: Asked<Item>;
  readonly empty: string;
  readonly children: (item: Item) => ReactNode;
}) {
  return (
    <section className="panel" aria-label={title}>
      <header>
        <h2>{title}</h2>
      </header>
      {asked.data === undefined ? (
        asked.error === null ? (
          <Loading />
        ) : (
          <div className="panel-body">
            <ProblemNote error={asked.error} onRetry={() => void asked.refetch()} />
          </div>
        )
      ) : asked.data.items.length === 0 ? (
        <p className="panel-body dim">{empty}</p>
      ) : (
        <ul className="hold-list">
          {asked.data.items.map((item) => (
            <li key={item.id}>{children(item)}</li>
          ))}
        </ul>
      )}
    </section>
  );
}

function RequestRow({ request }: { readonly request: AccessRequestView }) {
  const state = requestState(request.state);
  return (
    <Link href={`/access/${request.id}`} className="hold-row">
      <div className="hold-line">
        {request.break_glass ? <Tag tone="bad">break-glass</Tag> : null}
        {request.state === 'pending' ? null : <Tag tone={state.tone}>{state.text}</Tag>}
        <strong>{visibleLine(request.principal_name)}</strong>
        <span className="dim">for</span>
        <strong>{request.target}</strong>
        <LabelTags labels={request.target_labels} />
        <span>
          {durationWords(request.duration_ms)}
          {request.extends_grant === null ? '' : ' more'}, {visibleLine(scopeWords(request.scope))}
        </span>
        <span className="end">
          {request.state === 'pending' ? <Countdown until={request.expires_at} /> : <Ago at={request.settled_at ?? request.created_at} />}
        </span>
      </div>
      <div className="break">{visibleLine(request.reason)}</div>
      {request.state === 'pending' ? (
        <div className="hold-line hold-small">
          <span>{request.rule_title}</span>
          <span className="end">
            {plural(request.approvals_missing, 'approval')} missing
            {request.can_answer ? '' : ' · not yours to answer'}
          </span>
        </div>
      ) : null}
    </Link>
  );
}

function GrantRow({ grant }: { readonly grant: GrantView }) {
  const state = grantState(grant);
  return (
    <Link href={`/access/${grant.request_id}`} className="hold-row">
      <div className="hold-line">
        {grant.break_glass ? <Tag tone="bad">break-glass</Tag> : null}
        {grant.state === 'active' ? null : <Tag tone={state.tone}>{state.text}</Tag>}
        <strong>{visibleLine(grant.principal_name)}</strong>
        <span className="dim">on</span>
        <strong>{grant.target}</strong>
        <LabelTags labels={grant.target_labels} />
        <span>{visibleLine(scopeWords(grant.scope))}</span>
        <span className="end">
          {grant.state === 'active' ? <Countdown until={grant.ends_at} /> : <Ago at={grant.ended_at ?? grant.ends_at} />}
        </span>
      </div>
      <div className="hold-line hold-small">
        <span className="break">{visibleLine(grant.reason)}</span>
        <span className="end">
          {plural(grant.sessions, 'session')}
          {grant.can_review ? ' · yours to review' : ''}
        </span>
      </div>
    </Link>
  );
}
