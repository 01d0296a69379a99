// Who answers now: whose turn it is on call, who answers for whom, and lending one's own right for a while. And how holds were answered.

import { Button, NativeSelect, TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import type { DelegationView, Me, OnCallView } from '../../api/contract.ts';
import { useDraft } from '../drafts.ts';
import { holdApi } from '../hold-api.ts';
import { AnswerTimes } from '../parts/answer-times.tsx';
import { Answered } from '../parts/answered.tsx';
import { ConfirmButton } from '../parts/confirm.tsx';
import { Heading } from '../parts/heading.tsx';
import { Empty, Note, ProblemNote } from '../parts/notes.tsx';
import { Tag } from '../parts/tags.tsx';
import { At, Countdown } from '../parts/time.tsx';
import { visibleLine } from '../visible.ts';

const reasonCharactersMax = 1000;
const pollMs = 15_000;
const dayMs = 86_400_000;
const delegationsKey = ['delegations'] as const;
/** Times for which one is usually away; any other by `sallyport delegate --for`. */
const times: readonly (readonly [number, string])[] = [
  [4 * 3_600_000, '4 hours'],
  [dayMs, '1 day'],
  [2 * dayMs, '2 days'],
  [7 * dayMs, '1 week'],
  [14 * dayMs, '2 weeks'],
  [30 * dayMs, '30 days'],
];

export default function ApproversPage({ me }: { readonly me: Me }) {
  const delegations = useQuery({
    queryKey: delegationsKey,
    queryFn: ({ signal }) => holdApi.delegations(signal),
    refetchInterval: pollMs,
  });
  const onCall = useQuery({ queryKey: ['on-call'], queryFn: ({ signal }) => holdApi.onCall(signal), refetchInterval: pollMs });
  const mayLend = me.rights.includes('approve');
  return (
    <div className="page">
      <div className="page-head">
        <Heading>Approvers</Heading>
      </div>
      <section className="panel" aria-label="On call">
        <header>
          <h2>On call now</h2>
        </header>
        <Answered of={onCall}>
          {({ items }) =>
            items.length === 0 ? (
              <Empty title="No on-call schedule is configured" />
            ) : (
              items.map((turn) => <TurnRow key={`${turn.group} ${turn.until} ${turn.person ?? ''}`} turn={turn} />)
            )
          }
        </Answered>
      </section>
      <section className="panel" aria-label="Delegations">
        <header>
          <h2>Who answers for whom</h2>
        </header>
        <Answered of={delegations}>
          {({ items }) =>
            items.length === 0 ? (
              <Empty title="Nobody answers for somebody else" />
            ) : (
              sorted(items, me.name).map((it) => <DelegationRow key={it.id} delegation={it} me={me} />)
            )
          }
        </Answered>
      </section>
      {mayLend ? (
        <section className="panel" aria-label="Lend my right to answer">
          <header>
            <h2>Let somebody answer for me</h2>
          </header>
          <LendForm />
        </section>
      ) : null}
      <AnswerTimes />
    </div>
  );
}

/** One's own first: given, then received. */
function sorted(items: readonly DelegationView[], name: string): readonly DelegationView[] {
  const rank = ({ from, to }: DelegationView) => (from === name ? 0 : to === name ? 1 : 2);
  return items.toSorted((a, b) => rank(a) - rank(b) || a.ends_at.localeCompare(b.ends_at));
}

function TurnRow({ turn }: { readonly turn: OnCallView }) {
  const { group, person, may_act: mayAct, until, next, zone } = turn;
  return (
    <div className="list-row">
      <span className="list-main">
        <strong>
          {person === null ? 'Nobody yet' : visibleLine(person)} {mayAct || person === null ? null : <Tag tone="bad">can not answer</Tag>}
        </strong>
        <small className="dim">
          {group}
          {mayAct || person === null ? '' : ': unknown, disabled or no person, so nobody answers'}
        </small>
      </span>
      <span className="list-facts">
        <span>
          until <At at={until} date />
        </span>
        <span>then {next.person === null ? 'nobody' : visibleLine(next.person)}</span>
        <span>{zone}</span>
      </span>
    </div>
  );
}

function DelegationRow({ delegation, me }: { readonly delegation: DelegationView; readonly me: Me }) {
  const client = useQueryClient();
  const { id, from, to, reason, ends_at: endsAt } = delegation;
  const who = (name: string) => (name === me.name ? 'you' : visibleLine(name));
  const mayEnd = from === me.name || to === me.name || me.rights.includes('operate');
  return (
    <div className="list-row">
      <span className="list-main">
        <strong>
          {to === me.name ? 'You answer' : `${visibleLine(to)} answers`} for {who(from)}
        </strong>
        <small className="dim">{reason === null ? id : `${visibleLine(reason)} · ${id}`}</small>
      </span>
      <span className="list-facts">
        <span>
          until <At at={endsAt} date />
        </span>
        <span>
          <Countdown until={endsAt} />
        </span>
      </span>
      <span className="list-end">
        {mayEnd ? (
          <ConfirmButton
            label="End"
            title={`End the delegation from ${from} to ${to}?`}
            act={() => holdApi.endDelegation(id)}
            onDone={() => void client.invalidateQueries({ queryKey: delegationsKey })}
          >
            {to === me.name ? 'You' : visibleLine(to)} can no longer answer for {who(from)}. Answers that were given go on counting.
          </ConfirmButton>
        ) : null}
      </span>
    </div>
  );
}

function LendForm() {
  const client = useQueryClient();
  const candidates = useQuery({ queryKey: ['delegates'], queryFn: ({ signal }) => holdApi.delegates(signal) });
  const [to, setTo] = useState('');
  const [forMs, setForMs] = useState(String(dayMs));
  const [reason, setReason] = useDraft('let somebody answer');
  const lending = useMutation({
    mutationFn: holdApi.delegate,
    onSuccess: () => {
      setReason('');
      void client.invalidateQueries({ queryKey: delegationsKey });
    },
  });
  return (
    <Answered of={candidates}>
      {({ items }) => {
        const [first] = items;
        if (first === undefined) return <Empty title="Nobody else has the right to approve" />;
        const chosen = items.some(({ name }) => name === to) ? to : first.name;
        return (
          <form
            className="panel-body access-form"
            aria-label="Let somebody answer for me"
            onSubmit={(event) => {
              event.preventDefault();
              const words = reason.trim();
              lending.mutate({ to: chosen, for_ms: Number(forMs), ...(words === '' ? {} : { reason: words }) });
            }}
          >
            <p className="dim">
              Until then that person may answer the holds that you may answer. One right stays one voice, it never answers your own holds,
              and it is not passed on.
            </p>
            <div className="access-fields">
              <NativeSelect
                label="Person"
                value={chosen}
                data={items.map(({ name, display_name: words }) => ({
                  value: name,
                  label: words === name ? name : `${visibleLine(words)} (${name})`,
                }))}
                onChange={(event) => setTo(event.currentTarget.value)}
              />
              <NativeSelect
                label="For"
                value={forMs}
                data={times.map(([value, label]) => ({ value: String(value), label }))}
                onChange={(event) => setForMs(event.currentTarget.value)}
              />
              <TextInput
                label="Reason"
                placeholder="on holiday"
                maxLength={reasonCharactersMax}
                value={reason}
                onChange={(event) => setReason(event.currentTarget.value)}
              />
            </div>
            {lending.error === null ? null : <ProblemNote error={lending.error} />}
            {lending.data === undefined ? null : (
              <Note tone="ok">
                {visibleLine(lending.data.to)} answers for you until <At at={lending.data.ends_at} date />.
              </Note>
            )}
            <div>
              <Button type="submit" variant="primary" loading={lending.isPending}>
                Let {visibleLine(chosen)} answer for me
              </Button>
            </div>
          </form>
        );
      }}
    </Answered>
  );
}
