// The answer to a hold. On a phone it is docked at the bottom. It says what the gateway said, not what was clicked: a hold
// that was withdrawn a moment earlier is shown as withdrawn.

import { Button, Textarea } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useEffect, useLayoutEffect, useRef, useState } from 'react';
import type { RefObject } from 'react';
import type { HoldView } from '../../api/contract.ts';
import { accountApi } from '../account-api.ts';
import { api, ApiProblem } from '../api.ts';
import { useDeafAtFirst } from '../deaf.ts';
import { useDraft } from '../drafts.ts';
import { holdApi } from '../hold-api.ts';
import { signWithPasskey } from '../passkey.ts';
import { keys, rememberHold } from '../queries.ts';
import { visibleText } from '../visible.ts';
import { settlementWords, stateWords } from '../words.ts';
import { Note, ProblemNote } from './notes.tsx';
import { SecondFactorField } from './second-factor-field.tsx';

const reasonCharactersMax = 1_000;

type Kind = 'approve' | 'deny' | 'request-changes';

interface NoteProps {
  readonly hold: HoldView;
  readonly tooLate: boolean;
  readonly place: RefObject<HTMLDivElement | null>;
}

/** Why there is nothing to press: the hold is settled, or this person may not answer it. Always there, so that a change is said aloud. */
export function AnswerNote({ hold, tooLate, place }: NoteProps) {
  return (
    <div role="status" tabIndex={-1} ref={place} className="answer-note">
      {hold.state !== 'pending' ? (
        <Note tone={stateWords(hold.state).tone}>
          {tooLate ? <b>Your answer came too late. </b> : null}
          {visibleText(settlementWords(hold))}
        </Note>
      ) : hold.can_answer ? null : (
        <Note tone="info">
          <b>You can’t answer this hold.</b> {visibleText(hold.cannot_answer_because ?? '')}
          <Progress hold={hold} />
        </Note>
      )}
    </div>
  );
}

function Progress({ hold }: { readonly hold: HoldView }) {
  if (hold.approvals_needed < 2) return null;
  return (
    <p>
      {hold.approvals.length} of {hold.approvals_needed} approvals given
    </p>
  );
}

interface FormProps {
  readonly hold: HoldView;
  readonly onTooLate: () => void;
  /** Told when the form goes away under somebody who is using it. */
  readonly onLeft: () => void;
}

