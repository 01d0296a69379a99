// What happened to a hold, in order: asked, each approval, how it ended and what came of it.

import type { HoldView } from '../../api/contract.ts';
import { visibleText } from '../visible.ts';
import { settlementWords, stateWords, viaWords } from '../words.ts';
import { At } from './time.tsx';

export function HoldTimeline({ hold }: { readonly hold: HoldView }) {
  return (
    <ol className="timeline">
      <li className="tone-info">
        <time dateTime={hold.created_at}>
          <At at={hold.created_at} date />
        </time>
        {visibleText(hold.principal_name)} asked; the rule held it
      </li>
      {hold.approvals.map((approval, index) => (
        <li key={approval.by} className="tone-ok">
          <time dateTime={approval.at}>
            <At at={approval.at} date />
          </time>
          {visibleText(approval.by)} approved ({index + 1} of {hold.approvals_needed}){viaWords(approval.via)}
          {approval.reason === null || approval.reason === '' ? null : <q>{visibleText(approval.reason)}</q>}
        </li>
      ))}
      <li className={`tone-${stateWords(hold.state).tone}`}>
        {hold.settled_at === null ? null : (
          <time dateTime={hold.settled_at}>
            <At at={hold.settled_at} date />
          </time>
        )}
        <span className="break">
          {visibleText(settlementWords(hold))}
          {hold.state === 'approved' ? '' : viaWords(hold.settled_via)}
        </span>
      </li>
    </ol>
  );
}
