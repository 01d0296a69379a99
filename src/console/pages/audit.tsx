// The audit log: searchable, newest first, each event in full on demand, and the button that verifies the chain.

import { Button, Drawer } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useMutation } from '@tanstack/react-query';
import { IconDownload, IconShieldCheck } from '@tabler/icons-react';
import { useMemo, useRef, useState } from 'react';
import { Link, useSearchParams } from 'wouter';
import type { AuditEventView, AuditVerification, Me } from '../../api/contract.ts';
import { api } from '../api.ts';
import type { AuditFilters } from '../api.ts';
import { withAsked } from '../asked.ts';
import type { Changed } from '../asked.ts';
import { saveEvents } from '../audit-file.ts';
import { auditTone, auditTypes, auditWords } from '../audit-words.ts';
import { serverNowMs } from '../clock.ts';
import { useFoundMarks } from '../found-marks.ts';
import { Facts } from '../parts/facts.tsx';
import { Choice, Search } from '../parts/fields.tsx';
import { Heading } from '../parts/heading.tsx';
import { InOrder } from '../parts/in-order.tsx';
import { Note, ProblemNote } from '../parts/notes.tsx';
import { OlderOnes } from '../parts/older.tsx';
import { Tag } from '../parts/tags.tsx';
import { TimeRange, timeAsked } from '../parts/time-range.tsx';
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
  const filters = useMemo(() => filtersOf(new URLSearchParams(settled)), [settled]);
  const audit = useAudit(filters);
  const list = useRef<HTMLElement>(null);
  useFoundMarks(list, [filters.text]);
  const [open, setOpen] = useState<AuditEventView | null>(null);
  const items = (audit.data?.pages ?? []).flatMap((page) => page.items);
  return (
    <div className="page">
      <div className="page-head">
        <Heading>Audit</Heading>
        {auditor ? null : <span className="dim">your own events</span>}
        <div className="end">
          <Save filters={filters} />
          {auditor ? <Verify /> : null}
        </div>
      </div>
      <Filters asked={asked} onChange={(changed) => ask((before) => withAsked(before, changed), { replace: true })} auditor={auditor} />
      <section className="panel" aria-label="Events" ref={list}>
        <OlderOnes list={audit} count={items.length} none="No event matches">
          {items.map((event) => (
            <EventRow key={event.seq} event={event} onOpen={() => setOpen(event)} />
          ))}
        </OlderOnes>
      </section>
      <Drawer
        opened={open !== null}
        onClose={() => setOpen(null)}
        position="right"
        size="lg"
        title={open === null ? '' : `Event ${open.seq}`}
      >
        {open === null ? null : <EventDetails event={open} sought={filters.text} onClose={() => setOpen(null)} />}
      </Drawer>
    </div>
  );
}

type FilterName = keyof AuditFilters | 'time';

function filtersOf(asked: URLSearchParams): AuditFilters {
  const value = (name: FilterName): string => asked.get(name) ?? '';
  return {
    type: value('type'),
    principal: value('principal'),
    target: value('target'),
    session: value('session'),
    hold: value('hold'),
    ...timeAsked(asked),
    text: value('text'),
  };
}

/** One field for both: what begins like a hold's number is one. */
function placeOf(typed: string): { readonly session: string; readonly hold: string } {
  const number = typed.trim();
  return /^h-/i.test(number) ? { session: '', hold: `h-${number.slice(2).toUpperCase()}` } : { session: number, hold: '' };
}

interface FiltersProps {
  readonly asked: URLSearchParams;
  readonly onChange: (changed: Changed<FilterName>) => void;
  /** Others see their own events only: asking for a person makes no sense then. */
  readonly auditor: boolean;
}

function Filters({ asked, onChange, auditor }: FiltersProps) {
  const value = (name: FilterName): string => asked.get(name) ?? '';
  const set = (name: FilterName) => (words: string) => onChange({ [name]: words });
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
      <TimeRange asked={asked} onChange={onChange} />
    </div>
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
        {/* An element of its own: WebKit marks no text that stands beside a block. */}
        <span>{place === '' ? 'the gateway' : visibleLine(place)}</span>
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

interface DetailsProps {
  readonly event: AuditEventView;
  readonly sought: string;
  readonly onClose: () => void;
}

function EventDetails({ event, sought, onClose }: DetailsProps) {
  const details = useRef<HTMLDivElement>(null);
  useFoundMarks(details, [sought]);
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
    <div ref={details} style={{ display: 'grid', gap: 16, gridTemplateColumns: 'minmax(0, 1fr)' }}>
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

/** What was searched, as a file for a ticket or a report. */
function Save({ filters }: { readonly filters: AuditFilters }) {
  const save = useMutation({ mutationFn: () => saveEvents(filters, new Date(serverNowMs()).toISOString().slice(0, 'yyyy-mm-dd'.length)) });
  return (
    <>
      <div role="status">
        {save.error === null ? null : <ProblemNote error={save.error} />}
        {save.data === undefined ? null : (
          <Tag tone={save.data.more ? 'wait' : 'ok'}>
            {`${save.data.more ? 'The newest ' : ''}${plural(save.data.events, 'event')} saved${save.data.more ? '; choose a time for the others' : ''}`}
          </Tag>
        )}
      </div>
      <Button size="xs" leftSection={<IconDownload size={16} />} loading={save.isPending} onClick={() => save.mutate()}>
        Save as a file
      </Button>
    </>
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
