// Where a one-time decision link leads. Opening it decides nothing, because mail scanners and chat previews open links too;
// the person reads the statement and presses a button here.

import { Button, Textarea } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from 'wouter';
import type { AccessRequestView, DecisionView, HoldView } from '../../api/contract.ts';
import { requestState, scopeWords } from '../access-words.ts';
import { api, ApiProblem } from '../api.ts';
import { useDeafAtFirst } from '../deaf.ts';
import { useDraftOf } from '../drafts.ts';
import { Alone, AlonePanel } from '../parts/alone.tsx';
import { Facts } from '../parts/facts.tsx';
import { Heading } from '../parts/heading.tsx';
import { Loading, Note, ProblemNote } from '../parts/notes.tsx';
import { ParameterTable } from '../parts/parameters.tsx';
import { Statement } from '../parts/statement.tsx';
import { EffectTags, LabelTags } from '../parts/tags.tsx';
import { Countdown } from '../parts/time.tsx';
import { whyRows } from '../parts/why-rows.tsx';
import { visibleLine, visibleText } from '../visible.ts';
import { durationWords, settlementWords, stateWords, transactionWords } from '../words.ts';
import { rememberWayBack } from '../way-back.ts';

export default function DecidePage({ token }: { readonly token: string }) {
  const decision = useQuery({ queryKey: ['decision', token], queryFn: ({ signal }) => api.decision(token, signal), staleTime: Infinity });
  return (
    <Alone widthMax={560}>
      {decision.data !== undefined ? (
        <Decide token={token} decision={decision.data} />
      ) : decision.error === null ? (
        <Loading />
      ) : (
        <Unusable error={decision.error} />
      )}
    </Alone>
  );
}

function isSignedOut(error: Error): boolean {
  return error instanceof ApiProblem && error.status === 401;
}

function SignInFirst() {
  return (
    <Link href="/login" onClick={() => rememberWayBack(location.pathname)}>
      Sign in first
    </Link>
  );
}

function Unusable({ error }: { readonly error: Error }) {
  return (
    <AlonePanel>
      <Heading>This link can’t be used</Heading>
      <ProblemNote error={error} />
      {isSignedOut(error) ? <SignInFirst /> : <Link href="/">Open the console</Link>}
    </AlonePanel>
  );
}

type Matter = HoldView | AccessRequestView;

function isHold(matter: Matter): matter is HoldView {
  return 'digest' in matter;
}

function Settled({ matter, tooLate = false }: { readonly matter: Matter; readonly tooLate?: boolean }) {
  const late = tooLate ? <b>Your answer came too late. </b> : null;
  if (!isHold(matter)) {
    const { text, tone } = requestState(matter.state);
    const by = matter.settled_by === null ? '' : ` by ${matter.settled_by}`;
    const why = matter.settled_reason === null ? '' : `: ${matter.settled_reason}`;
    return (
      <AlonePanel>
        <Heading>{matter.state === 'pending' ? 'Your answer was taken' : `This request is ${text}`}</Heading>
        <Note tone={tone}>
          {late}
          {matter.state === 'pending' ? `${matter.approvals_missing} more must say yes` : visibleText(`It is ${text}${by}${why}`)}
        </Note>
        <Link href={`/access/${matter.id}`}>Open the request</Link>
      </AlonePanel>
    );
  }
  return (
    <AlonePanel>
      <Heading>{matter.state === 'pending' ? 'Your answer was taken' : `This hold is ${stateWords(matter.state).text}`}</Heading>
      <Note tone={stateWords(matter.state).tone}>
        {late}
        {visibleText(settlementWords(matter))}
      </Note>
      <Link href={`/holds/${matter.id}`}>Open the hold</Link>
    </AlonePanel>
  );
}

