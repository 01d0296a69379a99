// One entry of the statement log: what was asked, what was decided and by whom, how it ended.

import { Link } from 'wouter';
import { memo } from 'react';
import type { RecordingEntry, TransferView } from '../../api/contract.ts';
import { InOrder } from '../parts/in-order.tsx';
import { ParameterTable } from '../parts/parameters.tsx';
import { Statement } from '../parts/statement.tsx';
import { EffectTags, Tag } from '../parts/tags.tsx';
import { visibleText } from '../visible.ts';
import { decisionTone, durationWords, momentWords, plural, sizeWords } from '../words.ts';
import type { When } from './layout.ts';

const resultRowsShownMax = 50;

interface Props {
  readonly entry: RecordingEntry;
  readonly protocol: string;
  readonly when: When;
  /** One came here for this one. */
  readonly sought: boolean;
  readonly onPick: (realMs: number) => void;
}

export const Entry = memo(function Entry({ entry, protocol, when, sought, onPick }: Props) {
  return (
    <li className="entry" data-when={when} data-action={entry.action_id} data-sought={sought ? '' : undefined}>
      <button type="button" className="entry-at" title="Go to this moment" onClick={() => onPick(entry.asked_ms)}>
        {momentWords(entry.asked_ms)}
      </button>
      <div className="entry-body">
        <Statement text={entry.text} risks={[]} protocol={protocol} />
        <span className="tags">
          <Tag tone={decisionTone(entry)}>{decisionWords(entry)}</Tag>
          <EffectTags effects={entry.effects} />
        </span>
        <Facts entry={entry} />
        {entry.error === null ? null : (
          <p className="tag tone-bad" style={{ justifySelf: 'start' }}>
            <span className="mono">{visibleText(entry.error.code)}</span> {visibleText(entry.error.message)}
          </p>
        )}
        {entry.transfer === undefined ? null : <Transfer transfer={entry.transfer} />}
        {entry.parameters === null || entry.parameters.length === 0 ? null : <ParameterTable parameters={entry.parameters} />}
        {entry.results === null || entry.results.length === 0 ? null : <Results rows={entry.results} />}
      </div>
    </li>
  );
});

function decisionWords(entry: RecordingEntry): string {
  switch (entry.decision) {
    case 'allow':
      return entry.outcome === 'completed' ? 'allowed' : `allowed, ${entry.outcome}`;
    case 'deny':
      return 'denied';
    case 'hold':
      if (entry.released_ms === null) return `held, ${entry.outcome}`;
      return entry.outcome === 'completed' ? 'held, approved' : `held, approved, ${entry.outcome}`;
  }
}

function Facts({ entry }: { readonly entry: RecordingEntry }) {
  const ran = entry.released_ms !== null;
  const waitedMs = (entry.released_ms ?? entry.finished_ms) - entry.asked_ms;
  const parts: string[] = [];
  if (entry.decision === 'hold') parts.push(`waited ${durationWords(waitedMs)}`);
  if (ran) parts.push(`ran ${durationWords(entry.finished_ms - (entry.released_ms ?? 0))}`);
  if (entry.rows !== null) parts.push(plural(entry.rows, 'row'));
  if (entry.approved_by.length > 0) parts.push(`${ran ? 'approved' : 'answered'} by ${entry.approved_by.join(', ')}`);
  if (entry.rule !== null) parts.push(entry.rule);
  return (
    <p className="dim break">
      {visibleText(parts.join(' · '))}
      {entry.hold_id === null ? null : (
        <>
          {' · '}
          <Link href={`/holds/${entry.hold_id}`}>hold {entry.hold_id}</Link>
        </>
      )}
    </p>
  );
}

function Transfer({ transfer }: { readonly transfer: TransferView }) {
  const way = { read: 'downloaded', write: 'uploaded', both: 'read and written' }[transfer.direction];
  return (
    <p className="dim break">
      {sizeWords(transfer.bytes)} {way}
      {transfer.whole ? '' : ', in part'}
      {' · '}
      {transfer.sha256 === null ? (
        'no hash: it was not read or written in one run'
      ) : (
        <>
          SHA-256 <span className="mono">{transfer.sha256}</span>
          {transfer.whole ? '' : ' of that part'}
        </>
      )}
    </p>
  );
}

function Results({ rows }: { readonly rows: readonly (readonly (string | null)[])[] }) {
  return (
    <div>
      <div className="results" tabIndex={0} role="region" aria-label="Recorded result">
        <table className="table">
          <tbody>
            {rows.slice(0, resultRowsShownMax).map((row, index) => (
              <tr key={index}>
                {row.map((value, column) => (
                  <td key={column}>{value === null ? <em className="dim">NULL</em> : <InOrder text={visibleText(value)} />}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {rows.length > resultRowsShownMax ? (
        <p className="dim">
          The first {resultRowsShownMax} of {plural(rows.length, 'recorded row')}.
        </p>
      ) : null}
    </div>
  );
}
