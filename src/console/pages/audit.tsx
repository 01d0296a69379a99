// The audit log: searchable, newest first, each event in full on demand, and the button that verifies the chain.

import { Button, Drawer, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useMutation } from '@tanstack/react-query';
import { IconShieldCheck } from '@tabler/icons-react';
import { useMemo, useState } from 'react';
import { Link, useSearchParams } from 'wouter';
import type { AuditEventView, AuditVerification, Me } from '../../api/contract.ts';
import { api } from '../api.ts';
import type { AuditFilters } from '../api.ts';
import { auditTone, auditTypes, auditWords } from '../audit-words.ts';
import { serverNowMs } from '../clock.ts';
import { Facts } from '../parts/facts.tsx';
import { Choice, Search } from '../parts/fields.tsx';
import { Heading } from '../parts/heading.tsx';
import { InOrder } from '../parts/in-order.tsx';
import { Empty, Loading, Note, ProblemNote } from '../parts/notes.tsx';
import { Tag } from '../parts/tags.tsx';
import { At } from '../parts/time.tsx';
import { useAudit } from '../queries.ts';
import { visibleLine, visibleText } from '../visible.ts';
import { plural } from '../words.ts';

const typingPauseMs = 250;

export default function AuditPage({ me }: { readonly me: Me }) {
  const auditor = me.rights.includes('audit');
  // In the address: a search can be sent to somebody, kept, and come back to.
  const [asked, ask] = useSearchParams();
  const [settled] = useDebouncedValue(asked.toString(), typingPauseMs);
  const audit = useAudit(useMemo(() => filtersOf(new URLSearchParams(settled)), [settled]));
  const [open, setOpen] = useState<AuditEventView | null>(null);
  const items = (audit.data?.pages ?? []).flatMap((page) => page.items);
  return (
    <div className="page">
      <div className="page-head">
        <Heading>Audit</Heading>
        {auditor ? (
          <div className="end">
            <Verify />
          </div>
        ) : (
          <span className="dim">your own events</span>
        )}
      </div>
      <Filters asked={asked} onChange={(changed) => ask((before) => withFilters(before, changed), { replace: true })} auditor={auditor} />
      <section className="panel" aria-label="Events">
        {audit.error !== null ? (
          <div className="panel-body">
            <ProblemNote error={audit.error} onRetry={() => void audit.refetch()} />
          </div>
        ) : audit.data === undefined ? (
          <Loading />
        ) : items.length === 0 ? (
          <Empty title="No event matches" />
        ) : (
          items.map((event) => <EventRow key={event.seq} event={event} onOpen={() => setOpen(event)} />)
        )}
        {audit.hasNextPage ? (
          <div className="more">
            <Button size="xs" loading={audit.isFetchingNextPage} onClick={() => void audit.fetchNextPage()}>
              Older
            </Button>
          </div>
        ) : null}
      </section>
      <Drawer
        opened={open !== null}
        onClose={() => setOpen(null)}
        position="right"
        size="lg"
        title={open === null ? '' : `Event ${open.seq}`}
      >
        {open === null ? null : <EventDetails event={open} onClose={() => setOpen(null)} />}
      </Drawer>
    </div>
  );
}

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const ranges = [
  ['', 'Any time', 0],
  ['hour', 'Last hour', hourMs],
  ['day', 'Last 24 hours', 24 * hourMs],
  ['week', 'Last 7 days', 7 * 24 * hourMs],
  ['between', 'Between …', 0],
] as const;
type Range = (typeof ranges)[number][0];

type FilterName = keyof AuditFilters | 'time';

type Changed = Partial<Record<FilterName, string>>;

function withFilters(before: URLSearchParams, changed: Changed): URLSearchParams {
  const after = new URLSearchParams(before);
  for (const [name, value] of Object.entries('time' in changed ? { since: '', until: '', ...changed } : changed)) {
    if (value === '') after.delete(name);
    else after.set(name, value);
  }
  return after;
}

/** What the API is asked. "Last hour" counts back from now, whenever the address is opened. */
function filtersOf(asked: URLSearchParams): AuditFilters {
  const value = (name: FilterName): string => asked.get(name) ?? '';
  const lengthMs = ranges.find(([name]) => name === value('time'))?.[2] ?? 0;
  const since = lengthMs === 0 ? value('since') : new Date(serverNowMs() - lengthMs).toISOString();
  return {
    type: value('type'),
    principal: value('principal'),
    target: value('target'),
    session: value('session'),
    hold: value('hold'),
    since,
    until: value('until'),
    text: value('text'),
  };
}

/** One field for both: what begins like a hold's number is one. */
function placeOf(typed: string): { readonly session: string; readonly hold: string } {
  const number = typed.trim();
  return /^h-/i.test(number) ? { session: '', hold: `h-${number.slice(2).toUpperCase()}` } : { session: number, hold: '' };
}

/** datetime-local fields speak local time without a zone; the API wants UTC. */
function isoOf(local: string): string {
  const ms = Date.parse(local);
  return Number.isFinite(ms) ? new Date(ms).toISOString() : '';
}

function localOf(iso: string): string {
  const ms = Date.parse(iso);
  if (!Number.isFinite(ms)) return '';
  return new Date(ms - new Date(ms).getTimezoneOffset() * minuteMs).toISOString().slice(0, 'yyyy-mm-ddThh:mm'.length);
}

