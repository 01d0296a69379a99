// A list of facts: name on the left, value on the right. Facts without a value are left out.

import type { ReactNode } from 'react';

export function Facts({ rows }: { readonly rows: readonly (readonly [string, ReactNode])[] }) {
  return (
    <dl className="facts">
      {rows.map(([name, value], index) =>
        value === null || value === undefined ? null : (
          // By place: there may be several of a name, steps of an escalation for one.
          <div key={index} style={{ display: 'contents' }}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ),
      )}
    </dl>
  );
}
