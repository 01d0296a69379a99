// Shapes in force: what may run without asking, until when, and the button that ends it.

import { Button } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { Link } from 'wouter';
import type { ShapeView } from '../../api/contract.ts';
import { shapeApi, useActiveShapes, useShapesChanged } from '../shape-api.ts';
import { conditionWords } from '../shape-words.ts';
import { visibleLine, visibleText } from '../visible.ts';
import { ProblemNote } from './notes.tsx';
import { At, Countdown } from './time.tsx';

/** Nothing where there are none: most policies let no shape be approved. */
export function ActiveShapes() {
  const items = useActiveShapes().data?.items ?? [];
  if (items.length === 0) return null;
  return (
    <section className="panel" aria-label="Approved by shape">
      <header>
        <h2>Approved by shape</h2>
      </header>
      <ul className="hold-list">
        {items.map((shape) => (
          <li key={shape.id} className="panel-body">
            <ShapeFacts shape={shape} />
          </li>
        ))}
      </ul>
    </section>
  );
}

export function ShapeFacts({ shape }: { readonly shape: ShapeView }) {
  const changed = useShapesChanged();
  const ending = useMutation({ mutationFn: () => shapeApi.revoke(shape.id, ''), onSettled: changed });
  return (
    <div className="shape-form">
      {ending.error === null ? null : <ProblemNote error={ending.error} />}
      <div className="hold-line">
        <strong>{visibleLine(shape.principal_name)}</strong>
        <span className="dim">on</span>
        <strong>{shape.target}</strong>
        <span className="mono dim">{shape.id}</span>
        <span className="end">{shape.state === 'active' ? <Countdown until={shape.ends_at} /> : <EndWords shape={shape} />}</span>
      </div>
      <pre className="shape-words">{visibleText(shape.words)}</pre>
      {shape.choices.map(({ by, conditions }) => (
        <p key={by} className="break">
          <span className="dim">{visibleLine(by)}: </span>
          {conditions.length === 0
            ? 'nothing may differ'
            : conditions.map((condition, index) => `‹${index + 1}› ${visibleLine(conditionWords(condition))}`).join('; ')}
        </p>
      ))}
      <div className="hold-line">
        <span className="dim">
          used {shape.uses}
          {shape.uses_max === null ? '' : ` of ${shape.uses_max}`} times; with <Link href={`/holds/${shape.hold_id}`}>{shape.hold_id}</Link>
        </span>
        {shape.can_revoke ? (
          <Button className="end" variant="default" size="compact-sm" loading={ending.isPending} onClick={() => ending.mutate()}>
            End it
          </Button>
        ) : null}
      </div>
    </div>
  );
}

function EndWords({ shape }: { readonly shape: ShapeView }) {
  const by = shape.ended_by === null ? '' : ` by ${visibleLine(shape.ended_by)}`;
  return (
    <span className="dim">
      ended{by} <At at={shape.ended_at ?? shape.ends_at} />
    </span>
  );
}