interface FiltersProps {
  readonly asked: URLSearchParams;
  readonly onChange: (changed: Changed) => void;
  /** Others see their own events only: asking for a person makes no sense then. */
  readonly auditor: boolean;
}

function Filters({ asked, onChange, auditor }: FiltersProps) {
  const value = (name: FilterName): string => asked.get(name) ?? '';
  const set = (name: FilterName) => (words: string) => onChange({ [name]: words });
  const hasMoments = asked.has('since') || asked.has('until');
  const range: Range = ranges.find(([name]) => name === value('time'))?.[0] ?? '';
  const shownRange = range === '' && hasMoments ? 'between' : range;
  return (
    <div className="filters">
      <Search label="Text" placeholder="Text" value={value('text')} onChange={set('text')} />
      <Choice
        label="Type of event"
        value={value('type')}
        options={[['', 'Any event'], ...auditTypes.map((type) => [type, type] as const)]}
        onChange={set('type')}
      />
      {auditor ? <Search label="Person" placeholder="Person" value={value('principal')} onChange={set('principal')} /> : null}
      <Search label="Target" placeholder="Target" value={value('target')} onChange={set('target')} />
      <Search
        label="Session or hold"
        placeholder="Session or hold"
        value={value('session') || value('hold')}
        onChange={(typed) => onChange(placeOf(typed))}
      />
      <Choice label="Time" value={shownRange} options={ranges.map(([name, words]) => [name, words] as const)} onChange={set('time')} />
      {shownRange === 'between' ? <Moment label="From" value={value('since')} onChange={set('since')} /> : null}
      {shownRange === 'between' ? <Moment label="Until" value={value('until')} onChange={set('until')} /> : null}
    </div>
  );
}

interface MomentProps {
  readonly label: string;
  readonly value: string;
  readonly onChange: (iso: string) => void;
}

function Moment({ label, value, onChange }: MomentProps) {
  return (
    <TextInput
      size="xs"
      type="datetime-local"
      aria-label={label}
      defaultValue={localOf(value)}
      onChange={(event) => onChange(isoOf(event.currentTarget.value))}
    />
  );
}

function EventRow({ event, onOpen }: { readonly event: AuditEventView; readonly onOpen: () => void }) {
  const words = auditWords(event);
  const place = [event.principal, event.target].filter((part) => part !== null).join(' on ');
  return (
    <button type="button" className="audit-row" onClick={onOpen}>
      <span className="dim">
        <At at={event.at} date />
      </span>
      <span>
        <Tag tone={auditTone(event.type)}>{event.type}</Tag>
      </span>
      <span style={{ minWidth: 0 }}>
        {place === '' ? 'the gateway' : visibleLine(place)}
        {words === '' ? null : (
          <span className="sub mono">
            <InOrder text={visibleLine(words)} />
          </span>
        )}
      </span>
      <span className="num">{event.seq}</span>
    </button>
  );
}

function EventDetails({ event, onClose }: { readonly event: AuditEventView; readonly onClose: () => void }) {
  const allOf = (filter: string) => (
    <>
      (
      <Link href={`/audit?${filter}`} onClick={onClose}>
        all its events
      </Link>
      )
    </>
  );
  return (
    <div style={{ display: 'grid', gap: 16, gridTemplateColumns: 'minmax(0, 1fr)' }}>
      <Facts
        rows={[
          ['Type', <Tag tone={auditTone(event.type)}>{event.type}</Tag>],
          ['At', <At at={event.at} date />],
          ['Person', event.principal === null ? 'the gateway' : visibleText(event.principal)],
          ['Target', event.target],
          [
            'Session',
            event.session_id === null ? null : (
              <>
                <Link href={`/sessions/${event.session_id}`}>{event.session_id}</Link> {allOf(`session=${event.session_id}`)}
              </>
            ),
          ],
          [
            'Hold',
            event.hold_id === null ? null : (
              <>
                <Link href={`/holds/${event.hold_id}`}>{event.hold_id}</Link> {allOf(`hold=${event.hold_id}`)}
              </>
            ),
          ],
          ['Hash', <span className="mono break">{event.hash}</span>],
        ]}
      />
      <pre className="code-block">
        <InOrder text={visibleText(JSON.stringify(event, null, 2))} />
      </pre>
    </div>
  );
}

function Verify() {
  const verify = useMutation({ mutationFn: () => api.auditVerify() });
  return (
    <>
      <div role="status">
        {verify.error !== null ? <ProblemNote error={verify.error} /> : verify.data === undefined ? null : <Verdict answer={verify.data} />}
      </div>
      <Button size="xs" leftSection={<IconShieldCheck size={16} />} loading={verify.isPending} onClick={() => verify.mutate()}>
        Verify chain
      </Button>
    </>
  );
}

function Verdict({ answer }: { readonly answer: AuditVerification }) {
  if (answer.ok) return <Tag tone="ok">{`Whole: ${plural(answer.events, 'event')}, none changed, removed or reordered`}</Tag>;
  const where = answer.problem_seq === null ? '' : ` at event ${answer.problem_seq}`;
  return <Note tone="bad">{`The chain is broken${where}: ${visibleText(answer.problem ?? 'no reason was given')}`}</Note>;
}
