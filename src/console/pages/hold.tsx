// One hold: everything an approver needs to decide, and the two buttons.

import { IconArrowLeft, IconLock } from '@tabler/icons-react';
import { useCallback, useEffect, useRef, useState } from 'react';
import type { ReactNode } from 'react';
import { Link } from 'wouter';
import type { HoldView } from '../../api/contract.ts';
import { ApiProblem } from '../api.ts';
import { AnswerForm, AnswerNote } from '../parts/answer.tsx';
import { Facts } from '../parts/facts.tsx';
import { Heading } from '../parts/heading.tsx';
import { HoldTimeline } from '../parts/hold-timeline.tsx';
import { Missing } from '../parts/missing.tsx';
import { Loading, Note, ProblemNote } from '../parts/notes.tsx';
import { ParameterTable } from '../parts/parameters.tsx';
import { ShapePanel } from '../parts/shape-form.tsx';
import { Statement } from '../parts/statement.tsx';
import { EffectTags, LabelTags, StateTag } from '../parts/tags.tsx';
import { At, Countdown, CountdownBar } from '../parts/time.tsx';
import { whyRows } from '../parts/why-rows.tsx';
import { HoldPreview } from './hold-preview.tsx';
import { TakeBack } from './hold-take-back.tsx';
import { useHold, useMe } from '../queries.ts';
import { visibleLine } from '../visible.ts';
import { isProduction, transactionWords } from '../words.ts';

const digestCharactersShown = 16;

export default function HoldPage({ holdId }: { readonly holdId: string }) {
  const hold = useHold(holdId);
  if (hold.data === undefined) {
    if (hold.error === null) return <Loading />;
    const gone = hold.error instanceof ApiProblem && hold.error.status === 404;
    return (
      <div className="page">
        <Back />
        {gone ? <Missing thing="hold" /> : <ProblemNote error={hold.error} onRetry={() => void hold.refetch()} />}
      </div>
    );
  }
  return <Loaded hold={hold.data} />;
}

function Back() {
  return (
    <Link href="/" className="back">
      <IconArrowLeft size={15} aria-hidden /> All holds
    </Link>
  );
}

function Loaded({ hold }: { readonly hold: HoldView }) {
  const pending = hold.state === 'pending';
  const [tooLate, setTooLate] = useState(false);
  const note = useRef<HTMLDivElement>(null);
  const left = useRef(false);
  const onLeft = useCallback(() => {
    left.current = true;
  }, []);
  useEffect(() => {
    // What came of it stands at the top: on a phone out of sight, and the focus was on what is no longer there.
    if (left.current) note.current?.focus();
    left.current = false;
  });
  const me = useMe().data;
  const approved = pending && hold.approvals.some((it) => it.by === me?.name);
  return (
    <div className={pending && hold.can_answer ? 'page answer-open' : 'page'}>
      <Back />
      <div className="hold-title">
        <Heading>
          {visibleLine(hold.principal_name)} on {hold.target}
        </Heading>
        <LabelTags labels={hold.target_labels} />
        <StateTag state={hold.state} />
        {pending ? (
          <span className="end">
            <Countdown until={hold.expires_at} />
          </span>
        ) : null}
      </div>
      {pending ? <CountdownBar from={hold.created_at} until={hold.expires_at} /> : null}
      <AnswerNote hold={hold} tooLate={tooLate} place={note} />
      {approved ? <TakeBack hold={hold} /> : null}
      <div className="hold-columns">
        <div>
          <TransactionNote hold={hold} />
          <section className="panel" aria-label="What would run">
            <header>
              <h2>{pending ? 'What would run' : 'What was asked'}</h2>
              <span className="dim">{hold.statement_kinds.join(', ')}</span>
            </header>
            <Statement text={hold.text} risks={hold.risks} protocol={hold.target_protocol} />
            {hold.parameters === null || hold.parameters.length === 0 ? null : <ParameterTable parameters={hold.parameters} />}
          </section>
          <HoldPreview hold={hold} isOwn={me === undefined || me.name === hold.principal} />
          <section className="panel" aria-label="Details">
            <header>
              <h2>Details</h2>
            </header>
            <div className="panel-body">
              <Details hold={hold} />
            </div>
          </section>
        </div>
        <div>
          {pending && hold.can_answer ? <AnswerForm hold={hold} onTooLate={() => setTooLate(true)} onLeft={onLeft} /> : null}
          <ShapePanel hold={hold} />
          <section className="panel" aria-label="Course of this hold">
            <header>
              <h2>Course</h2>
              <span className="dim end">hold {hold.id}</span>
            </header>
            <div className="panel-body">
              <HoldTimeline hold={hold} />
            </div>
          </section>
        </div>
      </div>
    </div>
  );
}

