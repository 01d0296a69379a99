// What people do with a request or a grant: yes or no, taking it back, more time, ending it, the review of an emergency.

import { Button, NativeSelect, Textarea } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import type { ReactNode } from 'react';
import type { AccessRequestView, GrantView } from '../../api/contract.ts';
import { useAccessChanged } from '../access-queries.ts';
import { durations } from '../access-words.ts';
import { accountApi } from '../account-api.ts';
import { api } from '../api.ts';
import { useDeafAtFirst } from '../deaf.ts';
import { useDraft } from '../drafts.ts';
import { signWithPasskey } from '../passkey.ts';
import { ProblemNote } from './notes.tsx';
import { SecondFactorField } from './second-factor-field.tsx';

const reasonCharactersMax = 1000;

/** One panel with words and buttons. `send` gets the words. */
function Panel({
  id,
  title,
  label,
  needsWords,
  children,
  buttons,
}: {
  /** Of the request or grant. */
  readonly id: string;
  readonly title: string;
  readonly label: string;
  readonly needsWords: (kind: string) => boolean;
  readonly children?: ReactNode;
  readonly buttons: readonly {
    readonly kind: string;
    readonly text: string;
    readonly bad?: boolean;
    /** Enter in a field presses it. */
    readonly submits?: boolean;
    readonly send: (words: string) => Promise<unknown>;
  }[];
}) {
  const [words, setWords] = useDraft(`${title} ${id}`);
  const changed = useAccessChanged();
  const isDeaf = useDeafAtFirst();
  const sending = useMutation({
    mutationFn: (button: (typeof buttons)[number]) => button.send(words.trim()),
    onSuccess: () => {
      setWords('');
      changed();
    },
    onError: changed,
  });
  const press = (button: (typeof buttons)[number] | undefined): void => {
    if (button !== undefined && !isDeaf) sending.mutate(button);
  };
  return (
    <section className="panel" aria-label={title}>
      <header>
        <h2>{title}</h2>
      </header>
      <form
        className="panel-body answer"
        onSubmit={(event) => {
          event.preventDefault();
          press(buttons.find(({ submits }) => submits === true));
        }}
      >
        {sending.error === null ? null : <ProblemNote error={sending.error} />}
        {children}
        <Textarea
          label={label}
          autosize
          minRows={1}
          maxRows={5}
          maxLength={reasonCharactersMax}
          value={words}
          onChange={(event) => setWords(event.currentTarget.value)}
        />
        <div className={buttons.length === 1 ? undefined : 'answer-buttons'}>
          {buttons.map((button) => (
            <Button
              key={button.kind}
              type={button.submits === true ? 'submit' : 'button'}
              variant={button.bad === true ? 'default' : 'approve'}
              {...(button.bad === true ? { c: 'var(--sp-bad-text)' } : {})}
              loading={sending.isPending && sending.variables.kind === button.kind}
              disabled={sending.isPending || (needsWords(button.kind) && words.trim() === '')}
              aria-disabled={isDeaf}
              onClick={button.submits === true ? undefined : () => press(button)}
            >
              {button.text}
            </Button>
          ))}
        </div>
      </form>
    </section>
  );
}

export function AccessAnswer({ request }: { readonly request: AccessRequestView }) {
  const [code, setCode] = useState('');
  const answer = (kind: 'approve' | 'deny') => (words: string) => {
    const reason = words === '' ? undefined : words;
    if (kind === 'deny' || request.second_factor === undefined) return api.answerAccess(request.id, kind, reason);
    return approveWithFactor(request.id, reason, code.trim());
  };
  return (
    <Panel
      id={request.id}
      title="Answer"
      label={request.reason_required ? 'Reason (needed to approve)' : 'Reason'}
      needsWords={(kind) => kind === 'approve' && request.reason_required}
      buttons={[
        { kind: 'deny', text: 'Deny', bad: true, send: answer('deny') },
        { kind: 'approve', text: 'Approve', submits: true, send: answer('approve') },
      ]}
    >
      <SecondFactorField factor={request.second_factor} what="request" code={code} onCode={setCode} />
    </Panel>
  );
}

/** A code where one was typed, else the passkey's signature over exactly this request. */
async function approveWithFactor(requestId: string, reason: string | undefined, code: string): Promise<unknown> {
  const words = reason === undefined ? {} : { reason };
  if (code !== '') return accountApi.approveAccess(requestId, { ...words, totp: code });
  return accountApi.approveAccess(requestId, { ...words, passkey: await signWithPasskey(await accountApi.accessChallenge(requestId)) });
}

export function WithdrawButton({ request }: { readonly request: AccessRequestView }) {
  const changed = useAccessChanged();
  // It comes where "Ask for access" was pressed a moment before.
  const isDeaf = useDeafAtFirst();
  const sending = useMutation({ mutationFn: () => api.withdrawAccess(request.id), onSettled: changed });
  const press = (): void => {
    if (!isDeaf) sending.mutate();
  };
  return (
    <div>
      {sending.error === null ? null : <ProblemNote error={sending.error} />}
      <Button size="xs" loading={sending.isPending} aria-disabled={isDeaf} onClick={press}>
        Take the request back
      </Button>
    </div>
  );
}

export function ExtendForm({ grant }: { readonly grant: GrantView }) {
  const [time, setTime] = useState('3600000');
  return (
    <Panel
      id={grant.id}
      title="More time"
      label="Reason"
      needsWords={() => true}
      buttons={[{ kind: 'extend', text: 'Ask for more time', send: (words) => api.extendGrant(grant.id, Number(time), words) }]}
    >
      <NativeSelect
        label="For"
        value={time}
        data={durations.map(([value, label]) => ({ value, label }))}
        onChange={(event) => setTime(event.currentTarget.value)}
      />
    </Panel>
  );
}

export function RevokeForm({ grant, own }: { readonly grant: GrantView; readonly own: boolean }) {
  return (
    <Panel
      id={grant.id}
      title={own ? 'Give it back' : 'End it now'}
      label="Reason"
      needsWords={() => false}
      buttons={[
        {
          kind: 'revoke',
          text: own ? 'Give the access back' : 'End the access and its sessions',
          bad: true,
          send: (words) => api.revokeGrant(grant.id, words === '' ? undefined : words),
        },
      ]}
    />
  );
}

export function ReviewForm({ grant }: { readonly grant: GrantView }) {
  return (
    <Panel
      id={grant.id}
      title="Review"
      label="What the review came to"
      needsWords={() => true}
      buttons={[{ kind: 'review', text: 'Reviewed', send: (words) => api.reviewGrant(grant.id, words) }]}
    />
  );
}
