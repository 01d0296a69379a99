// While somebody works with broken glass every page says so; and reviewers see what waits for them.

import { IconAlertTriangle } from '@tabler/icons-react';
import { Link } from 'wouter';
import { useActiveGrants, useGrantsToReview } from '../access-queries.ts';
import { visibleLine } from '../visible.ts';
import { plural } from '../words.ts';
import { Note } from './notes.tsx';
import { Countdown } from './time.tsx';

export function GlassBanner() {
  const broken = (useActiveGrants().data?.items ?? []).filter((grant) => grant.break_glass);
  const owed = (useGrantsToReview().data?.items ?? []).filter((grant) => grant.can_review);
  if (broken.length === 0 && owed.length === 0) return null;
  return (
    <div className="glass-banner" role="status">
      {broken.map((grant) => (
        <Note key={grant.id} tone="bad" icon={<IconAlertTriangle size={18} aria-hidden />} end={<Countdown until={grant.ends_at} />}>
          <Link href={`/access/${grant.request_id}`}>
            {visibleLine(grant.principal_name)} broke the glass on {grant.target}
          </Link>
          <span className="glass-reason">{visibleLine(grant.reason)}</span>
        </Note>
      ))}
      {owed.length === 0 ? null : (
        <Note tone="wait">
          <Link href="/access">{plural(owed.length, 'emergency', 'emergencies')} to review</Link>
        </Note>
      )}
    </div>
  );
}