/** The reason, and the two buttons. */
export function AnswerForm({ hold, onTooLate, onLeft }: FormProps) {
  const client = useQueryClient();
  const [reason, setReason] = useDraft(`hold ${hold.id}`);
  const [code, setCode] = useState('');
  const [missing, setMissing] = useState<Kind | null>(null);
  const field = useRef<HTMLTextAreaElement>(null);
  const approve = useRef<HTMLButtonElement>(null);
  const deny = useRef<HTMLButtonElement>(null);

  const sending = useMutation({
    mutationFn: (kind: Kind) => {
      const words = reason.trim() === '' ? undefined : reason.trim();
      if (kind === 'request-changes') return holdApi.requestChanges(hold.id, words ?? '');
      if (kind === 'deny' || hold.second_factor === undefined) return api.answer(hold.id, kind, words);
      return approveWithFactor(hold.id, words, code.trim());
    },
    onSuccess: (answered) => {
      setReason('');
      rememberHold(client, answered);
    },
    onError: (error) => {
      // Somebody or something was faster: show what it is now.
      if (error instanceof ApiProblem && error.status === 409) onTooLate();
      if (error instanceof ApiProblem && error.status !== 0) void client.invalidateQueries({ queryKey: keys.hold(hold.id) });
    },
  });

  const isDeaf = useDeafAtFirst();
  const answer = (kind: Kind): void => {
    if (isDeaf) return;
    // A denial asks for a reason once; a second click sends it without.
    const asks = kind === 'approve' ? hold.reason_required : kind === 'request-changes' || missing !== 'deny';
    if (reason.trim() === '' && asks) {
      setMissing(kind);
      field.current?.focus();
      return;
    }
    setMissing(null);
    sending.mutate(kind);
  };

  useShortcuts({ a: approve, d: deny });

  const dock = useRef<HTMLElement>(null);
  const sent = useRef(false);
  useEffect(() => {
    // A pressed button is disabled meanwhile and has lost the focus.
    if (sending.isPending) sent.current = true;
  }, [sending.isPending]);
  useLayoutEffect(() => {
    const form = dock.current;
    return () => {
      if (sent.current || form?.contains(document.activeElement) === true) onLeft();
    };
  }, [onLeft]);

  return (
    <section className="panel answer-dock" aria-label="Answer" ref={dock}>
      <form
        className="panel-body answer"
        onSubmit={(event) => {
          event.preventDefault();
          answer('approve');
        }}
      >
        <Progress hold={hold} />
        {sending.error === null ? null : <ProblemNote error={sending.error} />}
        <Textarea
          ref={field}
          label={hold.reason_required ? 'Reason (needed)' : 'Reason'}
          labelProps={{ className: 'answer-label' }}
          placeholder={missing === 'deny' ? 'Why not? They read it in their session' : 'Shown to the person, kept in the audit log'}
          error={missingWords(missing)}
          autosize
          minRows={1}
          maxRows={5}
          maxLength={reasonCharactersMax}
          value={reason}
          onChange={(event) => setReason(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key === 'Escape') event.currentTarget.blur();
          }}
        />
        <SecondFactorField factor={hold.second_factor} what="action" code={code} onCode={setCode} />
        <div className="answer-buttons">
          <Button
            ref={deny}
            variant="default"
            c="var(--sp-bad-text)"
            loading={sending.isPending && sending.variables === 'deny'}
            disabled={sending.isPending}
            onClick={() => answer('deny')}
            aria-disabled={isDeaf}
            aria-keyshortcuts="d"
            rightSection={<kbd className="kbd">d</kbd>}
          >
            Deny
          </Button>
          <Button
            ref={approve}
            type="submit"
            variant="approve"
            loading={sending.isPending && sending.variables === 'approve'}
            disabled={sending.isPending}
            aria-disabled={isDeaf}
            aria-keyshortcuts="a"
            rightSection={<kbd className="kbd">a</kbd>}
          >
            Approve
          </Button>
        </div>
        <Button
          variant="subtle"
          size="compact-sm"
          loading={sending.isPending && sending.variables === 'request-changes'}
          disabled={sending.isPending}
          aria-disabled={isDeaf}
          onClick={() => answer('request-changes')}
        >
          Ask for changes instead
        </Button>
        <p className="dim answer-words">
          {hold.approvals.length + 1 >= hold.approvals_needed
            ? 'If you approve, exactly this text runs at once, one time.'
            : `Your approval counts as ${hold.approvals.length + 1} of ${hold.approvals_needed}.`}{' '}
          The keys only move to a button; Enter presses it.
        </p>
      </form>
    </section>
  );
}

/** A code where one was typed, else the passkey's signature over exactly this action. */
async function approveWithFactor(holdId: string, reason: string | undefined, code: string): Promise<HoldView> {
  const words = reason === undefined ? {} : { reason };
  if (code !== '') return accountApi.approve(holdId, { ...words, totp: code });
  return accountApi.approve(holdId, { ...words, passkey: await signWithPasskey(await accountApi.approvalChallenge(holdId)) });
}

function missingWords(missing: Kind | null): string | undefined {
  if (missing === 'request-changes') return 'Say what to change: they read it in their session.';
  if (missing === 'approve') return 'This rule asks for a reason.';
  return missing === 'deny' ? 'Say why, or press Deny again to deny without a reason.' : undefined;
}

type ButtonRef = { readonly current: HTMLButtonElement | null };

/** a and d move to the buttons. They never press them: one stray key must not release a statement. */
function useShortcuts(buttons: { readonly a: ButtonRef; readonly d: ButtonRef }): void {
  const { a, d } = buttons;
  useEffect(() => {
    const press = (event: KeyboardEvent): void => {
      const at = event.target;
      const typing = at instanceof HTMLElement && (at.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(at.tagName));
      if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
      const button = event.key === 'a' ? a.current : event.key === 'd' ? d.current : null;
      if (button === null) return;
      event.preventDefault();
      button.focus();
      button.scrollIntoView({ block: 'nearest' });
    };
    window.addEventListener('keydown', press);
    return () => window.removeEventListener('keydown', press);
  }, [a, d]);
}
