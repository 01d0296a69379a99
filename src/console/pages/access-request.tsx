// One request for access: what is asked, the answer, the grant that came of it, and everything that happened.

import { IconArrowLeft } from '@tabler/icons-react';
import { Link } from 'wouter';
import type { AccessRequestView, GrantView, Me } from '../../api/contract.ts';
import { useAccessRequest, useGrant } from '../access-queries.ts';
import { approverWords, grantState, requestState, scopeWords, stepWords } from '../access-words.ts';
import { ApiProblem } from '../api.ts';
import { AccessAnswer, ExtendForm, ReviewForm, RevokeForm, WithdrawButton } from '../parts/access-actions.tsx';
import { Heading } from '../parts/heading.tsx';
import { Missing } from '../parts/missing.tsx';
import { Loading, Note, ProblemNote } from '../parts/notes.tsx';
import { LabelTags, Tag } from '../parts/tags.tsx';
import { At, Countdown } from '../parts/time.tsx';
import { visibleLine, visibleText } from '../visible.ts';
import { durationWords, viaWords } from '../words.ts';

export default function AccessRequestPage({ requestId, me }: { readonly requestId: string; readonly me: Me }) {
  const request = useAccessRequest(requestId);
  const grantId = request.data === undefined ? null : (request.data.grant_id ?? request.data.extends_grant);
  const grant = useGrant(grantId);
  if (request.data === undefined) {
    if (request.error === null) return <Loading />;
    const gone = request.error instanceof ApiProblem && request.error.status === 404;
    return (
      <div className="page">
        <Back />
        {gone ? <Missing thing="request" /> : <ProblemNote error={request.error} onRetry={() => void request.refetch()} />}
      </div>
    );
  }
  return <Loaded request={request.data} grant={grant.data ?? null} me={me} />;
}

function Back() {
  return (
    <Link href="/access" className="back">
      <IconArrowLeft size={15} aria-hidden /> All access
    </Link>
  );
}

function Loaded({ request, grant, me }: { readonly request: AccessRequestView; readonly grant: GrantView | null; readonly me: Me }) {
  const state = grant === null || request.state !== 'granted' ? requestState(request.state) : grantState(grant);
  const own = request.principal === me.name;
  const steps = grant?.timeline ?? request.timeline;
  return (
    <div className="page">
      <Back />
      <div className="hold-title">
        <Heading>
          {visibleLine(request.principal_name)} {request.extends_grant === null ? 'for' : 'wants more time on'} {request.target}
        </Heading>
        <LabelTags labels={request.target_labels} />
        {request.break_glass ? <Tag tone="bad">break-glass</Tag> : null}
        <Tag tone={state.tone}>{state.text}</Tag>
        {request.state === 'pending' ? (
          <span className="end">
            <Countdown until={request.expires_at} />
          </span>
        ) : grant?.state === 'active' ? (
          <span className="end">
            <Countdown until={grant.ends_at} />
          </span>
        ) : null}
      </div>
      {request.break_glass && request.state === 'pending' ? (
        <Note tone="bad">The glass is to be broken: everything will be recorded, and a review is owed afterwards.</Note>
      ) : null}
      <section className="panel" aria-label="What is asked">
        <div className="panel-body">
          <dl className="facts">
            <dt>Reason</dt>
            <dd>{visibleText(request.reason)}</dd>
            <dt>Reaches</dt>
            <dd>{visibleLine(scopeWords(request.scope))}</dd>
            <dt>For</dt>
            <dd>
              {durationWords(request.duration_ms)}
              {request.extends_grant === null ? '' : ' more'}
              {grant === null ? null : (
                <>
                  {' '}
                  (<At at={grant.started_at} date /> to <At at={grant.ended_at ?? grant.ends_at} date />)
                </>
              )}
            </dd>
            <dt>Rule</dt>
            <dd>
              {request.rule_title} <span className="dim mono">{request.rule}</span>
            </dd>
            <dt>Approvers</dt>
            <dd>{approverWords(request)}</dd>
            {grant === null || grant.review === 'none' ? null : (
              <>
                <dt>Review</dt>
                <dd>{reviewWords(grant)}</dd>
              </>
            )}
          </dl>
        </div>
      </section>
      <Actions request={request} grant={grant} own={own} />
      <section className="panel" aria-label="What happened">
        <header>
          <h2>What happened</h2>
        </header>
        <div className="panel-body">
          <ol className="timeline">
            {steps.map((step, index) => {
              const words = stepWords(step.what, step.by);
              return (
                <li key={index} className={`tone-${words.tone}`}>
                  <At at={step.at} date /> {step.by === null ? '' : `${visibleLine(step.by)} `}
                  {words.text}
                  {viaWords(step.via)}
                  {step.what === 'grant.used' && step.words !== null ? (
                    <>
                      {' '}
                      <Link href={`/sessions/${step.words}`} className="mono">
                        {step.words}
                      </Link>
                    </>
                  ) : step.words === null || step.words === '' ? null : (
                    <q>{visibleText(step.words)}</q>
                  )}
                </li>
              );
            })}
          </ol>
        </div>
      </section>
    </div>
  );
}

function Actions({
  request,
  grant,
  own,
}: {
  readonly request: AccessRequestView;
  readonly grant: GrantView | null;
  readonly own: boolean;
}) {
  return (
    <>
      {request.can_answer ? <AccessAnswer request={request} /> : null}
      {request.state === 'pending' && !request.can_answer && request.cannot_answer_because !== null && !own ? (
        <Note tone="info">{visibleText(request.cannot_answer_because)}</Note>
      ) : null}
      {request.state === 'pending' && own ? <WithdrawButton request={request} /> : null}
      {grant?.state === 'active' && own ? <ExtendForm grant={grant} /> : null}
      {grant?.can_revoke === true ? <RevokeForm grant={grant} own={own} /> : null}
      {grant?.can_review === true ? <ReviewForm grant={grant} /> : null}
    </>
  );
}

function reviewWords(grant: GrantView): string {
  if (grant.review === 'done') return `by ${visibleLine(grant.reviewed_by ?? '')}: ${visibleLine(grant.review_words ?? '')}`;
  return `open: somebody of ${grant.reviewers.join(' or ')} looks at it when it has ended`;
}