function Decide({ token, decision }: { readonly token: string; readonly decision: DecisionView }) {
  const matter = decision.hold ?? decision.request;
  const [reason, setReason] = useDraftOf(decision.answers_as.name, `link ${matter?.id ?? ''}`);
  const isDeaf = useDeafAtFirst();
  const client = useQueryClient();
  const sending = useMutation({
    mutationFn: (answer: 'approve' | 'deny') => api.decide(token, answer, reason.trim() === '' ? undefined : reason.trim()),
    onSuccess: () => setReason(''),
    // Somebody or something was faster: show what it is now.
    onError: () => void client.invalidateQueries({ queryKey: ['decision', token] }),
  });
  const answer = (kind: 'approve' | 'deny'): void => {
    if (!isDeaf) sending.mutate(kind);
  };
  if (matter === null) return <Unusable error={new Error('there is nothing behind this link')} />;
  if (sending.data !== undefined) return <Settled matter={sending.data} />;
  if (matter.state !== 'pending') return <Settled matter={matter} tooLate={sending.isError} />;
  const needsReason = matter.reason_required && reason.trim() === '';
  const { name, display_name: displayName } = decision.answers_as;
  const whose = decision.person === null ? 'signed in here' : 'by this link, which is yours alone';
  return (
    <AlonePanel>
      <div className="hold-title">
        <Heading>
          {visibleLine(matter.principal_name)} {isHold(matter) ? 'on' : 'asks for'} {matter.target}
        </Heading>
        <LabelTags labels={matter.target_labels} />
        <span className="end">
          <Countdown until={matter.expires_at} />
        </span>
      </div>
      {isHold(matter) ? <HoldShown hold={matter} /> : <RequestShown request={matter} />}
      <Facts rows={[['You answer as', `${visibleLine(displayName)}${displayName === name ? '' : ` (${name})`}, ${whose}`]]} />
      {matter.can_answer ? null : <Note tone="bad">{visibleText(matter.cannot_answer_because ?? 'You may not answer this.')}</Note>}
      {sending.error === null ? null : <ProblemNote error={sending.error} />}
      {sending.error !== null && isSignedOut(sending.error) ? <SignInFirst /> : null}
      <Textarea
        label={matter.reason_required ? 'Reason (needed to approve)' : 'Reason'}
        placeholder="Shown to the person, kept in the audit log"
        autosize
        maxRows={5}
        maxLength={1_000}
        value={reason}
        onChange={(event) => setReason(event.currentTarget.value)}
      />
      <div className={decision.answer === 'approve' ? 'two-buttons' : 'more'}>
        <Button
          size="lg"
          c="var(--sp-bad-text)"
          disabled={sending.isPending || !matter.can_answer}
          aria-disabled={isDeaf}
          onClick={() => answer('deny')}
        >
          Deny
        </Button>
        {decision.answer === 'approve' ? (
          <Button
            size="lg"
            variant="approve"
            disabled={needsReason || !matter.can_answer}
            loading={sending.isPending}
            aria-disabled={isDeaf}
            onClick={() => answer('approve')}
          >
            Approve
          </Button>
        ) : null}
      </div>
    </AlonePanel>
  );
}

function HoldShown({ hold }: { readonly hold: HoldView }) {
  return (
    <>
      <div className="panel">
        <Statement text={hold.text} risks={hold.risks} protocol={hold.target_protocol} />
        {hold.parameters === null || hold.parameters.length === 0 ? null : <ParameterTable parameters={hold.parameters} />}
      </div>
      <Facts
        rows={[
          ...whyRows(hold),
          ['Effects', <EffectTags effects={hold.effects} />],
          ['Rule', hold.rule_title],
          ['From', <span className="mono">{hold.client_address}</span>],
          ['Transaction', transactionWords(hold.transaction).title],
        ]}
      />
      {hold.second_factor === undefined ? null : (
        <Note tone="wait">
          Its rule asks for a second factor with an approval: <Link href={`/holds/${hold.id}`}>approve it in the console</Link>.
        </Note>
      )}
    </>
  );
}

function RequestShown({ request }: { readonly request: AccessRequestView }) {
  return (
    <>
      {request.break_glass ? <Note tone="bad">Break-glass access: everything in it is recorded and has to be reviewed.</Note> : null}
      <Facts
        rows={[
          ['Reason', visibleText(request.reason)],
          ['For', durationWords(request.duration_ms)],
          ['Scope', visibleText(scopeWords(request.scope))],
          ['Rule', request.rule_title],
        ]}
      />
    </>
  );
}
