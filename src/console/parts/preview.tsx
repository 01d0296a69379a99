// Two lines of a statement for a list, around its first risk, with hidden characters spelled out.

import type { Risk } from '../../api/contract.ts';
import { preview } from '../statement-lines.ts';
import { visibleText } from '../visible.ts';
import { InOrder } from './in-order.tsx';

interface Props {
  readonly text: string;
  readonly risks: readonly Risk[];
  /** Words that were searched: the lines are those in which they stand. */
  readonly sought?: string;
}

export function Preview({ text, risks, sought }: Props) {
  const part = preview(text, risks, sought);
  return (
    <span className="preview">
      <InOrder text={visibleText(part.before)} />
      {part.risk === '' ? null : (
        <mark>
          <InOrder text={visibleText(part.risk)} />
        </mark>
      )}
      <InOrder text={visibleText(part.after)} />
    </span>
  );
}
