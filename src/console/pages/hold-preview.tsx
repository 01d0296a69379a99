// What a waiting statement would do, as the target's catalogue and statistics tell it: rows, sizes, what goes along, locks.

import { useQuery } from '@tanstack/react-query';
import type { HoldView, PreviewStatementView, PreviewView } from '../../api/contract.ts';
import { holdApi } from '../hold-api.ts';
import { count, sizeWords } from '../sizes.ts';
import { visibleLine } from '../visible.ts';

/** Nothing for whoever asked for it: a preview is for those who answer. */
export function HoldPreview({ hold, isOwn }: { readonly hold: HoldView; readonly isOwn: boolean }) {
  const asks = !isOwn && hold.action_kind === 'statement' && hold.target_protocol !== 'ssh';
  const preview = useQuery({
    queryKey: ['hold-preview', hold.id],
    queryFn: ({ signal }) => holdApi.preview(hold.id, signal),
    enabled: asks,
    staleTime: Infinity,
  });
  if (!asks || (hold.state !== 'pending' && preview.data?.state !== 'ready')) return null;
  return (
    <section className="panel" aria-label="What it would do">
      <header>
        <h2>What it would do</h2>
        <span className="dim">estimated; nothing was run for it</span>
      </header>
      <div className="panel-body">
        {preview.data === undefined ? (
          <p className="dim">{preview.error === null ? 'Looking…' : `No preview: ${preview.error.message}`}</p>
        ) : (
          <Shown preview={preview.data} />
        )}
      </div>
    </section>
  );
}

function Shown({ preview }: { readonly preview: PreviewView }) {
  if (preview.state === 'none') return <p className="dim">No preview: {visibleLine(preview.why ?? '')}</p>;
  return (
    <div className="preview-facts">
      {preview.statements.map((statement, index) => (
        <StatementFacts key={index} statement={statement} number={preview.statements.length > 1 ? index + 1 : null} />
      ))}
      {preview.tables.length === 0 ? null : (
        <ul className="plain-list">
          {preview.tables.map(({ name, kind, rows, rows_from: from, bytes }) => (
            <li key={name}>
              <span className="mono break">{visibleLine(name)}</span>{' '}
              <span className="dim">
                {kind}, {rows === null ? 'rows unknown' : `about ${count(rows)} rows${from === 'size' ? ' by its size' : ''}`}
                {bytes === null ? '' : `, ${sizeWords(bytes)}`}
              </span>
            </li>
          ))}
        </ul>
      )}
      {preview.notes.map((note) => (
        <p key={note} className="dim">
          {visibleLine(note)}
        </p>
      ))}
    </div>
  );
}

function StatementFacts({ statement, number }: { readonly statement: PreviewStatementView; readonly number: number | null }) {
  const { kind, rows, consequences, consequences_left_out: more, locks } = statement;
  return (
    <div>
      {number === null && rows === null ? null : (
        <p>
          {number === null ? null : <span className="dim">{number}. </span>}
          <b>{kind}</b>
          {rows === null ? null : (
            <>
              {': '}
              {rows.bound === 'about' ? 'about' : 'at most'} <b>{count(rows.rows)}</b> of {count(rows.of)} rows of{' '}
              <span className="mono break">{visibleLine(rows.table)}</span>
            </>
          )}
        </p>
      )}
      <ul className="plain-list">
        {consequences.map(({ kind: how, what }) => (
          <li key={`${how} ${what}`}>
            <span className={how === 'runs' ? 'dim' : 'preview-grave'}>{consequenceWords[how]}</span> {visibleLine(what)}
          </li>
        ))}
        {more === 0 ? null : <li className="dim">and {more} more</li>}
        {locks.map((lock) => (
          <li key={lock.table}>
            <span className="dim">lock</span> {lock.mode} on <span className="mono break">{visibleLine(lock.table)}</span>
            <span className="dim">, stops {lock.stops}</span>
            {lock.held_by_others === 0 ? null : <b className="preview-grave"> {waitsFor(lock)}</b>}
            {lock.waiting === 0 ? null : <b className="preview-grave"> {lock.waiting} wait already</b>}
          </li>
        ))}
      </ul>
    </div>
  );
}

const consequenceWords: Readonly<Record<PreviewStatementView['consequences'][number]['kind'], string>> = {
  'dropped-too': 'goes along:',
  'rows-too': 'also:',
  runs: 'runs:',
  prevents: 'stands in the way:',
};

function waitsFor({ held_by_others: held, oldest_holder_ms: oldest }: PreviewStatementView['locks'][number]): string {
  const age = oldest === null ? '' : `, the oldest open for ${Math.max(1, Math.round(oldest / 1000))} s`;
  return `It would wait for ${held} ${held === 1 ? 'session' : 'sessions'}${age}.`;
}
