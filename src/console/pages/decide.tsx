// Where a one-time decision link leads. Opening it decides nothing, because mail scanners and chat previews open links too;
// the person reads the statement and presses a button here.

import { Button, Textarea } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { ReactNode } from 'react';
import { Link } from 'wouter';
import type { DecisionView, HoldView } from '../../api/contract.ts';
import { api, ApiProblem } from '../api.ts';
import { Facts } from '../parts/facts.tsx';
import { Mark } from '../parts/mark.tsx';
import { Loading, Note, ProblemNote } from '../parts/notes.tsx';
import { Statement } from '../parts/statement.tsx';
import { EffectTags, LabelTags } from '../parts/tags.tsx';
import { Countdown } from '../parts/time.tsx';
import { visibleLine, visibleText } from '../visible.ts';
import { settlementWords, stateWords, transactionWords } from '../words.ts';
import { rememberWayBack } from '../way-back.ts';

export default function DecidePage({ token }: { readonly token: string }) {
  const decision = useQuery({ queryKey: ['decision', token], queryFn: ({ signal }) => api.decision(token, signal), staleTime: Infinity });
  return (
    <main className="alone">
      <div className="alone-box" style={{ maxWidth: 560 }}>
        <div className="alone-brand">
          <Mark size={28} /> Sallyport
        </div>
        {decision.data !== undefined ? (
          <Decide token={token} decision={decision.data} />
        ) : decision.error === null ? (
          <Loading />
        ) : (
          <Unusable error={decision.error} />
        )}
      </div>
    </main>
  );
}

function Box({ children }: { readonly children: ReactNode }) {
  return (
    <div className="panel">
      <div className="panel-body">{children}</div>
    </div>
  );
}

function Unusable({ error }: { readonly error: Error }) {
  const signInFirst = error instanceof ApiProblem && error.status === 401;
  return (
    <Box>
      <h1>This link can’t be used</h1>
      <ProblemNote error={error} />
      {signInFirst ? (
        <Link href="/login" onClick={() => rememberWayBack(location.pathname)}>
          Sign in first
        </Link>
      ) : (
        <Link href="/">Open the console</Link>
      )}
    </Box>
  );
}

function Settled({ hold }: { readonly hold: HoldView }) {
  return (
    <Box>
      <h1>{hold.state === 'pending' ? 'Your answer was taken' : `This hold is ${stateWords(hold.state).text}`}</h1>
      <Note tone={stateWords(hold.state).tone}>{visibleText(settlementWords(hold))}</Note>
      <Link href={`/holds/${hold.id}`}>Open the hold</Link>
    </Box>
  );
}

function Decide({ token, decision }: { readonly token: string; readonly decision: DecisionView }) {
  const [reason, setReason] = useState('');
  const sending = useMutation({
    mutationFn: (answer: 'approve' | 'deny') => api.decide(token, answer, reason.trim() === '' ? undefined : reason.trim()),
  });
  const hold = decision.hold;
  if (sending.data !== undefined) return <Settled hold={sending.data} />;
  if (hold.state !== 'pending') return <Settled hold={hold} />;
  const needsReason = hold.reason_required && reason.trim() === '';
  return (
    <Box>
      <div className="hold-title">
        <h1>
          {visibleLine(hold.principal_name)} on {hold.target}
        </h1>
        <LabelTags labels={hold.target_labels} />
        <span className="end">
          <Countdown until={hold.expires_at} />
        </span>
      </div>
      <div className="panel">
        <Statement text={hold.text} risks={hold.risks} protocol={hold.target_protocol} />
      </div>
      <Facts
        rows={[
          ['Effects', <EffectTags effects={hold.effects} />],
          ['Rule', hold.rule_title],
          ['From', <span className="mono">{hold.client_address}</span>],
          ['Transaction', transactionWords(hold.transaction).title],
          ['You answer as', decision.person ?? 'whoever is signed in here'],
        ]}
      />
      {hold.parameters === null || hold.parameters.length === 0 ? null : (
        <p>
          The statement has bound parameters: <Link href={`/holds/${hold.id}`}>read them in the console</Link>.
        </p>
      )}
      {sending.error === null ? null : <ProblemNote error={sending.error} />}
      <Textarea
        label={hold.reason_required ? 'Reason (needed to approve)' : 'Reason'}
        placeholder="Shown to the person, kept in the audit log"
        autosize
        maxRows={5}
        maxLength={1_000}
        value={reason}
        onChange={(event) => setReason(event.currentTarget.value)}
      />
      <div className={decision.answer === 'approve' ? 'two-buttons' : 'more'}>
        <Button size="lg" c="var(--sp-bad-text)" disabled={sending.isPending} onClick={() => sending.mutate('deny')}>
          Deny
        </Button>
        {decision.answer === 'approve' ? (
          <Button size="lg" variant="approve" disabled={needsReason} loading={sending.isPending} onClick={() => sending.mutate('approve')}>
            Approve
          </Button>
        ) : null}
      </div>
    </Box>
  );
}
