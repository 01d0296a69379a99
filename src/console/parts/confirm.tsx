// A button for what can't be taken back: it asks before it does.

import { Button, Modal } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import type { ReactNode } from 'react';
import { useDeafAtFirst } from '../deaf.ts';
import { visibleLine } from '../visible.ts';
import { ProblemNote } from './notes.tsx';

interface Props {
  /** What the button says, and the one that does it. */
  readonly label: string;
  /** For those who don't see what it stands beside. Names in it may be anybody's. */
  readonly title: string;
  readonly children: ReactNode;
  readonly act: () => Promise<unknown>;
  readonly onDone: () => void;
}

export function ConfirmButton({ label, title, children, act, onDone }: Props) {
  const [asking, setAsking] = useState(false);
  const question = visibleLine(title);
  const work = useMutation({
    mutationFn: act,
    onSuccess: () => {
      setAsking(false);
      onDone();
    },
  });
  const close = (): void => {
    setAsking(false);
    work.reset();
  };
  return (
    <>
      <Button size="compact-xs" c="var(--sp-bad-text)" aria-label={question.replace(/\?$/, '')} onClick={() => setAsking(true)}>
        {label}
      </Button>
      <Modal opened={asking} onClose={close} title={question}>
        <div className="card" style={{ padding: 0 }}>
          <div>{children}</div>
          {work.error === null ? null : <ProblemNote error={work.error} />}
          <div className="two-buttons">
            <Button onClick={close}>Cancel</Button>
            <Sure label={label} working={work.isPending} onSure={() => work.mutate()} />
          </div>
        </div>
      </Modal>
    </>
  );
}

/** The second of two taps on the first button may fall on it. */
export function Sure({ label, working, onSure }: { readonly label: string; readonly working: boolean; readonly onSure: () => void }) {
  const isDeaf = useDeafAtFirst();
  const press = (): void => {
    if (!isDeaf) onSure();
  };
  return (
    <Button variant="deny" loading={working} aria-disabled={isDeaf} onClick={press}>
      {label}
    </Button>
  );
}
