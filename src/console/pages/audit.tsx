// The audit log: searchable, newest first, each event in full on demand, and the button that verifies the chain.

import { Button, Drawer, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useMutation } from '@tanstack/react-query';
import { IconShieldCheck } from '@tabler/icons-react';
import { useState } from 'react';
import { Link } from 'wouter';
import type { AuditEventView, AuditVerification, Me } from '../../api/contract.ts';
import { api } from '../api.ts';
import type { AuditFilters } from '../api.ts';
import { auditTone, auditTypes, auditWords } from '../audit-words.ts';
import { serverNowMs } from '../clock.ts';
import { Facts } from '../parts/facts.tsx';
import { Choice, Search } from '../parts/fields.tsx';
import { Heading } from '../parts/heading.tsx';
import { Empty, Loading, Note, ProblemNote } from '../parts/notes.tsx';
import { Tag } from '../parts/tags.tsx';
import { At } from '../parts/time.tsx';
import { useAudit } from '../queries.ts';
import { visibleLine, visibleText } from '../visible.ts';
import { plural } from '../words.ts';

const noFilters: AuditFilters = { type: '', principal: '', target: '', since: '', until: '', text: '' };
const typingPauseMs = 250;

export default function AuditPage({ me }: { readonly me: Me }) {
  const auditor = me.rights.includes('audit');
  const [filters, setFilters] = useState(noFilters);
  const [settled] = useDebouncedValue(filters, typingPauseMs);
  const audit = useAudit(settled);
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
      <Filters filters={filters} onChange={setFilters} auditor={auditor} />
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
        {open === null ? null : <EventDetails event={open} />}
      </Drawer>
    </div>
  );
}

const hourMs = 3_600_000;
const ranges = [
  ['', 'Any time', 0],
  ['hour', 'Last hour', hourMs],
  ['day', 'Last 24 hours', 24 * hourMs],
  ['week', 'Last 7 days', 7 * 24 * hourMs],
  ['between', 'Between …', 0],
] as const;
type Range = (typeof ranges)[number][0];

/** datetime-local fields speak local time without a zone; the API wants UTC. */
function isoOf(local: string): string {
  const ms = Date.parse(local);
  return Number.isFinite(ms) ? new Date(ms).toISOString() : '';
}

interface FiltersProps {
  readonly filters: AuditFilters;
  readonly onChange: (filters: AuditFilters) => void;
  /** Others see their own events only: asking for a person makes no sense then. */
  readonly auditor: boolean;
}

function Filters({ filters, onChange, auditor }: FiltersProps) {
  const [range, setRange] = useState<Range>('');
  const set = (name: keyof AuditFilters) => (value: string) => onChange({ ...filters, [name]: value });
  const pickRange = (picked: Range): void => {
    setRange(picked);
    const lengthMs = ranges.find(([name]) => name === picked)?.[2] ?? 0;
    onChange({ ...filters, since: lengthMs === 0 ? '' : new Date(serverNowMs() - lengthMs).toISOString(), until: '' });
  };
  return (
    <div className="filters">
      <Search label="Text" placeholder="Text" value={filters.text} onChange={set('text')} />
      <Choice
        label="Type of event"
        value={filters.type}
        options={[['', 'Any event'], ...auditTypes.map((type) => [type, type] as const)]}
        onChange={set('type')}
      />
      {auditor ? <Search label="Person" placeholder="Person" value={filters.principal} onChange={set('principal')} /> : null}
      <Search label="Target" placeholder="Target" value={filters.target} onChange={set('target')} />
      <Choice label="Time" value={range} options={ranges.map(([name, words]) => [name, words] as const)} onChange={pickRange} />
      {range === 'between' ? <Moment label="From" onChange={set('since')} /> : null}
      {range === 'between' ? <Moment label="Until" onChange={set('until')} /> : null}
    </div>
  );
}

function Moment({ label, onChange }: { readonly label: string; readonly onChange: (iso: string) => void }) {
  return <TextInput size="xs" type="datetime-local" aria-label={label} onChange={(event) => onChange(isoOf(event.currentTarget.value))} />;
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
        {words === '' ? null : <span className="sub mono">{visibleLine(words)}</span>}
      </span>
      <span className="num">{event.seq}</span>
    </button>
  );
}

function EventDetails({ event }: { readonly event: AuditEventView }) {
  return (
    <div style={{ display: 'grid', gap: 16, gridTemplateColumns: 'minmax(0, 1fr)' }}>
      <Facts
        rows={[
          ['Type', <Tag tone={auditTone(event.type)}>{event.type}</Tag>],
          ['At', <At at={event.at} date />],
          ['Person', event.principal === null ? 'the gateway' : visibleText(event.principal)],
          ['Target', event.target],
          ['Session', event.session_id === null ? null : <Link href={`/sessions/${event.session_id}`}>{event.session_id}</Link>],
          ['Hold', event.hold_id === null ? null : <Link href={`/holds/${event.hold_id}`}>{event.hold_id}</Link>],
          ['Hash', <span className="mono break">{event.hash}</span>],
        ]}
      />
      <pre className="code-block">{visibleText(JSON.stringify(event, null, 2))}</pre>
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