function TransactionNote({ hold }: { readonly hold: HoldView }) {
  if (hold.transaction === 'none' || hold.state !== 'pending') return null;
  const words = transactionWords(hold.transaction);
  return (
    <Note tone="wait" icon={<IconLock size={18} />}>
      <b>{words.title}.</b> {words.detail}
    </Note>
  );
}

function Details({ hold }: { readonly hold: HoldView }) {
  const production = isProduction(hold.target_labels);
  const me = useMe().data;
  const isAsked = hold.can_answer || (hold.state === 'pending' && hold.approvals.some(({ by }) => by === me?.name));
  const mayOpenSession = me !== undefined && (isAsked || me.rights.includes('audit') || me.name === hold.principal);
  return (
    <Facts
      rows={[
        ...whyRows(hold),
        ['Effects', <EffectTags effects={hold.effects} />],
        [
          'Rule',
          <>
            {hold.rule_title} <span className="mono dim">{hold.rule}</span>
          </>,
        ],
        ['Asked by', `${visibleLine(hold.principal_name)} (${hold.principal})`],
        ['From', <span className="mono">{hold.client_address}</span>],
        ['Target', `${hold.target} (${hold.target_protocol}${production ? ', production' : ''})`],
        [
          'Session',
          mayOpenSession ? (
            <Link href={`/sessions/${hold.session_id}?hold=${hold.id}`}>
              {hold.state === 'pending' ? 'what was done in it so far' : 'replay at this moment'}
            </Link>
          ) : (
            <span className="mono break">{hold.session_id}</span>
          ),
        ],
        [
          'Audit log',
          me !== undefined && (me.rights.includes('audit') || me.name === hold.principal) ? (
            <Link href={`/audit?hold=${hold.id}`}>its events</Link>
          ) : null,
        ],
        ['Transaction', transactionWords(hold.transaction).title],
        ...(hold.approver_sets === undefined
          ? []
          : [
              ['Needed', hold.approver_sets.map(({ groups, count }) => `${count} of ${groups.join(' or ')}`).join(' and ')] as [
                string,
                ReactNode,
              ],
            ]),
        ['May approve', [hold.approver_groups, ...(hold.also_in_groups ?? [])].map((groups) => groups.join(' or ')).join(', and also in ')],
        ...(hold.on_call ?? []).map(({ group, people, until }): [string, ReactNode] => [
          'On call now',
          <>
            {people.length === 0 ? 'nobody who may answer' : people.map(visibleLine).join(', ')} ({group}), until <At at={until} date />
          </>,
        ]),
        ...(hold.escalates ?? []).map(({ at, to }): [string, ReactNode] => [
          'Escalates',
          <>
            to {to.join(', ')} at <At at={at} date />
          </>,
        ]),
        ['Asked at', <At at={hold.created_at} date />],
        ['Policy version', <span className="mono break">{hold.policy_version.slice(0, digestCharactersShown)}</span>],
        [
          'Digest',
          <span className="mono break" title={hold.digest}>
            {hold.digest.slice(0, digestCharactersShown)}…
          </span>,
        ],
      ]}
    />
  );
}
