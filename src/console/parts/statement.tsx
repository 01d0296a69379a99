// The whole statement as it would run. Every character becomes a text node; colours, risks and hidden characters are spans
// around it. Nothing is cut off without saying so.

import { Tooltip } from '@mantine/core';
import { IconAlertTriangle } from '@tabler/icons-react';
import { useMemo, useRef, useState } from 'react';
import { flushSync } from 'react-dom';
import type { Risk } from '../../api/contract.ts';
import { highlight, languageOf } from '../highlight.ts';
import { statementLines } from '../statement-lines.ts';
import type { Piece } from '../statement-lines.ts';
import type { Oddity } from '../visible.ts';
import { visibleLine } from '../visible.ts';
import { plural } from '../words.ts';
import { Note } from './notes.tsx';
import { ShownInPart } from './shown-in-part.tsx';

/** Shown at once; the rest comes on request, so that a megabyte of text does not freeze a phone. */
const shownCharactersMax = 60_000;
const riskExcerptMax = 140;
const risksListedMax = 50;

const oddityWords: Readonly<Record<Oddity, string>> = {
  direction: 'characters that change the reading direction',
  invisible: 'invisible characters',
  space: 'unusual spaces',
  control: 'control characters',
  stacked: 'marks piled on one letter',
  'look-alike': 'letters of another alphabet inside Latin words',
};

interface Props {
  readonly text: string;
  readonly risks: readonly Risk[];
  readonly protocol: string;
}

export function Statement({ text, risks, protocol }: Props) {
  const [all, setAll] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const shown = all ? text : text.slice(0, shownCharactersMax);
  const cut = useMemo(() => statementLines(shown, highlight(shown, languageOf(protocol)), risks), [shown, protocol, risks]);

  const showRisk = (index: number): void => {
    const find = () => box.current?.querySelector<HTMLElement>(`[data-risk~="${index}"]`) ?? null;
    if (find() === null) flushSync(() => setAll(true));
    const mark = find();
    mark?.scrollIntoView({ block: 'center' });
    mark?.focus({ preventScroll: true });
  };

  return (
    <>
      <div className="statement" ref={box} tabIndex={0} role="group" aria-label="Statement">
        {cut.lines.map((line, index) => (
          <Line key={index} number={index + 1} pieces={line} risks={risks} />
        ))}
      </div>
      {shown.length < text.length ? (
        <ShownInPart
          words={`The first ${plural(shown.length, 'character')} of ${text.length.toLocaleString('en')} are shown.`}
          onAll={() => setAll(true)}
        />
      ) : null}
      <Warnings oddities={cut.oddities} />
      <RiskList text={text} risks={risks} onPick={showRisk} />
    </>
  );
}

function Line({ number, pieces, risks }: { number: number; pieces: readonly Piece[]; risks: readonly Risk[] }) {
  const risky = pieces.some((piece) => piece.risks.length > 0);
  return (
    <div className={risky ? 'statement-line risky' : 'statement-line'}>
      <span className="line-number" aria-hidden="true">
        {number}
      </span>
      <code>
        {pieces.map((piece) => (
          <PieceText key={piece.start} piece={piece} risks={risks} />
        ))}
        {'\n'}
      </code>
    </div>
  );
}

function PieceText({ piece, risks }: { readonly piece: Piece; readonly risks: readonly Risk[] }) {
  const names: string[] = [];
  if (piece.scope !== null) names.push(`hl-${piece.scope.split('.')[0] ?? ''}`);
  if (piece.oddity !== null) names.push('odd', `odd-${piece.oddity}`);
  const title = piece.oddity === null ? undefined : oddityWords[piece.oddity];
  const text = piece.rightToLeft ? <bdi>{piece.text}</bdi> : piece.text;
  const inner =
    names.length === 0 ? (
      text
    ) : (
      <span className={names.join(' ')} title={title}>
        {text}
      </span>
    );
  if (piece.risks.length === 0) return inner;
  // One stop for the keyboard for each risk, not one for each coloured piece of it.
  const starts = piece.risks.some((index) => risks[index]?.start === piece.start);
  const why = visibleLine(piece.risks.map((index) => risks[index]?.why ?? '').join('; '));
  return (
    <Tooltip label={why} multiline maw={320} withArrow events={{ hover: true, focus: true, touch: true }}>
      <mark className="risk" tabIndex={starts ? 0 : -1} data-risk={piece.risks.join(' ')}>
        {inner}
      </mark>
    </Tooltip>
  );
}

function Warnings({ oddities }: { readonly oddities: readonly Oddity[] }) {
  if (oddities.length === 0) return null;
  const kinds = oddities.map((oddity) => oddityWords[oddity]);
  return (
    <div className="panel-body" style={{ paddingTop: 0 }}>
      <Note tone="wait" icon={<IconAlertTriangle size={18} />}>
        {`The text contains ${kinds.join(', ')}. They are shown as codes in boxes; read closely.`}
      </Note>
    </div>
  );
}

function RiskList({ text, risks, onPick }: { text: string; risks: readonly Risk[]; onPick: (index: number) => void }) {
  if (risks.length === 0) return null;
  return (
    <ol className="risk-list" aria-label="Risky parts">
      {risks.slice(0, risksListedMax).map((risk, index) => (
        <li key={index}>
          <button type="button" onClick={() => onPick(index)}>
            <span className="risk-number" aria-hidden="true">
              {index + 1}
            </span>
            <span>
              {visibleLine(risk.why)}{' '}
              <code className="mono break">{visibleLine(text.slice(risk.start, Math.min(risk.end, risk.start + riskExcerptMax)))}</code>
            </span>
          </button>
        </li>
      ))}
      {risks.length > risksListedMax ? (
        <li className="dim panel-body">and {risks.length - risksListedMax} more, marked in the text</li>
      ) : null}
    </ol>
  );
}
