// Why somebody asks, as facts: what the session says that it is for, and what access for a while was asked for.

import type { ReactNode } from 'react';
import type { HoldView } from '../../api/contract.ts';
import { visibleText } from '../visible.ts';
import { Tag } from './tags.tsx';

export function whyRows({ reason, access = [] }: Pick<HoldView, 'reason' | 'access'>): [string, ReactNode][] {
  const said: [string, ReactNode][] = reason === undefined ? [] : [['Reason', visibleText(reason)]];
  const given = access.map(({ grant, reason: askedFor, break_glass: isBreakGlass }): [string, ReactNode] => [
    'Access',
    <>
      {isBreakGlass ? <Tag tone="bad">break-glass</Tag> : null} asked for: {visibleText(askedFor)} <span className="mono dim">{grant}</span>
    </>,
  ]);
  return [...said, ...given];
}
