// The queue: what waits now, most urgent first, and what was settled before.

import { Button } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { IconBell } from '@tabler/icons-react';
import { memo, useDeferredValue, useRef, useState } from 'react';
import { Link } from 'wouter';
import type { HoldState, HoldView, Me } from '../../api/contract.ts';
import { useFoundMarks } from '../found-marks.ts';
import { byUrgency } from '../live-cache.ts';
import { notificationState } from '../notifications.ts';
import { Choice, Search } from '../parts/fields.tsx';
import { Heading } from '../parts/heading.tsx';
import { Empty, Loading, ProblemNote } from '../parts/notes.tsx';
import { OlderOnes } from '../parts/older.tsx';
import { Preview } from '../parts/preview.tsx';
import { LabelTags, StateTag, Tag } from '../parts/tags.tsx';
import { Ago, Countdown, CountdownBar } from '../parts/time.tsx';
import { useHoldHistory, usePendingHolds, useSeeking } from '../queries.ts';
import { visibleLine } from '../visible.ts';
import { plural } from '../words.ts';

/** A queue that fits on a screen needs no search. */
const searchedFrom = 8;
const typingPauseMs = 300;

export function HoldsPage({ me }: { readonly me: Me }) {
  const pending = usePendingHolds();
  const items = byUrgency(pending.data?.items ?? []);
  const [words, setWords] = useState('');
  const wanted = useDeferredValue(words.trim().toLowerCase());
  const searches = items.length > searchedFrom || words !== '';
  const shown = wanted === '' ? items : items.filter((hold) => haystack(hold).includes(wanted));
  const list = useRef<HTMLElement>(null);
  useFoundMarks(list, [wanted]);
  return (
    <div className="page">
      <div className="page-head">
        <Heading>Holds</Heading>
        {items.length > 0 ? <span className="dim">{plural(items.length, 'statement')} waiting</span> : null}
        <div className="end">
          <NotificationButton me={me} />
        </div>
      </div>
      <section className="panel" aria-label="Waiting" ref={list}>
        {searches ? (
          <header>
            <h2>Waiting</h2>
            {wanted === '' ? null : <span className="dim">{`${shown.length} of ${plural(items.length, 'statement')}`}</span>}
            <div className="filters end">
              <Search label="Search waiting holds" placeholder="Person, target, rule, text" value={words} onChange={setWords} />
            </div>
          </header>
        ) : null}
        {pending.data === undefined ? (
          pending.error === null ? (
            <Loading />
          ) : (
            <div className="panel-body">
              <ProblemNote error={pending.error} onRetry={() => void pending.refetch()} />
            </div>
          )
        ) : items.length === 0 ? (
          <Empty title="Nothing waits">
            <p>Statements that a rule holds appear here by themselves.</p>
          </Empty>
        ) : shown.length === 0 ? (
          <Empty title="No waiting hold matches" />
        ) : (
          <ul className="hold-list">
            {shown.map((hold) => (
              <li key={hold.id}>
                <PendingRow hold={hold} />
              </li>
            ))}
          </ul>
        )}
      </section>
      <History />
    </div>
  );
}

/** Drawn again when its hold changes, not with each other one that comes. */
const PendingRow = memo(function PendingRow({ hold }: { readonly hold: HoldView }) {
  return (
    <Link href={`/holds/${hold.id}`} className="hold-row">
      <div className="hold-line">
        <strong>{visibleLine(hold.principal_name)}</strong>
        <span className="dim">on</span>
        <strong>{hold.target}</strong>
        <LabelTags labels={hold.target_labels} />
        {hold.transaction === 'open' ? <Tag tone="wait">transaction open</Tag> : null}
        {hold.risks.length > 1 ? <Tag tone="bad">{plural(hold.risks.length, 'risky part')}</Tag> : null}
        {hold.approvals_needed > 1 ? (
          <Tag>
            {hold.approvals.length} of {hold.approvals_needed} approvals
          </Tag>
        ) : null}
        <span className="end">
          <Countdown until={hold.expires_at} />
        </span>
      </div>
      <Preview text={hold.text} risks={hold.risks} />
      <div className="hold-line hold-small">
        <span>{hold.rule_title}</span>
        <span className="end">
          from <span className="mono">{hold.client_address}</span> · <Ago at={hold.created_at} />
          {hold.can_answer ? '' : ' · not yours to answer'}
        </span>
      </div>
      <CountdownBar from={hold.created_at} until={hold.expires_at} />
    </Link>
  );
});

type Settled = Exclude<HoldState, 'pending'>;
const settledStates: readonly (readonly [Settled | 'any', string])[] = [
  ['any', 'Any outcome'],
  ['approved', 'Approved'],
  ['denied', 'Denied'],
  ['changes_requested', 'Changes wanted'],
  ['expired', 'Expired'],
  ['withdrawn', 'Withdrawn'],
];

function History() {
  const [state, setState] = useState<Settled | 'any'>('any');
  const [words, setWords] = useState('');
  const [wanted] = useDebouncedValue(words.trim(), typingPauseMs);
  const history = useHoldHistory(state === 'any' ? null : state, wanted);
  const items = (history.data?.pages ?? []).flatMap((page) => page.items).filter((hold) => hold.state !== 'pending');
  const seeking = useSeeking(history, items.length === 0);
  const list = useRef<HTMLElement>(null);
  useFoundMarks(list, [wanted]);
  return (
    <section className="panel" aria-label="Settled" ref={list}>
      <header>
        <h2>Settled</h2>
        <div className="filters end">
          <Search label="Search settled holds" placeholder="Person, target, rule, text" value={words} onChange={setWords} />
          <Choice label="Outcome" value={state} options={settledStates} onChange={setState} />
        </div>
      </header>
      <OlderOnes
        list={history}
        count={items.length}
        seeking={seeking}
        none={wanted === '' && state === 'any' ? 'Nothing was settled yet' : 'No settled hold matches'}
      >
        <ul className="hold-list">
          {items.map((hold) => (
            <li key={hold.id}>
              <SettledRow hold={hold} sought={wanted} />
            </li>
          ))}
        </ul>
      </OlderOnes>
    </section>
  );
}

function haystack(hold: HoldView): string {
  return [hold.id, hold.principal_name, hold.principal, hold.target, hold.rule, hold.rule_title, hold.text].join('\n').toLowerCase();
}

function SettledRow({ hold, sought }: { readonly hold: HoldView; readonly sought: string }) {
  const by = hold.state === 'approved' ? hold.approvals.map((approval) => approval.by).join(', ') : hold.settled_by;
  return (
    <Link href={`/holds/${hold.id}`} className="hold-row">
      <div className="hold-line">
        <StateTag state={hold.state} />
        <strong>{visibleLine(hold.principal_name)}</strong>
        <span className="dim">on</span>
        <span>{hold.target}</span>
        {by === null || by === '' ? null : <span className="dim">by {visibleLine(by)}</span>}
        <span className="end hold-small">
          <Ago at={hold.settled_at ?? hold.created_at} />
        </span>
      </div>
      <Preview text={hold.text} risks={hold.risks} sought={sought} />
    </Link>
  );
}

function NotificationButton({ me }: { readonly me: Me }) {
  const [state, setState] = useState(notificationState);
  if (state !== 'default' || !me.rights.includes('approve')) return null;
  return (
    <Button
      size="xs"
      leftSection={<IconBell size={15} />}
      onClick={() => void Notification.requestPermission().then((answer) => setState(answer))}
    >
      Notify me
    </Button>
  );
}
