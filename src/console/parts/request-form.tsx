// Asking for access to a target for a while.

import { Button, Checkbox, NativeSelect, Textarea, TextInput } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import type { FormEvent } from 'react';
import { useLocation } from 'wouter';
import type { AccessRequestBody } from '../../api/contract.ts';
import { useAccessChanged } from '../access-queries.ts';
import { durations } from '../access-words.ts';
import { api } from '../api.ts';
import { useDraft } from '../drafts.ts';
import { useTargets } from '../queries.ts';
import { Note, ProblemNote } from './notes.tsx';

const reasonCharactersMax = 1000;

export function RequestForm() {
  const targets = useTargets();
  const changed = useAccessChanged();
  const [, go] = useLocation();
  const [target, setTarget] = useDraft('ask for access to');
  const [time, setTime] = useDraft('ask for access for');
  const [reason, setReason] = useDraft('ask for access');
  const [role, setRole] = useDraft('ask for access as');
  const [tables, setTables] = useDraft('ask for access to tables');
  const [readOnly, setReadOnly] = useDraft('ask for access to read');
  const [breakGlass, setBreakGlass] = useState(false);
  const sending = useMutation({
    mutationFn: (body: AccessRequestBody) => api.requestAccess(body),
    onSuccess: (request) => {
      for (const forget of [setTarget, setTime, setReason, setRole, setTables, setReadOnly]) forget('');
      changed();
      go(`/access/${request.id}`);
    },
  });
  const names = (targets.data?.items ?? []).map(({ name }) => name);
  const chosen = names.includes(target) ? target : (names[0] ?? '');
  const chosenTime = time === '' ? '3600000' : time;
  const send = (event: FormEvent): void => {
    event.preventDefault();
    const named = tables
      .split(/[\s,]+/)
      .map((name) => name.trim())
      .filter((name) => name !== '');
    sending.mutate({
      target: chosen,
      for_ms: Number(chosenTime),
      reason: reason.trim(),
      ...(role.trim() === '' ? {} : { role: role.trim() }),
      ...(readOnly !== '' ? { read_only: true } : {}),
      ...(named.length === 0 ? {} : { tables: named }),
      ...(breakGlass ? { break_glass: true } : {}),
    });
  };
  return (
    <form className="panel-body access-form" onSubmit={send} aria-label="Ask for access">
      <div className="access-fields">
        <NativeSelect label="Target" data={names} value={chosen} onChange={(event) => setTarget(event.currentTarget.value)} />
        <NativeSelect
          label="For"
          value={chosenTime}
          data={durations.map(([value, label]) => ({ value, label }))}
          onChange={(event) => setTime(event.currentTarget.value)}
        />
        <TextInput label="Role or account" placeholder="none" value={role} onChange={(event) => setRole(event.currentTarget.value)} />
        <TextInput
          label="Only these tables"
          placeholder="public.orders, public.items"
          value={tables}
          onChange={(event) => setTables(event.currentTarget.value)}
        />
      </div>
      <Textarea
        label="Reason"
        placeholder="Shown to approvers, kept in the audit log"
        required
        autosize
        minRows={2}
        maxRows={6}
        maxLength={reasonCharactersMax}
        value={reason}
        onChange={(event) => setReason(event.currentTarget.value)}
      />
      <div className="access-fields">
        <Checkbox label="Read-only" checked={readOnly !== ''} onChange={(event) => setReadOnly(event.currentTarget.checked ? 'yes' : '')} />
        <Checkbox
          label="Break the glass: an emergency"
          checked={breakGlass}
          onChange={(event) => setBreakGlass(event.currentTarget.checked)}
        />
      </div>
      {breakGlass ? (
        <Note tone="bad">Everybody is told at once, everything is recorded, and somebody else reviews it afterwards.</Note>
      ) : null}
      {sending.error === null ? null : <ProblemNote error={sending.error} />}
      <div>
        <Button type="submit" variant="primary" loading={sending.isPending} disabled={reason.trim() === '' || chosen === ''}>
          Ask for access
        </Button>
      </div>
    </form>
  );
}
