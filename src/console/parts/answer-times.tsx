// How holds were answered lately, by rule: drawn as a bar of outcomes, with how long people waited. It shows which rule costs waiting,
// and which is approved every time and could be an allow rule, a template or a shape.

import { useQuery } from '@tanstack/react-query';
import type { RuleAnswersView } from '../../api/contract-answers.ts';
import { holdApi } from '../hold-api.ts';
import { visibleLine } from '../visible.ts';
import { durationWords, plural, stateWords } from '../words.ts';
import { Answered } from './answered.tsx';
import { Empty } from './notes.tsx';

const outcomes = ['approved', 'denied', 'changes_requested', 'expired', 'withdrawn'] as const;

export function AnswerTimes() {
  const times = useQuery({ queryKey: ['answer-times'], queryFn: ({ signal }) => holdApi.answerTimes(signal), staleTime: 60_000 });
  return (
    <section className="panel" aria-label="How holds were answered">
      <header>
        <h2>How holds were answered</h2>
        <span className="dim">
          in the last 30 days{times.data === undefined || times.data.holds === 0 ? '' : `: ${plural(times.data.holds, 'hold')}`}
        </span>
      </header>
      <Answered of={times}>
        {({ rules }) =>
          rules.length === 0 ? <Empty title="No hold was settled" /> : rules.map((rule) => <RuleRow key={rule.rule} rule={rule} />)
        }
      </Answered>
    </section>
  );
}

function RuleRow({ rule }: { readonly rule: RuleAnswersView }) {
  const { settled, half_within_ms: halfMs, nine_of_ten_within_ms: mostMs } = rule;
  const came = outcomes.filter((outcome) => settled[outcome] > 0);
  return (
    <div className="list-row">
      <span className="list-main">
        <strong>{visibleLine(rule.rule_title)}</strong>
        <small className="mono dim">{rule.rule}</small>
      </span>
      <span className="outcomes">
        <span className="outcomes-bar" aria-hidden="true">
          {came.map((outcome) => (
            <span key={outcome} className={`tone-${stateWords(outcome).tone}`} style={{ flexGrow: settled[outcome] }} />
          ))}
        </span>
        <span>{came.map((outcome) => `${settled[outcome].toLocaleString('en')} ${stateWords(outcome).text}`).join(', ')}</span>
      </span>
      <span className="list-end outcomes-times">
        {halfMs === null || mostMs === null ? (
          <span className="dim">nobody answered</span>
        ) : (
          <>
            <span>half within {durationWords(halfMs)}</span>
            <small className="dim">9 of 10 within {durationWords(mostMs)}</small>
          </>
        )}
      </span>
    </div>
  );
}
