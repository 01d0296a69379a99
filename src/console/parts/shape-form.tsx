// Approving not only this statement but its shape, for a while: the text with its holes, and for each hole what may stand there.
// Closed until somebody opens it: approving exactly this is the common answer.

import { Button, NativeSelect, NumberInput, Textarea, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import type { HoldShapeView, HoldView } from '../../api/contract.ts';
import { durations } from '../access-words.ts';
import { useDraft } from '../drafts.ts';
import { rememberHold } from '../queries.ts';
import { shapeApi, useHoldShape, useShapesChanged } from '../shape-api.ts';
import { choicesFor, conditionOf, firstDraft } from '../shape-words.ts';
import type { HoleChoice, HoleDraft } from '../shape-words.ts';
import { visibleLine, visibleText } from '../visible.ts';
import { durationWords } from '../words.ts';
import { ProblemNote } from './notes.tsx';
import { ShapeFacts } from './shape-list.tsx';

const reasonCharactersMax = 1000;
const shortChoices: readonly (readonly [string, string])[] = [['300000', '5 minutes'], ...durations];

/** What of a hold's shape there is to say or to choose; nothing where its rule lets none be approved. */
export function ShapePanel({ hold }: { readonly hold: HoldView }) {
  const asked = useHoldShape(hold.id).data;
  if (asked === undefined) return null;
  if (asked.shape !== null) {
    return (
      <section className="panel" aria-label="Approved by shape">
        <header>
          <h2>Approved by shape</h2>
        </header>
        <div className="panel-body">
          <ShapeFacts shape={asked.shape} />
        </div>
      </section>
    );
  }
  if (hold.state !== 'pending' || !hold.can_answer) return null;
  if (asked.offer !== null) return <Offer key={hold.id} hold={hold} offer={asked.offer} />;
  if (asked.no_shape_because === null) return null;
  return <p className="dim">Its shape can’t be approved for a while: {visibleText(asked.no_shape_because)}.</p>;
}

function Offer({ hold, offer }: { readonly hold: HoldView; readonly offer: NonNullable<HoldShapeView['offer']> }) {
  const [open, setOpen] = useState(false);
  return (
    <section className="panel" aria-label="Approve for a while">
      <header>
        <h2>Approve for a while</h2>
        <Button className="end" variant="subtle" size="compact-sm" aria-expanded={open} onClick={() => setOpen(!open)}>
          {open ? 'Close' : 'Choose'}
        </Button>
      </header>
      {open ? <Form hold={hold} offer={offer} /> : null}
    </section>
  );
}

function Form({ hold, offer }: { readonly hold: HoldView; readonly offer: NonNullable<HoldShapeView['offer']> }) {
  const client = useQueryClient();
  const changed = useShapesChanged();
  const times = shortChoices.filter(([ms]) => Number(ms) <= offer.duration_ms_max);
  const longest = String(offer.duration_ms_max);
  const [forMs, setForMs] = useState(times.some(([ms]) => ms === '1800000') ? '1800000' : (times.at(-1)?.[0] ?? longest));
  const [uses, setUses] = useState<string | number>('');
  const [reason, setReason] = useDraft(`shape ${hold.id}`);
  const [code, setCode] = useState('');
  const [drafts, setDrafts] = useState<readonly HoleDraft[]>(offer.holes.map(({ value }) => firstDraft(value)));
  const conditions = drafts.map(conditionOf);
  const isComplete = !conditions.includes(null) && (!hold.reason_required || reason.trim() !== '');
  const sending = useMutation({
    mutationFn: () =>
      shapeApi.approve(hold.id, {
        ...(reason.trim() === '' ? {} : { reason: reason.trim() }),
        ...(code.trim() === '' ? {} : { totp: code.trim() }),
        shape: {
          for_ms: Number(forMs),
          ...(uses === '' ? {} : { uses_max: Number(uses) }),
          parameters: conditions.flatMap((condition, index) => (condition === null ? [] : [{ hole: index + 1, condition }])),
        },
      }),
    onSuccess: (answered) => {
      setReason('');
      rememberHold(client, answered);
      changed();
    },
  });
  const put = (index: number, part: Partial<HoleDraft>): void =>
    setDrafts(drafts.map((draft, at) => (at === index ? { ...draft, ...part } : draft)));
  return (
    <div className="panel-body shape-form">
      {sending.error === null ? null : <ProblemNote error={sending.error} />}
      <pre className="shape-words">{visibleText(offer.words)}</pre>
      <p className="dim">
        Until then {visibleLine(hold.principal_name)} can run every statement of this shape on {hold.target} without asking. White space and
        comments don’t count; everything else does.
      </p>
      {offer.holes.map(({ kind, value }, index) => (
        <fieldset key={index} className="shape-hole">
          <legend>
            ‹{index + 1}› {kind}, now <span className="mono break">{visibleLine(value)}</span>
          </legend>
          <NativeSelect
            aria-label={`What ${index + 1} may be`}
            data={choicesFor(value).map(([key, label]) => ({ value: key, label }))}
            value={drafts[index]?.choice}
            onChange={(event) => put(index, { choice: event.currentTarget.value as HoleChoice })}
          />
          {drafts[index]?.choice === 'range' ? (
            <div className="shape-range">
              <TextInput
                label="from"
                inputMode="numeric"
                value={drafts[index].least}
                onChange={(event) => put(index, { least: event.currentTarget.value })}
              />
              <TextInput
                label="to"
                inputMode="numeric"
                value={drafts[index].most}
                onChange={(event) => put(index, { most: event.currentTarget.value })}
              />
            </div>
          ) : null}
          {drafts[index]?.choice === 'one-of' ? (
            <Textarea
              label="One value a line"
              autosize
              minRows={2}
              maxRows={8}
              value={drafts[index].values}
              onChange={(event) => put(index, { values: event.currentTarget.value })}
            />
          ) : null}
        </fieldset>
      ))}
      <div className="shape-range">
        <NativeSelect
          label="For how long"
          data={(times.length > 0 ? times : [[longest, durationWords(offer.duration_ms_max)] as const]).map(([value, label]) => ({
            value,
            label,
          }))}
          value={forMs}
          onChange={(event) => setForMs(event.currentTarget.value)}
        />
        <NumberInput
          label="At most so often"
          placeholder="no limit"
          min={1}
          max={100_000}
          allowDecimal={false}
          value={uses}
          onChange={setUses}
        />
      </div>
      <TextInput
        label={hold.reason_required ? 'Reason (needed)' : 'Reason'}
        maxLength={reasonCharactersMax}
        value={reason}
        onChange={(event) => setReason(event.currentTarget.value)}
      />
      {hold.second_factor === 'totp' ? (
        <TextInput
          label="Code of your authenticator app"
          inputMode="numeric"
          autoComplete="one-time-code"
          maxLength={20}
          value={code}
          onChange={(event) => setCode(event.currentTarget.value)}
        />
      ) : null}
      <Button variant="approve" disabled={!isComplete} loading={sending.isPending} onClick={() => sending.mutate()}>
        Approve this and its shape
      </Button>
    </div>
  );
}
